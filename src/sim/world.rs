//! N shards, their mesh and their clients in one thread, under a virtual clock and a seed.
//!
//! Links between shards keep their order and delay at random; an inbox that is full gives frames
//! back, as the real one does; sends complete late; bytes arrive in random pieces.
//!
//! Invariants: the same seed gives the same run; what the shards may never do (`Fault`) ends it.
//! Called by `sim::play` and by the tests of this project.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::backends::Backends;
use super::random::Random;
use super::reload::Reloading;
use super::wire::{self, ServerFrame};
use crate::auth::{KeyError, Verifier};
use crate::backend::Nobody;
use crate::clock::Now;
use crate::ids::ShardId;
use crate::pipeline::program::Program;
use crate::settings::Settings;
use crate::shard::counters::Counters;
use crate::shard::peer::PeerFrame;
use crate::shard::trace::Trace;
use crate::shard::{Engine, Io, Live, Shard};
use crate::state::gate::Gate;

/// When a world begins.
pub const START: Now = Now { mono_ns: 1_000_000_000, unix_ms: 1_800_000_000_000 };

/// How often a link stalls, and for how long at most.
const LINK_STALLS_ONE_IN: u64 = 60;
const LINK_STALL_STEPS_MAX: usize = 60;

/// Frames an inbox holds before it gives them back.
const INBOX_FRAMES: usize = 8;

/// One client's socket.
#[derive(Debug)]
pub struct Client {
    pub shard: usize,
    pub slot: u32,
    pub user: String,
    /// Bytes that came and were not looked at yet.
    pub received: Vec<u8>,
    pub upgraded: bool,
    /// The server closed its side, or all of it.
    pub finished: bool,
    pub gone: bool,
    pub paused: bool,
    /// Stops taking what the server sends.
    pub stuck: bool,
    unsent: VecDeque<u8>,
    sending: bool,
}

pub struct World {
    pub shards: Vec<Shard>,
    pub counters: Vec<Arc<Counters>>,
    pub now: Now,
    pub random: Random,
    pub clients: Vec<Client>,
    pub handed_off: Vec<Vec<u8>>,
    /// Questions about a limit that one shard asked another.
    pub takes: u64,
    settings: Arc<Settings>,
    links: Vec<Vec<VecDeque<PeerFrame>>>,
    /// Steps for which a link still lets nothing through.
    stalled: Vec<Vec<usize>>,
    /// Deliver everything at once, in order: for tests that are not about chaos.
    pub calm: bool,
    fault: Option<Fault>,
    pub reloading: Reloading,
    pub backends: Backends,
}

/// What the engine may never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There was always something more to do.
    Restless,
    SendToNobody,
    TwoSends,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Fault::Restless => "the engine does not come to rest",
            Fault::SendToNobody => "the engine sent to a connection that is gone",
            Fault::TwoSends => "the engine began a send before the last one was over",
        })
    }
}

/// More steps than anything takes.
const STEPS_MAX: usize = 100_000;

/// The clock moves by at least this much.
const HOP_NS: u64 = 1_000_000;

impl World {
    pub fn new(
        settings: &Arc<Settings>,
        program: &Arc<Program>,
        shards: u16,
        seed: u64,
    ) -> Result<World, KeyError> {
        let settings = Arc::clone(settings);
        let verifier = Arc::new(Verifier::new(&settings.auth)?);
        let reloading = Reloading::new(program, &verifier);
        let limits = &settings.server.limits;
        let gate = Gate::new(
            limits.connections_max.unwrap_or(100_000),
            limits.per_ip_max,
            limits.accept_rate_per_s,
        )
        .behind(&settings.server.trusted_proxies);
        let engine = Engine {
            settings: Arc::clone(&settings),
            program: Arc::clone(program),
            verifier: Arc::clone(&verifier),
            backends: Arc::new(Nobody),
            gate: Arc::new(gate),
            pressure: Arc::default(),
            shards,
            seed,
            editions: Arc::clone(&reloading.editions),
        };
        let counters: Vec<_> = (0..shards).map(|_| Arc::new(Counters::default())).collect();
        let shard = |id: u16| {
            let counters = Arc::clone(&counters[usize::from(id)]);
            Shard::new(ShardId(id), engine.clone(), START, counters)
        };
        let lane = || (0..shards).map(|_| VecDeque::new()).collect();
        Ok(World {
            shards: (0..shards).map(shard).collect(),
            counters,
            now: START,
            random: Random::new(seed),
            clients: Vec::new(),
            handed_off: Vec::new(),
            takes: 0,
            settings,
            links: (0..shards).map(|_| lane()).collect(),
            stalled: vec![vec![0; usize::from(shards)]; usize::from(shards)],
            calm: false,
            fault: None,
            reloading,
            backends: Backends::default(),
        })
    }

