//! G17 and G18: spellings of keys and events, and bounds of the original that are gone.

use serde_json::{Value, json};
use shardwire::disconnect::Disconnect;
use shardwire::reject::Reject;
use shardwire::settings::ConnectionLimitMode;

use super::chorus::{ask, codes, event, events, outcome, refused};
use super::simulator::world::{World, compile};

#[test]
fn g17_option_keys_are_case_insensitive_and_permissions_may_be_empty() {
    let yaml = "SERVER: { ConnectionLimit: { MAXPERUSER: 5, Mode: cycle } }\n\
                Transport: { readtimeout: 60m }\npermissions:\nevents: {}\n";
    let settings = compile(yaml).settings;
    assert_eq!(settings.server.connection_limit.max_per_user, 5);
    assert_eq!(settings.server.connection_limit.mode, ConnectionLimitMode::Cycle);
    assert_eq!(settings.transport.read_timeout_ns, 3_600_000_000_000);
    assert!(compile(yaml).program.permissions.is_empty());
    let twice = outcome("server: { path: /a, PATH: /b }\nevents: {}\n");
    assert!(twice.is_err(), "{:?}", codes(&twice));
}

#[test]
fn g17_an_event_is_found_as_it_is_written_and_then_in_lower_case() {
    let named = |name: &str| {
        format!("  {name}:\n    actions: [{{ name: _notify_origin, params: [{name}, '1'] }}]\n")
    };
    let mut world = World::calm(&events(&(named("join_room") + &named("SayIt"))), 1);
    let ada = world.open(0, "ada");
    for (said, found) in [
        ("join_room", Some("join_room")),
        ("Join_Room", Some("join_room")),
        ("JOIN_ROOM", Some("join_room")),
        ("SayIt", Some("SayIt")),
        ("sayit", None),
        ("SAYIT", None),
        ("join_room ", None),
    ] {
        let got = ask(&mut world, ada, &json!({ "event": said }));
        let expected = match found {
            Some(name) => event(name, json!(1)),
            None => refused(Reject::UnknownEvent, said),
        };
        assert_eq!(got, [expected], "{said}");
    }
}

const CHAT: &str = r#"
  join:
    actions: [{ name: _join, params: ["{$user.id}", "{$target.id}"] }]
  say:
    actions: [{ name: _notify_room, params: [said, '{"n":{.payload.n}}'] }]
"#;

#[test]
fn g18_a_stuck_reader_blocks_nobody_and_is_cut() {
    for shards in [1, 2] {
        let yaml = events(CHAT).replace("transport: {", "transport: { outbox: { frames: 300 },");
        let mut world = World::calm(&yaml, shards);
        let last = usize::from(shards) - 1;
        let (speaker, stuck) = (world.open(0, "speaker"), world.open(last, "stuck"));
        let listener = world.open(last, "listener");
        let join = json!({ "event": "join", "target": "room:x" });
        for client in [speaker, stuck, listener] {
            assert_eq!(ask(&mut world, client, &join), Vec::<Value>::new());
        }
        world.clients[stuck].stuck = true;
        let cut =
            |world: &World| world.total(|c| c.disconnects[Disconnect::SlowReader as usize].get());
        for n in 0..1_000 {
            let say = json!({ "event": "say", "target": "room:x", "payload": { "n": n } });
            let said = [event("said", json!({ "n": n }))];
            assert_eq!(ask(&mut world, speaker, &say), said);
            assert_eq!(world.messages(listener), said);
            assert_eq!(cut(&world), u64::from(n > 300), "one in flight, 300 waiting, {n}");
        }
        assert_eq!(world.total(|c| c.dropped_frames.get()), 300);
        world.advance_ms(6_000);
        assert!(world.clients[stuck].gone, "cut when the close frame is not answered");
    }
}

#[test]
fn g18_more_than_62_permissions_may_be_declared_and_held() {
    let names: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    let guarded: String = names
        .iter()
        .map(|name| {
            format!(
                "  use_{name}:\n    modifiers: [{{ name: permission, params: [{name}] }}]\n    \
                 actions: [{{ name: _notify_origin, params: [ok, '1'] }}]\n"
            )
        })
        .collect();
    let yaml = format!("permissions: [{}]\n{}", names.join(", "), events(&guarded));
    let mut world = World::calm(&yaml, 2);
    let held = ["p0", "p61", "p62", "p63", "p64", "p127", "p128", "p199"];
    let ada = world.connect_with(1, "ada", &held);
    world.settle();
    assert!(world.take_upgrade(ada));
    for name in &names {
        let name = format!("use_{name}");
        let expected = match held.contains(&&name[4..]) {
            true => event("ok", json!(1)),
            false => refused(Reject::Forbidden, name.as_str()),
        };
        assert_eq!(ask(&mut world, ada, &json!({ "event": name })), [expected]);
    }
}
