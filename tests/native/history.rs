//! Histories of rooms: who joins gets what it asked for, in order and once, and is told whether
//! that is all of it.

use serde_json::{Value, json};
use shardwire::config::Code;
use shardwire::limits::{ROOMS_PER_USER_MAX, TRIM_NS};

use super::cast::{ask_event, codes, event, open_world, refusal, say, world};
use super::simulator::world::World;

const HISTORY: &str = r#"
rooms:
  "kept:{name}": { history: { size: 4, ttl: 1m } }
  "own:{name}": { membership: connection, history: { size: 4, ttl: 1m, replay: 2 } }
  "small:{name}": { history: { size: 100, ttl: 1m, maxBytes: 2KiB } }
  "full:{name}": { membership: connection, history: { size: 4 }, limits: { maxMembers: 2 } }
  "mute:{name}": { history: { size: 100, recover: false } }
events:
  join:
    payload: { room: string }
    steps: [{ join: "${payload.room}" }, { reply: { event: in } }]
  back:
    payload: { room: string, since: string }
    steps:
      - join: { room: "${payload.room}", since: "${payload.since}" }
      - reply: { event: in }
  leave:
    payload: { room: string }
    steps: [{ leave: "${payload.room}" }]
  say:
    payload: { room: string, n: int }
    steps:
      - send: { to: { room: "${payload.room}" }, event: said, payload: { n: "${payload.n}" } }
  others:
    payload: { room: string, n: int }
    steps:
      - send:
          to: { room: "${payload.room}" }
          except: origin
          event: said
          payload: { n: "${payload.n}" }
  strangers:
    payload: { room: string, n: int }
    steps:
      - send:
          to: { room: "${payload.room}" }
          except: user
          event: said
          payload: { n: "${payload.n}" }
  light:
    payload: { room: string, n: int }
    steps:
      - send:
          to: { room: "${payload.room}" }
          volatile: true
          event: said
          payload: { n: "${payload.n}" }
      - send:
          to: { room: "${payload.room}" }
          conflate: { key: k, every: 10ms }
          event: said
          payload: { n: "${payload.n}" }
"#;

fn say_all(world: &mut World, client: usize, room: &str, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        world.say(client, &say("say", json!({ "room": room, "n": n })).to_string());
    }
    world.settle();
}

/// The numbers said, in the order they came.
fn numbers(got: &[Value]) -> Vec<u64> {
    let said = got.iter().filter(|one| one["event"] == "said");
    said.filter_map(|one| one["payload"]["n"].as_u64()).collect()
}

/// The place of the last message that has one.
fn place(got: &[Value]) -> String {
    let last = got.iter().rev().find_map(|one| one["position"].as_str());
    last.expect("a place").to_owned()
}

fn notice(got: &[Value]) -> &Value {
    let at = got.iter().position(|one| one["event"] == "history").expect("a notice");
    let said = got.iter().position(|one| one["event"] == "said").unwrap_or(got.len());
    let told = got.iter().position(|one| one["event"] == "in").expect("an answer");
    assert!(at < said && at < told, "{got:?}");
    &got[at]["payload"]
}

fn join(world: &mut World, client: usize, room: &str) -> Vec<Value> {
    ask_event(world, client, "join", json!({ "room": room }))
}

fn back(world: &mut World, client: usize, room: &str, since: &str) -> Vec<Value> {
    ask_event(world, client, "back", json!({ "room": room, "since": since }))
}

