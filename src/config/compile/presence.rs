//! Whether the event that tells of a room's presence is told from every other: the server sends it
//! by itself, beside what steps send.
//!
//! Invariants: a name that is made at run time is not known here. Called by `compile`.

use std::collections::BTreeMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::settings::Sections;
use super::super::source::Span;
use super::super::yaml::Entry;
use super::ir::{Action, Answer, Pipeline, Step, Unit};
use super::template::escaped;
use crate::pipeline::program::Hook;
use crate::settings::{Presence, Protocol, Settings};

const REMEDY: &str = "give presence another name: `presence: { event: ... }`";

/// Events of presence, as a message holds them, and the pattern that sends each.
type Told = BTreeMap<String, Span>;

/// Looks for others with the names of presence.
pub fn check(unit: &Unit, sections: &Sections<'_>, settings: &Settings, findings: &mut Findings) {
    let patterns = sections.rooms.and_then(|entry| entry.value.as_map()).unwrap_or_default();
    let classes = settings.rooms.iter().zip(patterns);
    let telling = classes.filter(|(class, _)| class.presence.enabled);
    let telling: Vec<(&Presence, &Entry)> =
        telling.map(|(class, entry)| (&class.presence, entry)).collect();
    let Some((_, first)) = telling.first() else { return };
    fields(&settings.protocol, first, findings);
    if settings.errors.reply
        && let Some((_, entry)) = telling.iter().find(|(one, _)| one.event == settings.errors.event)
    {
        let message = format!("`{}` is the event of refusals", settings.errors.event);
        let finding = Diagnostic::new(Code::PresenceEvent, message);
        findings.push(finding.label(entry.key_span, "presence sends it, too").help(REMEDY));
    }
    let told = telling.iter().map(|(one, entry)| (escaped(&one.event), entry.key_span)).collect();
    for pipeline in pipelines(unit) {
        steps(&pipeline.steps, &told, findings);
    }
}

/// The envelope must have room for what presence says.
fn fields(protocol: &Protocol, class: &Entry, findings: &mut Findings) {
    let Protocol::Json { outgoing, .. } = protocol else {
        let finding = Diagnostic::new(Code::EventsInRaw, "presence is told by an event");
        return findings.push(finding.label(class.key_span, "raw messages have no event"));
    };
    if outgoing.payload == "." && Presence::FIELDS.contains(&outgoing.event.as_str()) {
        let message = format!("`{}` is a field of what presence says", outgoing.event);
        let finding = Diagnostic::new(Code::PresenceEvent, message);
        let finding = finding.label(class.key_span, "its payload stands beside the event");
        findings.push(finding.help("give `protocol.out.event` another name"));
    }
}

fn pipelines(unit: &Unit) -> impl Iterator<Item = &Pipeline> {
    // The reply to refusals is looked at by its option.
    let hooks = unit.hooks.iter().filter(|(hook, _)| *hook != Hook::Error);
    let hooks = hooks.map(|(_, pipeline)| pipeline);
    let pages = unit.routes.iter().filter_map(|route| match &route.answer {
        Answer::Page { pipeline, .. } => Some(pipeline),
        Answer::Handler(_) => None,
    });
    unit.events.iter().chain(hooks).chain(pages)
}

fn steps(list: &[Step], told: &Told, findings: &mut Findings) {
    for step in list {
        let event = match &step.action {
            Action::Send { event, .. } => event,
            Action::Deliver(delivery) => &delivery.event,
            Action::Block(inner) => {
                steps(inner, told, findings);
                continue;
            }
            Action::Call(call) => {
                steps(call.failed.as_deref().unwrap_or_default(), told, findings);
                continue;
            }
            _ => continue,
        };
        if let Some((name, class)) = event.as_literal().and_then(|name| told.get_key_value(name)) {
            let message = format!("presence sends the event `{name}`, too");
            let finding = Diagnostic::new(Code::PresenceEvent, message);
            let finding = finding.label(step.span, "a client cannot tell which this is");
            findings.push(finding.label(*class, "of these rooms").help(REMEDY));
        }
    }
}
