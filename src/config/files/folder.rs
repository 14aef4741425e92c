//! Where the files of a configuration lie: on disk, or in memory for texts that were never files.
//!
//! Invariants: paths are relative to the folder, with `/`; whatever they lead to lies below it,
//! links followed. The main file itself may be a link.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::super::{too_large, unreadable};

/// Names read of one folder.
const NAMES_MAX: usize = 4_096;

/// A place with files.
pub trait Folder {
    /// What a file is called in findings.
    fn display(&self, path: &str) -> String;

    /// A file's identity and its text, if that has at most so many bytes.
    fn read(&self, path: &str, bytes_max: usize) -> Result<(String, String), Diagnostic>;

    /// The names in a folder below, in any order.
    fn names(&self, path: &str) -> Result<Vec<String>, Diagnostic>;
}

/// Texts by path.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub BTreeMap<String, String>);

impl Folder for Memory {
    fn display(&self, path: &str) -> String {
        path.into()
    }

    fn read(&self, path: &str, bytes_max: usize) -> Result<(String, String), Diagnostic> {
        let text = self.0.get(path).ok_or_else(|| unreadable(path, "there is no such file"))?;
        if text.len() > bytes_max {
            return Err(too_large());
        }
        Ok((path.into(), text.clone()))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Diagnostic> {
        let below = |name: &String| match path {
            "" => Some(name.clone()),
            _ => name.strip_prefix(path)?.strip_prefix('/').map(str::to_owned),
        };
        let first = |name: String| name.split('/').next().unwrap_or_default().to_owned();
        let mut names: Vec<String> = self.0.keys().filter_map(below).map(first).collect();
        names.dedup();
        Ok(names)
    }
}

/// The folder of a file on disk.
pub struct Disk {
    folder: PathBuf,
    main: String,
}

impl Disk {
    /// The folder that a file lies in.
    pub fn beside(main: &Path) -> Disk {
        let folder = main.parent().unwrap_or(Path::new(""));
        let name = main.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Disk { folder: folder.to_owned(), main: name }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The folder by a name that can be opened.
    fn here(&self) -> &Path {
        match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        }
    }

    /// The true path of a file, if it lies below the folder.
    fn resolved(&self, path: &str) -> Result<PathBuf, Diagnostic> {
        let wrong = |error: std::io::Error| unreadable(&self.display(path), &error.to_string());
        let found = fs::canonicalize(self.path(path)).map_err(wrong)?;
        let folder = fs::canonicalize(self.here()).map_err(wrong)?;
        if path != self.main && !found.starts_with(&folder) {
            let message = format!("`{path}` may not be read: it is a link that leads outside");
            return Err(Diagnostic::new(Code::FileOutside, message)
                .help("put the file itself below the folder of the main file"));
        }
        Ok(found)
    }
}

impl Folder for Disk {
    fn display(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    fn read(&self, path: &str, bytes_max: usize) -> Result<(String, String), Diagnostic> {
        let found = self.resolved(path)?;
        let wrong = |why: String| unreadable(&self.display(path), &why);
        if path != self.main && !found.is_file() {
            return Err(wrong("it is not a file".into()));
        }
        let file = fs::File::open(&found).map_err(|error| wrong(error.to_string()))?;
        let mut bytes = Vec::new();
        let most = bytes_max as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        if bytes.len() > bytes_max {
            return Err(too_large());
        }
        let text = String::from_utf8(bytes).map_err(|error| wrong(no_text(&error)))?;
        Ok((found.display().to_string(), text))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Diagnostic> {
        let wrong = |error: std::io::Error| unreadable(&self.display(path), &error.to_string());
        let folder = if path.is_empty() { self.here().to_owned() } else { self.resolved(path)? };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(wrong)?.take(NAMES_MAX + 1) {
            let name = entry.map_err(wrong)?.file_name();
            names.extend(name.into_string().ok());
        }
        if names.len() > NAMES_MAX {
            let message = format!("a folder with more than {NAMES_MAX} files");
            return Err(Diagnostic::new(Code::TooManyFiles, message));
        }
        Ok(names)
    }
}

/// Where a file stops being text.
fn no_text(error: &std::string::FromUtf8Error) -> String {
    let read = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
    let before = read.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
    format!("byte {} of line {line} is not UTF-8", before + 1)
}
