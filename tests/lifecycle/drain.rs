//! The drain: 1001 to everybody, spread evenly, and nobody new.

use shardwire::disconnect::Disconnect;

use super::chorus::{all_ended, check_alive, close_code, ended, quiet, status};
use super::simulator::wire;
use super::simulator::world::World;

const CLIENTS: usize = 300;

fn draining(over: &str) -> (World, Vec<usize>) {
    let yaml = quiet("") + &format!("drain: {{ over: {over} }}\n");
    let mut world = World::calm(&yaml, 2);
    let clients: Vec<usize> =
        (0..CLIENTS).map(|n| world.open(n % 2, &format!("user{n}"))).collect();
    let now = world.now;
    world.shards.iter_mut().for_each(|shard| shard.drain(now));
    (world, clients)
}

/// Looks at every client still there; those that were told to go answer and are taken off.
fn see_off(world: &mut World, waiting: &mut Vec<usize>) -> usize {
    let before = waiting.len();
    waiting.retain(|&client| match close_code(world, client) {
        None => true,
        Some(code) => {
            assert_eq!(code, Disconnect::Drain.code());
            world.send(client, &wire::close(code));
            false
        }
    });
    world.settle();
    before - waiting.len()
}

#[test]
fn a_drain_closes_everybody_evenly_and_admits_nobody() {
    let (mut world, clients) = draining("5s");
    let mut waiting = clients.clone();
    let mut shares = Vec::new();
    for _ in 0..50 {
        world.advance_ms(100);
        shares.push(see_off(&mut world, &mut waiting));
        if let Some(&last) = waiting.last() {
            check_alive(&mut world, last);
        }
    }
    assert_eq!(waiting, Vec::<usize>::new());
    let mean = CLIENTS / shares.len();
    assert!(shares.iter().all(|share| *share <= 2 * mean), "{shares:?}");
    assert!(shares.iter().filter(|share| **share == 0).count() <= 1, "{shares:?}");
    assert_eq!((ended(&world, Disconnect::Drain), all_ended(&world)), (300, 300));
    assert!(world.shards.iter().all(|shard| shard.is_drained()));
}

#[test]
fn during_a_drain_new_requests_are_refused_with_503() {
    let (mut world, _) = draining("5s");
    world.advance_ms(1_000);
    for shard in [0, 1] {
        let late = world.connect(shard, "late");
        world.settle();
        assert_eq!(status(&world, late), Some(503));
        assert!(world.clients[late].gone);
    }
    assert_eq!(world.total(|c| c.upgrades.get()), CLIENTS as u64);
}

#[test]
fn a_drain_ends_without_the_answers_of_the_clients() {
    let (mut world, _) = draining("1s");
    world.advance_ms(1_100);
    assert_eq!(ended(&world, Disconnect::Drain), CLIENTS as u64);
    assert!(!world.shards[0].is_drained());
    world.advance_ms(5_100);
    assert!(world.shards.iter().all(|shard| shard.is_drained()));
}
