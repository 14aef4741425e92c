//! What the model is fed with: each figure with its unit last and the command that measures it.
//!
//! Invariants: nothing here was reckoned; what was counted exactly (bytes of seats and rooms) is
//! compared with the running code by `tests/scale/memory.rs`.

use super::model::Load;

/// Figures of one machine.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Server CPU of one message to 1,000 members, a delivery: one in flight, and 16.
    pub lone_delivery_ns: f64,
    pub gathered_delivery_ns: f64,
    /// Messages a send carried in the second of them.
    pub gathered: f64,
    /// Server CPU of one echoed message, 100 connections with one in flight: receive, run, send.
    pub echo_ns: f64,
    /// A frame from one shard to another, both on one core.
    pub hop_ns: f64,
    /// What a message costs more whose limit is counted on another shard: two frames, and the run
    /// that begins again.
    pub far_limit_ns: f64,
    /// Server CPU of a connection: accept, head, token, user's home, 101.
    pub connect_ns: f64,
    /// User memory: a shard without connections; a connection; a seat in a room; a room's part on a
    /// shard with members; a room's record at its home.
    pub shard_bytes: f64,
    pub conn_bytes: f64,
    pub seat_bytes: f64,
    pub room_part_bytes: f64,
    pub room_home_bytes: f64,
    /// Kernel slab of a connection: half of what both ends took.
    pub socket_bytes: f64,
}

pub const MEASURED: Inputs = Inputs {
    lone_delivery_ns: 3_986.0,
    gathered_delivery_ns: 322.0,
    gathered: 16.0,
    echo_ns: 6_199.0,
    hop_ns: 110.0,
    far_limit_ns: 460.0,
    connect_ns: 36_422.0,
    shard_bytes: 3_776_512.0,
    conn_bytes: 686.0,
    seat_bytes: 52.0,
    room_part_bytes: 174.0,
    room_home_bytes: 254.0,
    socket_bytes: 4_785.0,
};

/// A figure that the model was not fed with, for it to be compared with.
pub struct Point {
    pub name: &'static str,
    pub shards: f64,
    pub rooms: f64,
    pub members: f64,
    pub gathered: f64,
    pub measured_ns: f64,
}

impl Point {
    pub fn load(&self) -> Load {
        let Point { shards, rooms, members, gathered, .. } = *self;
        let connections = rooms * members;
        Load {
            shards,
            connections,
            rooms,
            members,
            publishes_per_s: 1.0,
            gathered,
            together: false,
            limited: false,
        }
    }
}

/// Medians of `scripts/scale`.
pub const CHECKED: [Point; 8] = [
    point("1 core, 1,000 members, 4 in flight", 1.0, 1.0, 1_000.0, 4.0, 1_316.0),
    point("1 core, 1,000 members, 32 in flight", 1.0, 1.0, 1_000.0, 32.0, 300.0),
    point("1 core, 100 rooms of 10", 1.0, 100.0, 10.0, 1.0, 5_196.0),
    point("2 cores, 1,000 members, 1 in flight", 2.0, 1.0, 1_000.0, 1.0, 4_045.0),
    point("2 cores, 1,000 members, 4 in flight", 2.0, 1.0, 1_000.0, 4.0, 1_228.0),
    point("2 cores, 1,000 members, 16 in flight", 2.0, 1.0, 1_000.0, 16.0, 350.0),
    point("2 cores, 1,000 members, 32 in flight", 2.0, 1.0, 1_000.0, 32.0, 185.0),
    point("2 cores, 100 rooms of 10", 2.0, 100.0, 10.0, 1.0, 6_104.0),
];

const fn point(
    name: &'static str,
    shards: f64,
    rooms: f64,
    members: f64,
    gathered: f64,
    measured_ns: f64,
) -> Point {
    Point { name, shards, rooms, members, gathered, measured_ns }
}

impl Inputs {
    /// What a send costs, whatever it carries.
    pub fn send_ns(&self) -> f64 {
        (self.lone_delivery_ns - self.gathered_delivery_ns) / (1.0 - 1.0 / self.gathered)
    }

    /// What a message in a send costs.
    pub fn frame_ns(&self) -> f64 {
        self.lone_delivery_ns - self.send_ns()
    }

    /// A delivery where a send carries so many messages.
    pub fn delivery_ns(&self, gathered: f64) -> f64 {
        self.frame_ns() + self.send_ns() / gathered
    }

    /// A message from the socket to the queue.
    pub fn message_ns(&self) -> f64 {
        self.echo_ns - self.lone_delivery_ns
    }
}
