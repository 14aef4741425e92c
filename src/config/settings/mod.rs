//! From the tree and the environment to `Settings`, driven by one table of options.
//!
//! Invariants: the file, the overrides, the defaults and the documentation all go through the rows
//! of `options::keys`. Called by `config::compile`.

mod backends;
pub mod docs;
mod draft;
mod entries;
mod expand;
mod history;
mod http;
mod keys;
mod monitor;
mod options;
mod overrides;
mod pattern;
mod presence;
mod proxies;
mod registry;
mod restart;
mod rooms;
mod special;
mod tls;
pub mod value;
mod walk;

pub use backends::{BackendOption, OPTIONS as BACKEND_OPTIONS, header_name};
pub use draft::{Chosen, Draft};
pub use entries::EntryOption;
pub use keys::SecretPolicy;
pub use monitor::check_names as check_monitor;
pub use options::keys;
pub use pattern::variables as room_variables;
pub use registry::{Effect, Key, Kind, below, find};
pub use restart::keep as keep_what_needs_a_restart;
pub use rooms::{OPTIONS as ROOM_OPTIONS, RoomOption};
pub use special::ALGORITHM_NAMES;
pub use value::duration;
pub use walk::{Sections, takes};

use super::diagnostic::Findings;
use super::environment::Environment;
use super::yaml::Node;
use crate::settings::Settings;

/// Settings, and the parts of the file that are program.
pub struct Resolved<'n> {
    pub settings: Settings,
    pub chosen: Chosen,
    pub sections: Sections<'n>,
}

/// Reads every option; findings are pushed, and what was wrong keeps its default.
pub fn resolve<'n>(
    root: Option<&'n Node>,
    environment: &Environment,
    secret: &SecretPolicy,
    findings: &mut Findings,
) -> Resolved<'n> {
    let mut draft = Draft::default();
    let sections = walk::walk(root, environment, &mut draft, findings);
    overrides::apply(environment, &mut draft, findings);
    keys::resolve(&mut draft, secret, findings);
    monitor::resolve(&mut draft, secret, findings);
    history::settle(&mut draft, sections.rooms, findings);
    draft.check(findings);
    let chosen = std::mem::take(&mut draft.chosen);
    Resolved { settings: draft.into_settings(), chosen, sections }
}
