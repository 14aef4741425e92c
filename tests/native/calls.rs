//! Steps that ask a backend: what is asked, what is made of the answer, who waits meanwhile.

use serde_json::{Value, json};
use shardwire::backend::{Call, Failure, Method};
use shardwire::config::Code;
use shardwire::sim::backends::Scripted;

use super::cast::{ask_event, codes, event, open_world, outcome, refusal, say};
use super::simulator::world::World;

const BACKENDS: &str = "backends: { api: { url: 'http://127.0.0.1:9/base', timeout: 3s } }\n";

const MEMBERS: &str = r#"
pipelines:
  membersOf:
    input: { chat: string }
    steps:
      - call:
          backend: api
          get: "/chats/${input.chat}/members"
          query: { q: "${input.chat}", fixed: "a b" }
          headers: { X-Who: "u ${user.id}" }
          returns: { members: [{ id: int }] }
        into: res
    output: res.members.map(m, string(m.id))
events:
  members:
    payload: { chat: string, n: int }
    steps:
      - reply: { event: before, payload: { n: "${payload.n}" } }
      - use: membersOf
        with: { chat: "${payload.chat}" }
        into: ids
      - reply:
          event: after
          payload: { n: "${payload.n}", ids: "${ids}", chat: "${payload.chat}" }
  echo:
    payload: { n: int }
    steps: [{ reply: { event: echoed, payload: { n: "${payload.n}" } } }]
"#;

fn world(events: &str, shards: u16) -> World {
    open_world(&format!("{BACKENDS}{events}"), shards)
}

fn answers(world: &mut World, answer: impl Fn(&Call) -> Scripted + 'static) {
    world.backends.script(move |call| Some(answer(call)));
}

fn members(ids: &[u64]) -> String {
    let list: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "members": list }).to_string()
}

#[test]
fn a_call_asks_and_the_run_goes_on_with_the_answer() {
    for shards in [1, 3] {
        let mut world = world(MEMBERS, shards);
        answers(&mut world, |_| Scripted::status(200, &members(&[1, 22])));
        let ada = world.open(0, "ada");
        let got = ask_event(&mut world, ada, "members", json!({ "chat": "a/b?c", "n": 1 }));
        let payload = json!({ "n": 1, "ids": ["1", "22"], "chat": "a/b?c" });
        assert_eq!(got, [event("before", json!({ "n": 1 })), event("after", payload)]);
        let call = &world.backends.made[0];
        assert_eq!(call.method, Method::Get);
        assert_eq!(&*call.target, "/chats/a%2Fb%3Fc/members?q=a%2Fb%3Fc&fixed=a%20b");
        assert_eq!(&*call.headers[0].0, "x-who");
        assert!(call.headers[0].1.starts_with("u "), "{:?}", call.headers);
        assert!(call.body.is_none() && call.cache.is_none());
    }
}

const CHAT: &str = r#"
events:
  typing:
    payload: { chat: int }
    steps:
      - call:
          backend: api
          get: "/chats/${payload.chat}/members"
          returns: { members: [{ id: int }] }
        into: res
      - if: "!(user.id in res.members.map(m, string(m.id)))"
        reply: { event: stranger }
      - send:
          to: { users: "${res.members.map(m, string(m.id))}" }
          except: origin
          event: typed
          payload: { chat: "${payload.chat}" }
      - reply: { event: told }
"#;

/// As many as an answer of the usual bound may name.
#[test]
fn a_chat_may_have_many_members() {
    for (count, answer) in [(16_384, "told"), (16_385, "error")] {
        let mut world = world(CHAT, 2);
        let body = members(&(1..=count).collect::<Vec<_>>());
        answers(&mut world, move |_| Scripted::status(200, &body));
        let ada = world.open(0, "ada");
        let got = ask_event(&mut world, ada, "typing", json!({ "chat": 1 }));
        let names: Vec<&str> = got.iter().filter_map(|one| one["event"].as_str()).collect();
        match answer {
            "told" => assert_eq!(names, ["stranger", "told"]),
            _ => assert_eq!(refusal(&got), "too_large"),
        }
    }
}

