//! `shardwire init`: a configuration to begin with, from the examples built into the binary.
//!
//! Invariants: a file that is there is never overwritten.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Failure, output};

/// Templates by name; each is an example that the tests compile.
const TEMPLATES: [(&str, &str); 10] = [
    ("chat", include_str!("../../examples/chat.yaml")),
    ("chat-server", include_str!("../../examples/chat-server.yaml")),
    ("echo", include_str!("../../examples/echo.yaml")),
    ("go-dispatch", include_str!("../../examples/go-dispatch.yaml")),
    ("gogate", include_str!("../../examples/gogate.yaml")),
    ("moderated-chat", include_str!("../../examples/moderated-chat.yaml")),
    ("notifications", include_str!("../../examples/notifications.yaml")),
    ("reconnect", include_str!("../../examples/reconnect.yaml")),
    ("rooms", include_str!("../../examples/rooms.yaml")),
    ("support-desk", include_str!("../../examples/support-desk.yaml")),
];

/// Write a configuration to begin with; a file that is there is not overwritten
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire init
  shardwire init --from notifications notifications.yaml")]
pub(super) struct Arguments {
    /// The file to write
    #[arg(default_value = "config.yaml")]
    config: PathBuf,
    /// The template
    #[arg(long, default_value = "chat", value_name = "TEMPLATE", value_parser = names())]
    from: String,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(TEMPLATES.map(|(name, _)| name))
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let template = TEMPLATES.iter().find(|(name, _)| *name == arguments.from);
    let text = template.map_or("", |(_, text)| text);
    let name = arguments.config.display();
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(&arguments.config).map_err(
            |error| match error.kind() {
                ErrorKind::AlreadyExists => {
                    Failure::usage(format!("{name} is there already; name another file"))
                }
                _ => Failure::machine(format!("{name}: {error}")),
            },
        )?;
    let written = file.write_all(text.as_bytes());
    written.map_err(|error| Failure::machine(format!("{name}: {error}")))?;
    output::say(&format!("{name} is written. Try it: shardwire serve --dev {name}"))
}
