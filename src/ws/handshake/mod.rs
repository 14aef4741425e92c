//! The opening handshake (RFC 6455 section 4.2), as bytes in and bytes out.
//!
//! Invariants: a head is parsed once, when it is whole; a request is upgraded only after every rule
//! was checked; nothing a client sent is echoed but a subprotocol that is a token.

pub mod extensions;
pub mod head;
pub mod negotiation;
pub mod response;
pub mod tokens;
pub mod upgrade;

pub use head::{Head, HeadError, parse_head};
pub use response::{write_101, write_refusal};
pub use upgrade::{Upgrade, UpgradeRefusal, UpgradeRules, check_host, is_upgrade, upgrade};