const NUMBERS: &str = r#"
pipelines:
  same:
    input: { n: any }
    steps: [{ log: "${input.n}" }]
    output: input.n
events:
  get:
    payload: { n: any }
    steps:
      - use: same
        with: { n: "${payload.n}" }
        into: n
      - call:
          backend: api
          post: "/n/${payload.n}/${n}"
          query: { q: "${payload.n}", t: "a${string(n)}" }
          body: { plain: "${payload.n}", chosen: "${payload.n ?? omit}", passed: ["${n}"] }
          returns: { n: any, all: list(any) }
        into: res
      - reply: { event: got, payload: { n: "${res.n}", all: "${res.all.map(one, one)}" } }
"#;

#[test]
fn a_number_that_is_passed_on_keeps_its_digits() {
    for digits in ["9007199254740993", "18446744073709551615", "-0.1234567890123456789", "1.50"] {
        let mut world = world(NUMBERS, 1);
        let body = format!("{{\"n\":{digits},\"all\":[{digits},1]}}");
        answers(&mut world, move |_| Scripted::status(200, &body));
        let ada = world.open(0, "ada");
        world.say(ada, &format!("{{\"event\":\"get\",\"payload\":{{\"n\":{digits}}}}}"));
        world.settle();
        let call = &world.backends.made[0];
        // What a double holds whatever it is may be written shorter.
        let kept = if digits == "1.50" { "1.5" } else { digits };
        assert_eq!(*call.target, *format!("/n/{kept}/{kept}?q={kept}&t=a{kept}"));
        let sent = String::from_utf8_lossy(call.body.as_deref().expect("a body"));
        let wanted = format!("{{\"plain\":{digits},\"chosen\":{kept},\"passed\":[{kept}]}}");
        assert_eq!(sent, wanted);
        let heard = world.frames(ada).into_iter().flat_map(|frame| frame.payload).collect();
        let heard = String::from_utf8(heard).expect("text");
        assert!(heard.contains(&format!("\"n\":{kept},\"all\":[{kept},1]")), "{heard}");
    }
}

/// As in a message whose text is looked at.
#[test]
fn a_lone_surrogate_in_an_answer_is_replaced() {
    let mut world = world(NUMBERS, 1);
    let body = r#"{"n":"a\ud800b","all":["\ud83d\ude00","\udc00"]}"#;
    answers(&mut world, |_| Scripted::status(200, body));
    let ada = world.open(0, "ada");
    let got = ask_event(&mut world, ada, "get", json!({ "n": 1 }));
    let all = ["\u{1f600}", "\u{fffd}"];
    assert_eq!(got, [event("got", json!({ "n": "a\u{fffd}b", "all": all }))]);
}

const QUERIES: &str = r#"
events:
  get:
    payload: { a: optional string, b: optional string, c: "string = 'z'" }
    steps:
      - call:
          backend: api
          get: /list
          query: { a: "${payload.a ?? omit}", "b b": "${payload.b ?? omit}", c: "${payload.c}" }
      - call:
          backend: api
          get: /list
          query:
            a: ${payload.a ?? omit}
            b: "${payload.b == null ? omit : payload.b}"
"#;

#[test]
fn a_part_of_a_query_may_be_left_out() {
    for (payload, all, optional) in [
        (json!({}), "/list?c=z", "/list"),
        (json!({ "a": "1" }), "/list?a=1&c=z", "/list?a=1"),
        (json!({ "b": "?&" }), "/list?b%20b=%3F%26&c=z", "/list?b=%3F%26"),
        (json!({ "a": "", "b": "2" }), "/list?a=&b%20b=2&c=z", "/list?a=&b=2"),
    ] {
        let mut world = world(QUERIES, 1);
        answers(&mut world, |_| Scripted::status(200, ""));
        let ada = world.open(0, "ada");
        ask_event(&mut world, ada, "get", payload);
        let asked: Vec<&str> = world.backends.made.iter().map(|call| &*call.target).collect();
        assert_eq!(asked, [all, optional]);
    }
}

