//! Builds a program: the only way to make one outside tests of the verifier.
//!
//! Invariants: operations belong to the event opened last; a literal is one constant however many
//! pieces it was appended in; equal constants are stored once. Called by `config::compile`.

use std::collections::HashMap;

use super::op::{ConstId, Op};
use super::program::{Event, LimitSpec, Program, Site};
use super::verify::{self, Fault};
use crate::ids::{EventId, LimitId, PermissionId};
use crate::limits::EVENTS_MAX;

/// A program in the making.
#[derive(Debug, Default)]
pub struct Builder {
    program: Program,
    interned: HashMap<Box<[u8]>, ConstId>,
    /// Literal bytes not yet written as a constant, and where they begin in the configuration.
    literal: Vec<u8>,
    literal_site: Site,
}

impl Builder {
    /// `file` is what the sites speak of, if they name no other.
    pub fn new(file: &str) -> Self {
        let program = Program { files: vec![file.into()], ..Program::default() };
        Builder { program, ..Builder::default() }
    }

    /// Adds a file that sites may name.
    pub fn file(&mut self, name: &str) {
        self.program.files.push(name.into());
    }

    /// Opens an event; what follows belongs to it, until the next one or `finish`. `None` where
    /// there are too many events; the last one stays open. A name used twice is a fault of
    /// `finish`.
    pub fn event(&mut self, name: &str, site: Site) -> Option<EventId> {
        let id = self.open(name, site)?;
        self.program.names.insert(name.as_bytes().into(), id);
        Some(id)
    }

    /// Opens `lifecycle.message`, which no message can name.
    pub fn on_message(&mut self, site: Site) -> Option<EventId> {
        let id = self.open("message", site)?;
        self.program.on_message = Some(id);
        Some(id)
    }

    fn open(&mut self, name: &str, site: Site) -> Option<EventId> {
        let id = self.program.events.len();
        if id >= EVENTS_MAX {
            return None;
        }
        self.seal();
        let entry = self.program.code.len() as u32;
        let event = Event { name: name.into(), entry, end: entry, site, ..Event::default() };
        self.program.events.push(event);
        Some(EventId(id as u16))
    }

    /// Ends the open event.
    fn seal(&mut self) {
        let Some(site) = self.program.events.last().map(|event| event.site) else { return };
        self.op(Op::End, site);
        let end = self.program.code.len() as u32;
        if let Some(event) = self.program.events.last_mut() {
            event.end = end;
        }
    }

    /// The slot of a path of the open event's payload, the same for the same path; the empty path
    /// is the whole payload. `None` where the event reads too many paths.
    pub fn payload_slot(&mut self, path: &[&str]) -> Option<u8> {
        self.program.events.last_mut()?.payload.insert(path)
    }

    /// The slot of a path of the verified claims, as `payload_slot`.
    pub fn claims_slot(&mut self, path: &[&str]) -> Option<u8> {
        self.program.events.last_mut()?.claims.insert(path)
    }

    /// Appends an operation to the open event. `Secure` also projects `payload.token`.
    pub fn op(&mut self, op: Op, site: Site) {
        self.flush_literal();
        if op == Op::Secure {
            self.reserve_token();
        }
        self.push(op, site);
    }

    /// Where the event has no slot left, the token is looked for in the message's root only.
    fn reserve_token(&mut self) {
        let slot = self.payload_slot(&["token"]);
        if let Some(event) = self.program.events.last_mut() {
            event.token_slot = slot;
        }
    }

    fn push(&mut self, op: Op, site: Site) {
        self.program.code.push(op);
        self.program.sites.push(site);
    }

    /// Appends literal bytes to the open output; neighbours become one constant.
    pub fn literal(&mut self, bytes: &[u8], site: Site) {
        if self.literal.is_empty() {
            self.literal_site = site;
        }
        self.literal.extend_from_slice(bytes);
    }

    fn flush_literal(&mut self) {
        if self.literal.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.literal);
        let constant = self.constant(&bytes);
        self.push(Op::Const(constant), self.literal_site);
    }

    /// Interns a constant.
    pub fn constant(&mut self, bytes: &[u8]) -> ConstId {
        if let Some(known) = self.interned.get(bytes) {
            return *known;
        }
        let id = ConstId(self.program.consts.len() as u32);
        self.program.consts.push(bytes.into());
        self.interned.insert(bytes.into(), id);
        id
    }

    /// Declares a rate limit.
    pub fn limit(&mut self, spec: LimitSpec) -> LimitId {
        self.program.limits.push(spec);
        LimitId(self.program.limits.len().saturating_sub(1) as u16)
    }

    /// Declares a permission; the same name is the same permission.
    pub fn permission(&mut self, name: &str) -> PermissionId {
        let known = self.program.permissions.iter().position(|one| **one == *name);
        let place = known.unwrap_or_else(|| {
            self.program.permissions.push(name.into());
            self.program.permissions.len() - 1
        });
        PermissionId(place as u16)
    }

    /// Ends the last event and verifies the whole.
    pub fn finish(mut self) -> Result<Program, Fault> {
        self.seal();
        verify::verify(&self.program)?;
        Ok(self.program)
    }
}
