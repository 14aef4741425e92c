//! Limits on any key: one event for each place where a limit can be counted, and what becomes of a
//! message that met one.
//!
//! Each round is far shorter than a window and begins with none, and only connections go that were
//! answered, so what passes is known to the message.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;
use shardwire::ids::EventId;
use shardwire::limits::LIMIT_KEYS_OF_ONE_MAX;
use shardwire::pipeline::op::{Context, Form, FrameKind, Op, Reg, Source};
use shardwire::pipeline::program::KEY_SEPARATOR;
use shardwire::pipeline::{Builder, LimitSpec, OnExceed, Program, Scope, Site};
use shardwire::state::limits::Rate;

use super::for_seeds;
use super::simulator::random::Random;
use super::simulator::world::{World, compile};

const SETTINGS: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
events: {}
"#;

const LIMIT: u32 = 5;
const MINUTE_NS: u64 = 60_000_000_000;

const SITE: Site = Site { line: 1, column: 1, file: 0 };

/// A part of a key.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Target,
    Word,
}

/// Events, each with a limit: where it is counted, and the text that it is asked with.
const EVENTS: [(&str, Scope, &[Part]); 7] = [
    ("user", Scope::User, &[]),
    ("user_word", Scope::User, &[Part::Word]),
    ("conn", Scope::Conn, &[]),
    ("conn_word", Scope::Conn, &[Part::Word]),
    ("room", Scope::Room, &[Part::Target]),
    ("room_word", Scope::Room, &[Part::Target, Part::Word]),
    ("word", Scope::Text, &[Part::Word]),
];

fn piece(part: Part, builder: &mut Builder) -> Op {
    match part {
        Part::Target => Op::Context { value: Context::Target, form: Form::Text },
        Part::Word => {
            let slot = builder.payload_slot(&["word"]).expect("a slot");
            Op::Slot { source: Source::Payload, slot, form: Form::Text }
        }
    }
}

fn limit(builder: &mut Builder, spec: LimitSpec, parts: &[Part]) {
    let limit = builder.limit(spec);
    if parts.is_empty() {
        return builder.op(Op::Limit(limit), SITE);
    }
    builder.op(Op::OpenText, SITE);
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            builder.literal(&[KEY_SEPARATOR], SITE);
        }
        let op = piece(*part, builder);
        builder.op(op, SITE);
    }
    builder.op(Op::CloseText(Reg(3)), SITE);
    builder.op(Op::LimitKey { limit, key: Reg(3) }, SITE);
}

