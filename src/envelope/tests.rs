//! What the scan accepts and finds, both ways, and what a projection fills.

use super::scan::scan_scalar;
use super::text::text_of;
use super::*;
use crate::limits::JSON_DEPTH_MAX;
use crate::reject::Reject;
use crate::settings::WireNames;

/// Scans both ways, which must agree.
fn scan_with(message: &[u8], keys: &RoutedKeys) -> Result<Envelope, Reject> {
    let (mut small, mut large) = (Envelope::default(), Envelope::default());
    let one = scan_scalar(message, keys, &mut small, &mut Members::default()).map(|()| small);
    let other = Scanner::default().scan_simd(message, keys, &mut large).map(|()| large);
    assert_eq!(one, other, "{}", String::from_utf8_lossy(message));
    one
}

fn scan(message: &str) -> Result<Envelope, Reject> {
    scan_with(message.as_bytes(), &RoutedKeys::default())
}

/// A message whose payload is `value`.
fn with_payload(value: &str) -> String {
    format!(r#"{{"event":"e","payload":{value}}}"#)
}

#[test]
fn the_fields_are_spans_of_the_message() {
    let message = " { \"id\" : 7 , \"event\":\"a\\nb\",\"token\":\"t\",\n\"target\":\"room:x\", \
                   \"other\":[1,{}],\"payload\" : { \"x\": [1, 2] } }\n";
    let found = scan(message).unwrap();
    let raw = |slot: &Slot| String::from_utf8(slot.raw(message.as_bytes()).to_vec()).unwrap();
    assert_eq!(raw(&found.id), "7");
    assert_eq!((raw(&found.event), found.event.kind), ("\"a\\nb\"".into(), SlotKind::Escaped));
    assert_eq!(raw(&found.token), "\"t\"");
    assert_eq!((raw(&found.target), found.target.kind), ("\"room:x\"".into(), SlotKind::Plain));
    assert_eq!(
        (raw(&found.payload), found.payload.kind),
        ("{ \"x\": [1, 2] }".into(), SlotKind::Object)
    );
}

/// Values of RFC 8259.
const GOOD: &[&str] = &[
    "0",
    "-0",
    "10",
    "-12.50",
    "1e5",
    "1E+5",
    "0.1e-7",
    "true",
    "false",
    "null",
    "\"\"",
    "[]",
    "{}",
    "[ ]",
    "{ }",
    "[1 , 2]",
    "{\"a\" : {\"b\":[]}}",
    "\"\u{7f}\"",
    r#""\"\\\/\b\f\n\r\t\uAbC9""#,
    "{\"\":1}",
    "[[],[[]]]",
    "{\"a\":1,\"a\":2}",
];

/// Texts that are no value of RFC 8259.
const BAD: &[&str] = &[
    "",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x1",
    "1_0",
    "--1",
    "NaN",
    "Infinity",
    "tru",
    "True",
    "nul",
    "'a'",
    "\"",
    "\"a",
    "[",
    "]",
    "{",
    "}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\",1}",
    "[1}",
    "{\"a\":1]",
    "[:]",
    "\"\n\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    r#""\x""#,
    r#""\u12""#,
    r#""\u12g4""#,
    r#""\"#,
    "// c\n1",
    "\u{feff}1",
    "1 1",
    "\u{b}1",
    "nullnull",
    "truefalse",
];

#[test]
fn the_grammar_is_rfc_8259() {
    for good in GOOD {
        assert!(scan(&with_payload(good)).is_ok(), "{good}");
        assert!(validate(good.as_bytes()).is_ok(), "{good}");
    }
    for bad in BAD {
        assert_eq!(scan(&with_payload(bad)), Err(Reject::BadJson), "{bad}");
        assert_eq!(validate(bad.as_bytes()), Err(Reject::BadJson), "{bad}");
    }
}

#[test]
fn the_root_is_one_object_and_nothing_else() {
    for bad in
        ["", " ", "[]", "\"event\"", "1", "null", "{}{}", "{} x", "{},", "{\"event\":\"e\"}\0"]
    {
        assert_eq!(scan(bad), Err(Reject::BadJson), "{bad:?}");
    }
    assert_eq!(scan("{}"), Err(Reject::BadMessage));
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    let message =
        r#"{"event":"e","target":"t\u0041","payload":{"a":[1.5e3,true,null,"x"]},"id":-1}"#;
    assert!(scan(message).is_ok());
    for len in 0..message.len() {
        assert_eq!(scan(&message[..len]), Err(Reject::BadJson), "{}", &message[..len]);
    }
}

#[test]
fn nesting_is_bounded_and_never_recursive() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    // The message's own object is the first level.
    for make in [&nested as &dyn Fn(usize) -> String, &objects] {
        assert!(scan(&with_payload(&make(JSON_DEPTH_MAX - 1))).is_ok());
        assert_eq!(scan(&with_payload(&make(JSON_DEPTH_MAX))), Err(Reject::BadJson));
        assert_eq!(scan(&with_payload(&make(100_000))), Err(Reject::BadJson));
    }
    assert_eq!(scan(&"[".repeat(1 << 20)), Err(Reject::BadJson));
}

