//! What a load costs: CPU and memory by component, from the measured figures and counts of frames.
//!
//! The counts are those that `tests/scale` holds the engine to: a publish costs one frame to the
//! room's home and one to each shard with members; a shard that says something to itself pays
//! nothing. Members are on random shards unless the load says that rooms are kept together.

use super::inputs::Inputs;

/// Frames of a join: `Join`, `Enroll`, `Watch`, `Watched`, `Enrolled`, `Done`.
const JOIN_FRAMES: f64 = 6.0;

const NS_PER_S: f64 = 1e9;

/// Bytes of a small message on an Ethernet besides its payload: preamble, gap, Ethernet, IP, TCP
/// with timestamps, WebSocket header.
const PACKET_BYTES: f64 = 20.0 + 18.0 + 20.0 + 32.0 + 2.0;

/// Who is connected and what they say.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub shards: f64,
    pub connections: f64,
    pub rooms: f64,
    /// Members of each room.
    pub members: f64,
    /// Messages to rooms, all together.
    pub publishes_per_s: f64,
    /// Messages that a send to a member carries.
    pub gathered: f64,
    /// The members of a room are connected to one shard.
    pub together: bool,
    /// Each message is counted against a limit of a user that is connected to several shards; with
    /// one connection a limit is counted where the user is, and costs what the message does.
    pub limited: bool,
}

/// CPU seconds a second (cores), by component.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    pub receive: f64,
    pub limits: f64,
    pub mesh: f64,
    pub deliver: f64,
}

impl Cpu {
    pub fn total(&self) -> f64 {
        self.receive + self.limits + self.mesh + self.deliver
    }
}

/// Bytes, by component.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub shards: f64,
    pub connections: f64,
    pub seats: f64,
    pub rooms: f64,
    pub kernel: f64,
}

impl Memory {
    pub fn total(&self) -> f64 {
        self.shards + self.connections + self.seats + self.rooms + self.kernel
    }
}

impl Load {
    /// The chance that something is on another shard than its home.
    fn far(&self) -> f64 {
        1.0 - 1.0 / self.shards
    }

    /// Shards with members of one room.
    pub fn spread(&self) -> f64 {
        match self.together {
            true => 1.0,
            false => self.shards * (1.0 - self.far().powf(self.members)),
        }
    }

    /// Frames that a publish puts on the mesh.
    pub fn frames_of_publish(&self) -> f64 {
        self.far() * (1.0 + self.spread())
    }

    pub fn deliveries_per_s(&self) -> f64 {
        self.publishes_per_s * self.members
    }

    pub fn cpu(&self, inputs: &Inputs) -> Cpu {
        let per_s = |count: f64, ns: f64| count * ns / NS_PER_S;
        let limited_per_s = if self.limited { self.publishes_per_s } else { 0.0 };
        Cpu {
            receive: per_s(self.publishes_per_s, inputs.message_ns()),
            limits: per_s(limited_per_s * self.far(), inputs.far_limit_ns),
            mesh: per_s(self.publishes_per_s * self.frames_of_publish(), inputs.hop_ns),
            deliver: per_s(self.deliveries_per_s(), inputs.delivery_ns(self.gathered)),
        }
    }

    /// Server CPU of one delivery, everything included.
    pub fn ns_per_delivery(&self, inputs: &Inputs) -> f64 {
        self.cpu(inputs).total() * NS_PER_S / self.deliveries_per_s()
    }

    pub fn memory(&self, inputs: &Inputs) -> Memory {
        Memory {
            shards: self.shards * inputs.shard_bytes,
            connections: self.connections * inputs.conn_bytes,
            seats: self.rooms * self.members * inputs.seat_bytes,
            rooms: self.rooms * (inputs.room_home_bytes + self.spread() * inputs.room_part_bytes),
            kernel: self.connections * inputs.socket_bytes,
        }
    }

    /// Messages a second that one room takes at most, and what the busiest shard, its home, does
    /// for each: its own members and a frame for each other shard with members.
    pub fn room_per_s_max(&self, inputs: &Inputs) -> (f64, f64) {
        let own_ns = self.members / self.spread() * inputs.delivery_ns(self.gathered);
        let frames_ns = self.spread() * inputs.hop_ns;
        let home_ns = inputs.message_ns() + own_ns + frames_ns;
        (NS_PER_S / home_ns, frames_ns / home_ns)
    }

    /// Seconds in which everybody comes back into so many rooms each.
    pub fn storm_s(&self, inputs: &Inputs, rooms_each: f64) -> f64 {
        let join_ns = inputs.echo_ns + JOIN_FRAMES * self.far() * inputs.hop_ns;
        let each_ns = inputs.connect_ns + rooms_each * join_ns;
        self.connections * each_ns / NS_PER_S / self.shards
    }

    /// Gigabits a second that leave the machine, a payload of so many bytes in each message.
    pub fn gigabits_per_s(&self, payload_bytes: f64) -> f64 {
        let bytes = payload_bytes + PACKET_BYTES / self.gathered;
        self.deliveries_per_s() * bytes * 8.0 / 1e9
    }
}
