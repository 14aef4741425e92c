//! Of one history: what it gives back, what it takes, and what a place may look like.

use super::super::frames::OpenFrame;
use super::*;

const S: u64 = 1_000_000_000;

fn rule(size: u32, bytes_max: usize) -> HistoryRule {
    HistoryRule { size, bytes_max, ttl_ns: 10 * S, recover: true, replay: 0 }
}

fn frame(pool: &mut FramePool, text: &str) -> FrameRef {
    let mut open: OpenFrame = pool.open();
    open.bytes().extend_from_slice(text.as_bytes());
    pool.seal(open, FrameType::Text)
}

fn begun(rule: HistoryRule) -> History {
    let mut history = History::of(rule).unwrap();
    history.begin(7);
    history
}

fn keep(history: &mut History, pool: &mut FramePool, now_ns: u64) -> String {
    let frame = frame(pool, r#"{"event":"e"}"#);
    let kept = history.keep(&frame, Exempt::Nobody, "at", now_ns, pool).unwrap();
    history.cut(now_ns, pool);
    String::from_utf8(kept.payload().to_vec()).unwrap()
}

fn at(number: u64) -> Option<Position> {
    Some(Position { epoch: 7, number })
}

#[test]
fn a_place_is_the_last_field_of_a_message() {
    let mut pool = FramePool::default();
    let mut history = begun(rule(10, 10_000));
    assert_eq!(keep(&mut history, &mut pool, S), r#"{"event":"e","at":"000000000007-1"}"#);
    for (text, field, placed) in [
        ("{}", "at", Some(r#"{"at":"000000000007-2"}"#)),
        (r#"{"a":{"b":1}}"#, "\"", Some(r#"{"a":{"b":1},"\"":"000000000007-3"}"#)),
        ("", "at", None),
        ("plain", "at", None),
    ] {
        let frame = frame(&mut pool, text);
        let kept = history.keep(&frame, Exempt::Nobody, field, S, &mut pool);
        let kept = kept.map(|kept| String::from_utf8(kept.payload().to_vec()).unwrap());
        assert_eq!(kept.as_deref(), placed);
    }
    // What has no place takes none.
    assert_eq!(history.position().number, 3);
}

#[test]
fn a_place_has_one_spelling() {
    for number in [0, 1, 17, u64::MAX] {
        let place = Position { epoch: 0x00ab_cdef_0123, number };
        assert_eq!(Position::read(&place.to_string()), place);
    }
    for odd in [
        "",
        "-",
        "1-1",
        "00abcdef0123",
        "00abcdef0123-",
        "00abcdef0123-01",
        "00abcdef0123-+1",
        "00ABCDEF0123-1",
        "+0abcdef0123-1",
        "00abcdef0123-1 ",
        "00abcdef0123-18446744073709551616",
        "\u{fc}0abcdef012-1",
    ] {
        assert_eq!(Position::read(odd), Position::UNKNOWN, "{odd}");
    }
}

#[test]
fn what_is_missed_is_given_whole_or_not_at_all() {
    let mut pool = FramePool::default();
    let mut history = begun(rule(3, 10_000));
    assert_eq!(history.missed(at(0)).0, Some(true));
    (0..5).for_each(|_| drop(keep(&mut history, &mut pool, S)));
    for (since, recovered, count) in [
        (None, None, 0),
        (at(5), Some(true), 0),
        (at(4), Some(true), 1),
        (at(2), Some(true), 3),
        (at(1), Some(false), 0),
        (at(6), Some(false), 0),
        (at(u64::MAX), Some(false), 0),
        (Some(Position { epoch: 8, number: 4 }), Some(false), 0),
        (Some(Position::UNKNOWN), Some(false), 0),
    ] {
        let (told, frames) = history.missed(since);
        assert_eq!((told, frames.len()), (recovered, count), "{since:?}");
    }
    let mut history = history.ruled(HistoryRule { replay: 2, ..rule(3, 10_000) });
    assert_eq!(history.missed(None).1.len(), 2);
    assert_eq!(history.missed(at(1)).1.len(), 2);
    let deaf = HistoryRule { recover: false, ..rule(1, 10_000) };
    history = history.ruled(deaf);
    history.cut(S, &mut pool);
    assert_eq!(history.missed(at(4)).0, Some(false));
}

#[test]
fn time_and_bytes_take_the_oldest_first_and_give_everything_back() {
    let mut pool = FramePool::default();
    let mut history = begun(rule(100, 10_000));
    (1..=4).for_each(|n| drop(keep(&mut history, &mut pool, n * S)));
    let each = history.bytes() / 4;
    assert_eq!(history.next_ns(), 11 * S);
    assert_eq!(history.cut(12 * S - 1, &mut pool), Cut { bytes: each, over_bytes: 0 });
    assert_eq!(history.cut(12 * S, &mut pool), Cut { bytes: each, over_bytes: 0 });
    let mut history = history.ruled(rule(100, each));
    assert_eq!(history.cut(12 * S, &mut pool), Cut { bytes: each, over_bytes: 1 });
    let mut history = history.ruled(rule(100, 1));
    history.cut(12 * S, &mut pool);
    assert_eq!((history.bytes(), history.is_empty(), history.position().number), (0, true, 4));
    assert_eq!(history.missed(at(4)).0, Some(true));
    assert_eq!(history.missed(at(3)).0, Some(false));
    assert_eq!(history.next_ns(), 14 * S);
}

#[test]
fn a_full_history_asks_for_no_more_memory() {
    let mut pool = FramePool::default();
    let mut history = begun(rule(8, 100_000));
    (0..16).for_each(|n| drop(keep(&mut history, &mut pool, n)));
    let places = |history: &History| -> std::collections::BTreeSet<*const u8> {
        history.kept.iter().map(|kept| kept.frame.wire().as_ptr_range().end).collect()
    };
    let mut seen = places(&history);
    for n in 16..200 {
        keep(&mut history, &mut pool, n);
        seen.extend(places(&history));
    }
    assert!(seen.len() < 40, "{}", seen.len());
}

#[test]
fn who_is_left_out_is_one_connection_or_one_user() {
    let key = |index| ConnKey { shard: crate::ids::ShardId(1), index, generation: 3 };
    assert!(!Exempt::Nobody.spares(key(1), "ada"));
    assert!(Exempt::Conn(key(1)).spares(key(1), "ada"));
    assert!(!Exempt::Conn(key(1)).spares(key(2), "ada"));
    assert!(Exempt::User("ada".into()).spares(key(2), "ada"));
    assert!(!Exempt::User("ada".into()).spares(key(2), "bob"));
}
