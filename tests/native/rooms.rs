//! Classes of rooms: who may join, and who is a member.

use serde_json::json;
use shardwire::config::Code;

use super::cast::{ask_event, codes, event, open_with, refusal, world};
use super::simulator::random::Random;
use super::simulator::world::World;

const ROOMS: &str = r#"
rooms:
  "chat:{tenant}:{id:int}":
    join:
      require:
        - { name: same-tenant, when: user.claims.tenant == room.tenant }
        - { name: low, when: room.id < 100 }
        - { name: not-banned, when: "!(user.claims.banned ?? false)", mode: shadow }
  "tab:{name}": { membership: connection }
events:
  join:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  leave:
    payload: { room: string }
    steps: [{ leave: "${payload.room}" }, { reply: { event: out } }]
  say:
    payload: { room: string }
    steps: [{ send: { to: { room: "${payload.room}" }, event: said } }]
"#;

#[test]
fn rules_decide_who_joins_and_a_shadow_only_counts() {
    for shards in [1, 2] {
        let mut world = world(ROOMS, shards);
        let ada = open_with(&mut world, 0, json!({ "sub": "ada", "tenant": "acme" }));
        let eve = open_with(
            &mut world,
            usize::from(shards) - 1,
            json!({ "sub": "eve", "tenant": "evil", "banned": true }),
        );
        let room = |name: &str| json!({ "room": name });
        let joined = [event("in", json!({}))];
        assert_eq!(ask_event(&mut world, ada, "join", room("chat:acme:1")), joined);
        let got = ask_event(&mut world, eve, "join", room("chat:acme:1"));
        assert_eq!((refusal(&got), &got[0]["payload"]["rule"]), ("denied", &json!("same-tenant")));
        let got = ask_event(&mut world, ada, "join", room("chat:acme:100"));
        assert_eq!(got[0]["payload"]["rule"], "low");
        assert_eq!(ask_event(&mut world, eve, "join", room("chat:evil:7")), joined);
        assert_eq!(ask_event(&mut world, eve, "join", room("free")), joined);
        ask_event(&mut world, ada, "say", room("chat:acme:1"));
        assert!(world.messages(eve).is_empty());
        let shadowed: u64 = world.counters.iter().map(|one| one.named().rules[2].count.get()).sum();
        assert_eq!(shadowed, 1);
    }
}

#[test]
fn a_room_of_connections_has_only_those_that_joined() {
    for shards in [1, 2, 3] {
        let mut world = world(ROOMS, shards);
        let at = |n: usize| n % usize::from(shards);
        let all: Vec<usize> = (0..4).map(|n| world.open(at(n), "ada")).collect();
        let room = json!({ "room": "tab:x" });
        for one in [all[1], all[2]] {
            ask_event(&mut world, one, "join", room.clone());
        }
        let heard = |world: &mut super::simulator::world::World| -> Vec<usize> {
            ask_event(world, all[0], "say", json!({ "room": "tab:x" }));
            (0..4).filter(|n| *n != 0 && !world.messages(all[*n]).is_empty()).collect()
        };
        assert_eq!(heard(&mut world), [1, 2]);
        ask_event(&mut world, all[1], "leave", room.clone());
        assert_eq!(heard(&mut world), [2]);
        let later = world.open(at(1), "ada");
        ask_event(&mut world, all[0], "say", room);
        assert!(world.messages(later).is_empty());
        world.hang_up(all[2]);
        world.settle();
        assert_eq!(world.live().iter().map(|live| live.home_rooms).sum::<usize>(), 0);
    }
}

