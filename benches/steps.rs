//! Counts instructions instead of time: runs one scenario a number of times, for callgrind.
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect='*handle_bytes*' steps message 158 10000
//! ```
//!
//! Scenarios: `message LEN TURNS` (a room of one), `fanout MEMBERS TURNS`, `batch MEMBERS TURNS`
//! (16 messages a turn), `mesh LEN TURNS` (two shards, a member on each). The counts of two runs
//! with different numbers of turns, subtracted and divided, leave the set-up out.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use simulator::crowd::{Crowd, send_message};

const ROOM: &str = "room:global";

fn run(mut crowd: Crowd, len: usize, messages: usize, turns: usize) {
    let bytes = send_message(ROOM, len);
    let sender = crowd.members[0];
    for _ in 0..turns {
        (0..messages).for_each(|_| crowd.receive(sender, &bytes));
        crowd.end_turn();
    }
}

fn main() {
    let words: Vec<String> = std::env::args().filter(|word| word != "--bench").collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok());
    let (Some(size), Some(turns)) = (number(2), number(3)) else { return };
    match words[1].as_str() {
        "message" => run(Crowd::new(1, 1, ROOM), size, 1, turns),
        "fanout" => run(Crowd::new(1, size, ROOM), 158, 1, turns),
        "batch" => run(Crowd::new(1, size, ROOM), 158, 16, turns),
        "mesh" => run(Crowd::new(2, 2, ROOM), size, 1, turns),
        other => panic!("no scenario {other}"),
    }
}
