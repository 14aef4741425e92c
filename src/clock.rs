//! Time as a value: every sans-IO method takes `Now`, nothing below `runtime` reads a clock.
//!
//! Invariants: `mono_ns` never goes back and drives every timeout and limit; `unix_ms` is the wall
//! clock and is used only for token claims and log stamps, so a clock step disturbs no timer.

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic nanoseconds since an arbitrary start.
    pub mono_ns: u64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

impl Now {
    /// Whole seconds since the Unix epoch (JWT `exp`/`nbf`, RFC 7519 section 2 `NumericDate`).
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1_000
    }

    /// Both clocks moved on by `ns` (simulator and tests).
    pub fn plus_ns(self, ns: u64) -> Now {
        Now { mono_ns: self.mono_ns + ns, unix_ms: self.unix_ms + ns / 1_000_000 }
    }
}