#[test]
fn whoever_comes_back_gets_what_it_missed_before_anything_newer() {
    for shards in [1, 2, 3] {
        let mut world = open_world(HISTORY, shards);
        let at = |n: usize| n % usize::from(shards);
        let (ada, bob) = (world.open(at(0), "ada"), world.open(at(1), "bob"));
        let first = join(&mut world, ada, "kept:a");
        assert_eq!(notice(&first)["messages"], 0);
        assert_eq!(
            (&notice(&first)["room"], notice(&first).get("recovered")),
            (&json!("kept:a"), None)
        );
        join(&mut world, bob, "kept:a");
        say_all(&mut world, ada, "kept:a", 1..=2);
        let heard = world.messages(bob);
        assert_eq!(numbers(&heard), [1, 2]);
        let since = place(&heard);
        world.hang_up(bob);
        world.settle();
        say_all(&mut world, ada, "kept:a", 3..=5);
        let again = world.open(at(2), "bob");
        let got = back(&mut world, again, "kept:a", &since);
        assert_eq!(numbers(&got), [3, 4, 5]);
        assert_eq!(
            (&notice(&got)["recovered"], &notice(&got)["messages"]),
            (&json!(true), &json!(3))
        );
        assert_eq!(got.last(), Some(&event("in", json!({}))));
        say_all(&mut world, ada, "kept:a", [6]);
        let next = world.messages(again);
        assert_eq!(numbers(&next), [6]);
        // Nothing was missed, which is all of it.
        let newest = place(&next);
        world.hang_up(again);
        let third = world.open(at(1), "bob");
        let got = back(&mut world, third, "kept:a", &newest);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![], &json!(true)));
        assert_eq!(world.total(|one| one.history_recovered.get()), 2);
        assert_eq!(world.total(|one| one.history_replayed.get()), 3);
    }
}

#[test]
fn what_is_not_all_there_any_more_is_told() {
    for shards in [1, 2] {
        let mut world = open_world(HISTORY, shards);
        let ada = world.open(0, "ada");
        let first = place(&join(&mut world, ada, "kept:a"));
        say_all(&mut world, ada, "kept:a", 1..=4);
        let last = place(&world.messages(ada));
        let try_with = |world: &mut World, since: &str| {
            let client = world.open(usize::from(shards) - 1, "bob");
            let got = back(world, client, "kept:a", since);
            world.hang_up(client);
            (numbers(&got), notice(&got)["recovered"] == true)
        };
        // All four are kept, so one who saw none of them misses nothing.
        assert_eq!(try_with(&mut world, &first), (vec![1, 2, 3, 4], true));
        say_all(&mut world, ada, "kept:a", [5]);
        assert_eq!(try_with(&mut world, &first), (vec![], false));
        assert_eq!(try_with(&mut world, &last), (vec![5], true));
        let (epoch, _) = last.split_once('-').expect("two parts");
        for odd in
            ["", "x", "-", "0-0", "000000000000-0", &format!("{epoch}-6"), &format!("{epoch}-04")]
        {
            assert_eq!(try_with(&mut world, odd), (vec![], false), "{odd}");
        }
        for odd in
            [&format!(" {last}"), &format!("{last}\u{0}"), &last.to_uppercase().replace('-', "_")]
        {
            assert_eq!(try_with(&mut world, odd), (vec![], false), "{odd}");
        }
    }
}

