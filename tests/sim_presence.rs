//! Presence in the simulator: whatever the order of events on the shards and a slow mesh, what each
//! member was told adds up to who is a member.
//!
//! Who is a member is seen by other means: by whom a message to the room reaches. Where each user
//! has one connection and nothing is reloaded, each change must also fit what was told before it:
//! nobody joins who is in, nobody leaves who is not.
//!
//! A failing seed is printed; `SIM_SEED=n cargo test --test sim_presence` runs that one alone,
//! `SIM_SEEDS=n` changes how many are run.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

mod simulator;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use simulator::random::Random;
use simulator::wire;
use simulator::world::{World, compile};

const CONFIG: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
rooms:
  "room:{n:int}": { presence: { enabled: true, leaveGrace: 300ms } }
  "tab:{n:int}": { membership: connection, presence: { enabled: true } }
lifecycle: { connect: [{ send: { to: origin, event: hello, payload: { id: "${conn.id}" } } }] }
events:
  join: { steps: [{ join: "${target}" }, { reply: { event: in } }] }
  leave:
    steps: [{ leave: "${target}" }, { reply: { event: out, payload: { room: "${target}" } } }]
  say: { steps: [{ send: { to: target, event: said } }] }
"#;

const ROOMS: [&str; 3] = ["room:0", "room:1", "tab:0"];
const CLIENTS: usize = 9;

/// What one client was told of one room.
#[derive(Clone, Debug, Default)]
struct View {
    /// None before the first list, and behind a leave.
    members: Option<BTreeSet<String>>,
    /// Leaves that it asked for and that were not answered: what comes meanwhile is of before.
    leaving: u32,
}

struct Trial {
    world: World,
    random: Random,
    /// Talks to rooms, and is in none.
    prober: usize,
    clients: Vec<usize>,
    ids: HashMap<usize, String>,
    views: HashMap<(usize, &'static str), View>,
    /// Each change must fit what came before.
    strict: bool,
    users: usize,
    dialled: usize,
}

impl Trial {
    fn new(shards: u16, seed: u64, strict: bool) -> Trial {
        let mut world = World::new(CONFIG, shards, seed);
        let prober = world.open(0, "prober");
        let users = if strict { usize::MAX } else { 4 };
        let mut trial = Trial {
            world,
            random: Random::new(seed ^ 0xbeef),
            prober,
            clients: Vec::new(),
            ids: HashMap::new(),
            views: HashMap::new(),
            strict,
            users,
            dialled: 0,
        };
        (0..CLIENTS).for_each(|_| trial.dial());
        trial
    }

    /// Reloads at random moments: presence comes, goes, and has another grace.
    fn reloading(mut self) -> Trial {
        let variants = [
            CONFIG.to_owned(),
            CONFIG.replace("enabled: true", "enabled: false"),
            CONFIG.replace("leaveGrace: 300ms", "leaveGrace: 20ms"),
            CONFIG.replace("leaveGrace: 300ms", "leaveGrace: 0s, event: here"),
        ];
        let variant = |yaml: &String| {
            let compiled = compile(yaml);
            (compiled.settings, compiled.program)
        };
        self.world.reloading.variants = variants.iter().map(variant).collect();
        self
    }

    fn dial(&mut self) {
        self.dialled += 1;
        let shard = self.random.index(self.world.shards.len());
        let user = format!("user{}", self.dialled % self.users);
        let client = self.world.connect(shard, &user);
        self.clients.push(client);
    }

    fn act(&mut self) {
        let place = self.random.index(self.clients.len());
        let (client, room) = (self.clients[place], ROOMS[self.random.index(ROOMS.len())]);
        match self.random.below(10) {
            0..5 => self.say(client, "join", room),
            5..8 => {
                self.views.entry((client, room)).or_default().leaving += 1;
                self.say(client, "leave", room);
            }
            _ => self.vanish(place),
        }
    }