#[test]
fn order_holds_for_the_connection_and_others_never_wait() {
    let mut world = world(MEMBERS, 2);
    answers(&mut world, |_| Scripted::status(200, &members(&[7])).after_ns(1_000_000_000));
    let (ada, bob) = (world.open(0, "ada"), world.open(0, "bob"));
    let before = event("before", json!({ "n": 1 }));
    assert_eq!(ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 })), [before]);
    assert_eq!(ask_event(&mut world, ada, "echo", json!({ "n": 2 })), [] as [Value; 0]);
    let echoed = |n: u64| event("echoed", json!({ "n": n }));
    assert_eq!(ask_event(&mut world, bob, "echo", json!({ "n": 3 })), [echoed(3)]);
    world.advance_ms(999);
    assert_eq!(world.messages(ada), [] as [Value; 0]);
    world.advance_ms(2);
    let after = event("after", json!({ "n": 1, "ids": ["7"], "chat": "c" }));
    assert_eq!(world.messages(ada), [after, echoed(2)]);
}

#[test]
fn whatever_goes_wrong_has_its_code() {
    let mut world = world(MEMBERS, 1);
    let ada = world.open(0, "ada");
    let mut code = |scripted: fn() -> Scripted| {
        answers(&mut world, move |_| scripted());
        let got = ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 }));
        refusal(&got[1..]).to_owned()
    };
    assert_eq!(code(|| Scripted::fails(Failure::Timeout)), "backend_timeout");
    assert_eq!(code(|| Scripted::fails(Failure::Unreachable)), "backend_unavailable");
    assert_eq!(code(|| Scripted::fails(Failure::Broken)), "backend_unavailable");
    assert_eq!(code(|| Scripted::fails(Failure::BreakerOpen)), "backend_unavailable");
    assert_eq!(code(|| Scripted::fails(Failure::TooLarge)), "backend_answer");
    assert_eq!(code(|| Scripted::fails(Failure::Overloaded)), "overloaded");
    assert_eq!(code(|| Scripted::status(404, "{}")), "backend_refused");
    assert_eq!(code(|| Scripted::status(500, "{}")), "backend_failed");
    assert_eq!(code(|| Scripted::status(301, "")), "backend_failed");
    for body in ["", "{", "[]", "{}", "{\"members\":[{\"id\":\"1\"}]}", "{\"members\":[{}]}"] {
        let body: &'static str = body;
        answers(&mut world, move |_| Scripted::status(200, body));
        let got = ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 }));
        assert_eq!(refusal(&got[1..]), "backend_answer", "{body}");
    }
    // The connection is as good as before.
    let got = ask_event(&mut world, ada, "echo", json!({ "n": 3 }));
    assert_eq!(got, [event("echoed", json!({ "n": 3 }))]);
}

#[test]
fn a_hole_of_a_path_is_one_segment_that_is_there() {
    let mut world = world(MEMBERS, 1);
    answers(&mut world, |_| Scripted::status(200, &members(&[])));
    let ada = world.open(0, "ada");
    for chat in ["", ".", ".."] {
        let got = ask_event(&mut world, ada, "members", json!({ "chat": chat, "n": 1 }));
        assert_eq!(refusal(&got[1..]), "bad_value", "{chat}");
    }
    assert!(world.backends.made.is_empty());
    for chat in ["../..", "a\r\nHost: evil", "\u{0}", "%2e%2e", "http://evil/"] {
        ask_event(&mut world, ada, "members", json!({ "chat": chat, "n": 1 }));
        let target = &world.backends.made.last().expect("a call").target;
        let middle = target.strip_prefix("/chats/").and_then(|rest| rest.split_once("/members?"));
        let (segment, _) = middle.expect("the file's path");
        assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    }
}