/// The hook speaks of the connection that acts, so it is silent about whom that puts out.
#[test]
fn a_user_is_put_out_of_a_room_and_nobody_else() {
    let yaml = r#"
rooms: { "tab:{name}": { membership: connection } }
lifecycle: { leave: [{ send: { to: room, event: left, payload: { by: "${user.id}" } } }] }
events:
  join: { steps: [{ join: "${target}" }] }
  say: { steps: [{ send: { to: target, event: said } }] }
  kick:
    payload: { user: string }
    steps: [{ leave: { room: "${target}", user: "${payload.user}" } }, { reply: { event: done } }]
"#;
    for shards in [1, 3] {
        let mut world = world(yaml, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        let say = |world: &mut World, client, event: &str, room: &str, user: &str| {
            let payload = json!({ "user": user });
            let frame = json!({ "event": event, "target": room, "payload": payload });
            world.send(client, &super::simulator::wire::text(&frame.to_string()));
            world.settle();
            world.messages(client)
        };
        for client in [ada, bob] {
            assert!(say(&mut world, client, "join", "r", "").is_empty());
            assert!(say(&mut world, client, "join", "tab:x", "").is_empty());
        }
        assert_eq!(say(&mut world, ada, "kick", "r", "bob"), [event("done", json!({}))]);
        assert_eq!(say(&mut world, ada, "say", "r", ""), [event("said", json!({}))]);
        assert!(world.messages(bob).is_empty());
        let refused = say(&mut world, ada, "kick", "tab:x", "bob");
        assert_eq!(refusal(&refused), "bad_name");
        assert_eq!(say(&mut world, ada, "say", "tab:x", ""), [event("said", json!({}))]);
        assert_eq!(world.messages(bob), [event("said", json!({}))]);
    }
}

#[test]
fn join_and_leave_take_their_keys_only() {
    let of = |step: &str| codes(&format!("events: {{ e: {{ steps: [{step}] }} }}\n"));
    assert_eq!(of("{ leave: { room: a, user: b } }"), []);
    assert_eq!(of("{ leave: { rom: a } }"), [Code::UnknownKey]);
    assert_eq!(of("{ join: { room: a, user: b } }"), [Code::UnknownKey]);
}

#[test]
fn rules_of_rooms_know_their_pattern() {
    let of = |when: &str| {
        let rules = format!("{{ join: {{ require: [\"{when}\"] }} }}");
        codes(&format!("rooms: {{ 'a:{{x}}:{{n:int}}': {rules} }}\n"))
    };
    assert_eq!(of("room.x == user.id && room.n > 0 && room.id != ''"), []);
    assert_eq!(of("room.y == 'a'").len(), 1);
    assert_eq!(of("room.x > 1"), [Code::TypeMismatch]);
    assert_eq!(of("payload.x == 1"), [Code::NotInScope]);
}

#[test]
fn a_room_takes_so_many_members_and_no_more() {
    let yaml = r#"
rooms:
  "small:{x}": { limits: { maxMembers: 2 } }
  "tabs:{x}": { membership: connection, limits: { maxMembers: 2 } }
events:
  join:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  leave:
    payload: { room: string }
    steps: [{ leave: "${payload.room}" }, { reply: { event: out } }]
"#;
    for shards in [1, 2, 4] {
        let mut world = world(yaml, shards);
        let at = |n: usize| n % usize::from(shards);
        let names = ["ada", "bob", "cyd", "ada"];
        let all: Vec<usize> = (0..4).map(|n| world.open(at(n), names[n])).collect();
        let joins = |world: &mut _, n: usize, room: &str| {
            let got = ask_event(world, all[n], "join", json!({ "room": room }));
            let is_in = got == [event("in", json!({}))];
            assert!(is_in || refusal(&got) == "room_full", "{got:?}");
            is_in
        };
        assert_eq!(
            [0, 1, 2, 3].map(|n| joins(&mut world, n, "small:x")),
            [true, true, false, true]
        );
        assert!(joins(&mut world, 2, "small:y"));
        ask_event(&mut world, all[1], "leave", json!({ "room": "small:x" }));
        assert!(joins(&mut world, 2, "small:x"));
        assert!(!joins(&mut world, 1, "small:x"));
        assert_eq!([0, 3, 1].map(|n| joins(&mut world, n, "tabs:x")), [true, true, false]);
        // A place is free again when who had it is gone.
        world.hang_up(all[0]);
        world.settle();
        assert!(!joins(&mut world, 1, "small:x"));
        assert!(joins(&mut world, 1, "tabs:x"));
        world.hang_up(all[3]);
        world.settle();
        assert!(joins(&mut world, 1, "small:x"));
        all.iter().for_each(|one| world.hang_up(*one));
        world.settle();
        assert_eq!(world.live().iter().map(|live| live.home_rooms).sum::<usize>(), 0);
    }
}

/// Joins, leaves and ends at any moment: never too many members, and no place is lost.
#[test]
fn places_are_exact_whatever_the_interleaving() {
    let yaml = r#"
auth: { mode: jwt }
transport: { readTimeout: 24h, pingInterval: 0s }
rooms:
  "small:{x}": { limits: { maxMembers: 2 } }
  "tabs:{x}": { membership: connection, limits: { maxMembers: 2 } }
events:
  join: { steps: [{ join: "${target}" }, { reply: { event: in } }] }
  leave: { steps: [{ leave: "${target}" }] }
  say: { steps: [{ send: { to: room, event: said } }] }
"#;
    for seed in 0..80 {
        let mut world = World::new(yaml, 3, seed);
        let mut random = Random::new(seed);
        let mut all = Vec::new();
        for _ in 0..60 {
            if all.len() < 4 || random.one_in(6) {
                all.push(world.connect(random.index(3), &format!("u{}", random.index(5))));
            }
            let one = all[random.index(all.len())];
            let room = ["small:a", "small:b", "tabs:a"][random.index(3)];
            let name = ["join", "join", "leave", "say"][random.index(4)];
            match random.one_in(12) {
                true => world.hang_up(one),
                false => world.say(one, &json!({ "event": name, "target": room }).to_string()),
            }
            (0..random.below(6)).for_each(|_| world.step());
        }
        world.settle();
        for room in ["small:a", "small:b", "tabs:a"] {
            all.iter().for_each(|one| drop(world.messages(*one)));
            let speaker = world.open(0, "speaker");
            world.say(speaker, &json!({ "event": "say", "target": room }).to_string());
            world.settle();
            let mut heard: Vec<(String, usize)> = Vec::new();
            for &one in all.iter().filter(|one| !world.clients[**one].gone).collect::<Vec<_>>() {
                if !world.messages(one).is_empty() {
                    let key = if room.starts_with("tabs") { one } else { 0 };
                    heard.push((world.clients[one].user.clone(), key));
                }
            }
            heard.sort();
            heard.dedup();
            assert!(heard.len() <= 2, "seed {seed}: {room} {heard:?}");
            world.hang_up(speaker);
        }
        all.iter().for_each(|one| world.hang_up(*one));
        world.settle();
        let live = world.live();
        assert!(live.iter().all(|one| one.home_rooms == 0), "seed {seed}: {live:?}");
    }
}

#[test]
fn a_room_gets_so_many_messages_from_all_together() {
    let yaml = r#"
rooms: { "busy": { limits: { publish: 3/s } } }
events:
  join: { steps: [{ join: busy }] }
  say: { steps: [{ send: { to: { room: busy }, event: said } }] }
  others: { steps: [{ send: { to: { room: busy }, except: origin, event: said } }] }
"#;
    for shards in [1, 2] {
        let mut world = world(yaml, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        ask_event(&mut world, ada, "join", json!({}));
        for (n, name) in ["say", "others", "say", "say", "others"].iter().enumerate() {
            ask_event(&mut world, [ada, bob][n % 2], name, json!({}));
        }
        world.messages(ada);
        assert_eq!(world.total(|counters| counters.room_limited.get()), 2);
        world.advance_ms(1_001);
        assert_eq!(ask_event(&mut world, ada, "say", json!({})), [event("said", json!({}))]);
    }
}
