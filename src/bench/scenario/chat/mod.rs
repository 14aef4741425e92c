//! A mixed chat.

pub mod cast;
pub mod script;
pub mod zipf;