    fn say(&mut self, client: usize, event: &str, room: &str) {
        self.world.say(client, &format!(r#"{{"event":"{event}","target":"{room}"}}"#));
    }

    /// A client goes, with or without a word; another comes, often of the same user.
    fn vanish(&mut self, place: usize) {
        let client = self.clients.swap_remove(place);
        match self.random.one_in(2) {
            true => self.world.hang_up(client),
            false => self.world.send(client, &wire::close(1001)),
        }
        if !self.strict || self.random.one_in(2) {
            return self.dial();
        }
        let (shard, user) =
            (self.random.index(self.world.shards.len()), self.world.clients[client].user.clone());
        // The one before may be there still, for the server.
        self.world.settle();
        let back = self.world.connect(shard, &user);
        self.clients.push(back);
    }

    fn listen(&mut self) {
        for client in self.clients.clone() {
            for message in self.world.messages(client) {
                self.hear(client, &message);
            }
        }
    }

    fn hear(&mut self, client: usize, message: &Value) {
        let payload = &message["payload"];
        match message["event"].as_str() {
            Some("hello") => {
                let id = payload["id"].as_str().expect("an id");
                self.ids.insert(client, id.to_owned());
            }
            // Another connection of the user may have joined again before this came.
            Some("out") if !self.strict => {}
            Some("out") => {
                let view = self.views.entry((client, room_of(payload))).or_default();
                view.leaving = view.leaving.saturating_sub(1);
                view.members = None;
            }
            Some("presence" | "here") => {
                let strict = self.strict;
                let view = self.views.entry((client, room_of(payload))).or_default();
                if view.leaving == 0 || !strict {
                    view.hear(payload, strict);
                }
            }
            Some("in") => {}
            other => panic!("unexpected {other:?}"),
        }
    }

    fn run(mut self, actions: usize) {
        for _ in 0..actions {
            self.act();
            for _ in 0..self.random.below(8) {
                self.world.step();
                let ns = self.random.below(30_000_000);
                self.world.now = self.world.now.plus_ns(ns);
            }
            if self.random.one_in(3) {
                self.listen();
            }
        }
        self.come_to_rest();
        let mut present = 0;
        for room in ROOMS {
            present += self.check(room);
        }
        assert_eq!(self.world.total(|one| one.present.get()), present as u64);
        self.check_nothing_is_left();
    }

    /// The first configuration again, on every shard; graces and windows are over.
    fn come_to_rest(&mut self) {
        if !self.world.reloading.variants.is_empty() {
            self.world.reloading.variants.clear();
            self.world.publish(CONFIG);
            for shard in 0..self.world.shards.len() {
                self.world.catch_up(shard);
            }
        }
        self.world.settle();
        self.world.advance_ms(1_000);
        self.listen();
    }

    /// Compares what members were told with whom a message reaches; how many they are.
    fn check(&mut self, room: &'static str) -> usize {
        let prober = self.prober;
        self.say(prober, "say", room);
        self.world.settle();
        let mut reached = Vec::new();
        for client in self.clients.clone() {
            let heard = self.world.messages(client);
            if heard.iter().any(|message| message["event"] == "said") {
                reached.push(client);
            }
        }
        let name = |client: &usize| match room.starts_with("tab:") {
            true => self.ids[client].clone(),
            false => self.world.clients[*client].user.clone(),
        };
        let members: BTreeSet<String> = reached.iter().map(name).collect();
        for client in reached {
            let told = self.views.get(&(client, room)).and_then(|view| view.members.as_ref());
            assert_eq!(told, Some(&members), "client {client} room {room}");
        }
        members.len()
    }

    fn check_nothing_is_left(&mut self) {
        for client in 0..self.world.clients.len() {
            self.world.hang_up(client);
        }
        self.world.settle();
        self.world.advance_ms(5_000);
        for live in self.world.live() {
            assert_eq!(live, shardwire::shard::Live::default());
        }
        assert_eq!(self.world.total(|one| one.present.get()), 0);
    }
}

impl View {
    fn hear(&mut self, payload: &Value, strict: bool) {
        if payload.get("members").is_some() {
            self.members = Some(names(payload, "members"));
        }
        let Some(members) = &mut self.members else { return };
        if payload.get("joined").is_some() {
            for name in names(payload, "joined") {
                assert!(members.insert(name.clone()) || !strict, "{name} joins again: {payload}");
            }
            for name in names(payload, "left") {
                assert!(members.remove(&name) || !strict, "{name} leaves again: {payload}");
            }
        }
        assert_eq!(payload.get("more"), None);
        if strict {
            assert_eq!(payload["count"], members.len(), "{payload}");
        }
    }
}

fn names(payload: &Value, key: &str) -> BTreeSet<String> {
    let names = payload[key].as_array().expect("a list");
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn room_of(payload: &Value) -> &'static str {
    let room = payload["room"].as_str().expect("a room");
    ROOMS.into_iter().find(|known| *known == room).expect("a room of the test")
}

fn for_seeds(count: u64, run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let env = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match env("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env("SIM_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            eprintln!("failing seed: SIM_SEED={seed}");
            panic!("seed {seed} failed");
        }
    }
}

#[test]
fn each_change_fits_what_was_told_before() {
    for_seeds(30, |seed| Trial::new(1 + (seed % 5) as u16, seed, true).run(120));
}

#[test]
fn with_several_connections_of_a_user_lists_are_exact_at_rest() {
    for_seeds(30, |seed| Trial::new(1 + (seed % 5) as u16, seed, false).run(120));
}

#[test]
fn reloads_at_any_moment_leave_lists_exact() {
    for_seeds(30, |seed| Trial::new(1 + (seed % 5) as u16, seed, false).reloading().run(120));
}
