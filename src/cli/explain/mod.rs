//! `shardwire explain`: an event, a denial by its id, or the code of a finding.
//!
//! Invariants: shows the program that `serve` would run; needs no secret. What looks like an id or
//! a code is one: events may have such names, too, and are then not shown.

mod advice;
mod code;
mod denial;
mod event;

use clap::Args;

use super::Failure;
use super::load::Beside;
use crate::pipeline::denial::DenialId;

/// Show what an event does and what can deny it, why something was denied, or what a finding means
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire explain send_message
  shardwire explain join_room --config chat.yaml
  shardwire explain d-3k9f0a2c
  shardwire explain E204")]
pub(super) struct Arguments {
    /// An event's name, the id of a denial, or the code of a finding
    what: String,
    #[command(flatten)]
    beside: Beside,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let what = arguments.what.as_str();
    if code::is_one(what) {
        return code::run(what);
    }
    match DenialId::parse(what) {
        Some(id) => denial::run(id, &arguments.beside.which()),
        None => event::run(what, &arguments.beside.which()),
    }
}