/// Says `ok` to the sender.
fn answer(builder: &mut Builder) {
    builder.op(Op::OpenFrame(FrameKind::Text), SITE);
    builder.literal(br#"{"event":"ok","payload":0}"#, SITE);
    builder.op(Op::CloseFrame, SITE);
    builder.op(Op::SendOrigin, SITE);
}

fn spec(event: EventId, rate: Rate, scope: Scope) -> LimitSpec {
    LimitSpec { scope, ..LimitSpec::of_user(event, rate, SITE) }
}

/// All events; by the seed with windows or with GCRA, which let as many pass in a short time.
fn program(seed: u64) -> Program {
    let rate = match seed % 2 {
        0 => Rate::fixed(LIMIT, MINUTE_NS),
        _ => Rate::gcra(LIMIT, MINUTE_NS, LIMIT),
    };
    let mut builder = Builder::new("test.yaml");
    for (name, scope, parts) in EVENTS {
        let event = builder.event(name, SITE).expect("an event");
        limit(&mut builder, spec(event, rate, scope), parts);
        answer(&mut builder);
    }
    builder.finish().expect("a program")
}

fn world(program: Program, shards: u16, seed: u64) -> World {
    let mut compiled = compile(SETTINGS);
    compiled.program = program;
    World::of(compiled, shards, seed)
}

/// A message that is not answered yet.
#[derive(Clone, Debug)]
struct Said {
    event: usize,
    room: u64,
    word: u64,
}

struct Conn {
    client: usize,
    user: u64,
    said: VecDeque<Said>,
}

/// What the limit of an event counts apart, in words.
type Counted = String;

struct Trial {
    world: World,
    random: Random,
    conns: Vec<Conn>,
    /// Of each count: how many were said, and how many passed.
    sums: BTreeMap<Counted, (u32, u32)>,
}

impl Trial {
    fn new(seed: u64) -> Trial {
        let mut trial = Trial {
            world: world(program(seed), 4, seed),
            random: Random::new(seed ^ 0xface),
            conns: Vec::new(),
            sums: BTreeMap::new(),
        };
        (0..7).for_each(|n| trial.connect(n % 3));
        trial
    }

    fn connect(&mut self, user: u64) {
        let shard = self.random.index(4);
        let client = self.world.connect(shard, &format!("user{user}"));
        self.conns.push(Conn { client, user, said: VecDeque::new() });
    }

    fn act(&mut self) {
        let place = self.random.index(self.conns.len());
        if self.random.one_in(15) && self.conns[place].said.is_empty() {
            let Conn { client, user, .. } = self.conns.swap_remove(place);
            self.world.hang_up(client);
            return self.connect(user);
        }
        let (event, room) = (self.random.index(EVENTS.len()), self.random.below(2));
        let word = self.random.below(3);
        let conn = &mut self.conns[place];
        // The same word in two spellings: what is counted is what it means.
        let spelling = ["\\u0077", "w"][self.random.index(2)];
        let (name, ..) = EVENTS[event];
        let text = format!(
            r#"{{"event":"{name}","target":"room:{room}","payload":{{"word":"{spelling}{word}"}}}}"#
        );
        self.world.say(conn.client, &text);
        conn.said.push_back(Said { event, room, word });
    }

    fn listen(&mut self) {
        for conn in &mut self.conns {
            for message in self.world.messages(conn.client) {
                let said = conn.said.pop_front().expect("an answer to nothing");
                let ok = message["event"] == "ok";
                assert!(ok || message["payload"]["code"] == "rate_limited", "{message}");
                let (name, scope, parts) = EVENTS[said.event];
                let counted = counted(scope, parts, conn, &said);
                let sums = self.sums.entry(format!("{name} {counted}")).or_default();
                sums.0 += 1;
                sums.1 += u32::from(ok);
            }
        }
    }

    fn round(&mut self) {
        for _ in 0..120 {
            self.act();
            for _ in 0..self.random.below(4) {
                self.world.step();
                self.world.now = self.world.now.plus_ns(100_000);
            }
            if self.random.one_in(3) {
                self.listen();
            }
        }
        self.world.settle();
        self.listen();
        assert!(self.conns.iter().all(|conn| conn.said.is_empty()));
        self.check();
        self.world.advance_ms(61_000);
        self.sums.clear();
    }

    fn check(&self) {
        for (name, (said, passed)) in &self.sums {
            assert_eq!(*passed, LIMIT.min(*said), "{name}");
        }
    }

    fn run(mut self) -> u64 {
        (0..3).for_each(|_| self.round());
        for conn in std::mem::take(&mut self.conns) {
            self.world.hang_up(conn.client);
        }
        self.world.settle();
        self.world.advance_ms(10_000);
        for live in self.world.live() {
            assert_eq!(live, shardwire::shard::Live::default());
        }
        assert_eq!(self.world.total(|counters| counters.forgotten_limits.get()), 0);
        self.world.takes
    }
}

fn counted(scope: Scope, parts: &[Part], conn: &Conn, said: &Said) -> Counted {
    let own = match scope {
        Scope::User => format!("user {}", conn.user),
        Scope::Conn => format!("conn {}", conn.client),
        Scope::Room | Scope::Text => String::new(),
    };
    let part = |part: &Part| match part {
        Part::Target => said.room.to_string(),
        Part::Word => said.word.to_string(),
    };
    format!("{own} {}", parts.iter().map(part).collect::<Vec<_>>().join("/"))
}

#[test]
fn every_key_lets_exactly_as_many_pass_as_its_limit_says() {
    let takes = for_seeds(150, |seed| Trial::new(seed).run());
    assert!(takes > 0, "no shard ever asked another");
}

/// Of each connection, of a room, of a user: what passed the first is asked of two other shards.
fn chained(of_conn: u32, of_room: u32) -> Program {
    let mut builder = Builder::new("test.yaml");
    let event = builder.event("say", SITE).expect("an event");
    let own = spec(event, Rate::fixed(of_conn, MINUTE_NS), Scope::Conn);
    let room = spec(event, Rate::fixed(of_room, MINUTE_NS), Scope::Text);
    let user = spec(event, Rate::fixed(1_000, MINUTE_NS), Scope::User);
    limit(&mut builder, own, &[]);
    limit(&mut builder, room, &[Part::Target]);
    limit(&mut builder, user, &[]);
    answer(&mut builder);
    builder.finish().expect("a program")
}

/// A run that waited begins again, and what the message had passed is not counted again: were it,
/// fewer would pass.
#[test]
fn a_message_is_counted_once_by_each_of_its_limits_however_often_it_waits() {
    let (of_conn, of_room) = (2, 7);
    let takes = for_seeds(150, |seed| {
        let mut world = world(chained(of_conn, of_room), 4, seed);
        let mut random = Random::new(seed ^ 0xc4a1);
        let open = |n: usize| (world.open(n % 4, &format!("user{}", n % 3)), 0);
        let mut conns: Vec<(usize, u32)> = (0..6).map(open).collect();
        for _ in 0..random.below(25) {
            let (client, said) = &mut conns[random.index(6)];
            world.say(*client, r#"{"event":"say","target":"room:one"}"#);
            *said += 1;
            (0..random.below(3)).for_each(|_| world.step());
        }
        world.settle();
        let mut passed = 0;
        for (client, said) in &conns {
            let got = world.messages(*client);
            assert_eq!(got.len() as u32, *said, "one answer to each");
            passed += got.iter().filter(|message| message["event"] == "ok").count() as u32;
        }
        let own: u32 = conns.iter().map(|(_, said)| of_conn.min(*said)).sum();
        assert_eq!(passed, own.min(of_room));
        world.takes
    });
    assert!(takes > 0, "no shard ever asked another");
}

/// One event a refusal: `drop` and `close`, by a limit on a room that may be counted elsewhere.
fn refusing(on_exceed: OnExceed) -> Program {
    let mut builder = Builder::new("test.yaml");
    let event = builder.event("say", SITE).expect("an event");
    let spec = LimitSpec { on_exceed, ..spec(event, Rate::fixed(1, MINUTE_NS), Scope::Room) };
    limit(&mut builder, spec, &[Part::Target]);
    answer(&mut builder);
    builder.finish().expect("a program")
}

/// Says it twice in each of eight rooms, whose homes are on both shards; what comes back.
fn twice(world: &mut World, client: usize, room: usize) -> Vec<Value> {
    let text = json!({ "event": "say", "target": format!("room:{room}") }).to_string();
    (0..2).for_each(|_| world.say(client, &text));
    world.settle();
    world.messages(client)
}

#[test]
fn a_limit_that_drops_tells_nobody_and_counts_it() {
    let mut world = world(refusing(OnExceed::Drop), 2, 3);
    let ada = world.open(0, "ada");
    for room in 0..8 {
        assert_eq!(twice(&mut world, ada, room), [json!({ "event": "ok", "payload": 0 })]);
    }
    assert!(world.takes > 0);
    assert_eq!(world.total(|counters| counters.limited_drops.get()), 8);
    assert_eq!(world.total(|counters| counters.rejects.iter().map(|one| one.get()).sum()), 0);
}

#[test]
fn a_limit_that_closes_says_why() {
    let mut world = world(refusing(OnExceed::Close), 2, 3);
    for room in 0..8 {
        let client = world.open(room % 2, "ada");
        let text = json!({ "event": "say", "target": format!("room:{room}") }).to_string();
        (0..3).for_each(|_| world.say(client, &text));
        world.settle();
        let frames = world.frames(client);
        let opcodes: Vec<u8> = frames.iter().map(|frame| frame.opcode).collect();
        assert_eq!(opcodes, [1, 8]);
        let code = u16::from_be_bytes([frames[1].payload[0], frames[1].payload[1]]);
        assert_eq!(code, Disconnect::RateLimited.code());
    }
    let closed = Disconnect::RateLimited as usize;
    assert_eq!(world.total(|counters| counters.disconnects[closed].get()), 8);
}

/// More words than one user's limits are counted apart for: the count that is over first goes, and
/// it is said so.
#[test]
fn what_a_client_makes_up_is_bounded_and_what_is_forgotten_for_it_is_counted() {
    let mut world = world(program(0), 2, 5);
    let ada = world.open(0, "ada");
    let words = LIMIT_KEYS_OF_ONE_MAX + 10;
    for word in 0..words {
        let text = json!({ "event": "user_word", "payload": { "word": word.to_string() } });
        world.say(ada, &text.to_string());
        world.settle();
        world.now = world.now.plus_ns(1_000);
    }
    assert_eq!(world.messages(ada).len(), words);
    assert_eq!(world.total(|counters| counters.forgotten_limits.get()), 10);
}
