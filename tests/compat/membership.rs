//! G8 and G9: membership belongs to the user, and ends with its last connection.

use serde_json::{Value, json};
use shardwire::shard::Live;

use super::chorus::{ask, event, events};
use super::simulator::wire;
use super::simulator::world::World;

const ROOMS: &str = r#"
  join:
    actions:
      - { name: _join, params: ["{$user.id}", "{$target.id}"] }
      - { name: _notify_origin, params: [joined, '{}'] }
  leave:
    actions:
      - { name: _leave, params: ["{$user.id}", "{$target.id}"] }
      - { name: _notify_origin, params: [left, '{}'] }
  limited:
    modifiers: [{ name: rate_limit, params: ["10/h"] }]
    actions: [{ name: _notify_origin, params: [limited, '{}'] }]
  invite:
    actions: [{ name: _join, params: ["{.payload.user}", "{$target.id}"] }]
  say:
    actions: [{ name: _notify_room, params: [said, '{}'] }]
"#;

const ROOM: &str = "room:x";

fn do_in_room(world: &mut World, client: usize, name: &str) -> Vec<Value> {
    ask(world, client, &json!({ "event": name, "target": ROOM }))
}

/// Which of the clients hear one message that `speaker`, no member, says in the room.
fn hearers(world: &mut World, speaker: usize, clients: &[usize]) -> Vec<bool> {
    assert_eq!(do_in_room(world, speaker, "say"), Vec::<Value>::new());
    let said = |got: Vec<Value>| match got.as_slice() {
        [] => false,
        [one] => *one == event("said", json!({})),
        many => panic!("{many:?}"),
    };
    clients.iter().map(|client| said(world.messages(*client))).collect()
}

#[test]
fn g8_join_and_leave_act_on_all_connections_of_the_user_on_all_shards() {
    for shards in [1, 2, 4] {
        let mut world = World::calm(&events(ROOMS), shards);
        let at = |n: usize| n % usize::from(shards);
        let speaker = world.open(0, "speaker");
        let mut all: Vec<usize> = (0..5).map(|n| world.open(at(n), "ada")).collect();
        assert_eq!(hearers(&mut world, speaker, &all), [false; 5]);
        assert_eq!(do_in_room(&mut world, all[1], "join"), [event("joined", json!({}))]);
        assert_eq!(hearers(&mut world, speaker, &all), [true; 5]);
        // A later connection of the user is a member too.
        all.extend((0..4).map(|n| world.open(at(n), "ada")));
        assert_eq!(hearers(&mut world, speaker, &all), [true; 9]);
        // Joining again changes nothing.
        do_in_room(&mut world, all[8], "join");
        assert_eq!(hearers(&mut world, speaker, &all), [true; 9]);
        assert_eq!(do_in_room(&mut world, all[4], "leave"), [event("left", json!({}))]);
        assert_eq!(hearers(&mut world, speaker, &all), [false; 9]);
        all.push(world.open(at(1), "ada"));
        assert_eq!(hearers(&mut world, speaker, &all), [false; 10]);
    }
}

#[test]
fn g8_join_acts_on_the_user_it_names() {
    for shards in [1, 2] {
        let mut world = World::calm(&events(ROOMS), shards);
        let speaker = world.open(0, "speaker");
        let all = [world.open(0, "bob"), world.open(usize::from(shards) - 1, "bob")];
        let invite = json!({ "event": "invite", "target": ROOM, "payload": { "user": "bob" } });
        assert_eq!(ask(&mut world, speaker, &invite), Vec::<Value>::new());
        assert_eq!(hearers(&mut world, speaker, &all), [true; 2]);
    }
}

#[test]
fn g9_membership_ends_with_the_last_connection() {
    for shards in [1, 2, 3] {
        let mut world = World::calm(&events(ROOMS), shards);
        let speaker = world.open(0, "speaker");
        let first = world.open(0, "ada");
        let second = world.open(usize::from(shards) - 1, "ada");
        do_in_room(&mut world, first, "join");
        world.hang_up(first);
        world.settle();
        assert_eq!(hearers(&mut world, speaker, &[second]), [true]);
        world.send(second, &wire::close(1000));
        world.settle();
        let rooms: usize = world.live().iter().map(|live| live.rooms + live.home_rooms).sum();
        assert_eq!(rooms, 0);
        let again = world.open(0, "ada");
        assert_eq!(hearers(&mut world, speaker, &[again]), [false]);
    }
}

#[test]
fn g9_leave_grace_keeps_the_membership_so_long() {
    let yaml = format!("compat: {{ leaveGrace: 3s }}\n{}", events(ROOMS));
    for shards in [1, 2, 3] {
        let mut world = World::calm(&yaml, shards);
        let last = usize::from(shards) - 1;
        let speaker = world.open(0, "speaker");
        let mut ada = world.open(last, "ada");
        do_in_room(&mut world, ada, "join");
        for (away_ms, member) in [(0, true), (2_900, true), (2_900, true), (3_100, false)] {
            world.hang_up(ada);
            world.settle();
            world.advance_ms(away_ms);
            ada = world.open(0, "ada");
            assert_eq!(hearers(&mut world, speaker, &[ada]), [member], "away {away_ms} ms");
        }
        do_in_room(&mut world, ada, "join");
        world.hang_up(ada);
        world.hang_up(speaker);
        world.settle();
        world.advance_ms(4_000);
        assert!(world.live().iter().all(|live| *live == Live::default()), "{:?}", world.live());
    }
}

/// The rate window keeps the user's record for an hour, but not its rooms.
#[test]
fn g9_leave_grace_is_not_prolonged_by_a_rate_window() {
    let yaml = format!("compat: {{ leaveGrace: 3s }}\n{}", events(ROOMS));
    let mut world = World::calm(&yaml, 2);
    let speaker = world.open(0, "speaker");
    let mut ada = world.open(1, "ada");
    assert_eq!(do_in_room(&mut world, ada, "limited"), [event("limited", json!({}))]);
    for time in 0..3 {
        do_in_room(&mut world, ada, "join");
        world.hang_up(ada);
        world.settle();
        world.advance_ms(3_100);
        ada = world.open(0, "ada");
        assert_eq!(hearers(&mut world, speaker, &[ada]), [false], "time {time}");
    }
}
