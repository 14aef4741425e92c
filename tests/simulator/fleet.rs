//! Many shards, driven in rounds as the runtime drives them, with everything that crosses the mesh
//! counted: frames by kind, peers looked at, bells rung, how full the inboxes were.
//!
//! Invariants: one bounded inbox a shard, as in `runtime::mesh`; in a round every shard hears what
//! came in the rounds before it, then passes on what it has, so the counts do not depend on the
//! order of shards. Nothing is random here; what clients are sent is counted, not kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shardwire::auth::{TokenRequest, Verifier, sign};
use shardwire::clock::Now;
use shardwire::ids::ShardId;
use shardwire::limits::{MESH_CHANNEL_FRAMES, MESH_FRAMES_PER_TURN};
use shardwire::settings::{AuthMode, Settings};
use shardwire::shard::counters::Counters;
use shardwire::shard::peer::PeerFrame;
use shardwire::shard::{Engine, Io, Shard};
use shardwire::state::gate::Gate;
use shardwire::state::homes::home_of;

use super::crowd::Member;
use super::wire;
use super::world::compile;

const NOW: Now = Now { mono_ns: 1_000_000_000, unix_ms: 1_800_000_000_000 };

const SEED: u64 = 42;

/// More rounds than any exchange takes.
const ROUNDS_MAX: usize = 100_000;

/// What crossed the mesh since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub frames: u64,
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Frames taken in, by shard.
    pub heard: Vec<u64>,
    /// Peers a flush looked at, and those of them whose bell was rung.
    pub looked_at: u64,
    pub rings: u64,
    /// Rounds in which anything happened.
    pub rounds: u64,
    /// Sends to clients.
    pub sends: u64,
    /// The most frames in one inbox, and in one sender's backlog after a flush.
    pub inbox_max: usize,
    pub backlog_max: usize,
}

pub struct Fleet {
    pub shards: Vec<Shard>,
    pub counts: Counts,
    /// Shards that take nothing from their inbox.
    pub stalled: Vec<bool>,
    /// Connections that are not to be read from.
    pub paused: BTreeSet<Member>,
    inboxes: Vec<VecDeque<PeerFrame>>,
    settings: Arc<Settings>,
    received: Vec<u8>,
    in_flight: Vec<u32>,
}

impl Fleet {
    pub fn new(yaml: &str, shards: u16) -> Fleet {
        let compiled = compile(yaml);
        let settings = Arc::new(compiled.settings);
        let engine = Engine {
            verifier: Arc::new(Verifier::new(&settings.auth).expect("keys")),
            settings: Arc::clone(&settings),
            program: Arc::new(compiled.program),
            backends: Arc::new(shardwire::backend::Nobody),
            gate: Arc::new(Gate::new(usize::MAX, 0, 0)),
            pressure: Arc::default(),
            shards,
            seed: SEED,
            editions: Arc::default(),
        };
        let shard = |id| Shard::new(ShardId(id), engine.clone(), NOW, Arc::<Counters>::default());
        let heard = vec![0; usize::from(shards)];
        Fleet {
            shards: (0..shards).map(shard).collect(),
            counts: Counts { heard, ..Counts::default() },
            stalled: vec![false; usize::from(shards)],
            paused: BTreeSet::new(),
            inboxes: (0..shards).map(|_| VecDeque::new()).collect(),
            settings,
            received: Vec::new(),
            in_flight: Vec::new(),
        }
    }

