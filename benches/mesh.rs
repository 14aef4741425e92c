//! A frame's way over the mesh, both shards on one core: messages to a room with members on both,
//! said on the room's home or beside it.
//!
//! The frames go through the same bounded channels as in the running engine, without the bell that
//! wakes a parked shard. `hop` is the channel alone.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::{Receiver, Sender, bounded};
use shardwire::ids::ShardId;
use shardwire::limits::MESH_CHANNEL_FRAMES;
use shardwire::shard::peer::PeerFrame;
use shardwire::state::frames::FramePool;
use shardwire::state::rooms::RoomKey;
use simulator::crowd::{Crowd, Member, send_message};

const ROOM: &str = "room:global";
const BURST: usize = 16;

type Channel = (Sender<PeerFrame>, Receiver<PeerFrame>);

/// Moves everything that is due between the two shards; returns how many frames there were.
fn exchange(crowd: &mut Crowd, inboxes: &[Channel; 2]) -> usize {
    let mut frames = 0;
    for from in 0..2 {
        let to = 1 - from;
        // A sender whose message waited for the other shard is read on.
        while crowd.shards[from].poll_io().is_some() {}
        while let Some(frame) = crowd.shards[from].poll_peer(ShardId(to as u16)) {
            inboxes[to].0.try_send(frame).unwrap();
        }
        while let Ok(frame) = inboxes[to].1.try_recv() {
            crowd.hear(to, frame);
            frames += 1;
        }
    }
    frames
}

/// A burst of one sender, with its sends; returns how many frames crossed the mesh.
fn turn(crowd: &mut Crowd, inboxes: &[Channel; 2], bytes: &[u8], sender: Member) -> usize {
    (0..BURST).for_each(|_| crowd.receive(sender, bytes));
    let mut frames = 0;
    loop {
        match exchange(crowd, inboxes) {
            0 => break,
            more => frames += more,
        }
    }
    black_box(crowd.send(0) + crowd.send(1));
    frames
}

/// Sixteen members, half of them on each shard. A message takes a frame over the mesh where its
/// sender is on the room's home, two where it is not, and two more where its sender is connected to
/// both shards and the limit is counted on the other: what differs between the lines is the price
/// of a frame.
fn messages(c: &mut Criterion) {
    let inboxes = [(); 2].map(|()| bounded(MESH_CHANNEL_FRAMES));
    let bytes = send_message(ROOM, 158);
    let mut group = c.benchmark_group("mesh");
    group.throughput(Throughput::Elements(BURST as u64));
    let mut seen = Vec::new();
    for mut crowd in [Crowd::new(2, 16, ROOM), Crowd::everywhere(2, 16, ROOM)] {
        for sender in crowd.members.clone() {
            let frames = turn(&mut crowd, &inboxes, &bytes, sender);
            if seen.contains(&frames) {
                continue;
            }
            seen.push(frames);
            let name = format!("{BURST} messages, {frames} peer frames");
            group.bench_function(name, |b| b.iter(|| turn(&mut crowd, &inboxes, &bytes, sender)));
        }
    }
    group.finish();
}

/// One frame reference through a channel.
fn hop(c: &mut Criterion) {
    let (sender, receiver) = bounded(MESH_CHANNEL_FRAMES);
    let mut pool = FramePool::default();
    let open = pool.open();
    let frame = pool.seal_raw(open);
    let local = RoomKey { slot: 0, generation: 1 };
    c.bench_function("mesh/hop", |b| {
        b.iter(|| {
            let frame = frame.clone();
            sender.try_send(PeerFrame::Deliver { local, frame, deflated: None }).unwrap();
            drop(black_box(receiver.try_recv()));
        })
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = messages, hop
}
criterion_main!(benches);
