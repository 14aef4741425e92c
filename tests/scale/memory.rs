//! What the mesh and the shards themselves hold before anybody connects, at 64 and 256 shards:
//! counted by the allocator, compared with a bound a shard.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use shardwire::limits::MESH_CHANNEL_FRAMES;
use shardwire::shard::mesh::Mesh;
use shardwire::shard::peer::PeerFrame;

use super::EVENTS;
use super::simulator::fleet::Fleet;

struct Counting;

thread_local! {
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    BYTES.with(|count| count.set(count.get() + bytes));
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches a
// thread-local cell that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `place` came from `alloc` above, which is the system's.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are still held when `make` is done.
fn held<T>(make: impl FnOnce() -> T) -> (i64, T) {
    let before = BYTES.with(Cell::get);
    let made = make();
    (BYTES.with(Cell::get) - before, made)
}

/// An inbox is one ring of slots a shard: it grows with the shards, not with their pairs.
#[test]
fn inboxes_take_a_quarter_of_a_mebibyte_a_shard() {
    for shards in [64, 256] {
        let inboxes = || -> Vec<_> {
            let inbox = |_| crossbeam_channel::bounded::<PeerFrame>(MESH_CHANNEL_FRAMES);
            (0..shards).map(inbox).collect()
        };
        let (bytes, _inboxes) = held(inboxes);
        assert!(bytes / shards <= 264 * 1024, "{} bytes a shard", bytes / shards);
    }
}

/// Twelve bytes a pair of shards, and no buffer that a quiet pair keeps.
#[test]
fn lanes_are_the_only_thing_that_grows_with_the_pairs_of_shards() {
    for shards in [64, 256] {
        let pressure = Arc::default();
        let mesh = |_| Mesh::new(shards, Arc::clone(&pressure));
        let (bytes, _meshes) = held(|| (0..shards).map(mesh).collect::<Vec<_>>());
        let pairs = i64::from(shards) * i64::from(shards);
        let fixed = i64::from(shards) * 256;
        assert!(bytes <= 12 * pairs + fixed, "{bytes} bytes, {pairs} pairs");
    }
}

/// An idle shard without its ring and its thread.
#[test]
fn a_shard_without_connections_is_small_whatever_their_number() {
    let (alone, _one) = held(|| Fleet::new(EVENTS, 1));
    for shards in [64, 256] {
        let (bytes, _fleet) = held(|| Fleet::new(EVENTS, shards));
        let each = (bytes - alone) / i64::from(shards - 1);
        assert!(each <= 96 * 1024, "{each} bytes a shard");
    }
}
