//! permessage-deflate (RFC 7692): what was agreed on, the inflater, the compressors. The agreement
//! itself is made in `handshake::negotiation`.
//!
//! Invariants: window bits are 9..=15 wherever zlib sees them (8 would make it panic); a message's
//! compressed form is raw DEFLATE without the `00 00 ff ff` that ends a sync flush (section 7.2.1).

mod compressor;
mod inflater;

pub use compressor::{Compressor, SharedCompressors};
pub use inflater::Inflater;

/// What ends every sync flush and is left out on the wire.
const FLUSH_TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Smallest and largest LZ77 window that can be used, as powers of two.
pub const WINDOW_BITS_MIN: u8 = 9;
pub const WINDOW_BITS_MAX: u8 = 15;

/// The parameters one connection agreed on (RFC 7692 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Each of our messages is compressed by itself, so one result may go to many connections.
    pub server_no_context_takeover: bool,
    /// Each of the client's messages is compressed by itself, so its inflater may be shared.
    pub client_no_context_takeover: bool,
    /// Our window, 9..=15.
    pub server_bits: u8,
    /// The client's window, 8..=15; any fits our inflater.
    pub client_bits: u8,
    /// The client asked for a bound on our window, so the answer states it.
    pub server_bits_offered: bool,
}
