//! Bytes that each connection holds, for each feature: two lots of connections, the second counted,
//! so that tables which double are as full after as before.

use std::net::{IpAddr, Ipv4Addr};

use flate2::{Compress, Compression, FlushCompress};
use shardwire::auth::{TokenRequest, sign};
use shardwire::clock::Now;
use shardwire::shard::Shard;

use super::live;
use super::simulator::crowd::Member;
use super::simulator::fleet::Fleet;
use super::simulator::wire;
use super::simulator::world::compile;

const NOW: Now = Now { mono_ns: 1_000_000_000, unix_ms: 1_800_000_000_000 };

const EVENTS: &str = r#"
server: { connectionLimit: { maxPerUser: 0 } }
transport:
  readTimeout: 24h
  pingInterval: 0s
  compression: COMPRESSION
auth: { mode: MODE }
events:
  join:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
  echo:
    actions: [{ name: _notify_origin, params: [echo, '{.payload}'] }]
"#;

const PLAIN: &str = "false";
const SHARED: &str = "{ enabled: true, minSize: 0B }";
const OWN: &str = "{ enabled: true, minSize: 0B, contextTakeover: true }";

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// A few connections at a time are under way.
const AT_ONCE: usize = 64;

struct Lot {
    fleet: Fleet,
    tokens: Vec<String>,
    extensions: &'static str,
    conns: Vec<Member>,
}

impl Lot {
    /// Room for two lots of this size; no connection yet.
    fn new(mode: &str, compression: &str, size: usize, user: impl Fn(usize) -> String) -> Lot {
        let yaml = EVENTS.replace("MODE", mode).replace("COMPRESSION", compression);
        let auth = compile(&yaml).settings.auth;
        let token = |number| {
            let request = TokenRequest { subject: user(number), permissions: vec![], ttl_s: 3_600 };
            sign(&auth, &request, NOW).expect("a token")
        };
        let tokens = match mode {
            "none" => vec![String::new(); 2 * size],
            _ => (0..2 * size).map(token).collect(),
        };
        let extensions = if compression == PLAIN { "" } else { DEFLATE };
        let fleet = Fleet::new(&yaml, 1);
        Lot { fleet, tokens, extensions, conns: Vec::with_capacity(2 * size) }
    }

    fn size(&self) -> usize {
        self.tokens.len() / 2
    }

