//! The library's world (`shardwire::sim`) made from YAML: what goes wrong fails the test.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde_json::Value;
use shardwire::config::{self, Environment, Options, Source};
pub use shardwire::sim::world::Client;
use shardwire::sim::world::START;

use super::wire;

pub const SECRET: &str = "a secret for tests, thirty-two bytes or more";

/// Compiles a configuration with the tests' secret.
pub fn compile(yaml: &str) -> config::Compiled {
    let source = Source::new("test.yaml", yaml);
    let options = Options { secret: config::SecretPolicy::Given(SECRET.into()) };
    let style = config::Style::Human { color: false };
    config::compile(&source, &Environment::default(), &options)
        .unwrap_or_else(|findings| panic!("{}", config::render(&findings, &source, style)))
}

/// A token of the tests' secret.
pub fn token(sub: &str, permissions: &[&str]) -> String {
    let compiled = compile("events: {}\n");
    let request = shardwire::auth::TokenRequest {
        subject: sub.into(),
        permissions: permissions.iter().map(|one| one.to_string()).collect(),
        ttl_s: 3_600,
    };
    shardwire::auth::sign(&compiled.settings.auth, &request, START).expect("a token")
}

/// A world of one configuration.
pub struct World(pub shardwire::sim::world::World);

impl Deref for World {
    type Target = shardwire::sim::world::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl World {
    pub fn new(yaml: &str, shards: u16, seed: u64) -> World {
        World::of(compile(yaml), shards, seed)
    }

    /// With a program that may have been made in another way than from a file.
    pub fn of(compiled: config::Compiled, shards: u16, seed: u64) -> World {
        let (settings, program) = (Arc::new(compiled.settings), Arc::new(compiled.program));
        let world = shardwire::sim::world::World::new(&settings, &program, shards, seed);
        World(world.expect("keys"))
    }

    pub fn calm(yaml: &str, shards: u16) -> World {
        let mut world = World::new(yaml, shards, 1);
        world.calm = true;
        world
    }

    /// Lays another configuration out for the shards; none takes it by this alone.
    pub fn publish(&mut self, yaml: &str) {
        let config::Compiled { settings, program, .. } = compile(yaml);
        self.0.publish(settings, program).expect("it can follow");
    }

    /// Dials and asks for the upgrade as this user.
    pub fn connect(&mut self, shard: usize, user: &str) -> usize {
        self.connect_with(shard, user, &[])
    }

    pub fn connect_with(&mut self, shard: usize, user: &str, permissions: &[&str]) -> usize {
        let client = self.dial(shard, user);
        let path = self.settings().server.path.clone();
        self.send(client, &wire::upgrade(&path, &token(user, permissions)));
        client
    }

    /// Connects, settles, and expects the 101.
    pub fn open(&mut self, shard: usize, user: &str) -> usize {
        let client = self.connect(shard, user);
        self.settle();
        assert!(self.take_upgrade(client), "{user} was not upgraded");
        client
    }

    /// The JSON messages that came since the last look.
    pub fn messages(&mut self, client: usize) -> Vec<Value> {
        let frames = self.frames(client).into_iter().filter(|frame| frame.opcode == 1);
        frames.map(|frame| serde_json::from_slice(&frame.payload).expect("JSON")).collect()
    }

    /// Steps until nothing is on its way.
    pub fn settle(&mut self) {
        self.0.settle().expect("a world that comes to rest");
    }

    /// Moves the clock, firing what is due on the way.
    pub fn advance_ms(&mut self, ms: u64) {
        self.advance_ns(ms * 1_000_000).expect("a world that comes to rest");
    }
}
