//! Limits under chaos: connections of a few users come, go, move and meet on four shards of a slow
//! mesh while they say more than their limits let pass.
//!
//! Time passes in rounds that are shorter than the window, with a window between two of them, so
//! that each round has one window a user. In it exactly as many events pass as the limit says,
//! wherever they were counted. Of a connection that goes before it was answered nobody can know
//! what passed: half of the runs let only those go that were.

use serde_json::Value;

use super::for_seeds;
use super::simulator::random::Random;
use super::simulator::wire;
use super::simulator::world::{World, compile};

const LIMIT: usize = 6;

const CONFIG: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
events:
  count:
    modifiers: [{ name: rate_limit, params: ["6/m"] }]
    actions: [{ name: _notify_origin, params: [ok, "0"] }]
"#;

/// At most three connections of a user, the oldest of which makes room.
const CYCLE: &str = "server: { connectionLimit: { maxPerUser: 3, mode: cycle } }";
const REFUSE: &str = "server: { connectionLimit: { maxPerUser: 2, mode: reject } }";

/// The same limit in other places of other tables, with limits that come and go before it.
const VARIANTS: [&str; 3] = [
    r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s }
events:
  aaa: { modifiers: [{ name: rate_limit, params: ["1/m"] }], actions: [] }
  bbb: { modifiers: [{ name: rate_limit, params: ["2/m"] }], actions: [] }
  count:
    modifiers: [{ name: rate_limit, params: ["6/m"] }]
    actions: [{ name: _notify_origin, params: [ok, "1"] }]
"#,
    r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport: { readTimeout: 24h, pingInterval: 0s, outbox: { frames: 4096 } }
events:
  bbb: { modifiers: [{ name: rate_limit, params: ["9/m"] }], actions: [] }
  count:
    modifiers: [{ name: rate_limit, params: ["6/m"] }]
    actions: [{ name: _log, params: [x] }, { name: _notify_origin, params: [ok, "2"] }]
  zzz: { modifiers: [{ name: rate_limit, params: ["3/m"] }], actions: [] }
"#,
    CONFIG,
];

const SHARDS: usize = 4;
const USERS: usize = 5;
const ROUNDS: usize = 4;
const ACTIONS: usize = 60;

/// One connection, as its client sees it in this round.
#[derive(Clone, Copy, Debug)]
struct Conn {
    client: usize,
    user: usize,
    /// Said and not answered yet.
    open: usize,
    /// A close frame came.
    closed: bool,
}

/// What became of a user's events of this round.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    said: usize,
    passed: usize,
    refused: usize,
    /// Never answered: the connection was gone.
    lost: usize,
}

struct Trial {
    world: World,
    random: Random,
    conns: Vec<Conn>,
    sums: [Sums; USERS],
    /// A connection goes also when it waits for answers.
    rude: bool,
    /// A user has one connection at a time.
    single: bool,
}

impl Trial {
    fn new(seed: u64, single: bool) -> Trial {
        let mode = if single { "" } else { ["", "", CYCLE, REFUSE][(seed / 2 % 4) as usize] };
        let server = "server: { connectionLimit: { maxPerUser: 0 } }";
        let yaml = if mode.is_empty() { CONFIG.into() } else { CONFIG.replace(server, mode) };
        Trial {
            world: World::new(&yaml, SHARDS as u16, seed),
            random: Random::new(seed ^ 0x11a1),
            conns: Vec::new(),
            sums: [Sums::default(); USERS],
            // The oldest of a cycle goes whatever it waits for.
            rude: seed % 2 == 1 || mode == CYCLE,
            single,
        }
    }

    /// Reloads at random moments.
    fn reloading(mut self) -> Trial {
        let variant = |yaml: &&str| {
            let compiled = compile(yaml);
            (compiled.settings, compiled.program)
        };
        self.world.reloading.variants = VARIANTS.iter().map(variant).collect();
        self
    }

    fn act(&mut self) {
        let user = self.random.index(USERS);
        let here: Vec<usize> =
            (0..self.conns.len()).filter(|place| self.conns[*place].user == user).collect();
        let most = if self.single { 1 } else { 4 };
        let any = here.get(self.random.index(here.len())).copied();
        match self.random.below(10) {
            0..=2 if here.len() < most => self.connect(user),
            3 => any.into_iter().for_each(|place| self.part(place)),
            _ => any.into_iter().for_each(|place| self.say(place)),
        }
    }