#[test]
fn each_connection_of_a_user_arrives_by_itself() {
    for shards in [1, 2, 3] {
        let mut world = world(HISTORY, shards);
        let at = |n: usize| n % usize::from(shards);
        let ada: Vec<usize> = (0..3).map(|n| world.open(at(n), "ada")).collect();
        let bob = world.open(0, "bob");
        join(&mut world, bob, "kept:a");
        let since = place(&join(&mut world, ada[0], "kept:a"));
        say_all(&mut world, bob, "kept:a", 1..=2);
        assert_eq!(numbers(&world.messages(ada[0])), [1, 2]);
        assert!(world.messages(ada[1]).is_empty());
        let late = world.open(at(2), "ada");
        assert!(world.messages(late).is_empty());
        for one in [ada[1], late] {
            assert_eq!(numbers(&back(&mut world, one, "kept:a", &since)), [1, 2]);
        }
        say_all(&mut world, bob, "kept:a", [3]);
        let heard: Vec<_> =
            [ada[0], ada[1], late, ada[2]].map(|one| numbers(&world.messages(one))).into();
        assert_eq!(heard, [vec![3], vec![3], vec![3], vec![]]);
        // A member gets nothing twice, and is told so.
        let got = back(&mut world, ada[1], "kept:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![], &json!(false)));
        // The user leaves with all of them.
        ask_event(&mut world, ada[0], "leave", json!({ "room": "kept:a" }));
        say_all(&mut world, bob, "kept:a", [4]);
        assert!(ada.iter().all(|one| world.messages(*one).is_empty()));
    }
}

#[test]
fn the_last_messages_come_to_who_says_no_place_where_that_is_asked_for() {
    for shards in [1, 2] {
        let mut world = open_world(HISTORY, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        for (room, last) in [("own:a", vec![2, 3]), ("kept:a", vec![])] {
            join(&mut world, ada, room);
            say_all(&mut world, ada, room, 1..=3);
            let got = join(&mut world, bob, room);
            assert_eq!(numbers(&got), last, "{room}");
            assert_eq!(notice(&got)["messages"], last.len());
        }
        // A place that is not known any more is none.
        let eve = world.open(0, "eve");
        let got = back(&mut world, eve, "own:a", "ffffffffffff-1");
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![2, 3], &json!(false)));
        // Where places are not taken, none is recovered from.
        let first = place(&join(&mut world, ada, "mute:a"));
        let got = back(&mut world, eve, "mute:a", &first);
        assert_eq!(notice(&got)["recovered"], false);
        // And where nothing is kept, that is said as well.
        let got = back(&mut world, eve, "plain", &first);
        assert_eq!(
            got[0],
            event("history", json!({ "room": "plain", "messages": 0, "recovered": false }))
        );
        assert_eq!(got[1], event("in", json!({})));
    }
}

