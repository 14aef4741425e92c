//! What a run does with its connections, one folder or file each.

pub mod chat;
pub mod draw;
