//! Who is asking: token extraction, JWT verification, claims, origins, addresses. Keys and `now`
//! are arguments.
//!
//! Invariants: nothing here reads a clock, a socket or a file; a token or a secret is never part of
//! an error, and the types that hold one cannot be printed.
//! Called by `shard::admit` (handshake), the `Secure` operation, and `cli` (making and checking).

mod claims;
pub mod forwarded;
pub mod origin;
mod sign;
pub mod token;
mod verifier;

pub use claims::Claims;
pub use sign::{SignError, TokenRequest, sign, sign_with};
pub use verifier::{AuthError, KeyError, Verifier};