    fn connect(&mut self, number: usize) {
        let slot = self.shard().handle_accepted(NOW, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let cookie = format!("Cookie: session-token={}\r\n", self.tokens[number]);
        let member = Member { shard: 0, slot };
        self.conns.push(member);
        self.fleet.receive(member, &wire::upgrade_with("/ws", &(cookie + self.extensions)));
    }

    fn shard(&mut self) -> &mut Shard {
        &mut self.fleet.shards[0]
    }

    /// Does something for the connections of both lots; bytes that each of the second holds then.
    fn each(&mut self, mut act: impl FnMut(&mut Lot, usize)) -> i64 {
        let mut before = 0;
        for number in 0..2 * self.size() {
            if number == self.size() {
                self.fleet.settle();
                before = live();
            }
            act(self, number);
            if number % AT_ONCE == AT_ONCE - 1 {
                self.fleet.settle();
            }
        }
        self.fleet.settle();
        (live() - before) / self.size() as i64
    }

    fn say(&mut self, number: usize, event: &str, target: &str) {
        let member = self.conns[number];
        self.fleet.say(member, event, target);
    }

    /// Time passes in which nothing happens; live bytes after it.
    fn rest(&mut self) -> i64 {
        let mut now = NOW;
        for _ in 0..30 {
            now = now.plus_ns(shardwire::limits::TRIM_NS);
            self.shard().handle_timeout(now);
        }
        live()
    }
}

fn user_each(number: usize) -> String {
    format!("user{number:06}")
}

/// A row of the table: what it is, bytes a connection, and what they may be at most.
fn row(what: &str, bytes: i64, bytes_max: i64) {
    println!("| {what} | {bytes} |");
    assert!(bytes <= bytes_max, "{what}: {bytes} bytes, at most {bytes_max}");
}

#[test]
fn idle_connections_by_who_connects_hold_few_bytes_each() {
    const SIZE: usize = 1 << 12;
    let mut lot = Lot::new("none", PLAIN, SIZE, user_each);
    row("each, idle, no token", lot.each(Lot::connect), 580);
    let mut lot = Lot::new("jwt", PLAIN, SIZE, user_each);
    row("each, idle, a JWT user each", lot.each(Lot::connect), 580);
    let mut lot = Lot::new("jwt", PLAIN, 1 << 9, |_| "one".into());
    row("each, idle, one user on 512 connections", lot.each(Lot::connect), 250);
}

#[test]
fn compression_holds_nothing_for_each_idle_connection() {
    const SIZE: usize = 1 << 9;
    let mut lot = Lot::new("jwt", SHARED, SIZE, user_each);
    row("each, deflate without context takeover", lot.each(Lot::connect), 580);
    let echo = compressed(r#"{"event":"echo","payload":"a payload, a payload"}"#);
    let said = lot.each(|lot, number| {
        let member = lot.conns[number];
        lot.fleet.receive(member, &echo);
    });
    row("each, more after a message both ways", said, 16);
    let mut lot = Lot::new("jwt", OWN, SIZE, user_each);
    row("each, deflate with context takeover", lot.each(Lot::connect), 580);
    let plain = live();
    let said = lot.each(|lot, number| lot.say_plain(number));
    row("each, more after a message from the server", said, 400_000);
    let rested = (lot.rest() - plain) / (2 * SIZE as i64);
    row("each, more when that has been idle for a while", rested, 16);
    let heard = lot.each(|lot, number| {
        let member = lot.conns[number];
        lot.fleet.receive(member, &echo);
    });
    row("each, more after a compressed message from the client", heard, 450_000);
    let kept = (lot.rest() - plain) / (2 * SIZE as i64);
    row("each, more when that has been idle (the client's window)", kept, 60_000);
}

impl Lot {
    fn say_plain(&mut self, number: usize) {
        let member = self.conns[number];
        let text = r#"{"event":"echo","payload":"a payload, a payload"}"#;
        self.fleet.receive(member, &wire::text(text));
    }
}

/// As a client sends it.
fn compressed(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(200);
    let mut zlib = Compress::new(Compression::new(6), false);
    zlib.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).expect("compresses");
    out.truncate(out.len() - 4);
    let mut frame = wire::frame(1, &out);
    frame[0] |= 0x40;
    frame
}

#[test]
fn rooms_that_each_connection_joins_hold_a_seat_each() {
    const SIZE: usize = 1 << 9;
    for (rooms, shared_max, own_max) in [(1, 60, 320), (10, 700, 3_500), (100, 6_000, 28_500)] {
        let mut lot = Lot::new("jwt", PLAIN, SIZE, user_each);
        lot.each(Lot::connect);
        let shared = lot.each(|lot, number| {
            (0..rooms).for_each(|room| lot.say(number, "join", &format!("room:{room:03}")));
        });
        row(&format!("each, more in {rooms} rooms shared by all"), shared, shared_max);
        let mut lot = Lot::new("jwt", PLAIN, SIZE, user_each);
        lot.each(Lot::connect);
        let own = lot.each(|lot, number| {
            (0..rooms)
                .for_each(|room| lot.say(number, "join", &format!("room:{number:06}:{room:03}")));
        });
        row(&format!("each, more in {rooms} rooms of its own"), own, own_max);
    }
}

#[test]
fn an_unfinished_message_holds_each_of_its_bytes_until_it_is_whole() {
    const SIZE: usize = 1 << 9;
    for bytes in [1_000, 60_000] {
        let mut lot = Lot::new("jwt", PLAIN, SIZE, user_each);
        lot.each(Lot::connect);
        let text = format!(r#"{{"event":"echo","payload":"{}"}}"#, "x".repeat(bytes));
        let frame = wire::text(&text);
        let (begun, end) = frame.split_at(frame.len() - 2);
        let held = lot.each(|lot, number| {
            let member = lot.conns[number];
            lot.fleet.receive(member, begun);
        });
        let max = bytes as i64 + 400;
        row(&format!("each, more with {bytes} bytes of an unfinished message"), held, max);
        let begun = live();
        for number in 0..2 * SIZE {
            let member = lot.conns[number];
            lot.fleet.receive(member, end);
            lot.fleet.settle();
        }
        let given_back = (begun - lot.rest()) / (2 * SIZE as i64);
        assert!(given_back >= bytes as i64, "{given_back} of {bytes} bytes were given back");
    }
}