    fn connect(&mut self, user: usize) {
        let shard = self.random.index(SHARDS);
        let client = self.world.connect(shard, &format!("user{user}"));
        self.conns.push(Conn { client, user, open: 0, closed: false });
    }

    fn say(&mut self, place: usize) {
        let conn = &mut self.conns[place];
        self.world.say(conn.client, r#"{"event":"count"}"#);
        conn.open += 1;
        self.sums[conn.user].said += 1;
    }

    fn part(&mut self, place: usize) {
        self.listen();
        if self.conns[place].open > 0 && !self.rude {
            return;
        }
        let Conn { client, user, open, .. } = self.conns.swap_remove(place);
        self.sums[user].lost += open;
        match self.random.one_in(2) || self.rude {
            true => self.world.hang_up(client),
            false => self.world.send(client, &wire::close(1000)),
        }
        if self.single {
            // Its home has heard of its end before the next one comes.
            self.world.settle();
        }
    }

    fn listen(&mut self) {
        for conn in &mut self.conns {
            for frame in self.world.frames(conn.client) {
                if frame.opcode == 8 {
                    conn.closed = true;
                    continue;
                }
                conn.open -= 1;
                let message: Value = serde_json::from_slice(&frame.payload).expect("JSON");
                let sums = &mut self.sums[conn.user];
                match message["event"].as_str() {
                    Some("ok") => sums.passed += 1,
                    Some("error") => {
                        assert_eq!(message["payload"]["code"], "rate_limited", "{message}");
                        sums.refused += 1;
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        }
    }

    /// Connections that the server refused or replaced are none any more.
    fn forget_ended(&mut self) {
        let world = &self.world;
        let (ended, open) = std::mem::take(&mut self.conns)
            .into_iter()
            .partition(|conn| conn.closed || world.clients[conn.client].finished);
        let ended: Vec<Conn> = ended;
        self.conns = open;
        ended.iter().for_each(|conn| self.sums[conn.user].lost += conn.open);
    }

    fn round(&mut self) {
        self.sums = [Sums::default(); USERS];
        for conn in &mut self.conns {
            assert_eq!(conn.open, 0);
        }
        for _ in 0..ACTIONS {
            self.act();
            for _ in 0..self.random.below(5) {
                self.world.step();
                self.world.now = self.world.now.plus_ns(100_000);
            }
        }
        self.world.settle();
        self.listen();
        self.forget_ended();
        self.check();
        self.world.advance_ms(60_001);
        self.forget_ended();
    }

    fn check(&self) {
        for (user, sums) in self.sums.iter().enumerate() {
            let Sums { said, passed, refused, lost } = *sums;
            assert_eq!(passed + refused + lost, said, "user{user}: {sums:?}");
            assert!(passed <= LIMIT, "user{user}: {sums:?}");
            assert!(refused == 0 || passed + lost >= LIMIT, "user{user}: {sums:?}");
            assert!(lost > 0 || passed == said.min(LIMIT), "user{user}: {sums:?}");
        }
    }

    fn run(mut self) -> u64 {
        (0..ROUNDS).for_each(|_| self.round());
        for conn in std::mem::take(&mut self.conns) {
            self.world.hang_up(conn.client);
        }
        self.world.settle();
        self.world.advance_ms(70_000);
        for live in self.world.live() {
            assert_eq!(live, shardwire::shard::Live::default());
        }
        for shard in &self.world.shards {
            assert_eq!(shard.former_editions(), 0, "nothing is held any more");
        }
        self.world.takes
    }
}

#[test]
fn exactly_as_many_events_pass_as_the_limit_says_wherever_a_users_connections_are_and_were() {
    let takes = for_seeds(300, |seed| Trial::new(seed, false).run());
    assert!(takes > 0, "no shard ever asked another");
}

#[test]
fn a_user_with_one_connection_at_a_time_is_always_counted_on_its_shard() {
    assert_eq!(for_seeds(300, |seed| Trial::new(seed, true).run()), 0);
}

#[test]
fn limits_are_exact_while_shards_change_over_at_different_moments() {
    for_seeds(300, |seed| {
        let takes = Trial::new(seed, false).reloading().run();
        takes + Trial::new(seed ^ 0x5eed, true).reloading().run()
    });
}
