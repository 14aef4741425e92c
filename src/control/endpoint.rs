//! The control endpoint: a unix socket by which `shardwire reload` finds a running server.
//!
//! One line is asked (`server` or `reload`), one line of JSON is answered, and the connection is
//! closed. The socket is `PID.sock` in a folder of the user's own: `$XDG_RUNTIME_DIR/shardwire`, or
//! `/tmp/shardwire-UID`.
//!
//! Invariants: the folder belongs to the user and nobody else may enter it, or there is no
//! endpoint; whoever connects is the same user, or root, or is not answered; a question is bounded
//! in bytes and in time. A server without an endpoint still obeys SIGHUP. Called by
//! `control::start` and, for the other end, by `cli::reload`.

use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::Plane;

const QUESTION_BYTES_MAX: u64 = 64;
const QUESTION_TIME: Duration = Duration::from_secs(5);

/// An answer holds a rendered diff or every finding of a file.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

const RELOAD: &str = "reload";
const SERVER: &str = "server";

/// Who answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    pub pid: u32,
    /// The configuration file, absolute.
    pub config: PathBuf,
    pub addresses: Vec<String>,
}

/// A listening endpoint; its file goes with it.
pub struct Endpoint {
    path: PathBuf,
    listener: Option<net::UnixListener>,
    about: About,
}

impl Endpoint {
    /// Makes the folder where there is none, and listens in it.
    pub fn listen(folder: &Path, about: About) -> io::Result<Endpoint> {
        own_folder(folder)?;
        sweep(folder);
        let path = folder.join(format!("{}.sock", about.pid));
        // What a former process of this number left; `sweep` has found nobody there.
        let _ = fs::remove_file(&path);
        let listener = net::UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Endpoint { path, listener: Some(listener), about })
    }

    pub(super) fn take(&mut self) -> Option<(net::UnixListener, About)> {
        Some((self.listener.take()?, self.about.clone()))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Where endpoints lie, unless another folder is given.
pub fn folder() -> io::Result<PathBuf> {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty()) {
        Some(runtime) => Ok(PathBuf::from(runtime).join("shardwire")),
        None => Ok(PathBuf::from(format!("/tmp/shardwire-{}", own_uid()?))),
    }
}

fn own_uid() -> io::Result<u32> {
    fs::metadata("/proc/self").map(|process| process.uid())
}

/// Makes sure that the folder is one that only this user can enter.
fn own_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    match found.is_dir() && found.uid() == own_uid()? && found.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::other("not a folder that only this user can enter")),
    }
}

/// Removes what ended processes left behind.
fn sweep(folder: &Path) {
    for path in sockets(folder) {
        let gone = net::UnixStream::connect(&path).is_err_and(|error| {
            matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        });
        if gone {
            let _ = fs::remove_file(path);
        }
    }
}

/// Every endpoint in a folder.
pub fn sockets(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "sock")).collect();
    found.sort();
    found
}

// ---- the server's end ----

/// Answers while the process lives.
pub(super) async fn serve(plane: Arc<Plane>, listener: net::UnixListener, about: About) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control endpoint is not usable"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (plane, about) = (Arc::clone(&plane), about.clone());
                tokio::spawn(async move { answer(&plane, stream, about).await });
            }
            Err(error) => {
                tracing::warn!(%error, "the control endpoint accepts nobody");
                tokio::time::sleep(QUESTION_TIME).await;
            }
        }
    }
}

async fn answer(plane: &Arc<Plane>, mut stream: UnixStream, about: About) {
    let known = stream.peer_cred().is_ok_and(|peer| is_known(peer.uid()));
    if !known {
        return tracing::warn!("somebody else was refused at the control endpoint");
    }
    let Some(question) = asked(&mut stream).await else { return };
    let answer = match question.as_str() {
        RELOAD => serde_json::to_string(&plane.reload().await),
        SERVER => serde_json::to_string(&about),
        _ => return,
    };
    let line = answer.unwrap_or_default() + "\n";
    if let Err(error) = stream.write_all(line.as_bytes()).await {
        tracing::debug!(%error, "whoever asked has gone");
    }
}

fn is_known(uid: u32) -> bool {
    uid == 0 || own_uid().is_ok_and(|own| own == uid)
}

async fn asked(stream: &mut UnixStream) -> Option<String> {
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(stream.take(QUESTION_BYTES_MAX));
    let read = tokio::time::timeout(QUESTION_TIME, lines.read_line(&mut line)).await;
    matches!(read, Ok(Ok(1..))).then(|| line.trim_end().to_owned())
}

// ---- the other end ----

/// Asks an endpoint who it is.
pub fn who(path: &Path) -> io::Result<About> {
    ask(path, SERVER)
}

/// Asks for a reload, and waits for its end.
pub fn reload(path: &Path) -> io::Result<super::reload::Report> {
    ask(path, RELOAD)
}

fn ask<T: for<'a> Deserialize<'a>>(path: &Path, question: &str) -> io::Result<T> {
    let mut stream = net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}
