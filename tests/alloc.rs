//! In the steady state the message path allocates nothing: counted, for real shards, by an
//! allocator that counts what the measuring thread asks for.
//!
//! After a warm-up that grows every queue and pool to its size, each scenario runs on and its
//! allocations are compared with zero.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

mod expression;
mod simulator;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use shardwire::config::expr::{Read, Want};
use shardwire::config::types::{Type, Typed};
use shardwire::pipeline::Outcome;
use shardwire::pipeline::op::Form;
use simulator::crowd::{Crowd, Member, send_message};
use simulator::wire;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches a
// thread-local cell that needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `alloc` or `realloc` above, which are the system's.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as `dealloc`; the caller keeps `realloc`'s contract.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Turns before counting: enough for the frame pool and every queue to reach their size.
const WARM_UP_TURNS: usize = 200;
const COUNTED_TURNS: usize = 200;

/// Allocations of the counted turns.
fn allocations(mut turn: impl FnMut()) -> u64 {
    (0..WARM_UP_TURNS).for_each(|_| turn());
    let before = ALLOCATIONS.with(Cell::get);
    (0..COUNTED_TURNS).for_each(|_| turn());
    ALLOCATIONS.with(Cell::get) - before
}

/// One turn: this many messages from each sender, then everything is sent.
fn say(crowd: &mut Crowd, senders: &[Member], messages: usize, bytes: &[u8]) {
    for _ in 0..messages {
        for sender in senders {
            crowd.receive(*sender, bytes);
        }
    }
    crowd.end_turn();
}

/// Allocations where each of the senders says `messages` a turn and each message reaches
/// `receivers`.
fn allocations_of(
    crowd: &mut Crowd,
    senders: &[Member],
    messages: usize,
    bytes: &[u8],
    receivers: usize,
) -> u64 {
    let before = crowd.deliveries();
    let found = allocations(|| say(crowd, senders, messages, bytes));
    let said = (WARM_UP_TURNS + COUNTED_TURNS) * messages * senders.len();
    assert_eq!(crowd.deliveries() - before, (said * receivers) as u64, "not what was meant");
    found
}

#[test]
fn a_room_of_a_thousand_on_one_shard_allocates_nothing() {
    let mut crowd = Crowd::new(1, 1_000, "room:global");
    let sender = [crowd.members[7]];
    for messages in [1, 16] {
        for len in [92, 937] {
            let bytes = send_message("room:global", len);
            let found = allocations_of(&mut crowd, &sender, messages, &bytes, 1_000);
            assert_eq!(found, 0, "{messages} messages of {len} bytes a turn");
        }
    }
}

#[test]
fn a_room_whose_messages_wait_allocates_nothing() {
    let delayed = "\nrooms: { \"room:{name}\": { batch: { delay: 2ms } } }\n";
    let mut crowd = Crowd::with(delayed, 1, 1_000, "room:global");
    let sender = crowd.members[7];
    let bytes = send_message("room:global", 158);
    let found = allocations(|| {
        for _ in 0..4 {
            crowd.receive(sender, &bytes);
            assert_eq!(crowd.end_turn(), 0);
        }
        crowd.pass_time(2_000_000);
        assert_eq!(crowd.end_turn(), 1_000);
    });
    assert_eq!(found, 0);
}

#[test]
fn a_room_on_two_shards_allocates_nothing_wherever_its_home_and_its_senders_are() {
    // Some of these have their home on shard 0, some on shard 1; likewise the senders.
    for room in ["room:a", "room:b", "room:c", "room:d"] {
        // In the second crowd each sender is on both shards, and its limit is counted at its home.
        for mut crowd in [Crowd::new(2, 100, room), Crowd::everywhere(2, 100, room)] {
            let bytes = send_message(room, 158);
            for messages in [1, 16] {
                for senders in [0..1, 1..2, 0..4] {
                    let senders = crowd.members[senders].to_vec();
                    let found = allocations_of(&mut crowd, &senders, messages, &bytes, 100);
                    assert_eq!(found, 0, "{room}: {messages} messages from {senders:?}");
                }
            }
        }
    }
}

#[test]
fn a_room_the_sender_is_not_in_allocates_nothing() {
    let mut crowd = Crowd::new(2, 8, "room:mine");
    for room in ["room:nobody", "room:none", "room:empty"] {
        let bytes = send_message(room, 158);
        for sender in crowd.members.clone() {
            let found = allocations_of(&mut crowd, &[sender], 4, &bytes, 0);
            assert_eq!(found, 0, "{room} from {sender:?}");
        }
    }
}

#[test]
fn a_message_to_a_user_allocates_nothing() {
    for shards in [1, 2] {
        let mut crowd = Crowd::new(shards, 8, "room:global");
        for receiver in 0..4 {
            let bytes = send_message(&format!("user:user{receiver}"), 158);
            for sender in crowd.members.clone() {
                let found = allocations_of(&mut crowd, &[sender], 4, &bytes, 1);
                assert_eq!(found, 0, "to user{receiver} from {sender:?} of {shards} shards");
            }
        }
    }
}