    /// Accepts a connection and gives it its request; the answer takes some rounds.
    pub fn connect(&mut self, shard: usize, user: &str) -> Member {
        let slot = self.shards[shard].handle_accepted(NOW, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let member = Member { shard, slot };
        let lines = match self.settings.auth.mode {
            AuthMode::None => String::new(),
            _ => format!("Cookie: session-token={}\r\n", self.token(user)),
        };
        let request = wire::upgrade_with(&self.settings.server.path, &lines);
        self.receive(member, &request);
        member
    }

    fn token(&self, user: &str) -> String {
        let request = TokenRequest { subject: user.into(), permissions: vec![], ttl_s: 3_600 };
        sign(&self.settings.auth, &request, NOW).expect("a token")
    }

    /// Gives a shard bytes from a client.
    pub fn receive(&mut self, from: Member, bytes: &[u8]) {
        self.received.clear();
        self.received.extend_from_slice(bytes);
        self.shards[from.shard].handle_bytes(NOW, from.slot, &mut self.received);
    }

    pub fn say(&mut self, from: Member, event: &str, target: &str) {
        self.receive(from, &wire::text(&message(event, target)));
    }

    /// The client's machine is gone.
    pub fn hang_up(&mut self, member: Member) {
        self.shards[member.shard].handle_hangup(NOW, member.slot);
    }

    /// Rounds until nothing happens any more; returns what crossed the mesh meanwhile.
    pub fn settle(&mut self) -> Counts {
        for _ in 0..ROUNDS_MAX {
            if !self.round() {
                return self.take_counts();
            }
        }
        panic!("the fleet does not come to rest");
    }

    pub fn take_counts(&mut self) -> Counts {
        let heard = vec![0; self.shards.len()];
        std::mem::replace(&mut self.counts, Counts { heard, ..Counts::default() })
    }

    /// One turn of every shard; false where nothing happened.
    pub fn round(&mut self) -> bool {
        let mut any = false;
        for shard in 0..self.shards.len() {
            any |= self.hear(shard);
            any |= self.carry_out(shard);
            any |= self.send(shard);
        }
        for shard in 0..self.shards.len() {
            any |= self.flush(shard);
        }
        self.counts.rounds += u64::from(any);
        any
    }

    /// The sum of a counter over all shards.
    pub fn total(&self, counter: impl Fn(&Counters) -> u64) -> u64 {
        self.shards.iter().map(|shard| counter(shard.counters())).sum()
    }

    /// As `runtime::driver` hears its inbox.
    fn hear(&mut self, to: usize) -> bool {
        let mut frames = 0;
        while frames < MESH_FRAMES_PER_TURN
            && !self.stalled[to]
            && !self.shards[to].is_turn_full()
            && let Some(frame) = self.inboxes[to].pop_front()
        {
            self.shards[to].handle_peer(NOW, frame);
            frames += 1;
        }
        self.counts.heard[to] += frames as u64;
        frames > 0
    }

    fn carry_out(&mut self, place: usize) -> bool {
        let shard = &mut self.shards[place];
        let mut any = false;
        while let Some(request) = shard.poll_io() {
            any = true;
            match request {
                Io::Finish(slot) => shard.handle_hangup(NOW, slot),
                Io::Close(slot) => shard.handle_closed(NOW, slot),
                Io::Pause(slot) => drop(self.paused.insert(Member { shard: place, slot })),
                Io::Resume(slot) => drop(self.paused.remove(&Member { shard: place, slot })),
                Io::HandOff(_) => {}
            }
        }
        any
    }

    /// Takes a shard's sends; all complete before the next round.
    fn send(&mut self, place: usize) -> bool {
        let shard = &mut self.shards[place];
        while let Some((slot, _)) = shard.poll_send() {
            self.in_flight.push(slot);
        }
        shard.end_turn();
        self.counts.sends += self.in_flight.len() as u64;
        let any = !self.in_flight.is_empty();
        for slot in self.in_flight.drain(..) {
            shard.handle_sent(NOW, slot, true);
        }
        any
    }

    /// As `runtime::mesh` passes frames on.
    fn flush(&mut self, from: usize) -> bool {
        let mut any = false;
        for _ in 0..self.shards[from].peers_due() {
            let Some(peer) = self.shards[from].next_peer() else { break };
            self.counts.looked_at += 1;
            if self.flush_to(from, peer) {
                self.counts.rings += 1;
                any = true;
            }
        }
        self.shards[from].end_peers();
        let backlog = self.shards[from].peer_backlog();
        self.counts.backlog_max = self.counts.backlog_max.max(backlog);
        any
    }

    fn flush_to(&mut self, from: usize, peer: ShardId) -> bool {
        let mut any = false;
        while let Some(frame) = self.shards[from].poll_peer(peer) {
            let inbox = &mut self.inboxes[peer.index()];
            if inbox.len() >= MESH_CHANNEL_FRAMES {
                self.shards[from].return_peer(peer, frame);
                break;
            }
            any = true;
            self.counts.frames += 1;
            *self.counts.by_kind.entry(kind(&frame)).or_default() += 1;
            inbox.push_back(frame);
            self.counts.inbox_max = self.counts.inbox_max.max(inbox.len());
        }
        any
    }
}

/// The shard of a fleet that a room or user has its record on.
pub fn home(name: &str, shards: u16) -> usize {
    home_of(name, SEED, shards).index()
}

fn message(event: &str, target: &str) -> String {
    format!(r#"{{"event":"{event}","target":"{target}"}}"#)
}

/// What the counts call a frame; those about one connection's way in or out are named together.
fn kind(frame: &PeerFrame) -> &'static str {
    match frame {
        PeerFrame::Publish { .. } => "publish",
        PeerFrame::Deliver { .. } => "deliver",
        PeerFrame::ToUser { .. } => "to user",
        PeerFrame::DeliverUser { .. } => "deliver to user",
        PeerFrame::Take { .. } | PeerFrame::TakeText { .. } | PeerFrame::Taken { .. } => "limit",
        PeerFrame::Lend { .. } | PeerFrame::Recall { .. } | PeerFrame::Yield { .. } => "lease",
        PeerFrame::Watch { .. } | PeerFrame::Watched { .. } | PeerFrame::Unwatch { .. } => "watch",
        PeerFrame::Bind { .. } | PeerFrame::Bound { .. } | PeerFrame::Unbind { .. } => "bind",
        _ => "membership",
    }
}
