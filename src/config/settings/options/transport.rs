//! `transport`: times, sizes, the outbox, compression (RFC 7692).
//!
//! A part of the table of options.

use super::super::registry::Effect::{Live, New, Restart};
use super::super::registry::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[
    key(
        "transport.readTimeout",
        "1m",
        Live,
        Kind::Duration(|d, ns| d.settings.transport.read_timeout_ns = ns),
        "Silence after which a connection is closed; 0 is off.",
    ),
    key(
        "transport.pingInterval",
        "25s",
        Live,
        Kind::Duration(|d, ns| d.settings.transport.ping_interval_ns = ns),
        "Quiet time after which the server pings; 0 is off.",
    ),
    key(
        "transport.pongTimeout",
        "10s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.pong_timeout_ns = ns),
        "How long the answer to a ping may take.",
    ),
    key(
        "transport.writeTimeout",
        "10s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.write_timeout_ns = ns),
        "How long a send may make no progress.",
    ),
    key(
        "transport.closeTimeout",
        "5s",
        Live,
        Kind::Wait(|d, ns| d.settings.transport.close_timeout_ns = ns),
        "How long the peer may take to answer a close frame.",
    ),
    key(
        "transport.maxMessageSize",
        "64KiB",
        Live,
        Kind::Size(1..=1 << 30, |d, n| d.settings.transport.message_bytes_max = n as usize),
        "Bytes of one message, after decompression.",
    ),
    key(
        "transport.maxFragments",
        "1024",
        Live,
        Kind::Count(1..=1 << 20, |d, n| d.settings.transport.fragments_max = n as u32),
        "Fragments of one message.",
    ),
    key(
        "transport.outbox.bytes",
        "1MiB",
        Live,
        Kind::Size(1_024..=1 << 32, |d, n| d.settings.transport.outbox_bytes_max = n as usize),
        "Bytes waiting for one connection before it is closed as a slow reader.",
    ),
    key(
        "transport.outbox.frames",
        "8192",
        Live,
        Kind::Count(1..=1 << 20, |d, n| d.settings.transport.outbox_frames_max = n as usize),
        "Messages waiting for one connection before it is closed as a slow reader.",
    ),
    key(
        "transport.compression",
        "false",
        New,
        Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
        "permessage-deflate (RFC 7692), on or off; or a map with the options below.",
    ),
    key(
        "transport.compression.enabled",
        "false",
        New,
        Kind::Switch(|d, on| d.settings.transport.compression.enabled = on),
        "Offer compression to clients that ask for it.",
    ),
    key(
        "transport.compression.contextTakeover",
        "false",
        New,
        Kind::Switch(|d, on| d.settings.transport.compression.context_takeover = on),
        "Keep the compressor's window between messages: smaller messages, \
         about 300 KB more a connection.",
    ),
    key(
        "transport.compression.level",
        "1",
        New,
        Kind::Count(0..=9, |d, n| d.settings.transport.compression.level = n as u8),
        "0 (none) to 9 (slowest).",
    ),
    key(
        "transport.compression.minSize",
        "1KiB",
        Live,
        Kind::Size(0..=1 << 30, |d, n| d.settings.transport.compression.bytes_min = n as usize),
        "Messages shorter than this are sent as they are.",
    ),
    key(
        "transport.compression.windowBits",
        "15",
        Restart,
        Kind::Count(9..=15, |d, n| d.settings.transport.compression.window_bits = n as u8),
        "Window of the server's compressor, as a power of two.",
    ),
];