#[test]
fn whom_a_message_leaves_out_it_leaves_out_later_too() {
    for shards in [1, 2] {
        let mut world = world(HISTORY, shards);
        let far = usize::from(shards) - 1;
        let (ada, bob) = (world.open(0, "ada"), world.open(far, "bob"));
        let since = place(&join(&mut world, bob, "own:a"));
        join(&mut world, ada, "own:a");
        ask_event(&mut world, ada, "strangers", json!({ "room": "own:a", "n": 1 }));
        ask_event(&mut world, ada, "others", json!({ "room": "own:a", "n": 2 }));
        assert_eq!(numbers(&world.messages(bob)), [1, 2]);
        // The same connection, another of its user, another user.
        ask_event(&mut world, ada, "leave", json!({ "room": "own:a" }));
        let got = back(&mut world, ada, "own:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["messages"]), (vec![], &json!(0)));
        assert_eq!(notice(&got)["recovered"], true);
        let second = world.open(far, "ada");
        assert_eq!(numbers(&back(&mut world, second, "own:a", &since)), [2]);
        let eve = world.open(0, "eve");
        assert_eq!(numbers(&back(&mut world, eve, "own:a", &since)), [1, 2]);
    }
}

#[test]
fn light_messages_have_no_place_and_are_not_kept() {
    for shards in [1, 2] {
        let mut world = open_world(HISTORY, shards);
        let (ada, bob) = (world.open(0, "ada"), world.open(usize::from(shards) - 1, "bob"));
        let since = place(&join(&mut world, ada, "kept:a"));
        ask_event(&mut world, ada, "light", json!({ "room": "kept:a", "n": 7 }));
        say_all(&mut world, ada, "kept:a", [8]);
        ask_event(&mut world, bob, "light", json!({ "room": "kept:nobody", "n": 9 }));
        assert_eq!(world.total(|one| one.undelivered.get()), 2);
        let got = back(&mut world, bob, "kept:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![8], &json!(true)));
        let nobody = join(&mut world, bob, "plain");
        assert_eq!(nobody, [event("in", json!({}))]);
    }
}

#[test]
fn a_light_message_carries_no_place() {
    let mut world = open_world(HISTORY, 2);
    let ada = world.open(0, "ada");
    join(&mut world, ada, "kept:a");
    let got = ask_event(&mut world, ada, "light", json!({ "room": "kept:a", "n": 7 }));
    assert_eq!(got, [event("said", json!({ "n": 7 })), event("said", json!({ "n": 7 }))]);
    join(&mut world, ada, "plain");
    let got = ask_event(&mut world, ada, "say", json!({ "room": "plain", "n": 1 }));
    assert_eq!(got, [event("said", json!({ "n": 1 }))]);
}

#[test]
fn a_history_outlives_the_last_member_by_its_time_and_then_gives_everything_back() {
    for shards in [1, 3] {
        let mut world = open_world(HISTORY, shards);
        let ada = world.open(0, "ada");
        let since = place(&join(&mut world, ada, "kept:a"));
        say_all(&mut world, ada, "kept:a", 1..=3);
        world.hang_up(ada);
        world.settle();
        let live = |world: &World| -> (usize, usize) {
            let live = world.live();
            (
                live.iter().map(|one| one.home_rooms).sum(),
                live.iter().map(|one| one.histories).sum(),
            )
        };
        assert_eq!(live(&world), (1, 1));
        // Nobody is in the room, and what is said there is kept all the same.
        let bob = world.open(usize::from(shards) - 1, "bob");
        say_all(&mut world, bob, "kept:a", [4]);
        say_all(&mut world, bob, "kept:new", [1]);
        assert_eq!(world.total(|one| one.undelivered.get()), 0);
        world.advance_ms(50_000);
        let got = back(&mut world, bob, "kept:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![1, 2, 3, 4], &json!(true)));
        world.advance_ms(9_000);
        let eve = world.open(0, "eve");
        assert_eq!(numbers(&back(&mut world, eve, "kept:a", &since)), [1, 2, 3, 4]);
        world.advance_ms(2_000);
        let late = world.open(0, "late");
        let got = back(&mut world, late, "kept:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), (vec![], &json!(false)));
        // The epoch holds as long as somebody is there, whatever is kept.
        let newest = place(&got);
        world.advance_ms(3_600_000);
        let later = world.open(0, "later");
        assert_eq!(notice(&back(&mut world, later, "kept:a", &newest))["recovered"], true);
        for one in [bob, eve, late, later] {
            world.hang_up(one);
        }
        world.advance_ms(60_000 + 2 * TRIM_NS / 1_000_000);
        assert_eq!(live(&world), (0, 0));
        assert_eq!(world.total(|one| one.history_bytes.get()), 0);
        assert_eq!(world.total(|one| one.rooms.get()), 0);
        let again = world.open(0, "again");
        assert_eq!(notice(&back(&mut world, again, "kept:a", &newest))["recovered"], false);
    }
}

#[test]
fn a_history_is_bounded_in_bytes_and_says_when_that_cuts_it() {
    let mut world = open_world(HISTORY, 2);
    let ada = world.open(0, "ada");
    let since = place(&join(&mut world, ada, "small:a"));
    say_all(&mut world, ada, "small:a", 1..=60);
    assert!(world.total(|one| one.history_cut_bytes.get()) > 0);
    assert!(world.total(|one| one.history_bytes.get()) <= 2_048);
    let bob = world.open(1, "bob");
    let got = back(&mut world, bob, "small:a", &since);
    assert_eq!(notice(&got)["recovered"], false);
    let newest = world.messages(ada);
    let some = newest[newest.len() - 5]["position"].as_str().expect("a place").to_owned();
    let eve = world.open(1, "eve");
    assert_eq!(numbers(&back(&mut world, eve, "small:a", &some)), [57, 58, 59, 60]);
}

#[test]
fn a_shard_gives_up_the_histories_of_rooms_that_were_left_first() {
    let yaml = format!("server: {{ limits: {{ history: 64KiB }} }}\n{HISTORY}");
    let mut world = open_world(&yaml, 1);
    let ada = world.open(0, "ada");
    for room in 0..2_000 {
        say_all(&mut world, ada, &format!("kept:{room}"), [room]);
    }
    let (evicted, bytes) = (
        world.total(|one| one.history_evicted_memory.get()),
        world.total(|one| one.history_bytes.get()),
    );
    let kept = world.live()[0].histories as u64;
    assert!(evicted > 0 && bytes <= 65_536 && kept == 2_000 - evicted, "{evicted} {bytes} {kept}");
    // The newest are there; somebody who is in a room keeps it alive, but not all that was said.
    let got = join(&mut world, ada, "kept:1999");
    assert!(place(&got).ends_with("-1"), "{got:?}");
    assert!(place(&join(&mut world, ada, "kept:0")).ends_with("-0"));
    let yaml = yaml.replace("size: 100, ttl: 1m, maxBytes: 2KiB", "size: 1000, ttl: 1m");
    let mut world = open_world(&yaml, 1);
    let ada = world.open(0, "ada");
    join(&mut world, ada, "small:a");
    say_all(&mut world, ada, "small:a", 0..1_000);
    assert!(world.total(|one| one.history_cut_memory.get()) > 0);
    assert!(world.total(|one| one.history_bytes.get()) <= 65_536);
}

#[test]
fn a_burst_of_joins_makes_no_slow_reader_of_anybody() {
    let yaml = format!(
        "transport: {{ readTimeout: 24h, pingInterval: 0s, outbox: {{ frames: 16 }} }}\n\
         auth: {{ mode: none }}\n{}",
        HISTORY.replace("size: 100", "size: 7"),
    );
    for shards in [1, 2] {
        let mut world = World::calm(&yaml, shards);
        let ada = world.open(0, "ada");
        let rooms: Vec<String> = (0..12).map(|n| format!("own:{n}")).collect();
        let mut places = Vec::new();
        for room in &rooms {
            places.push(place(&join(&mut world, ada, room)));
            for n in 1..=4 {
                say_all(&mut world, ada, room, [n]);
            }
            world.messages(ada);
        }
        let bob = world.open(usize::from(shards) - 1, "bob");
        for (room, since) in rooms.iter().zip(&places) {
            world.say(bob, &say("back", json!({ "room": room, "since": since })).to_string());
        }
        world.settle();
        let got = world.messages(bob);
        let wanted: Vec<u64> = rooms.iter().flat_map(|_| 1..=4).collect();
        assert_eq!(numbers(&got), wanted);
        assert_eq!(got.iter().filter(|one| one["event"] == "in").count(), rooms.len());
        assert!(!world.clients[bob].gone);
    }
}

#[test]
fn a_reload_brings_a_history_shortens_it_and_takes_it_away() {
    for shards in [1, 2] {
        let plain = "transport: { readTimeout: 24h, pingInterval: 0s }\nauth: { mode: none }\n";
        let with = |size: u32, yaml: &str| {
            format!(
                "{plain}{}",
                yaml.replace("size: 4, ttl: 1m }", &format!("size: {size}, ttl: 1m }}"))
            )
        };
        let none = with(0, HISTORY);
        let mut world = World::calm(&none, shards);
        let far = usize::from(shards) - 1;
        let (ada, bob) = (world.open(0, "ada"), world.open(far, "bob"));
        let change = |world: &mut World, yaml: &str| {
            world.publish(yaml);
            (0..usize::from(shards)).for_each(|shard| world.catch_up(shard));
        };
        assert_eq!(join(&mut world, ada, "kept:a"), [event("in", json!({}))]);
        say_all(&mut world, ada, "kept:a", [1]);
        assert_eq!(world.messages(ada), [event("said", json!({ "n": 1 }))]);
        change(&mut world, &with(9, HISTORY));
        say_all(&mut world, ada, "kept:a", 2..=9);
        let heard = world.messages(ada);
        let (since, middle) = (place(&heard[..1]), place(&heard[..6]));
        let got = back(&mut world, bob, "kept:a", &since);
        assert_eq!((numbers(&got), &notice(&got)["recovered"]), ((3..=9).collect(), &json!(true)));
        change(&mut world, &with(2, HISTORY));
        let eve = world.open(far, "eve");
        assert_eq!(notice(&back(&mut world, eve, "kept:a", &since))["recovered"], false);
        let dan = world.open(far, "dan");
        assert_eq!(numbers(&back(&mut world, dan, "kept:a", &middle)), [8, 9]);
        change(&mut world, &none);
        assert_eq!(world.total(|one| one.history_bytes.get()), 0);
        say_all(&mut world, ada, "kept:a", [10]);
        assert_eq!(world.messages(bob), [event("said", json!({ "n": 10 }))]);
        change(&mut world, &with(4, HISTORY));
        let last = world.open(far, "last");
        assert_eq!(notice(&back(&mut world, last, "kept:a", &middle))["recovered"], false);
    }
}

#[test]
fn what_does_not_fit_is_told_when_the_file_is_read() {
    let rooms = |outbox: &str, history: &str| {
        let head = format!("auth: {{ mode: none }}\ntransport: {{ outbox: {{ {outbox} }} }}\n");
        codes(&format!(
            "{head}rooms: {{ 'a:{{b}}': {{ history: {{ {history} }} }} }}\nevents: {{}}\n"
        ))
    };
    assert_eq!(rooms("frames: 64", "size: 31"), []);
    assert_eq!(rooms("frames: 64", "size: 32"), [Code::HistoryTooLarge]);
    assert_eq!(rooms("bytes: 64KiB", "size: 1, maxBytes: 32KiB"), []);
    assert_eq!(rooms("bytes: 64KiB", "size: 1, maxBytes: 33KiB"), [Code::HistoryTooLarge]);
    assert_eq!(rooms("bytes: 64KiB", "size: 0, maxBytes: 33KiB"), []);
    assert_eq!(rooms("", "size: 5, replay: 5"), []);
    assert_eq!(rooms("", "size: 5, replay: 6"), [Code::OutOfRange]);
    assert_eq!(rooms("", "size: 5, ttl: 25h"), [Code::OutOfRange]);
    assert_eq!(rooms("", "size: 5, ttl: 0s"), [Code::OutOfRange]);
    assert_eq!(rooms("", "size: lots, recover: maybe"), [Code::BadValue, Code::BadValue]);
}

/// Says that it joins, and what it says is so many steps on its way.
fn set_out(world: &mut World, client: usize, room: &str, steps: u32) {
    world.say(client, &say("join", json!({ "room": room })).to_string());
    (0..steps).for_each(|_| world.step());
}

#[test]
fn whoever_is_gone_before_it_is_in_takes_no_place() {
    for shards in [1, 3] {
        let mut world = open_world(HISTORY, shards);
        for steps in 0..24 {
            let lost = world.open(steps as usize % usize::from(shards), "");
            set_out(&mut world, lost, "full:one", steps);
            world.hang_up(lost);
            world.settle();
        }
        for shard in [0, usize::from(shards) - 1] {
            let one = world.open(shard, "");
            assert_eq!(join(&mut world, one, "full:one").last(), Some(&event("in", json!({}))));
        }
        let one = world.open(0, "");
        assert_eq!(refusal(&join(&mut world, one, "full:one")), "room_full");
    }
}

#[test]
fn whoever_is_taken_out_before_it_is_in_hears_nothing() {
    for steps in 0..24 {
        let mut world = world(HISTORY, 3);
        let (ada, tab, bob) = (world.open(0, "ada"), world.open(1, "ada"), world.open(2, "bob"));
        join(&mut world, bob, "kept:one");
        set_out(&mut world, ada, "kept:one", steps);
        for _ in 0..2 {
            ask_event(&mut world, tab, "leave", json!({ "room": "kept:one" }));
        }
        world.messages(ada);
        say_all(&mut world, bob, "kept:one", [1]);
        assert_eq!(world.messages(ada), Vec::<Value>::new(), "{steps} steps");
    }
}

#[test]
fn a_connection_is_in_so_many_rooms_and_no_more() {
    let mut world = open_world(HISTORY, 1);
    let one = world.open(0, "");
    for number in 0..=ROOMS_PER_USER_MAX {
        let got = join(&mut world, one, &format!("own:{number}"));
        match number < ROOMS_PER_USER_MAX {
            true => assert_eq!(got.len(), 2, "{got:?}"),
            false => assert_eq!(refusal(&got), "overloaded"),
        }
    }
}
