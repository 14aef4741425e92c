//! What a run does: one scenario an instance, one instance a thread.
//!
//! ```text
//! begin -> opened, joined ... -> is_ready -> (the course begins) turn, delivered ... -> is_done
//! ```
//!
//! Invariants: a scenario does no I/O and reads no clock; what it asks of the fleet is carried out
//! at the end of the turn. Called by `driver` and `fleet`.

pub mod chat;
pub mod draw;
mod echo;
mod fanout;
mod idle;
mod room;
mod slow_readers;
mod storm;
mod witnesses;

use std::ops::Range;

pub use chat::{Chat, ChatPlan};
pub use echo::Echo;
pub use fanout::{Fanout, FanoutPlan};
pub use idle::Idle;
pub use slow_readers::{SlowReaders, SlowReadersPlan};
pub use storm::{Kind, Storm, StormPlan};
pub use witnesses::WitnessPlan;

use super::course::Stage;
use super::fleet::{Ending, Fleet};
use super::pace::Pace;
use super::stamp::Stamp;

/// A delivery that is not there after so long is lost.
pub const LOST_AFTER_NS: u64 = 5_000_000_000;

/// A send later than this after its time is late.
pub const LATE_NS: u64 = 1_000_000;

/// What one thread does with its fleet.
pub trait Scenario {
    /// Before the first turn: enlists whoever is to be connected.
    fn begin(&mut self, fleet: &mut Fleet);

    /// A connection may be used.
    fn opened(&mut self, _fleet: &mut Fleet, _slot: u32) {}

    /// A connection is in the room it asked for.
    fn joined(&mut self, _fleet: &mut Fleet, _slot: u32) {}

    /// A connection has left the room it asked to leave.
    fn left(&mut self, _fleet: &mut Fleet, _slot: u32) {}

    /// A message arrived. The fleet has counted it; its latency is the scenario's to record.
    fn delivered(&mut self, _fleet: &mut Fleet, _slot: u32, _stamp: Stamp) {}

    /// The server refused something an open connection asked for; the fleet has counted it.
    fn refused(&mut self, fleet: &mut Fleet, slot: u32, reason: &str) {
        fail_while_gathering(fleet, slot, reason);
    }

    /// A connection is over, its slot free again. The fleet has counted the reason.
    fn closed(&mut self, fleet: &mut Fleet, number: u32, slot: u32, ending: &Ending) {
        let _ = slot;
        fail_while_gathering(fleet, number, &ending.to_string());
    }

    /// Everything of a turn was heard: what is due is sent now.
    fn turn(&mut self, _fleet: &mut Fleet) {}

    /// When `turn` has something to do whatever happens.
    fn next_ns(&self, _stage: Stage) -> Option<u64> {
        None
    }

    /// Everybody is in place: the load may begin.
    fn is_ready(&self) -> bool;

    /// Nothing that was sent is awaited any more. Asked while draining.
    fn is_done(&self) -> bool {
        true
    }

    /// The drain is over: what is still outstanding is lost.
    fn finish(&mut self, _fleet: &mut Fleet) {}
}

/// A run that never was complete would measure something else than was asked for.
pub fn fail_while_gathering(fleet: &mut Fleet, number: u32, reason: &str) {
    if fleet.stage() == Stage::Gathering {
        fleet.fail(format!("connection {number}: {reason}"));
    }
}

/// Whether a connection is over because the run is: nothing is to be learnt from that.
pub fn is_dispersed(fleet: &Fleet, ending: &Ending) -> bool {
    *ending == Ending::Asked && fleet.stage() == Stage::Draining
}

/// Sends of an open loop that were due are counted, and those that went out late.
pub fn count_due(fleet: &mut Fleet, due_ns: u64) {
    if fleet.window().contains(&due_ns) {
        fleet.tally.due += 1;
        fleet.tally.late += u64::from(fleet.now_ns().saturating_sub(due_ns) > LATE_NS);
    }
}

/// Whether messages are to be sent.
pub fn is_loaded(stage: Stage) -> bool {
    matches!(stage, Stage::WarmUp | Stage::Measured)
}

const NS_PER_S: f64 = 1e9;

/// One thread's share of the work.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub thread: u32,
    pub threads: u32,
}

impl Share {
    /// This thread's part of so many things.
    pub fn of(self, total: u32) -> Range<u32> {
        let bound = |thread: u32| {
            (u64::from(total) * u64::from(thread) / u64::from(self.threads.max(1))) as u32
        };
        bound(self.thread)..bound(self.thread + 1)
    }

    /// This thread's part of a rate.
    pub fn of_rate(self, per_s: f64, part: &Range<u32>, total: u32) -> f64 {
        per_s * f64::from(part.end - part.start) / f64::from(total.max(1))
    }

    /// This thread's part of a schedule, for its part of so many things. Threads send at different
    /// times.
    pub fn of_pace(self, start_ns: u64, per_s: f64, total: u32) -> Pace {
        let part = self.of(total).len() as f64 / f64::from(total.max(1));
        let offset_ns = f64::from(self.thread) * NS_PER_S / per_s;
        Pace::new(start_ns + offset_ns as u64, per_s * part)
    }
}

/// The place of a slot in a table by slots, which grows as needed.
pub fn at<T: Default + Clone>(table: &mut Vec<T>, slot: u32) -> &mut T {
    let place = slot as usize;
    if table.len() <= place {
        table.resize(place + 1, T::default());
    }
    &mut table[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole() {
        for total in [0, 1, 7, 1_000] {
            for threads in 1..6 {
                let parts: Vec<u32> =
                    (0..threads).flat_map(|thread| Share { thread, threads }.of(total)).collect();
                assert_eq!(parts, (0..total).collect::<Vec<_>>());
            }
        }
    }
}
