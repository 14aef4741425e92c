//! THE HOT PATH: from received bytes to queued frames, top to bottom.
//!
//! ```text
//! bytes -> decoder -> message -> envelope -> projection -> interpreter -> effects -> apply
//! ```
//!
//! Invariants: nothing here waits, locks, or allocates in the steady state. A message that must
//! wait for another shard is held (`hold.rs`), and the bytes behind it are kept unread.

use std::cell::OnceCell;

use super::host::{Asked, Counted, Host};
use super::subject::Subject;
use super::{Io, Shard};
use crate::clock::Now;
use crate::envelope::{Envelope, project, project_checked, text::text_of};
use crate::ids::EventId;
use crate::limits::PARKED_BYTES_MAX;
use crate::pipeline::effect::Effects;
use crate::pipeline::program::Program;
use crate::pipeline::vm::{self, Input, Outcome, Vm};
use crate::pipeline::{About, By};
use crate::reject::Reject;
use crate::settings::Protocol;
use crate::state::conns::Phase;
use crate::state::frames::{FramePool, FrameType};
use crate::state::users::User;
use crate::ws::{self, Item, MessageKind};

/// What a run is done with.
pub(super) struct Tools<'t, H> {
    pub vm: &'t mut Vm,
    pub program: &'t Program,
    pub host: &'t mut H,
    pub pool: &'t mut FramePool,
    pub effects: &'t mut Effects,
}

/// Where a run begins.
pub(super) trait Start {
    fn start<H: vm::Host>(self, input: &Input<'_>, tools: Tools<'_, H>) -> Outcome;
}

impl Start for EventId {
    #[inline(always)]
    fn start<H: vm::Host>(self, input: &Input<'_>, tools: Tools<'_, H>) -> Outcome {
        let Tools { vm, program, host, pool, effects } = tools;
        vm.run(program, self, input, host, pool, effects)
    }
}

impl Shard {
    /// Bytes came from a socket. They are the caller's again when this returns.
    pub fn handle_bytes(&mut self, now: Now, slot: u32, bytes: &mut [u8]) {
        self.now = now;
        self.counters.bytes_in.add(bytes.len() as u64);
        let Some(conn) = self.conns.get_mut(slot) else { return };
        conn.heard_ns = now.mono_ns;
        let waiting = conn.hold.is_some() || !conn.unread.is_empty();
        match conn.phase {
            Phase::Head => self.read_head(slot, bytes),
            Phase::Open | Phase::Closing if !waiting && !self.mesh.is_backlogged() => {
                self.read_frames(slot, bytes);
            }
            Phase::Lingering | Phase::Gone => {}
            _ => self.keep_unread(slot, bytes),
        }
    }

    /// Takes items off the bytes until they end, the connection is held, or it is failed.
    pub(super) fn read_frames(&mut self, slot: u32, bytes: &mut [u8]) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        let mut decoder = std::mem::take(&mut conn.decoder);
        let mut input = ws::Input::new(bytes);
        let result = loop {
            match decoder.next(&mut input, &self.rules, &mut self.decoding) {
                Ok(Some(item)) if self.on_item(slot, &item) => {}
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.decoder = decoder;
        }
        match result {
            Ok(()) => self.keep_unread(slot, input.rest()),
            Err(error) => self.fail(slot, error),
        }
    }

    /// Handles one item; false where nothing behind it may be looked at now.
    fn on_item(&mut self, slot: u32, item: &Item<'_>) -> bool {
        match item {
            Item::Message { kind, bytes } if self.phase(slot) == Phase::Open => {
                let kind = match kind {
                    MessageKind::Text => FrameType::Text,
                    MessageKind::Binary => FrameType::Binary,
                };
                self.counters.messages_in.add(1);
                self.run_message(slot, kind, bytes, 0);
            }
            Item::Message { .. } => {}
            Item::Ping(payload) => self.on_ping(slot, payload),
            Item::Pong(_) => self.on_pong(slot),
            Item::Close { code, .. } => self.on_close(slot, *code),
        }
        let reading = |phase| matches!(phase, Phase::Open | Phase::Closing);
        self.conns.get(slot).is_some_and(|conn| conn.hold.is_none() && reading(conn.phase))
    }

    /// Runs the message's event. `granted` is how many of its limits have let it pass already.
    pub(super) fn run_message(&mut self, slot: u32, kind: FrameType, message: &[u8], granted: u16) {
        let event = match self.route(kind, message) {
            Ok(Some(event)) => event,
            Ok(None) => return self.counters.unhandled.add(1),
            Err(reject) => return self.refuse_unrouted(slot, reject, message),
        };
        let mut effects = std::mem::take(&mut self.effects);
        let about = About::NOTHING;
        let (outcome, asked) =
            self.run_event(slot, event, kind, message, granted, about, &mut effects);
        // One that waits comes again.
        if outcome != Outcome::Waiting {
            self.named.received(event);
        }
        match outcome {
            Outcome::Done => {}
            // What the steps before the refused one asked for stands, as in the original.
            Outcome::Rejected(reject, _) => {
                effects.refused = Some(reject);
            }
            // Limits come before every effect: there are none yet.
            Outcome::Limited { limit, retry_ns } => {
                self.effects = effects;
                return self.exceed(slot, limit, retry_ns, self.subject(message));
            }
            Outcome::Waiting => {
                self.effects = effects;
                let held = asked.map(|asked| self.await_limit(slot, asked, kind, message));
                return held.unwrap_or_default();
            }
        }
        let ran = matches!(outcome, Outcome::Done);
        let (subject, payload) = (self.subject(message), self.envelope.payload);
        self.apply(slot, effects, subject);
        if ran {
            self.note_ran(slot, event, payload.bytes(message));
        }
    }

