//! Rooms full of members on shards that are driven directly, with nothing in between that could
//! allocate or take time: for counting and measuring what the engine itself does.
//!
//! Invariants: the world only sets up; from then on bytes go into a shard and what it wants sent is
//! taken at the end of a turn, as the driver does.

use shardwire::clock::Now;
use shardwire::ids::ShardId;
use shardwire::pipeline::Program;
use shardwire::shard::Shard;
use shardwire::shard::peer::PeerFrame;

use super::wire;
use super::world::{World, compile};

/// Go-dispatch's own configuration.
const CONFIG: &str = include_str!("../data/go-dispatch-config.yaml");

/// A join and a leave that tell nobody, so that a room of thousands is filled in no time; and
/// `send_message` without its rate limit and without its log line, in names as long.
const EVENTS: &str = r#"events:
  enter:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
  exit:
    actions:
      - { name: _leave, params: ["{$user.id}", "{$target.id}"] }
  talk_freely_:
    actions:
      - name: "_notify_room"
        params: ["new_message", '{"user": "{$user.id}", "message": "{.payload.message}"}']
      - name: "_log"
        params: ["User {$user.id} sent message to room {$target.id}"]
  talk_unseen_:
    modifiers:
      - { name: rate_limit, params: ["10/m"] }
    actions:
      - name: "_notify_room"
        params: ["new_message", '{"user": "{$user.id}", "message": "{.payload.message}"}']
"#;

/// A member's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub shard: usize,
    pub slot: u32,
}

/// Shards and the members of their rooms.
pub struct Crowd {
    pub shards: Vec<Shard>,
    pub members: Vec<Member>,
    pub now: Now,
    /// What the last message came in; the decoder unmasks in place, so each is copied here first.
    received: Vec<u8>,
    in_flight: Vec<u32>,
}

impl Crowd {
    /// `members` users, spread over the shards, all in `room`.
    pub fn new(shards: u16, members: usize, room: &str) -> Crowd {
        Crowd::with("", shards, members, room)
    }

    /// The same with more sections in the configuration.
    pub fn with(sections: &str, shards: u16, members: usize, room: &str) -> Crowd {
        Crowd::of(&(yaml() + sections), shards, members, room)
    }

    /// `members` connections, of users that have one on every shard: each shard but the user's home
    /// asks another about its limits.
    pub fn everywhere(shards: u16, members: usize, room: &str) -> Crowd {
        Crowd::named(&yaml(), shards, members, room, |member| member / usize::from(shards))
    }

    /// The same in another configuration that has the event `enter`.
    pub fn of(yaml: &str, shards: u16, members: usize, room: &str) -> Crowd {
        Crowd::named(yaml, shards, members, room, |member| member)
    }

    fn named(
        yaml: &str,
        shards: u16,
        members: usize,
        room: &str,
        user: impl Fn(usize) -> usize,
    ) -> Crowd {
        let mut world = World::calm(yaml, shards);
        let enter = format!(r#"{{"event":"enter","target":"{room}"}}"#);
        for member in 0..members {
            world.connect(member % usize::from(shards), &format!("user{}", user(member)));
        }
        world.settle();
        for member in 0..members {
            assert!(world.take_upgrade(member));
            world.say(member, &enter);
        }
        world.settle();
        let member =
            |client: &super::world::Client| Member { shard: client.shard, slot: client.slot };
        Crowd {
            members: world.clients.iter().map(member).collect(),
            now: world.now,
            shards: world.0.shards,
            received: Vec::with_capacity(1 << 17),
            in_flight: Vec::with_capacity(members),
        }
    }

    /// Gives a member's shard bytes from it.
    #[inline]
    pub fn receive(&mut self, from: Member, bytes: &[u8]) {
        self.received.clear();
        self.received.extend_from_slice(bytes);
        self.shards[from.shard].handle_bytes(self.now, from.slot, &mut self.received);
    }

    /// Lets the shards talk until they have nothing to say, then sends everything; returns how many
    /// sends there were.
    #[inline]
    pub fn end_turn(&mut self) -> usize {
        while self.pass_peer_frames() {}
        (0..self.shards.len()).map(|shard| self.send(shard)).sum()
    }

    /// Whether there were any.
    #[inline]
    pub fn pass_peer_frames(&mut self) -> bool {
        let mut any = false;
        for from in 0..self.shards.len() {
            while self.shards[from].poll_io().is_some() {}
            for to in 0..self.shards.len() {
                while let Some(frame) = self.shards[from].poll_peer(ShardId(to as u16)) {
                    self.shards[to].handle_peer(self.now, frame);
                    any = true;
                }
            }
        }
        any
    }

    /// Gives a shard a frame from another.
    #[inline]
    pub fn hear(&mut self, shard: usize, frame: PeerFrame) {
        self.shards[shard].handle_peer(self.now, frame);
    }

    /// Takes a shard's sends; all complete before the next turn.
    #[inline]
    pub fn send(&mut self, shard: usize) -> usize {
        let shard = &mut self.shards[shard];
        while let Some((slot, bytes)) = shard.poll_send() {
            assert!(!bytes.is_empty());
            self.in_flight.push(slot);
        }
        shard.end_turn();
        let sends = self.in_flight.len();
        for slot in self.in_flight.drain(..) {
            shard.handle_sent(self.now, slot, true);
        }
        sends
    }

    /// Lets time pass, and everything fire that is due then.
    #[inline]
    pub fn pass_time(&mut self, ns: u64) {
        self.now = self.now.plus_ns(ns);
        for shard in &mut self.shards {
            if shard.poll_deadline().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
                shard.handle_timeout(self.now);
            }
        }
    }

    /// The sum over all shards.
    pub fn deliveries(&self) -> u64 {
        self.shards.iter().map(|shard| shard.counters().deliveries.get()).sum()
    }
}

/// With limits that let everything pass.
fn yaml() -> String {
    CONFIG.replacen("events:\n", EVENTS, 1).replace("10/m", "4000000000/m")
}

/// What the crowd's configuration compiles to.
pub fn program() -> Program {
    compile(&yaml()).program
}

/// A masked `send_message` whose JSON is `len` bytes long.
pub fn send_message(room: &str, len: usize) -> Vec<u8> {
    message_of("send_message", room, len)
}

/// The same of another event.
pub fn message_of(event: &str, room: &str, len: usize) -> Vec<u8> {
    wire::text(&json_of(event, room, len))
}

/// The same as JSON.
pub fn json_of(event: &str, room: &str, len: usize) -> String {
    let head = format!(r#"{{"event":"{event}","target":"{room}","payload":{{"message":""#);
    let text = "the quick brown fox jumps over the lazy dog, ".chars().cycle();
    let body: String = text.take(len - head.len() - 3).collect();
    format!("{head}{body}\"}}}}")
}
