//! The load generator: fleets of connections that measure a server from outside.
//!
//! ```text
//! Plan -> run -> one thread each: Driver (ring) -> Fleet (sans-IO) -> Adapter, Scenario
//!          |                                          |
//!          +--> Course (when) , probe (/proc) ------- Tally -> Report (table, JSON)
//! ```
//!
//! Invariants: it speaks to loopback unless told otherwise in so many words; every run ends by
//! itself; whatever would make a figure a lie is said with the figure. Called by `cli::bench`.

pub mod adapter;
mod course;
mod driver;
pub mod fleet;
mod frames;
mod handshake;
mod link;
pub mod outgoing;
mod pace;
pub mod plan;
mod probe;
pub mod report;
mod run;
pub mod scenario;
pub mod stamp;
pub mod tally;
pub mod target;
pub mod tokens;

pub use course::Stage;
pub use run::{Measured, run};
