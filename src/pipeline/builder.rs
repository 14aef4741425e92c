//! Builds a program: the only way to make one outside tests of the verifier.
//!
//! Invariants: operations belong to the event opened last; a literal is one constant however many
//! pieces it was appended in; equal constants are stored once. Called by `config::compile`.

use std::collections::HashMap;

use super::op::{Ahead, Body, CallId, Class, ConstId, HowId, MetricId, Op, PatternId};
use super::pattern::Pattern;
use super::program::{
    CallSpec, Event, Hook, How, LimitSpec, Program, RoomRules, Route, Rule, Site, VariableSpec,
    WrittenStep,
};
use super::verify::{self, Fault};
use crate::envelope::Shape;
use crate::ids::{EventId, LimitId, PermissionId, RuleId};
use crate::limits::EVENTS_MAX;

/// The place of an entry in a table, where it is put if it is not there.
fn place_of<T: PartialEq>(table: &mut Vec<T>, entry: T) -> usize {
    let known = table.iter().position(|one| *one == entry);
    known.unwrap_or_else(|| {
        table.push(entry);
        table.len() - 1
    })
}

/// A program in the making.
#[derive(Debug, Default)]
pub struct Builder {
    program: Program,
    interned: HashMap<Box<[u8]>, ConstId>,
    /// Literal bytes not yet written as a constant, and where they begin in the configuration.
    literal: Vec<u8>,
    literal_site: Site,
    /// The open event has `begin` already.
    begun: bool,
    /// The steps of the file by their places.
    steps: HashMap<Site, usize>,
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
        let id = self.open("lifecycle.message", site)?;
        self.program.on_message = Some(id);
        Some(id)
    }

    /// Opens a hook, which no message can name.
    pub fn hook(&mut self, hook: Hook, name: &str, site: Site) -> Option<EventId> {
        let id = self.open(name, site)?;
        if let Some(place) = self.program.hooks.get_mut(hook as usize) {
            *place = Some(id);
        }
        Some(id)
    }

    /// Opens what runs before anybody is let into a room of this class.
    pub fn room_join(&mut self, class: usize, name: &str, site: Site) -> Option<EventId> {
        let id = self.open(name, site)?;
        if self.program.rooms.len() <= class {
            self.program.rooms.resize(class + 1, RoomRules::default());
        }
        self.program.rooms[class].join = Some(id);
        Some(id)
    }

    /// Opens what writes a page, which no message can name; `route` says where.
    pub fn page(&mut self, name: &str, site: Site) -> Option<EventId> {
        self.open(name, site)
    }

    /// Declares a route. Each page that was opened has one.
    pub fn route(&mut self, route: Route) {
        self.program.routes.push(route);
    }

    /// The claims that the open event reads are those that the connection came with.
    pub fn session_claims(&mut self) {
        if let Some(event) = self.program.events.last_mut() {
            event.session_claims = true;
        }
    }

    /// What the open event's payload must be.
    pub fn shape(&mut self, shape: Shape) {
        if let Some(event) = self.program.events.last_mut() {
            event.shape = Some(shape);
        }
    }

    fn open(&mut self, name: &str, site: Site) -> Option<EventId> {
        let id = self.program.events.len();
        if id >= EVENTS_MAX {
            return None;
        }
        self.seal();
        self.begun = false;
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
            event.session_claims &= event.claims.slots > 0;
            self.program.keeps_claims |= event.session_claims;
            if let Some(shape) = &mut event.shape {
                shape.bind(&event.payload.root);
            }
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

    /// Appends an operation to the open event. `Secure` also projects `payload.token`; the first
    /// operation on values comes behind a `Begin`.
    pub fn op(&mut self, op: Op, site: Site) {
        self.flush_literal();
        if matches!(op.class(), Class::Value | Class::Jump) {
            self.begin(site);
        }
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

    /// Makes sure that operations on values may come.
    pub fn begin(&mut self, site: Site) {
        if !std::mem::replace(&mut self.begun, true) {
            self.flush_literal();
            self.push(Op::Begin, site);
        }
    }

    /// Where the next operation will stand: what a jump behind it must know.
    pub fn here(&mut self) -> usize {
        self.flush_literal();
        self.program.code.len()
    }

    /// Appends a jump whose end is not known yet; `land` says it.
    pub fn jump(&mut self, make: impl FnOnce(Ahead) -> Op, site: Site) -> usize {
        self.op(make(Ahead(0)), site);
        self.program.code.len() - 1
    }

    /// The jump that stands at `at` ends here.
    pub fn land(&mut self, at: usize) {
        let here = self.here();
        if let Some(op) = self.program.code.get_mut(at) {
            let past = here - at - 1;
            match op {
                Op::Jump(by)
                | Op::JumpIf { by, .. }
                | Op::JumpUnless { by, .. }
                | Op::JumpSome { by, .. }
                | Op::JumpOmit { by, .. } => *by = Ahead(past as u32),
                // One that does not fit is a fault of `finish`.
                Op::Each { body, .. } => *body = Body(u16::try_from(past).unwrap_or(u16::MAX)),
                _ => {}
            }
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

    /// Declares a rule of the open event.
    pub fn rule(&mut self, spec: Rule) -> RuleId {
        let event = EventId(self.program.events.len().saturating_sub(1) as u16);
        self.program.rules.push(Rule { event, ..spec });
        RuleId(self.program.rules.len().saturating_sub(1) as u16)
    }

    /// Where an operation from here on (as `here` said) is refused, the run goes on behind the
    /// last.
    pub fn lenient(&mut self, from: usize) {
        let end = self.here();
        self.program.lenient.push(from as u32..end as u32);
    }

    /// A way of sending; the same is declared once.
    pub fn how(&mut self, how: How) -> HowId {
        HowId(place_of(&mut self.program.hows, how) as u16)
    }

    /// Declares a request to a backend.
    pub fn call(&mut self, spec: CallSpec) -> CallId {
        self.program.calls.push(spec);
        CallId(self.program.calls.len().saturating_sub(1) as u16)
    }

    /// A counter of the configuration; the same name is the same counter.
    pub fn metric(&mut self, name: &str) -> MetricId {
        MetricId(place_of(&mut self.program.metrics, name.into()) as u16)
    }

    /// Declares the variables of connections and users.
    pub fn variables(&mut self, conn: Vec<VariableSpec>, user: Vec<VariableSpec>) {
        (self.program.conn_variables, self.program.user_variables) = (conn, user);
    }

    /// A step of the file begins here; it may have begun elsewhere before.
    pub fn step(&mut self, name: &str, from: Site, to: Site) {
        let begins = self.here();
        let steps = &mut self.program.steps;
        let place = *self.steps.entry(from).or_insert_with(|| {
            steps.push(WrittenStep { name: name.into(), from, to, begins: Vec::new() });
            steps.len() - 1
        });
        steps[place].begins.push(begins as u32);
    }

    /// Declares a role.
    pub fn role(&mut self, name: &str, permissions: Vec<PermissionId>) {
        self.program.roles.push((name.into(), permissions));
    }

    /// Compiles a pattern; the same text is the same pattern.
    pub fn pattern(&mut self, text: &str) -> Result<PatternId, String> {
        let patterns = &mut self.program.patterns;
        let known = patterns.iter().position(|pattern| pattern.text() == text);
        let place = match known {
            Some(place) => place,
            None => {
                patterns.push(Pattern::new(text)?);
                patterns.len() - 1
            }
        };
        Ok(PatternId(place as u16))
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
