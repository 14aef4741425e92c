//! `shardwire reload`: asks a running server to compile its configuration again.
//!
//! Invariants: status 0 where the server runs what the file says (also where nothing has changed),
//! 2 where the file is wrong (nothing has changed then, and its errors are shown), 1 where no
//! server, or more than one, is meant.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, output};
use crate::control::endpoint::{self, About};
use crate::control::reload::Ending;

/// Make a running server take its changed configuration over, without losing a message
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire reload
      the only server of this user
  shardwire reload --config /etc/shardwire/config.yaml
      the one that serves this file
  kill -HUP $MAINPID
      the same without an answer: it is in the server's log

Exit status: 0 done or nothing to do, 1 no such server, 2 a bad configuration (nothing changed)")]
pub(super) struct Arguments {
    /// The server with this process id
    #[arg(long)]
    pid: Option<u32>,
    /// The server of this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of its control endpoint, where `serve` was given one
    #[arg(long, value_name = "FOLDER")]
    control: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = folder(arguments.control.as_deref())?;
    let path = find(arguments, &folder)?;
    let report = endpoint::reload(&path)
        .map_err(|error| Failure::machine(format!("the server did not answer: {error}")))?;
    match report.ending {
        Ending::Done | Ending::Unchanged => output::say(&report.text),
        Ending::Refused => {
            Err(Failure::usage(format!("{}\nnothing has changed", report.text.trim_end())))
        }
    }
}

/// The folder that is given, or the user's own.
pub(super) fn folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(folder) => Ok(folder.to_owned()),
        None => endpoint::folder().map_err(Failure::machine),
    }
}

/// The one endpoint that is meant.
fn find(arguments: &Arguments, folder: &Path) -> Result<PathBuf, Failure> {
    let config = arguments.config.as_ref().map(|path| path.canonicalize()).transpose();
    let config = config.map_err(|error| Failure::machine(format!("--config: {error}")))?;
    let is_meant = |about: &About| {
        arguments.pid.is_none_or(|pid| about.pid == pid)
            && config.as_ref().is_none_or(|config| about.config == *config)
    };
    let known = endpoint::sockets(folder).into_iter();
    let known = known.filter_map(|path| endpoint::who(&path).ok().map(|about| (path, about)));
    let mut meant: Vec<(PathBuf, About)> = known.filter(|(_, about)| is_meant(about)).collect();
    match (meant.pop(), meant.is_empty()) {
        (Some((path, _)), true) => Ok(path),
        (None, _) => Err(none(folder)),
        (Some(last), false) => Err(several(meant.into_iter().chain([last]))),
    }
}

fn none(folder: &Path) -> Failure {
    Failure::machine(format!(
        "no such server of this user in {}; `kill -HUP PID` reloads any",
        folder.display()
    ))
}

fn several(meant: impl Iterator<Item = (PathBuf, About)>) -> Failure {
    let line = |(_, about): (PathBuf, About)| {
        let About { pid, config, addresses } = about;
        format!("\n  --pid {pid}   {} on {}", config.display(), addresses.join(", "))
    };
    let lines: String = meant.map(line).collect();
    Failure::machine(format!("more than one server runs; say which:{lines}"))
}

/// Listens for this command; a server that cannot still obeys SIGHUP.
pub(super) fn listen(
    folder: Option<&Path>,
    config: &Path,
    addresses: &[std::net::SocketAddr],
) -> Option<endpoint::Endpoint> {
    let about = |config| About {
        pid: std::process::id(),
        config,
        addresses: addresses.iter().map(ToString::to_string).collect(),
    };
    let listened = self::folder(folder)
        .map_err(|failure| io::Error::other(failure.text))
        .and_then(|folder| endpoint::Endpoint::listen(&folder, about(config.canonicalize()?)));
    match listened {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            tracing::warn!(%error, "no control endpoint: `shardwire reload` finds SIGHUP only");
            None
        }
    }
}
