//! Stages of a connection's life: the handshake, from the accepted socket to the end of the 101's
//! send, and a join.

use std::net::{IpAddr, Ipv4Addr};

use crate::meter::Meter;
use crate::simulator::crowd::{Crowd, Member};
use crate::simulator::{wire, world};
use shardwire::shard::Io;

/// Connections of a lap.
const CONNS: usize = 64;

pub fn stages(meter: &Meter) {
    handshake(meter);
    join(meter);
}

/// With a token in the cookie, each of another user.
fn handshake(meter: &Meter) {
    let mut crowd = Crowd::new(1, 1, "room:global");
    let path = crowd.shards[0].settings().server.path.clone();
    let request = |user: usize| wire::upgrade(&path, &world::token(&format!("guest{user}"), &[]));

    let requests: Vec<Vec<u8>> = (0..CONNS).map(request).collect();
    meter.laps(|meter| {
        let mut slots = Vec::with_capacity(CONNS);
        let mut requests = requests.clone();
        meter.count("handshake", CONNS, || {
            slots.extend(requests.iter_mut().map(|request| open(&mut crowd, request)));
        });
        slots.into_iter().for_each(|slot| close(&mut crowd, slot));
    });
}

fn open(crowd: &mut Crowd, request: &mut [u8]) -> u32 {
    let now = crowd.now;
    let shard = &mut crowd.shards[0];
    let slot = shard.handle_accepted(now, IpAddr::V4(Ipv4Addr::LOCALHOST));
    shard.handle_bytes(now, slot, request);
    let (_, answer) = shard.poll_send().expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(answer));
    shard.end_turn();
    shard.handle_sent(now, slot, true);
    slot
}

fn close(crowd: &mut Crowd, slot: u32) {
    let now = crowd.now;
    crowd.shards[0].handle_hangup(now, slot);
    while let Some(io) = crowd.shards[0].poll_io() {
        assert_eq!(io, Io::Close(slot));
        crowd.shards[0].handle_closed(now, slot);
    }
}

/// Users and the room have their home on this shard; nobody is told.
fn join(meter: &Meter) {
    let mut crowd = Crowd::new(1, CONNS, "room:global");
    let [enter, exit] = ["enter", "exit"]
        .map(|event| wire::text(&format!(r#"{{"event":"{event}","target":"room:other"}}"#)));
    let say = |crowd: &mut Crowd, bytes: &[u8]| {
        let members: Vec<Member> = crowd.members.clone();
        members.into_iter().for_each(|member| crowd.receive(member, bytes));
    };
    meter.laps(|meter| {
        meter.count("join", CONNS, || say(&mut crowd, &enter));
        say(&mut crowd, &exit);
        assert_eq!(crowd.end_turn(), 0, "a join or leave was refused");
    });
}
