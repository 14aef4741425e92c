//! Where log lines go, and how they look.
//!
//! A shard that logs must not wait for whoever reads the log: lines go through a bounded channel to
//! a thread of their own, and are dropped and counted where the reader is too slow.
//!
//! Invariants: one line an event on stderr; stdout belongs to the commands. JSON escapes what a
//! peer typed, and the terminal format does so for every field recorded with `?`.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload;

use super::{Failure, output};
use crate::limits::LOG_LINES_WAITING_MAX;
use crate::settings::{Log, LogFormat};

/// Sets the process's subscriber up, once. The guard writes what waits when it is dropped.
pub(super) fn start(log: &Log) -> Result<(Flush, Relevel), Failure> {
    let filter = filter(log).map_err(Failure::usage)?;
    let terminal = io::stderr().is_terminal();
    let pretty = log.format == LogFormat::Pretty || (log.format == LogFormat::Auto && terminal);
    let (lines, flush) = lines()?;
    let format = tracing_subscriber::fmt()
        .with_writer(lines)
        .with_ansi(output::has_colors(&io::stderr()))
        .log_internal_errors(false);
    let (relevel, started) = match pretty {
        true => {
            let format = format.with_target(false).with_env_filter(filter).with_filter_reloading();
            (relevel(format.reload_handle()), format.try_init())
        }
        false => {
            let format = format.json().flatten_event(true);
            let format = format.with_env_filter(filter).with_filter_reloading();
            (relevel(format.reload_handle()), format.try_init())
        }
    };
    started.map_err(Failure::machine)?;
    Ok((flush, relevel))
}

/// Logs at another level from now on.
pub(super) type Relevel = Box<dyn Fn(&Log) -> Result<(), String> + Send + Sync>;

fn relevel<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Relevel {
    Box::new(move |log| handle.reload(filter(log)?).map_err(|error| error.to_string()))
}

fn filter(log: &Log) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&log.level).map_err(|error| format!("log.level: {error}"))
}

/// A message to the writing thread.
enum Entry {
    Line(Vec<u8>),
    /// Answer when everything before this is written.
    Flush(Sender<()>),
}

/// Lines that were dropped because the log's reader was too slow.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The end that is written to, from any thread.
struct Lines(Sender<Entry>);

/// Writes what waits before it goes.
pub(super) struct Flush(Sender<Entry>);

impl Drop for Flush {
    fn drop(&mut self) {
        let (written, done) = bounded(1);
        if self.0.send(Entry::Flush(written)).is_ok() {
            // A reader that reads nothing must not keep the process from ending.
            let _ = done.recv_timeout(std::time::Duration::from_secs(1));
        }
    }
}

fn lines() -> Result<(Lines, Flush), Failure> {
    let (sender, receiver) = bounded(LOG_LINES_WAITING_MAX);
    std::thread::Builder::new()
        .name("log".into())
        .spawn(move || write_all(&receiver))
        .map_err(Failure::machine)?;
    Ok((Lines(sender.clone()), Flush(sender)))
}

fn write_all(entries: &Receiver<Entry>) {
    let mut told = 0;
    for entry in entries {
        match entry {
            // Nowhere to tell that stderr is gone.
            Entry::Line(line) => drop(io::stderr().lock().write_all(&line)),
            Entry::Flush(written) => drop(written.send(())),
        }
        let dropped = DROPPED.load(Ordering::Relaxed);
        if entries.is_empty() && dropped > told {
            tracing::warn!(lines = dropped - told, "log lines dropped: stderr is read too slowly");
            told = dropped;
        }
    }
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = Line<'l>;

    fn make_writer(&'l self) -> Line<'l> {
        Line { lines: self, bytes: Vec::new() }
    }
}

/// One line being formatted; sent when it is done.
struct Line<'l> {
    lines: &'l Lines,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = Entry::Line(std::mem::take(&mut self.bytes));
        if let Err(TrySendError::Full(_)) = self.lines.0.try_send(line) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}
