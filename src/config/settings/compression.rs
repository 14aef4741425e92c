//! The options of `transport.compression` (RFC 7692), rows of `options::KEYS`.

use super::registry::key;
use super::registry::{Effect, Key, Kind};

use Effect::{Live, New, Restart};

pub const SWITCH: Key = key(
    "transport.compression",
    "false",
    New,
    Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
    "permessage-deflate (RFC 7692), on or off; or a map with the options below.",
);

pub const ENABLED: Key = key(
    "transport.compression.enabled",
    "false",
    New,
    Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
    "Offer compression to clients that ask for it.",
);

pub const CONTEXT_TAKEOVER: Key = key(
    "transport.compression.contextTakeover",
    "false",
    New,
    Kind::Switch(|d, on| d.settings.transport.compression.context_takeover = on),
    "Keep the compressor's window between messages: smaller messages, \
     about 300 KB more a connection.",
);

pub const LEVEL: Key = key(
    "transport.compression.level",
    "1",
    New,
    Kind::Count(0..=9, |d, n| d.settings.transport.compression.level = n as u8),
    "0 (none) to 9 (slowest).",
);

pub const MIN_SIZE: Key = key(
    "transport.compression.minSize",
    "1KiB",
    Live,
    Kind::Size(0..=1 << 30, |d, n| d.settings.transport.compression.bytes_min = n as usize),
    "Messages shorter than this are sent as they are.",
);

pub const WINDOW_BITS: Key = key(
    "transport.compression.windowBits",
    "15",
    Restart,
    Kind::Count(9..=15, |d, n| d.settings.transport.compression.window_bits = n as u8),
    "Window of the server's compressor, as a power of two.",
);
