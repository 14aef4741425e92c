//! Who is let in: connections, addresses, rate.

use std::net::IpAddr;

use super::chorus::{check_alive, status, with};
use super::simulator::wire;
use super::simulator::world::{World, token};

fn limited(limits: &str) -> World {
    World::calm(&with(&format!("server: {{ limits: {{ {limits} }} }}")), 2)
}

/// Dials and asks for the upgrade; gives the client and the status.
fn try_open(world: &mut World, shard: usize, ip: [u8; 4]) -> (usize, u16) {
    let client = world.dial_from(shard, "ada", IpAddr::from(ip));
    world.send(client, &wire::upgrade("/ws", &token("ada", &[])));
    world.settle();
    match world.take_upgrade(client) {
        true => (client, 101),
        false => (client, status(world, client).expect("a status")),
    }
}

const HERE: [u8; 4] = [127, 0, 0, 1];

#[test]
fn connections_are_capped_over_all_shards_and_a_free_place_is_taken() {
    let mut world = limited("connections: 3");
    let open: Vec<usize> = (0..3).map(|n| try_open(&mut world, n % 2, HERE).0).collect();
    for shard in [0, 1] {
        let (refused, status) = try_open(&mut world, shard, HERE);
        assert_eq!(status, 503);
        assert!(world.clients[refused].gone);
    }
    open.iter().for_each(|client| check_alive(&mut world, *client));
    world.hang_up(open[1]);
    world.settle();
    assert_eq!(try_open(&mut world, 0, HERE).1, 101);
    assert_eq!(try_open(&mut world, 1, HERE).1, 503);
    assert_eq!(world.total(|c| c.refusals.iter().map(|one| one.get()).sum()), 3);
    assert_eq!(world.total(|c| c.connections.get()), 3);
}

#[test]
fn connections_from_one_address_are_capped_over_all_shards() {
    let mut world = limited("perIp: 2");
    let open: Vec<usize> = (0..2).map(|shard| try_open(&mut world, shard, HERE).0).collect();
    assert_eq!(try_open(&mut world, 0, HERE).1, 429);
    assert_eq!(try_open(&mut world, 1, HERE).1, 429);
    assert_eq!(try_open(&mut world, 1, [10, 0, 0, 7]).1, 101);
    world.hang_up(open[0]);
    world.settle();
    assert_eq!(try_open(&mut world, 1, HERE).1, 101);
    assert_eq!(try_open(&mut world, 0, HERE).1, 429);
}

/// As `try_open` through a proxy that adds whom it heard.
fn try_open_for(world: &mut World, shard: usize, from: &str) -> (usize, u16) {
    let client = world.dial_from(shard, "ada", IpAddr::from(HERE));
    let upgrade = wire::upgrade("/ws", &token("ada", &[]));
    let head = String::from_utf8_lossy(&upgrade).replace("\r\n\r\n", "\r\nX-Forwarded-For: ");
    world.send(client, format!("{head}{from}\r\n\r\n").as_bytes());
    world.settle();
    match world.take_upgrade(client) {
        true => (client, 101),
        false => (client, status(world, client).expect("a status")),
    }
}

/// The proxy itself may have as many as it needs.
#[test]
fn behind_a_trusted_proxy_it_is_the_clients_addresses_that_are_capped() {
    let options = "server: { trustedProxies: [127.0.0.1], limits: { perIp: 2 } }";
    let mut world = World::calm(&with(options), 2);
    for n in 0..6 {
        let from = format!("192.0.2.{}", n / 2);
        assert_eq!(try_open_for(&mut world, n % 2, &from).1, 101, "{from}");
    }
    assert_eq!(try_open_for(&mut world, 0, "1.1.1.1, 192.0.2.0").1, 429);
    let (last, status) = try_open_for(&mut world, 1, "192.0.2.9");
    assert_eq!((status, try_open_for(&mut world, 0, "192.0.2.9").1), (101, 101));
    assert_eq!(try_open_for(&mut world, 1, "192.0.2.9").1, 429);
    world.hang_up(last);
    world.settle();
    assert_eq!(try_open_for(&mut world, 0, "192.0.2.9").1, 101);
}

#[test]
fn the_accept_rate_lets_a_burst_of_one_second_in_and_then_so_many_a_second() {
    let mut world = limited("acceptRate: 5");
    let let_in =
        |world: &mut World| (0..20).filter(|n| try_open(world, n % 2, HERE).1 == 101).count();
    assert_eq!(let_in(&mut world), 5);
    world.advance_ms(1_000);
    assert_eq!(let_in(&mut world), 5);
    world.advance_ms(400);
    assert_eq!(let_in(&mut world), 2);
    assert_eq!(world.total(|c| c.upgrades.get()), 12);
    assert_eq!(world.total(|c| c.refusals.iter().map(|one| one.get()).sum()), 48);
}

#[test]
fn bytes_behind_a_refused_head_are_not_looked_at() {
    let mut world = limited("perIp: 10");
    let client = world.dial(0, "");
    let good = wire::upgrade("/ws", &token("ada", &[]));
    world.send(client, &wire::upgrade("/ws", "no.good.token"));
    world.send(client, &good);
    world.settle();
    world.send(client, &good);
    world.settle();
    let received = String::from_utf8_lossy(&world.clients[client].received).into_owned();
    assert_eq!(received.matches("HTTP/1.1 ").count(), 1, "{received}");
    assert_eq!(status(&world, client), Some(401));
}

#[test]
fn a_full_server_still_answers_pages() {
    let mut world = limited("connections: 1");
    assert_eq!(try_open(&mut world, 0, HERE).1, 101);
    for shard in [0, 1] {
        let page = world.dial(shard, "probe");
        world.send(page, b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n");
        world.settle();
    }
    assert_eq!(world.handed_off.len(), 2);
    assert_eq!(try_open(&mut world, 1, HERE).1, 503);
    assert_eq!(world.live().iter().map(|live| live.conns).sum::<usize>(), 1);
}