    fn refuse_unrouted(&mut self, slot: u32, reject: Reject, message: &[u8]) {
        // A message that is no envelope has no event to speak of.
        let subject = match reject {
            Reject::BadJson | Reject::BadMessage => Subject::NOTHING,
            _ => self.subject(message),
        };
        let event = match reject {
            Reject::UnknownEvent => None,
            _ => self.engine.program.lookup(subject.event),
        };
        event.into_iter().for_each(|event| self.named.received(event));
        let early = event.is_some_and(|event| self.must_identify(slot, event));
        let reject = if early { Reject::Unidentified } else { reject };
        let by = match reject {
            Reject::InvalidPayload => event.map_or(By::Nobody, By::Payload),
            _ => By::Nobody,
        };
        self.reject(slot, reject, subject, by.into());
    }

    /// What a refusal of the message at hand would speak of.
    pub(super) fn subject<'m>(&self, message: &'m [u8]) -> Subject<'m> {
        let Envelope { event, id, .. } = &self.envelope;
        Subject { event: event.bytes(message), id: id.raw(message), ..Subject::NOTHING }
    }

    /// Finds the event of a message and fills the slots it reads.
    pub(super) fn route(
        &mut self,
        kind: FrameType,
        message: &[u8],
    ) -> Result<Option<EventId>, Reject> {
        let program = &self.engine.program;
        if self.engine.settings.protocol == Protocol::Raw {
            return Ok(program.on_message);
        }
        if kind == FrameType::Binary && simdutf8::basic::from_utf8(message).is_err() {
            return Err(Reject::BadJson);
        }
        self.scanner.scan(message, &self.keys, &mut self.envelope)?;
        let name = self.envelope.event.bytes(message);
        let event = program.lookup(name).ok_or(Reject::UnknownEvent)?;
        if let Some(compiled) = program.event(event) {
            let (payload, members) = (self.envelope.payload, &self.scanner.members);
            let Some(shape) = &compiled.shape else {
                project(message, payload, members, &compiled.payload, &mut self.slots)?;
                return Ok(Some(event));
            };
            let slots = compiled.payload.slots;
            let (out, misfit) = (&mut self.slots, &mut self.misfit);
            project_checked(message, payload, members, shape, slots, out, misfit)?;
        }
        Ok(Some(event))
    }

    #[allow(clippy::too_many_arguments, reason = "the circumstances of one run, each once")]
    pub(super) fn run_event(
        &mut self,
        slot: u32,
        start: impl Start,
        kind: FrameType,
        message: &[u8],
        granted: u16,
        about: &About<'_>,
        effects: &mut Effects,
    ) -> (Outcome, Option<Asked>) {
        let (Some(key), Some(conn)) = (self.conns.key(slot), self.conns.get_mut(slot)) else {
            return (Outcome::Done, None);
        };
        let Some(user) = conn.user.and_then(|user| self.users.get_mut(user)) else {
            return (Outcome::Done, None);
        };
        let engine = &self.engine;
        let User { name, permissions, variables, .. } = user;
        let counted = Counted::of(&mut user.meters, user.home == self.id);
        let mut host = Host {
            id: self.id,
            shards: engine.shards,
            seed: engine.seed,
            program: &engine.program,
            verifier: &engine.verifier,
            counters: &self.counters,
            named: &self.named,
            now: self.now,
            user: name,
            permissions,
            homes: &mut self.homes,
            counted,
            own: &mut conn.meters,
            granted,
            met: 0,
            asked: None,
            session: self.sessions.conns.get(&slot),
            variables: variables.as_deref(),
            room: (about.room, &self.room_variables),
            ip: conn.ip,
            identified: conn.identified,
            ip_text: OnceCell::new(),
        };
        let input = Input {
            message,
            payload: &self.slots,
            token: self.envelope.token,
            id: self.envelope.id,
            claims: host.session.map_or(&[], |session| &session.claims),
            about,
            user: name,
            conn: key,
            target: text_of(&self.envelope.target, message, &mut self.target),
            kind,
            frame_bytes_max: engine.settings.transport.message_bytes_max,
        };
        let (program, vm, pool) = (&engine.program, &mut self.vm, &mut self.outboxes.pool);
        let outcome = match &self.trace {
            None => start.start(&input, Tools { vm, program, host: &mut host, pool, effects }),
            Some(trace) => {
                let host = &mut trace.on(&mut host);
                start.start(&input, Tools { vm, program, host, pool, effects })
            }
        };
        (outcome, host.asked)
    }

    /// Keeps bytes that may not be looked at yet; pauses the socket where there are too many.
    pub(super) fn keep_unread(&mut self, slot: u32, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        if bytes.is_empty() || matches!(conn.phase, Phase::Lingering | Phase::Gone) {
            return;
        }
        if conn.unread.capacity() == 0 {
            conn.unread = self.spares.take();
        }
        conn.unread.extend_from_slice(bytes);
        let pause = conn.unread.len() > PARKED_BYTES_MAX && !conn.paused;
        conn.paused |= pause;
        if conn.hold.is_none() && matches!(conn.phase, Phase::Open | Phase::Closing) {
            self.to_read.push(slot);
        }
        if pause {
            self.io.push_back(Io::Pause(slot));
        }
    }
}