/// What other readers refuse and both ways here accept: none of it can be read two ways.
#[test]
fn values_that_other_readers_refuse_are_copied() {
    for value in [r#""\ud800""#, r#""\udc00\ud800""#, "1e999", "123456789012345678901234567890"] {
        let message = with_payload(value);
        let found = scan(&message).unwrap();
        assert_eq!(found.payload.raw(message.as_bytes()), value.as_bytes());
        let strict = serde_json::from_str::<serde_json::Value>(value);
        assert!(strict.is_err() || value.len() > 20, "{value}");
        assert!(simd_json::to_tape(&mut value.as_bytes().to_vec()).is_err(), "{value}");
    }
}

#[test]
fn a_routed_key_may_stand_once_however_it_is_spelt() {
    for key in ["event", "target", "payload", "id", "token", r"\u0069d", r"e\u0076ent"] {
        let message = format!(
            r#"{{"event":"e","target":"t","payload":1,"id":1,"token":"t","{key}":"again"}}"#
        );
        assert_eq!(scan(&message), Err(Reject::BadMessage), "{key}");
    }
    assert!(scan(r#"{"event":"e","other":1,"other":2}"#).is_ok());
    let message = r#"{"\u0065vent":"e"}"#;
    assert_eq!(scan(message).unwrap().event.bytes(message.as_bytes()), b"e");
}

#[test]
fn event_and_target_have_usable_kinds() {
    for bad in [
        r#"{"target":"t"}"#,
        r#"{"event":null}"#,
        r#"{"event":1}"#,
        r#"{"event":["e"]}"#,
        r#"{"event":"e","target":1}"#,
        r#"{"event":"e","target":{}}"#,
    ] {
        assert_eq!(scan(bad), Err(Reject::BadMessage), "{bad}");
    }
    assert!(scan(r#"{"event":"e","target":null}"#).unwrap().target.is_missing());
    assert_eq!(scan(r#"{"event":"","target":""}"#).unwrap().target.kind, SlotKind::Plain);
}

#[test]
fn the_wire_names_route_and_a_dot_makes_the_payload_flat() {
    let names = WireNames {
        event: "type".into(),
        target: "to".into(),
        payload: ".".into(),
        id: String::new(),
        ..WireNames::default()
    };
    let message = br#" {"type":"e","to":"t","event":1,"":2,"id":3} "#;
    let found = scan_with(message, &RoutedKeys::new(&names)).unwrap();
    assert_eq!(found.payload.raw(message), message.trim_ascii());
    assert!(found.id.is_missing());
    assert_eq!(found.target.bytes(message), b"t");
}

#[test]
fn large_indented_messages_give_the_same_answer() {
    let list = "\n    [1, {\"a\": \"b\\n\"}],".repeat(400);
    let message =
        format!("{{\n  \"payload\": [{list} 0 ],\n  \"event\" : \"e\\u0041\" ,\n \"id\": 1\n}}");
    let mut found = Envelope::default();
    Scanner::default().scan(message.as_bytes(), &RoutedKeys::default(), &mut found).unwrap();
    assert_eq!(scan(&message), Ok(found));
    assert_eq!(text_of(&found.event, message.as_bytes(), &mut Vec::new()), b"eA");
    for cut in [1, 2, message.len() / 2] {
        assert_eq!(scan(&message[..message.len() - cut]), Err(Reject::BadJson));
    }
}

/// Projects the paths from a payload; the raw text of each, where it is there.
fn projected(payload: &str, paths: &[&[&str]]) -> Result<Vec<Option<String>>, Reject> {
    let mut projection = Projection::default();
    paths.iter().for_each(|path| assert!(projection.insert(path).is_some()));
    let message = with_payload(payload);
    let (mut found, mut members) = (Envelope::default(), Members::default());
    let keys = RoutedKeys::default();
    scan_scalar(message.as_bytes(), &keys, &mut found, &mut members).unwrap();
    let project = |members: &Members| {
        let mut slots = Slots::default();
        slots.slots[0] = Slot { start: 1, end: 2, kind: SlotKind::Bool };
        let result = project(message.as_bytes(), found.payload, members, &projection, &mut slots);
        result.map(|()| slots)
    };
    let slots = project(&members);
    // What was noted while scanning changes nothing.
    let walked = project(&Members::NONE);
    assert_eq!(
        slots.as_ref().map(|slots| slots.slots),
        walked.as_ref().map(|slots| slots.slots),
        "{message}"
    );
    let slots = slots?;
    let raw = |slot: &Slot| String::from_utf8(slot.raw(message.as_bytes()).to_vec()).unwrap();
    let used = slots.slots.iter().take(paths.len());
    Ok(used.map(|slot| (!slot.is_missing()).then(|| raw(slot))).collect())
}

fn some(texts: &[&str]) -> Result<Vec<Option<String>>, Reject> {
    Ok(texts.iter().map(|text| (*text != "-").then(|| (*text).to_owned())).collect())
}

#[test]
fn a_projection_finds_values_of_every_kind_at_every_depth() {
    let payload = r#"{"a":{"b":{"c":"x"}},"n":-1.5,"l":[10,[20],{"k":null}],"t":true}"#;
    let paths: &[&[&str]] = &[
        &["a", "b", "c"],
        &["a", "b"],
        &["n"],
        &["l", "1", "0"],
        &["l", "2", "k"],
        &["t"],
        &["a", "x"],
        &["l", "3"],
        &["n", "deeper"],
        &["l", "k"],
        &[],
    ];
    let expected =
        some(&["\"x\"", r#"{"c":"x"}"#, "-1.5", "20", "null", "true", "-", "-", "-", "-", payload]);
    assert_eq!(projected(payload, paths), expected);
}

#[test]
fn a_number_is_a_key_in_objects_and_an_index_in_arrays() {
    assert_eq!(projected(r#"{"0":"key"}"#, &[&["0"]]), some(&["\"key\""]));
    assert_eq!(projected(r#"["index"]"#, &[&["0"]]), some(&["\"index\""]));
    assert_eq!(projected(r#"["index"]"#, &[&["00"]]), some(&["-"]));
}

#[test]
fn a_key_is_compared_as_text() {
    assert_eq!(projected(r#"{"m\u0065ssage":1}"#, &[&["message"]]), some(&["1"]));
    assert_eq!(projected(r#"{"\u00e9":1,"\"":2}"#, &[&["é"], &["\""]]), some(&["1", "2"]));
    assert_eq!(projected(r#"{"Message":1}"#, &[&["message"]]), some(&["-"]));
}

#[test]
fn a_projected_key_may_stand_once() {
    for payload in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1},"\u0061":{}}"#, r#"{"a":{"b":1,"b":1}}"#] {
        assert_eq!(projected(payload, &[&["a", "b"]]), Err(Reject::BadMessage), "{payload}");
    }
    let twice_elsewhere = r#"{"x":1,"x":2,"a":{"b":1},"c":{"b":2}}"#;
    assert_eq!(projected(twice_elsewhere, &[&["a", "b"]]), some(&["1"]));
}

#[test]
fn a_payload_of_more_members_than_are_noted_is_walked() {
    for members in [0, 1, 15, 16, 17, 40] {
        let list: Vec<String> = (0..members).map(|n| format!("\"k{n}\":{{\"n\":{n}}}")).collect();
        let payload = format!("{{{}}}", list.join(","));
        let last = members.max(1) - 1;
        let (key, value) = (format!("k{last}"), last.to_string());
        let expected = if members == 0 { "-" } else { &value };
        assert_eq!(projected(&payload, &[&[&key, "n"]]), some(&[expected]), "{members}");
        if members > 0 {
            let twice = format!("{},\"k0\":1}}", payload.trim_end_matches('}').to_owned() + "}");
            assert_eq!(projected(&twice, &[&["k0"]]), Err(Reject::BadMessage), "{members}");
        }
    }
}

#[test]
fn a_flat_messages_own_members_are_its_payloads() {
    let message = br#"{"event":"e","a":{"b":1},"c":2}"#;
    let keys = RoutedKeys::new(&WireNames { payload: ".".into(), ..WireNames::default() });
    let (mut found, mut members) = (Envelope::default(), Members::default());
    scan_scalar(message, &keys, &mut found, &mut members).unwrap();
    assert_eq!(members.known().map(<[_]>::len), Some(3));
    let mut projection = Projection::default();
    [&["a", "b"][..], &["event"]]
        .iter()
        .for_each(|path| assert!(projection.insert(path).is_some()));
    let mut slots = Slots::default();
    project(message, found.payload, &members, &projection, &mut slots).unwrap();
    assert_eq!(
        (slots.slots[0].raw(message), slots.slots[1].raw(message)),
        (&b"1"[..], &b"\"e\""[..])
    );
}

#[test]
fn scalars_and_absent_payloads_have_no_paths() {
    assert_eq!(projected("\"text\"", &[&["a"], &[]]), some(&["-", "\"text\""]));
    let mut projection = Projection::default();
    projection.insert(&["a"]);
    let mut slots = Slots::default();
    slots.slots[0].kind = SlotKind::Null;
    let members = Members::default();
    assert_eq!(project(b"{}", Slot::default(), &members, &projection, &mut slots), Ok(()));
    assert!(slots.slots[0].is_missing());
}

#[test]
fn a_slot_that_lies_about_its_message_is_refused_not_followed() {
    let mut projection = Projection::default();
    projection.insert(&["a"]);
    let mut slots = Slots::default();
    for (start, kind) in [(0, SlotKind::Object), (1, SlotKind::Array), (99, SlotKind::Object)] {
        let lie = Slot { start, end: 9, kind };
        let result = project(b"}}]]", lie, &Members::NONE, &projection, &mut slots);
        assert_eq!(result, Err(Reject::BadJson));
    }
}