const HANDLED: &str = r#"
state: { conn: { token: secret optional string, name: optional string } }
events:
  auth:
    payload: { token: secret string }
    steps:
      - call:
          backend: api
          post: /validate
          body: { token: "${payload.token}", fixed: [1, { a: null }] }
          headers: { X-Key: "k", Authorization: "Bearer ${payload.token}" }
          returns: { id: int, name: string, phone: optional string }
          timeout: 500ms
          idempotencyKey: "k-${conn.id}"
        into: me
        onError:
          - if: error.status == 503
            stop: true
          - reply:
              event: error
              payload:
                message: "Authentication failed: ${error.body.message ?? error.message}"
                code: "${error.code}"
                status: "${error.status}"
      - set: { conn.token: "${payload.token}", conn.name: "${me.name}" }
      - reply:
          event: auth_success
          payload: { user_id: "${me.id}", name: "${conn.name}", phone: "${me.phone ?? omit}" }
"#;

#[test]
fn steps_of_on_error_tell_what_the_backend_said_and_end_the_run() {
    let mut world = world(HANDLED, 1);
    let ada = world.open(0, "ada");
    let token = json!({ "token": "t\"1" });
    let mut auth = |status: u16, body: &'static str| {
        answers(&mut world, move |_| Scripted::status(status, body));
        ask_event(&mut world, ada, "auth", token.clone())
    };
    let error = |message: &str, code: &str, status: Value| {
        let payload = json!({ "message": format!("Authentication failed: {message}"),
                              "code": code, "status": status });
        [event("error", payload)]
    };
    let refused = "a service this needs refused";
    let got = auth(401, "{\"message\":\"Invalid token\"}");
    assert_eq!(got, error("Invalid token", "backend_refused", json!(401)));
    assert_eq!(auth(400, "oops"), error(refused, "backend_refused", json!(400)));
    assert_eq!(auth(400, "\"text\""), error(refused, "backend_refused", json!(400)));
    assert_eq!(auth(503, "{}"), [] as [Value; 0]);
    let unfit = "a service this needs gave an answer that does not fit";
    assert_eq!(auth(200, "{\"id\":1}"), error(unfit, "backend_answer", json!(200)));
    let got = auth(200, "{\"id\":1,\"name\":\"Ada \\u00e9\",\"more\":[1]} ");
    assert_eq!(got, [event("auth_success", json!({ "user_id": 1, "name": "Ada \u{e9}" }))]);
    let got = auth(201, "{\"id\":1,\"name\":\"A\",\"phone\":\"+1\"}");
    let payload = json!({ "user_id": 1, "name": "A", "phone": "+1" });
    assert_eq!(got, [event("auth_success", payload)]);
    answers(&mut world, |_| Scripted::fails(Failure::Timeout));
    let got = ask_event(&mut world, ada, "auth", token);
    let late = "a service this needs did not answer in time";
    assert_eq!(got, error(late, "backend_timeout", Value::Null));
    let call = world.backends.made.last().expect("a call");
    let body: Value = serde_json::from_slice(call.body.as_deref().expect("a body")).expect("JSON");
    assert_eq!(body, json!({ "token": "t\"1", "fixed": [1, { "a": null }] }));
    assert_eq!((call.method, call.timeout_ns), (Method::Post, Some(500_000_000)));
    assert_eq!(&*call.headers[1].1, "Bearer t\"1");
    assert!(call.idempotency.as_deref().is_some_and(|key| key.starts_with("k-")));
}

#[test]
fn a_header_of_more_than_one_line_is_refused() {
    let mut world = world(HANDLED, 1);
    answers(&mut world, |_| Scripted::status(200, "{}"));
    let ada = world.open(0, "ada");
    for token in ["a\r\nX: y", "a\u{0}", "\u{7f}"] {
        let got = ask_event(&mut world, ada, "auth", json!({ "token": token }));
        assert_eq!(refusal(&got), "bad_value");
    }
    assert!(world.backends.made.is_empty());
}

