//! Waits until a file that the tests depend on changes.
//!
//! Invariants: no dependency on a way of the system to tell; every YAML file of the folders
//! concerned is looked at, so that what a configuration includes from there counts too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Arguments;
use super::suites::named;

const EVERY: Duration = Duration::from_millis(250);

/// When each file was changed last.
pub(super) type Stamps = BTreeMap<PathBuf, Option<SystemTime>>;

pub(super) fn stamps(arguments: &Arguments) -> Stamps {
    let mut stamps = Stamps::new();
    for path in named(&arguments.files) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        of_folder(folder.unwrap_or(Path::new(".")), &mut stamps);
    }
    stamps
}

fn of_folder(folder: &Path, stamps: &mut Stamps) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            let changed = entry.metadata().and_then(|about| about.modified()).ok();
            stamps.insert(path, changed);
        }
    }
}

pub(super) fn wait(arguments: &Arguments, before: &Stamps) {
    while stamps(arguments) == *before {
        std::thread::sleep(EVERY);
    }
}
