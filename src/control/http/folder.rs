//! Files of a folder: which file a path means, and its answer.
//!
//! Invariants: nothing outside of the folder is opened for reading, whatever a path or a link
//! says: a file is first opened without reading it, the kernel is asked what was opened, and that
//! very file is read. No name begins with a dot. Files are looked at on threads that may block, at
//! most `READS_MAX` at a time; a file is never in memory as a whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::token::percent_decoded;
use crate::settings::Folder;

/// Threads that look at files.
const READS_MAX: usize = 8;

static READS: Semaphore = Semaphore::const_new(READS_MAX);

/// A file that may be read, as it was when it was opened.
pub(super) struct Opened {
    pub file: File,
    pub bytes: u64,
    pub modified: SystemTime,
    /// Changes with the file.
    pub tag: String,
    pub name: PathBuf,
}

/// What a path means.
pub(super) enum Looked {
    File(Opened),
    /// A folder whose path does not end with `/`.
    Folder,
    Nothing,
}

/// What lies below a folder.
pub(super) struct Wanted {
    pub folder: PathBuf,
    names: Vec<String>,
    is_folder: bool,
}

/// The folder that a request's path lies in, and where; `None` where no file can have the path.
pub(super) fn wanted(folders: &[Folder], base: &Path, path: &str) -> Option<Wanted> {
    let folder = folders.iter().find(|one| path.starts_with(&one.path))?;
    let rest = &path[folder.path.len()..];
    let is_folder = rest.is_empty() || rest.ends_with('/');
    let names: Option<Vec<String>> = match rest {
        "" => Some(Vec::new()),
        rest => rest.strip_suffix('/').unwrap_or(rest).split('/').map(name).collect(),
    };
    Some(Wanted { folder: base.join(&folder.folder), names: names?, is_folder })
}

/// A file's name from a part of a path: no dot at its start, nothing that another system would
/// take for a separator.
fn name(part: &str) -> Option<String> {
    let name = percent_decoded(part)?.into_owned();
    let plain = |c: char| !c.is_control() && c != '/' && c != '\\';
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(plain)).then_some(name)
}

/// Looks for the file, on another thread.
pub(super) async fn look(wanted: Wanted) -> io::Result<Looked> {
    let place = place().await?;
    let looked = tokio::task::spawn_blocking(move || {
        let looked = open(&wanted);
        drop(place);
        looked
    });
    match looked.await.map_err(io::Error::other)? {
        Err(error) if is_absence(&error) => Ok(Looked::Nothing),
        looked => looked,
    }
}

/// A place among those that look at files.
pub(super) async fn place() -> io::Result<SemaphorePermit<'static>> {
    READS.acquire().await.map_err(io::Error::other)
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    let kind = error.kind();
    matches!(kind, NotFound | NotADirectory | PermissionDenied | InvalidFilename)
        || error.raw_os_error() == Some(libc::ELOOP)
}

fn open(wanted: &Wanted) -> io::Result<Looked> {
    let root = fs::canonicalize(&wanted.folder)?;
    let mut path = root.clone();
    path.extend(&wanted.names);
    if wanted.is_folder {
        path.push("index.html");
    }
    // Nothing happens to what is opened like this, not even to a device.
    let found = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&path)?;
    let by_number = format!("/proc/self/fd/{}", found.as_raw_fd());
    let name = fs::read_link(&by_number)?;
    let about = found.metadata()?;
    match is_inside(&root, &name) {
        true if about.is_dir() && !wanted.is_folder => Ok(Looked::Folder),
        true if about.is_file() => Ok(Looked::File(opened(File::open(by_number)?, name)?)),
        _ => Ok(Looked::Nothing),
    }
}

/// Whether a file lies in the folder, and nothing on its way is hidden.
fn is_inside(root: &Path, name: &Path) -> bool {
    let hidden = |step: &std::ffi::OsStr| step.as_encoded_bytes().starts_with(b".");
    name.strip_prefix(root).is_ok_and(|below| !below.iter().any(hidden))
}

fn opened(file: File, name: PathBuf) -> io::Result<Opened> {
    let about = file.metadata()?;
    let modified = about.modified()?;
    let (bytes, inode) = (about.len(), about.ino());
    let tag = format!("\"{bytes:x}-{inode:x}-{:x}-{:x}\"", about.mtime(), about.mtime_nsec());
    Ok(Opened { file, bytes, modified, tag, name })
}

/// Warns of folders that are not there.
pub(in crate::control) fn complain(folders: &[Folder], base: &Path) {
    for folder in folders {
        let place = base.join(&folder.folder);
        if !place.is_dir() {
            let (path, folder) = (&folder.path, place.display());
            tracing::warn!(path, %folder, "`http.static` has a folder that is not there");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Option<(String, bool)> {
        let folders = [("/a/b/", "inner"), ("/", "outer")];
        let folders =
            folders.map(|(path, folder)| Folder { path: path.into(), folder: folder.into() });
        let wanted = wanted(&folders, Path::new("/base"), path)?;
        let folder = wanted.folder.strip_prefix("/base").unwrap().display().to_string();
        Some((format!("{folder}:{}", wanted.names.join("|")), wanted.is_folder))
    }

    #[test]
    fn a_path_means_names_in_the_nearest_folder() {
        for (path, meant, is_folder) in [
            ("/", "outer:", true),
            ("/x.js", "outer:x.js", false),
            ("/x/", "outer:x", true),
            ("/a/b", "outer:a|b", false),
            ("/a/b/", "inner:", true),
            ("/a/b/c%20d/%C3%A9", "inner:c d|é", false),
            ("/a%2eb", "outer:a.b", false),
        ] {
            assert_eq!(names(path), Some((meant.to_owned(), is_folder)), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_none_means_nothing() {
        for path in [
            "/..",
            "/../x",
            "/%2e%2e/x",
            "/.%2e/x",
            "/x/../y",
            "/.git/config",
            "/%2egit",
            "//",
            "//x",
            "/x//y",
            "/x%2fy",
            "/x%5cy",
            "/x\\y",
            "/..%5cx",
            "/%00",
            "/x%00.js",
            "/%0a",
            "/%7f",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%ff",
            "/%c0%ae%c0%ae/x",
            "/./x",
            "x",
            "",
        ] {
            assert_eq!(names(path), None, "{path}");
        }
    }
}
