//! Events to typed steps (`ir`) to bytecode.
//!
//! Invariants: both spellings of the language meet in `ir`; a program exists only where nothing was
//! wrong with its steps. Called by `config::compile`.

mod calls;
pub mod catalog;
mod emit;
mod events;
mod expression;
mod ir;
mod json;
mod lower;
mod native;
mod on_message;
mod permissions;
mod presence;
mod template;

pub use template::holes;

use super::codes::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::environment::Environment;
use super::settings::Sections;
use super::source::Source;
use crate::pipeline::program::Program;
use crate::settings::{AuthMode, Protocol, Settings};
use native::Native;
pub use native::verbs::{VERBS, Verb};
use permissions::Permissions;

/// Compiles the program sections; `None` where the bytecode could not be built.
pub fn compile(
    source: &Source,
    sections: &Sections<'_>,
    settings: &Settings,
    environment: &Environment,
    findings: &mut Findings,
) -> Option<Program> {
    let raw = settings.protocol == Protocol::Raw;
    misplaced(sections, raw, findings);
    let permissions = Permissions::read(
        sections.permissions,
        sections.declared("permissions", sections.permissions),
        findings,
    );
    let mut unit = ir::Unit::default();
    let mut native =
        Native::new(source, environment, &permissions, sections, settings, &mut *findings);
    if let (Some(entry), false) = (sections.events, raw) {
        unit.events = events::events(entry, &mut native);
    }
    native.rest(sections, settings, &mut unit);
    unit.permissions = permissions.names;
    if let (Some(entry), true) = (sections.on_message, raw) {
        unit.on_message = on_message::steps(entry, source, findings);
    }
    if unit.events.is_empty()
        && unit.hooks.is_empty()
        && unit.on_message.is_none()
        && !findings.any_error()
    {
        let message = if raw { "there is no `lifecycle.message`" } else { "there are no events" };
        findings.push(Diagnostic::new(Code::NoEvents, message));
    }
    no_auth_event(&unit, settings, findings);
    presence::check(&unit, sections, settings, findings);
    lower::lower(&unit, source, settings, findings)
}

/// With in-band auth there is an event that leads to it.
fn no_auth_event(unit: &ir::Unit, settings: &Settings, findings: &mut Findings) {
    let (auth, raw) = (&settings.auth, settings.protocol == Protocol::Raw);
    if auth.mode != AuthMode::Message || unit.events.iter().any(|event| event.name == auth.event) {
        return;
    }
    let message = match raw {
        true => "`auth.mode: message` needs events, which raw messages do not have".to_owned(),
        false => format!("`auth.mode: message` needs the event `{}`", auth.event),
    };
    let finding = Diagnostic::new(Code::NoInBandAuth, message);
    findings.push(finding.help("declare it, with the step `identify`, or name it in `auth.event`"));
}

/// Reports sections that the protocol has no use for.
fn misplaced(sections: &Sections<'_>, raw: bool, findings: &mut Findings) {
    let events = sections.events.filter(|entry| !entry.value.is_null());
    if let (Some(entry), true) = (events, raw) {
        let finding =
            Diagnostic::new(Code::EventsInRaw, "`events` means nothing with `protocol: raw`");
        findings.push(
            finding
                .label(entry.key_span, "raw messages have no event")
                .help("use `lifecycle.message`"),
        );
    }
    if let (Some(entry), false) = (sections.on_message, raw) {
        let finding = Diagnostic::new(
            Code::MessageInJson,
            "`lifecycle.message` means nothing without `protocol: raw`",
        );
        findings.push(
            finding
                .label(entry.key_span, "JSON messages go to `events`")
                .help("add `protocol: raw`"),
        );
    }
}
