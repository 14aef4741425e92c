//! The WebSocket protocol (RFC 6455) with permessage-deflate (RFC 7692), server side, without I/O.
//!
//! Bytes are arguments and frames are results; nothing here owns a socket, a clock or a limit of
//! its own choice. A connection lives through `handshake` once and then through one `Decoder`:
//!
//! ```text
//!  bytes -> handshake::parse_head -> handshake::upgrade -> write_101 | write_refusal
//!  bytes -> Input -> Decoder::next -> Item (message, ping, pong, close) | ProtocolError
//! ```
//!
//! Invariants: a message that lies whole, unfragmented and uncompressed in the input is handed out
//! without a copy or an allocation; an idle decoder owns no heap (a client that keeps its
//! compression window apart); text is checked at every read, so invalid UTF-8 fails at once even
//! inside an unfinished frame. Called by `shard`.

pub mod close;
pub mod decoder;
pub mod deflate;
pub mod error;
pub mod handshake;
pub mod header;
pub mod mask;
pub mod pool;
pub mod utf8;

mod assembler;
mod input;

pub use decoder::{Decoder, Item, MessageKind, Rules};
pub use deflate::Negotiated;
pub use error::ProtocolError;
pub use input::Input;
pub use pool::Shared;
