//! What the mesh and the shards themselves hold before anybody connects, at 64 and 256 shards:
//! counted by the allocator, compared with a bound a shard.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use shardwire::limits::MESH_CHANNEL_FRAMES;
use shardwire::shard::mesh::Mesh;
use shardwire::shard::peer::PeerFrame;

use super::simulator::crowd::Member;
use super::simulator::fleet::Fleet;
use super::{EVENTS, anonymous, inputs};

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

/// Connections taken in before bytes are counted, and as many more that are counted: a power of
/// two, so that every table that doubles is as full before as after.
const LOT: usize = 1 << 13;

/// So many at a time, so that what is held for those under way stays small.
const AT_ONCE: usize = 64;

/// Does something `LOT` times in small groups; returns the bytes each time holds.
fn bytes_each(fleet: &mut Fleet, mut act: impl FnMut(&mut Fleet, usize)) -> i64 {
    let (bytes, ()) = held(|| {
        for number in 0..LOT {
            act(fleet, number);
            if number % AT_ONCE == AT_ONCE - 1 {
                fleet.settle();
            }
        }
    });
    bytes / LOT as i64
}

/// Two lots of connections of a fleet, `LOT` each; the first on the first shard, the second, whose
/// bytes are counted, on the last.
fn lots(shards: u16) -> (Fleet, [Vec<Member>; 2], i64) {
    let mut fleet = Fleet::new(&anonymous(), shards);
    let mut lots = [(); 2].map(|()| Vec::with_capacity(LOT));
    let mut counted = 0;
    for (lot, shard) in lots.iter_mut().zip([0, usize::from(shards) - 1]) {
        counted = bytes_each(&mut fleet, |fleet, _| lot.push(fleet.connect(shard, "")));
    }
    (fleet, lots, counted)
}

fn join(fleet: &mut Fleet, lot: &[Member], room: impl Fn(usize) -> String) -> i64 {
    bytes_each(fleet, |fleet, number| fleet.say(lot[number], "join", &room(number)))
}

/// What the document's model takes for a connection, a seat in a room and a room.
#[test]
fn a_connection_a_seat_and_a_room_hold_the_bytes_that_the_model_takes_for_them() {
    let (mut fleet, lots_here, conn) = lots(1);
    let shared = |_| "room:one".to_owned();
    join(&mut fleet, &lots_here[0], shared);
    let seat = join(&mut fleet, &lots_here[1], shared);
    let own = |lot: usize| move |number: usize| format!("room:{lot}:{number:06}");
    join(&mut fleet, &lots_here[0], own(0));
    // The second seat of each: its lists have room for it.
    let room = join(&mut fleet, &lots_here[1], own(1));
    let (mut fleet, lots_apart, _) = lots(2);
    join(&mut fleet, &lots_apart[0], own(0));
    let part = join(&mut fleet, &lots_apart[1], own(0)) - seat;
    let model = &inputs::MEASURED;
    eprintln!("a seat {seat}, a part {part}, a home's record {}, a connection {conn}", room - part);
    for (counted, taken) in [
        (seat, model.seat_bytes),
        (part, model.room_part_bytes),
        (room - part, model.room_home_bytes),
    ] {
        let off = (counted as f64 / taken - 1.0).abs();
        assert!(off < 0.1, "{counted} bytes, the model takes {taken}");
    }
    // Of what a connection costs the process this is the shard's own.
    assert!((conn as f64) < model.conn_bytes && conn <= 800, "{conn} bytes a connection");
}