const LENIENT: &str = r#"
events:
  look:
    payload: { yes: bool }
    steps:
      - if: payload.yes
        call: { backend: api, get: /x, returns: { n: int } }
        into: res
        onError: continue
      - call: { backend: api, delete: /y }
        onError: continue
      - reply: { event: seen, payload: { n: "${res.n}" } }
"#;

#[test]
fn a_call_that_may_fail_leaves_null() {
    let mut world = world(LENIENT, 2);
    let ada = world.open(1, "ada");
    let seen = |n: Value| [event("seen", json!({ "n": n }))];
    answers(&mut world, |_| Scripted::status(200, "{\"n\":5}"));
    assert_eq!(ask_event(&mut world, ada, "look", json!({ "yes": true })), seen(json!(5)));
    assert_eq!(ask_event(&mut world, ada, "look", json!({ "yes": false })), seen(Value::Null));
    answers(&mut world, |_| Scripted::fails(Failure::Broken));
    assert_eq!(ask_event(&mut world, ada, "look", json!({ "yes": true })), seen(Value::Null));
    assert_eq!(world.total(|counters| counters.passed_over.get()), 2);
}

#[test]
fn a_connection_that_is_gone_is_not_waited_for() {
    let mut world = world(MEMBERS, 2);
    answers(&mut world, |_| Scripted::status(200, &members(&[7])).after_ns(1_000_000_000));
    let ada = world.open(0, "ada");
    ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 }));
    world.hang_up(ada);
    world.settle();
    let bob = world.open(0, "bob");
    world.advance_ms(1_001);
    assert_eq!(world.total(|counters| counters.calls_dropped.get()), 1);
    assert_eq!(world.messages(bob), [] as [Value; 0]);
    assert_eq!(world.live().iter().map(|live| live.holds).sum::<usize>(), 0);
}

#[test]
fn an_answer_that_is_lost_is_not_waited_for_for_ever() {
    let mut world = world(MEMBERS, 1);
    world.backends.script(|_| None);
    let ada = world.open(0, "ada");
    ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 }));
    world.advance_ms(4_900);
    assert_eq!(world.messages(ada), [] as [Value; 0]);
    world.advance_ms(200);
    assert_eq!(refusal(&world.messages(ada)), "backend_timeout");
}

#[test]
fn a_flood_while_waiting_pauses_reading() {
    let mut world = world(MEMBERS, 1);
    answers(&mut world, |_| Scripted::status(200, &members(&[])).after_ns(1_000_000_000));
    let ada = world.open(0, "ada");
    ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 0 }));
    (0..5_000).for_each(|n| world.say(ada, &say("echo", json!({ "n": n })).to_string()));
    for _ in 0..200 {
        world.step();
    }
    assert!(world.clients[ada].paused, "reading goes on");
    world.advance_ms(1_001);
    world.settle();
    let got = world.messages(ada);
    assert_eq!(got.len(), 5_001);
    assert_eq!(got[5_000], event("echoed", json!({ "n": 4_999 })));
}

#[test]
fn as_many_calls_as_a_shard_may_have_and_no_more() {
    let yaml = "server: { limits: { connections: 10000 } }\nevents: { go: { steps: [{ call: { \
                backend: api, get: /x } }, { reply: { event: done } }] } }\n";
    let mut world = world(yaml, 1);
    answers(&mut world, |_| Scripted::status(200, "").after_ns(1_000_000_000));
    let most = shardwire::limits::CALLS_UNDER_WAY_MAX;
    let clients: Vec<usize> = (0..=most).map(|n| world.connect(0, &n.to_string())).collect();
    world.settle();
    for client in &clients {
        world.take_upgrade(*client);
        world.say(*client, "{\"event\":\"go\"}");
    }
    world.settle();
    assert_eq!(world.backends.made.len(), most);
    let refused: Vec<Vec<Value>> = clients.iter().map(|one| world.messages(*one)).collect();
    assert_eq!(refused.iter().filter(|got| !got.is_empty()).count(), 1);
    world.advance_ms(1_001);
    let done: usize = clients.iter().map(|one| world.messages(*one).len()).sum();
    assert_eq!(done, most);
}

