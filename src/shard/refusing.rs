//! Refused events: counted, logged with their place, and told to the sender.
//!
//! Invariants: the reply has one shape unless `errors.reply.payload` gives another; the file's
//! name and line go to clients in development only; every refusal that is told or logged has the
//! id that `shardwire explain` takes. Called by `turn`, `apply`, `hold` and `recheck`.

use std::sync::Arc;

use super::Shard;
use super::reply::{ErrorParts, write_error};
use super::subject::{Cause, Subject};
use crate::envelope::text::decode_into;
use crate::envelope::{Slot, SlotKind};
use crate::ids::EventId;
use crate::pipeline::about::{About, RefusalText};
use crate::pipeline::denial::{By, Denial, Refuser};
use crate::pipeline::effect::Effect;
use crate::pipeline::program::{Hook, Site};
use crate::reject::Reject;
use crate::settings::Protocol;
use crate::state::frames::{FrameRef, FrameType};

impl Shard {
    /// Refuses one event: counted, and told to the sender unless silenced.
    pub(super) fn reject(&mut self, slot: u32, reject: Reject, subject: Subject<'_>, cause: Cause) {
        self.counters.rejected(reject);
        self.note_refused(slot, reject);
        let program = Arc::clone(&self.engine.program);
        if let Some(event) = self.event_of(reject, cause.by, subject) {
            self.named.rejected(event, reject);
        }
        let denial = Denial::of(&program, cause.by, reject);
        self.log_refusal(slot, &denial);
        if let Some(frame) = self.refusal(slot, &denial, subject, cause) {
            self.queue_own(slot, frame);
        }
    }

    /// The event that a refusal is counted with: that of what refused, or, where that is a rule of
    /// a room or nothing of the file, the one that the message names.
    fn event_of(&self, reject: Reject, by: By, subject: Subject<'_>) -> Option<EventId> {
        let program = &self.engine.program;
        let own = by.event(program).filter(|event| self.named.is_named(*event));
        own.or_else(|| match reject {
            Reject::UnknownEvent => None,
            _ => program.lookup(subject.event),
        })
    }

    /// What the sender is told; nothing where that is silenced.
    pub(super) fn refusal(
        &mut self,
        slot: u32,
        denial: &Denial<'_>,
        subject: Subject<'_>,
        cause: Cause,
    ) -> Option<FrameRef> {
        if !self.engine.settings.errors.reply {
            return None;
        }
        match self.engine.program.hook(Hook::Error) {
            Some(_) => self.shaped(slot, denial, subject),
            None => self.plain(denial, subject, cause),
        }
    }

    fn plain(
        &mut self,
        denial: &Denial<'_>,
        subject: Subject<'_>,
        cause: Cause,
    ) -> Option<FrameRef> {
        let mut open = self.outboxes.pool.open();
        let engine = &self.engine;
        let (place, id) = (self.place(denial), denial.id());
        let is_misfit = denial.reject == Reject::InvalidPayload;
        let parts = ErrorParts {
            code: denial.reject.code(),
            message: denial.message,
            rule: denial.rule(),
            field: is_misfit.then_some(&self.misfit.path),
            reason: &self.misfit.reason,
            room: subject.room,
            place: &place,
            denial: if engine.settings.errors.tells_denials() { id.as_str() } else { "" },
            retry_ns: cause.retry_ns,
        };
        if let Protocol::Json { outgoing, .. } = &engine.settings.protocol {
            write_error(open.bytes(), outgoing, &engine.settings.errors.event, &parts, subject);
        }
        let frame = self.outboxes.pool.seal(open, FrameType::Text);
        (self.engine.settings.protocol != Protocol::Raw).then_some(frame)
    }

    /// The same in the shape of the configuration.
    fn shaped(&mut self, slot: u32, denial: &Denial<'_>, subject: Subject<'_>) -> Option<FrameRef> {
        let event = self.engine.program.hook(Hook::Error)?;
        let (place, id) = (self.place(denial), denial.id());
        let misfit = std::mem::take(&mut self.misfit);
        let is_misfit = denial.reject == Reject::InvalidPayload;
        let mut name = Vec::new();
        decode_into(subject.event, &mut name);
        let refusal = RefusalText {
            code: denial.reject.code(),
            message: denial.message,
            event: std::str::from_utf8(&name).unwrap_or_default(),
            rule: denial.rule(),
            field: if is_misfit { &misfit.path } else { "" },
            reason: if is_misfit { &misfit.reason } else { "" },
            place: &place,
            denial: id.as_str(),
            room: subject.room,
        };
        let about = About { refusal, ..About::default() };
        // The id stands for the whole message: it is all that the reply can read of it.
        let end = subject.id.len() as u32;
        let kind = if end == 0 { SlotKind::Missing } else { SlotKind::Number };
        let id = Slot { start: 0, end, kind };
        let (_, mut effects) = self.run_apart(slot, event, (subject.id, id), &about);
        self.misfit = misfit;
        effects.list.drain(..).find_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(frame),
            _ => None,
        })
    }

    /// `file:line` of what refused, for clients in development.
    fn place(&self, denial: &Denial<'_>) -> String {
        match denial.site {
            Some(site) if self.engine.settings.errors.places => {
                let (file, line) = self.file_line(denial, site);
                format!("{file}:{line}")
            }
            _ => String::new(),
        }
    }

    /// Where it stands; of a payload the field's own line.
    fn file_line(&self, denial: &Denial<'_>, site: Site) -> (&str, u32) {
        let line = match denial.refuser {
            Refuser::Payload => self.misfit.line,
            _ => site.line,
        };
        (self.engine.program.file(site), line)
    }

    /// A rule's denial is logged where the rule is asked, also where nobody is told. What anybody
    /// can bring about with any message is for those who ask for it.
    fn log_refusal(&self, slot: u32, denial: &Denial<'_>) {
        let Denial { event, name, refuser, reject, .. } = *denial;
        if refuser == Refuser::Rule {
            return;
        }
        let (file, line) = self.file_line(denial, denial.site.unwrap_or_default());
        let code = reject.code();
        if matches!(reject, Reject::Forbidden | Reject::RoomFull) {
            let (user, id) = (self.user_of(slot).unwrap_or_default(), denial.id());
            let id = id.as_str();
            tracing::info!(
                target: "shardwire::denied", user = &*user, event, code, name, id, "{file}:{line}"
            );
        } else if tracing::enabled!(target: "shardwire::denied", tracing::Level::DEBUG) {
            let (user, id) = (self.user_of(slot).unwrap_or_default(), denial.id());
            let id = id.as_str();
            tracing::debug!(
                target: "shardwire::denied", user = &*user, event, code, name, id, "{file}:{line}"
            );
        }
    }
}
