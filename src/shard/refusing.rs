//! Refused events: counted, logged with their place, and told to the sender.
//!
//! Invariants: the reply has one shape unless `errors.reply.payload` gives another; the file's
//! name and line go to clients in development only. Called by `turn`, `apply` and `hold`.

use super::Shard;
use super::reply::{ErrorParts, write_error};
use super::subject::{Cause, Subject};
use crate::envelope::text::decode_into;
use crate::envelope::{Slot, SlotKind};
use crate::ids::EventId;
use crate::pipeline::about::{About, RefusalText};
use crate::pipeline::effect::Effect;
use crate::pipeline::program::{Hook, Rule};
use crate::reject::Reject;
use crate::settings::Protocol;
use crate::state::frames::FrameType;

impl Shard {
    /// Refuses one event: counted, and told to the sender unless silenced.
    pub(super) fn reject(&mut self, slot: u32, reject: Reject, subject: Subject<'_>, cause: Cause) {
        self.counters.rejected(reject);
        self.note_refused(slot, reject);
        if let Some(event) = self.event_of(subject) {
            self.named.rejected(event, reject);
        }
        if !self.engine.settings.errors.reply {
            return;
        }
        match self.engine.program.hook(Hook::Error) {
            Some(_) => self.tell_shaped(slot, reject, subject, cause),
            None => self.tell_plain(slot, reject, subject, cause),
        }
    }

    /// The event that a subject names, if it names one.
    pub(super) fn event_of(&self, subject: Subject<'_>) -> Option<EventId> {
        self.engine.program.lookup(subject.event)
    }

    fn tell_plain(&mut self, slot: u32, reject: Reject, subject: Subject<'_>, cause: Cause) {
        let mut open = self.outboxes.pool.open();
        let engine = &self.engine;
        let Protocol::Json { outgoing, .. } = &engine.settings.protocol else { return };
        let place = self.place(reject, cause);
        let rule = self.rule(cause);
        let parts = ErrorParts {
            code: reject.code(),
            message: message(reject, rule),
            rule: rule.map_or("", |rule| &rule.name),
            field: if reject == Reject::InvalidPayload { Some(&self.misfit.path) } else { None },
            reason: &self.misfit.reason,
            place: &place,
            retry_ns: cause.retry_ns,
        };
        write_error(open.bytes(), outgoing, &engine.settings.errors.event, &parts, subject);
        let frame = self.outboxes.pool.seal(open, FrameType::Text);
        self.queue_own(slot, frame);
    }

    /// The same in the shape of the configuration.
    fn tell_shaped(&mut self, slot: u32, reject: Reject, subject: Subject<'_>, cause: Cause) {
        let Some(event) = self.engine.program.hook(Hook::Error) else { return };
        let program = std::sync::Arc::clone(&self.engine.program);
        let rule = cause.rule.and_then(|rule| program.rules.get(usize::from(rule.0)));
        let place = self.place(reject, cause);
        let misfit = std::mem::take(&mut self.misfit);
        let is_misfit = reject == Reject::InvalidPayload;
        let mut name = Vec::new();
        decode_into(subject.event, &mut name);
        let refusal = RefusalText {
            code: reject.code(),
            message: message(reject, rule),
            event: std::str::from_utf8(&name).unwrap_or_default(),
            rule: rule.map_or("", |rule| &rule.name),
            field: if is_misfit { &misfit.path } else { "" },
            reason: if is_misfit { &misfit.reason } else { "" },
            place: &place,
        };
        let about = About { refusal, ..About::default() };
        // The id stands for the whole message: it is all that the reply can read of it.
        let end = subject.id.len() as u32;
        let kind = if end == 0 { SlotKind::Missing } else { SlotKind::Number };
        let id = Slot { start: 0, end, kind };
        let (_, mut effects) = self.run_apart(slot, event, (subject.id, id), &about);
        self.misfit = misfit;
        for effect in effects.list.drain(..) {
            if let Effect::Send { frame, .. } = effect {
                self.queue_own(slot, frame);
            }
        }
    }

    /// `file:line` of what refused, for clients in development.
    fn place(&self, reject: Reject, cause: Cause) -> String {
        if !self.engine.settings.errors.places {
            return String::new();
        }
        let line = match reject {
            Reject::InvalidPayload => Some(self.misfit.line),
            _ => cause.site.map(|site| site.line),
        };
        let file = self.engine.program.file(cause.site.unwrap_or_default());
        line.map(|line| format!("{file}:{line}")).unwrap_or_default()
    }

    fn rule(&self, cause: Cause) -> Option<&Rule> {
        self.engine.program.rules.get(usize::from(cause.rule?.0))
    }
}

/// The sentence a client sees: the rule's own where it has one.
fn message(reject: Reject, rule: Option<&Rule>) -> &str {
    rule.and_then(|rule| rule.error.as_deref()).unwrap_or(reject.message())
}
