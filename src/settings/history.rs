//! `rooms.PATTERN.history`: what is kept of a room's messages.
//!
//! Invariants: once the settings are whole, `bytes_max` is never 0 where `keeps` holds, and half of
//! an outbox holds what the rule keeps. Read by `config`, kept by `state::history`.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRule {
    /// Messages; 0 is none, and then such a room has no history.
    pub size: u32,
    pub ttl_ns: u64,
    /// Bytes; 0 is not said yet: half of an outbox.
    pub bytes_max: usize,
    /// Whoever joins may say the last place it saw.
    pub recover: bool,
    /// How many of the last messages somebody gets who joins and says no place.
    pub replay: u32,
}

impl HistoryRule {
    pub fn keeps(&self) -> bool {
        self.size > 0
    }
}

impl Default for HistoryRule {
    fn default() -> Self {
        HistoryRule { size: 0, ttl_ns: 600_000_000_000, bytes_max: 0, recover: true, replay: 0 }
    }
}