#[test]
fn refused_messages_allocate_nothing() {
    let mut crowd = Crowd::new(1, 4, "room:global");
    let sender = [crowd.members[0]];
    for refused in [
        "not json",
        r#"{"event":"unheard_of","target":"room:global"}"#,
        r#"{"event":"send_message","payload":{"message":"no target"}}"#,
        r#"{"event":"send_message","target":"room:global","payload":{}}"#,
    ] {
        let found = allocations_of(&mut crowd, &sender, 4, &wire::text(refused), 1);
        assert_eq!(found, 0, "{refused}");
    }
}

/// A schema, a rule, variables, and sends that leave somebody out.
const NATIVE: &str = r#"
transport: { readTimeout: 24h, pingInterval: 0s }
state: { conn: { said: int = 0 } }
events:
  enter: { steps: [{ join: "${target}" }] }
  say:
    payload: { text: string(1..4000), tags: list(string(..8))(..4), price: optional number }
    require: [{ name: quiet, when: size(payload.tags) < 4 }]
    steps:
      - set: { conn.said: "${conn.said + 1}" }
      - send:
          to: target
          except: origin
          event: said
          payload:
            by: "${user.id}"
            text: "${payload.text}"
            nth: "${conn.said}"
            price: "${payload.price ?? omit}"
      - if: payload.price != null
        reply: { event: sold }
"#;

#[test]
fn messages_of_the_native_spelling_allocate_nothing() {
    for shards in [1, 2] {
        let mut crowd = Crowd::of(NATIVE, shards, 100, "room:global");
        let sender = [crowd.members[7]];
        for (payload, receivers) in [
            (r#"{"text":"h\u00e9llo","tags":["a","b"]}"#, 99),
            (r#"{"text":"hello","tags":[],"price":1.5}"#, 100),
            (r#"{"text":"","tags":[]}"#, 1),
            (r#"{"text":"x","tags":["a","b","c","d"]}"#, 1),
        ] {
            let text = format!(r#"{{"event":"say","target":"room:global","payload":{payload}}}"#);
            let bytes = wire::text(&text);
            let found = allocations_of(&mut crowd, &sender, 4, &bytes, receivers);
            assert_eq!(found, 0, "{payload} on {shards} shards");
        }
    }
}

#[test]
fn pings_and_their_answers_allocate_nothing() {
    let mut crowd = Crowd::new(1, 4, "room:global");
    let members = crowd.members.clone();
    let ping = wire::frame(9, b"are you there");
    let mut answered = 0;
    // The clock stands still: a connection is answered only so often in one tick of the wheel.
    let turns = usize::from(shardwire::limits::CONTROL_FRAMES_PER_TICK_MAX) / 2;
    let mut turn = |crowd: &mut Crowd| {
        members.iter().for_each(|member| crowd.receive(*member, &ping));
        answered += crowd.end_turn();
    };
    (0..turns).for_each(|_| turn(&mut crowd));
    let before = ALLOCATIONS.with(Cell::get);
    (0..turns).for_each(|_| turn(&mut crowd));
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert_eq!(answered, 2 * turns * members.len());
}

#[test]
fn messages_in_pieces_allocate_nothing() {
    let mut crowd = Crowd::new(1, 100, "room:global");
    let sender = crowd.members[0];
    let bytes = send_message("room:global", 937);
    let found = allocations(|| {
        for piece in bytes.chunks(100) {
            crowd.receive(sender, piece);
        }
        assert_eq!(crowd.end_turn(), 100);
    });
    assert_eq!(found, 0);
}

#[test]
fn expressions_allocate_nothing() {
    let mut scope = expression::maker::scope();
    scope.bind("tenant", Typed::of(Type::String), Read::RoomVar(0));
    let text = "payload.li.map(x, x * 2).filter(y, y > 2 && payload.s.matches('ad.')) + [1, 2] \
                == [4, 6, 1, 2] \
                ? payload.s.trim().upper() + tenant + string(payload.n) \
                + payload.ls[1].slice(0, 1) \
                : 'no'";
    let want = Want::of(Type::String, "a test");
    let checked = expression::checked(text, &scope, &want).expect("it is well typed");
    let program = expression::program(&checked, Form::Raw, false);
    let payload = r#"{"li":[1,2,3],"s":" \u0061da ","n":2.5,"ls":["a","\u00e9t\u00e9"]}"#;
    let message = expression::message(payload);
    let mut machine = expression::Machine::default();
    assert_eq!(machine.run(&program, message.as_bytes()), Ok(vec!["\"ADAacme2.5é\"".to_owned()]));
    let found = allocations(|| {
        assert_eq!(machine.outcome(&program, message.as_bytes()), Outcome::Done);
    });
    assert_eq!(found, 0);
}
