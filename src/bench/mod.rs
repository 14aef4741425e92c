//! The load generator: fleets of connections that measure a server from outside.

pub mod adapter;
pub mod outgoing;
pub mod scenario;
pub mod stamp;
