//! THE table of options: path, default, when a change takes effect, what it takes, where
//! it goes, and its documentation; a file for each section.
//!
//! Invariants: paths are unique; an older spelling goes to the same place as the newer one. The
//! order is that of the reference page.

mod auth;
mod monitor;
mod operation;
mod program;
mod server;
mod transport;
mod wire;

use super::registry::Effect::Live;
use super::registry::{Key, Kind, key};

const U32_MAX: u64 = u32::MAX as u64;

const VERSION: &[Key] = &[key(
    "version",
    "",
    Live,
    Kind::Program("`1`"),
    "Version of the configuration language. Without it the file is \
         read as the Go original would: option names in any case.",
)];

static SECTIONS: [&[Key]; 8] = [
    VERSION,
    server::KEYS,
    transport::KEYS,
    auth::KEYS,
    wire::KEYS,
    operation::KEYS,
    monitor::KEYS,
    program::KEYS,
];

/// Every option.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    SECTIONS.iter().copied().flatten()
}
