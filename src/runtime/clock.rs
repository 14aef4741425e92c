//! The one place that reads clocks on behalf of the shards and of the load generator.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::clock::Now;

/// A monotonic clock with one origin for every shard of the process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both clocks, now. Monotonic time begins at one second, so that 0 can mean "never".
    pub fn now(&self) -> Now {
        let mono_ns = self.mono_ns();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_ns, unix_ms: unix.as_millis() as u64 }
    }

    /// The monotonic clock alone.
    pub fn mono_ns(&self) -> u64 {
        1_000_000_000 + self.start.elapsed().as_nanos() as u64
    }
}
