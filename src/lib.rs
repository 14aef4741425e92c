//! Shardwire: a configuration-driven real-time WebSocket engine.
//!
//! One `config.yaml` is the program; this crate compiles it to flat bytecode and runs it on
//! shards, one per core, each a sans-IO state machine driven by an io_uring loop.
//!
//! ```text
//!            +--------------------------- one core ---------------------------+
//!  socket -> | runtime::driver -> shard::turn -> pipeline::vm -> shard::apply | -> socket
//!            |                        |  state (conns, rooms, users)          |
//!            +------------------------|---------------------------------------+
//!                                PeerFrame, over the mesh, to the home of a room or a user
//! ```
//!
//! Import ranks (a module imports only lower ones; `tests/tidy.rs` checks it):
//!
//! | rank | modules |
//! |---|---|
//! | 0 | `limits` `ids` `disconnect` `reject` `settings` `clock` `reserve` |
//! | 1 | `ws` `envelope` `auth` `backend` `tls` |
//! | 2 | `state` |
//! | 3 | `pipeline` |
//! | 4 | `config`, `shard` (siblings: neither imports the other) |
//! | 5 | `runtime`, `control`, `sim` |
//! | 6 | `bench` |
//! | 7 | `cli`, `main` |

#![deny(unsafe_code)]

pub mod clock;
pub mod disconnect;
pub mod ids;
pub mod limits;
pub mod reject;
pub mod reserve;
pub mod settings;

pub mod auth;
pub mod backend;
pub mod envelope;
pub mod tls;
pub mod ws;

pub mod state;

pub mod pipeline;

pub mod config;
pub mod shard;

pub mod control;
pub mod runtime;
pub mod sim;

pub mod bench;

pub mod cli;