    /// Counts what is run.
    pub fn trace(&mut self, trace: &Arc<Trace>) {
        self.shards.iter_mut().for_each(|shard| shard.trace(Arc::clone(trace)));
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Opens a TCP connection to a shard.
    pub fn dial(&mut self, shard: usize, user: &str) -> usize {
        self.dial_from(shard, user, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub fn dial_from(&mut self, shard: usize, user: &str, ip: IpAddr) -> usize {
        let slot = self.shards[shard].handle_accepted(self.now, ip);
        self.clients.push(Client {
            shard,
            slot,
            user: user.into(),
            received: Vec::new(),
            upgraded: false,
            finished: false,
            gone: false,
            paused: false,
            stuck: false,
            unsent: VecDeque::new(),
            sending: false,
        });
        self.clients.len() - 1
    }

    /// Puts bytes on the way to the server.
    pub fn send(&mut self, client: usize, bytes: &[u8]) {
        self.clients[client].unsent.extend(bytes);
    }

    pub fn say(&mut self, client: usize, json: &str) {
        self.send(client, &wire::text(json));
    }

    /// The client's machine is gone.
    pub fn hang_up(&mut self, client: usize) {
        let one = &mut self.clients[client];
        one.unsent.clear();
        let (shard, slot) = (one.shard, one.slot);
        if !one.gone {
            self.shards[shard].handle_hangup(self.now, slot);
        }
    }

    /// Takes the 101 off what was received.
    pub fn take_upgrade(&mut self, client: usize) -> bool {
        let one = &mut self.clients[client];
        if !one.upgraded
            && let Some(head) = wire::take_head(&mut one.received)
        {
            one.upgraded = head.starts_with("HTTP/1.1 101 ");
            if !one.upgraded {
                one.received.splice(0..0, head.into_bytes());
            }
        }
        one.upgraded
    }

    /// The frames that came since the last look.
    pub fn frames(&mut self, client: usize) -> Vec<ServerFrame> {
        if !self.take_upgrade(client) {
            return Vec::new();
        }
        let received = &mut self.clients[client].received;
        std::iter::from_fn(|| wire::take_frame(received)).collect()
    }

    /// One random step of everything.
    pub fn step(&mut self) {
        self.reload_at_random();
        for client in 0..self.clients.len() {
            self.deliver_bytes(client);
        }
        for to in 0..self.shards.len() {
            self.hear(to);
        }
        self.hear_backends();
        for shard in &mut self.shards {
            if shard.poll_deadline().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
                shard.handle_timeout(self.now);
            }
        }
        for shard in 0..self.shards.len() {
            self.pump(shard);
        }
    }

    /// Steps until nothing is on its way.
    pub fn settle(&mut self) -> Result<(), Fault> {
        for _ in 0..STEPS_MAX {
            self.step();
            if let Some(fault) = self.fault {
                return Err(fault);
            }
            if self.is_quiet() {
                return Ok(());
            }
        }
        Err(Fault::Restless)
    }

    /// Moves the clock, firing what is due on the way.
    pub fn advance_ns(&mut self, ns: u64) -> Result<(), Fault> {
        let end_ns = self.now.mono_ns.saturating_add(ns);
        while self.now.mono_ns < end_ns {
            self.hop(end_ns)?;
        }
        Ok(())
    }

    /// Moves the clock to what is due next, at most to the end.
    pub fn hop(&mut self, end_ns: u64) -> Result<(), Fault> {
        let due = self.shards.iter().filter_map(|shard| shard.poll_deadline());
        let due = due.chain(self.backends.next_ns(self.now.mono_ns)).min();
        let soonest_ns = self.now.mono_ns + HOP_NS;
        let next_ns = due.unwrap_or(end_ns).clamp(soonest_ns, end_ns.max(soonest_ns));
        self.now = self.now.plus_ns(next_ns - self.now.mono_ns);
        for shard in &mut self.shards {
            shard.handle_timeout(self.now);
        }
        self.settle()
    }

    pub fn live(&self) -> Vec<Live> {
        self.shards.iter().map(Shard::live).collect()
    }

    /// The sum of a counter over all shards.
    pub fn total(&self, counter: impl Fn(&Counters) -> u64) -> u64 {
        self.counters.iter().map(|counters| counter(counters)).sum()
    }

    fn is_quiet(&self) -> bool {
        let idle = |client: &Client| {
            client.gone
                || ((client.unsent.is_empty() || client.paused)
                    && (client.stuck || !client.sending))
        };
        self.clients.iter().all(idle)
            && !self.backends.is_due(self.now.mono_ns)
            && self.links.iter().flatten().all(VecDeque::is_empty)
            && !self.shards.iter().any(Shard::has_work)
    }

    fn deliver_bytes(&mut self, client: usize) {
        let one = &mut self.clients[client];
        if one.gone || one.paused || one.unsent.is_empty() || !self.calm && self.random.one_in(2) {
            return;
        }
        let all = one.unsent.len();
        let piece = if self.calm { all } else { 1 + self.random.index(all.min(200)) };
        let mut bytes: Vec<u8> = one.unsent.drain(..piece).collect();
        let (shard, slot) = (one.shard, one.slot);
        self.shards[shard].handle_bytes(self.now, slot, &mut bytes);
    }

    fn hear(&mut self, to: usize) {
        for from in 0..self.shards.len() {
            let frames = self.frames_through(from, to);
            for _ in 0..frames {
                let Some(frame) = self.links[from][to].pop_front() else { break };
                self.shards[to].handle_peer(self.now, frame);
            }
        }
    }

    /// Answers of backends arrive.
    fn hear_backends(&mut self) {
        let now_ns = self.now.mono_ns;
        loop {
            let random = if self.calm { None } else { Some(&mut self.random) };
            let Some((shard, answer)) = self.backends.next_due(now_ns, random) else { return };
            self.shards[shard].handle_answer(self.now, answer);
        }
    }

    /// How many frames a link lets through now: a few, or none for a long while.
    fn frames_through(&mut self, from: usize, to: usize) -> usize {
        if self.calm {
            return usize::MAX;
        }
        let stalled = &mut self.stalled[from][to];
        if *stalled > 0 {
            *stalled -= 1;
            return 0;
        }
        if self.random.one_in(LINK_STALLS_ONE_IN) {
            *stalled = 1 + self.random.index(LINK_STALL_STEPS_MAX);
        }
        self.random.index(4)
    }

    /// Carries out what a shard wants.
    fn pump(&mut self, shard: usize) {
        self.complete_sends(shard);
        while let Some(io) = self.shards[shard].poll_io() {
            self.carry_out(shard, io);
        }
        while let Some((slot, bytes)) = self.shards[shard].poll_send() {
            let bytes = bytes.to_vec();
            let Some(client) = self.find(shard, slot) else {
                self.fault = Some(Fault::SendToNobody);
                continue;
            };
            if std::mem::replace(&mut self.clients[client].sending, true) {
                self.fault = Some(Fault::TwoSends);
            }
            if !self.clients[client].stuck {
                self.clients[client].received.extend(bytes);
            }
        }
        while let Some((_, call)) = self.shards[shard].poll_call() {
            self.backends.take(self.now.mono_ns, shard, call);
        }
        self.shards[shard].end_turn();
        self.push_peers(shard);
    }

    fn complete_sends(&mut self, shard: usize) {
        for client in 0..self.clients.len() {
            let one = &mut self.clients[client];
            let late = !self.calm && self.random.one_in(2);
            if one.shard == shard && one.sending && !one.stuck && !one.gone && !late {
                one.sending = false;
                let slot = one.slot;
                self.shards[shard].handle_sent(self.now, slot, true);
            }
        }
    }

    fn push_peers(&mut self, shard: usize) {
        for peer in 0..self.shards.len() {
            while let Some(frame) = self.shards[shard].poll_peer(ShardId(peer as u16)) {
                if self.links[shard][peer].len() >= INBOX_FRAMES {
                    self.shards[shard].return_peer(ShardId(peer as u16), frame);
                    break;
                }
                let is_take = matches!(frame, PeerFrame::Take { .. } | PeerFrame::TakeText { .. });
                self.takes += u64::from(is_take);
                self.links[shard][peer].push_back(frame);
            }
        }
        self.shards[shard].end_peers();
    }

    fn carry_out(&mut self, shard: usize, io: Io) {
        let slot = match io {
            Io::Finish(slot)
            | Io::Close(slot)
            | Io::Pause(slot)
            | Io::Resume(slot)
            | Io::HandOff(slot) => slot,
        };
        let Some(client) = self.find(shard, slot) else { return };
        match io {
            Io::Pause(_) => self.clients[client].paused = true,
            Io::Resume(_) => self.clients[client].paused = false,
            Io::Finish(_) => {
                // The peer answers a half-close with its own.
                self.clients[client].finished = true;
                self.shards[shard].handle_hangup(self.now, slot);
            }
            Io::Close(_) => {
                self.clients[client].gone = true;
                self.clients[client].finished = true;
                self.shards[shard].handle_closed(self.now, slot);
            }
            Io::HandOff(_) => {
                self.clients[client].gone = true;
                if let Some((_, bytes)) = self.shards[shard].take_handoff(slot) {
                    self.handed_off.push(bytes);
                }
            }
        }
    }

    fn find(&self, shard: usize, slot: u32) -> Option<usize> {
        let is_it = |one: &Client| one.shard == shard && one.slot == slot && !one.gone;
        self.clients.iter().rposition(is_it)
    }
}