#[test]
fn a_run_goes_on_in_the_program_it_began_in() {
    let version = |n: u32| {
        let members = MEMBERS.replace("event: after", &format!("event: after{n}"));
        let before = if n == 2 { "other: { url: 'http://127.0.0.1:8' }, " } else { "" };
        let backends = format!("backends: {{ {before}api: {{ url: 'http://127.0.0.1:9' }} }}");
        format!("auth: {{ mode: none }}\n{backends}\n{members}")
    };
    let mut world = World::calm(&version(1), 2);
    answers(&mut world, |_| Scripted::status(200, &members(&[1])).after_ns(1_000_000_000));
    let ada = world.open(0, "ada");
    ask_event(&mut world, ada, "members", json!({ "chat": "c", "n": 1 }));
    world.publish(&version(2));
    (0..2).for_each(|shard| world.catch_up(shard));
    world.say(ada, &say("members", json!({ "chat": "d", "n": 2 })).to_string());
    world.advance_ms(1_001);
    let names = |got: Vec<Value>| -> Vec<String> {
        got.iter().map(|one| one["event"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(world.messages(ada)), ["after1", "before"]);
    world.advance_ms(1_001);
    assert_eq!(names(world.messages(ada)), ["after2"]);
    let backends: Vec<u16> = world.backends.made.iter().map(|call| call.backend.0).collect();
    assert_eq!(backends, [0, 1]);
    assert_eq!(world.shards[0].former_editions(), 0);
}

#[test]
fn whatever_the_timing_each_connection_gets_its_own_answers_in_order() {
    for seed in 0..20 {
        let yaml = format!("auth: {{ mode: none }}\n{BACKENDS}{MEMBERS}");
        let mut world = World::new(&yaml, 3, seed);
        let mut turn = 0u64;
        world.backends.script(move |call| {
            turn += 1;
            let id = call.target.split('/').nth(2).and_then(|id| id.parse().ok()).unwrap_or(0);
            Some(Scripted::status(200, &members(&[id])).after_ns(turn * 7_919 % 13 * 1_000_000))
        });
        let clients: Vec<usize> = (0..6).map(|n| world.connect(n % 3, &n.to_string())).collect();
        world.settle();
        for n in 0..5 {
            for client in &clients {
                let chat = (100 * client + n).to_string();
                world.take_upgrade(*client);
                let payload = json!({ "chat": chat, "n": n });
                world.say(*client, &say("members", payload).to_string());
            }
        }
        (0..20).for_each(|_| world.advance_ms(10));
        for client in &clients {
            let got = world.messages(*client);
            let after = got.iter().filter(|one| one["event"] == "after");
            let ids: Vec<Value> = after.map(|one| one["payload"]["ids"][0].clone()).collect();
            let wanted: Vec<Value> =
                (0..5).map(|n| json!((100 * client + n).to_string())).collect();
            assert_eq!(ids, wanted, "seed {seed}, client {client}: {got:?}");
        }
    }
}

#[test]
fn calls_stand_in_connect_and_nowhere_that_cannot_wait() {
    let yaml = r#"
lifecycle:
  connect:
    - call: { backend: api, get: "/${user.id}", returns: { x: int } }
      into: r
    - send: { to: origin, event: hi, payload: { x: "${r.x}", id: "${conn.id}" } }
events:
  echo:
    payload: { n: int }
    steps: [{ reply: { event: echoed, payload: { n: "${payload.n}" } } }]
"#;
    let mut world = world(yaml, 2);
    answers(&mut world, |_| Scripted::status(200, "{\"x\":3}").after_ns(1_000_000));
    let ada = world.open(1, "ada");
    assert_eq!(ask_event(&mut world, ada, "echo", json!({ "n": 1 })), [] as [Value; 0]);
    world.advance_ms(2);
    let got = world.messages(ada);
    assert_eq!((&got[0]["event"], &got[0]["payload"]["x"]), (&json!("hi"), &json!(3)));
    assert_eq!(got[1], event("echoed", json!({ "n": 1 })));
    for hook in ["disconnect", "join", "leave"] {
        let yaml = format!(
            "{BACKENDS}lifecycle: {{ {hook}: [{{ call: {{ backend: api, get: /x }} }}] }}\n"
        );
        assert_eq!(codes(&yaml), [Code::WaitsHere], "{hook}");
    }
}

#[test]
fn secrets_flow_into_headers_and_bodies_only() {
    let step = |step: &str| {
        codes(&format!(
            "{BACKENDS}events: {{ e: {{ payload: {{ s: secret string }}, steps: [{step}] }} }}\n"
        ))
    };
    let call = |more: &str| format!("{{ call: {{ backend: api, {more} }} }}");
    let s = "'${payload.s}'";
    assert_eq!(step(&call(&format!("post: /x, body: {{ s: {s} }}, headers: {{ X: {s} }}"))), []);
    let leak = [Code::SecretLeak];
    assert_eq!(step(&call("get: '/x/${payload.s}'")), leak);
    assert_eq!(step(&call(&format!("get: /x, query: {{ s: {s} }}"))), leak);
    assert_eq!(step(&call(&format!("get: /x, cache: {{ key: {s}, ttl: 1s }}"))), leak);
    assert_eq!(step(&call(&format!("post: /x, idempotencyKey: {s}"))), leak);
    assert_eq!(step(&format!("{{ log: {s} }}")), leak);
    assert_eq!(step(&format!("{{ reply: {{ event: e, payload: {{ s: {s} }} }} }}")), leak);
    let answer = "{ call: { backend: api, get: /x, returns: { s: secret string } }, into: r }, \
                  { log: '${r.s}' }";
    assert_eq!(step(answer), leak);
}

#[test]
fn what_is_no_call_is_told() {
    let step = |step: &str| codes(&format!("{BACKENDS}events: {{ e: {{ steps: [{step}] }} }}\n"));
    let call = |more: &str| step(&format!("{{ call: {{ {more} }} }}"));
    for bad in [
        "backend: api",
        "backend: api, get: /x, post: /y",
        "get: /x",
        "backend: api, get: x",
        "backend: api, get: '/x?y=1'",
        "backend: api, get: /x/../y",
        "backend: api, get: /x//y",
        "backend: api, get: /x, body: {}",
        "backend: api, get: /x, headers: { Host: evil }",
        "backend: api, get: /x, headers: { 'a b': c }",
        "backend: api, get: /x, timeout: 0s",
        "backend: api, get: /x, timeout: 2m",
        "backend: api, get: /x, cache: { ttl: 1s }",
        "backend: api, post: /x, cache: { key: a, ttl: 1s }",
    ] {
        assert_eq!(call(bad), [Code::BadCall], "{bad}");
    }
    assert_eq!(call("backend: apx, get: /x"), [Code::UnknownBackend]);
    assert_eq!(call("backend: api, get: /x, mthod: y"), [Code::UnknownKey]);
    assert_eq!(step("{ call: { backend: api, get: /x }, into: r }"), [Code::BadCall]);
    assert_eq!(step("{ log: x, onError: [{ log: y }] }"), [Code::BadOnError]);
    let many: String = (0..13).map(|n| format!("H{n}: a, ")).collect();
    assert_eq!(call(&format!("backend: api, get: /x, headers: {{ {many} }}")), [Code::BadCall]);
    let default =
        "{ call: { backend: api, get: /x, returns: { a: [{ b: 'string = \"\"' }] } }, into: r }";
    assert_eq!(step(default), [Code::DefaultInAnswer]);
    // `error` is known in `onError` only.
    let outside = "{ call: { backend: api, get: /x }, onError: [{ log: '${error.code}' }] }, \
                   { log: '${error.code}' }";
    assert_eq!(step(outside), [Code::NotInScope]);
    assert!(outcome(&format!("{BACKENDS}{MEMBERS}")).is_ok());
}
