//! Counts instructions instead of time: does each stage of the engine's work a fixed number of
//! times, for callgrind to count. `scripts/instructions` runs it and compares the counts with
//! `benches/instructions.txt`.
//!
//! ```text
//! steps            every stage; one line on stdout for each: its name, how often it was done
//! steps NAME...    only the stages whose name has one of these in it
//! steps --machine  what of this machine the counts depend on
//! ```
//!
//! Invariants: the input is the same in every run; everything that is counted lies inside
//! `counted`, which callgrind is told to look at and to write one profile after each call of, so
//! that set-up and warm-up are in no count.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../../tests/simulator/mod.rs"]
mod simulator;
#[path = "../stages/mod.rs"]
mod stages;

mod conns;
mod deliveries;
mod machine;
mod meter;
mod parts;
mod turns;

use meter::Meter;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.first().is_some_and(|word| word == "--machine") {
        return println!("{}", machine::machine());
    }
    let meter = Meter::new(words);
    parts::stages(&meter);
    deliveries::stages(&meter);
    turns::stages(&meter);
    conns::stages(&meter);
}
