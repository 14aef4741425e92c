//! Steps to bytecode.
//!
//! Invariants: a step asks for what it needs before it opens an output, and only once in a
//! pipeline; the fields of the outgoing envelope are constants. Called by `compile`.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::source::{Source, Span};
use super::ir::{self, Action, Part, Pipeline, Recipient, Step, Template, Unit, Value};
use super::template::escaped;
use crate::ids::EventId;
use crate::limits::SLOTS_MAX;
use crate::pipeline::Builder;
use crate::pipeline::op::{Context, Form, FrameKind, Op, Reg, Source as From};
use crate::pipeline::program::{Hook, LimitSpec, Page, Program, Route, RouteAnswer, Site};
use crate::settings::{AuthMode, Protocol, Settings, WireNames};
use crate::state::limits::Rate;

/// The event that anybody may use to see whether it is heard.
const PING: &str = "ping";

/// Builds the program; `None` where that failed, with a finding.
pub fn lower(
    unit: &Unit,
    source: &Source,
    settings: &Settings,
    findings: &mut Findings,
) -> Option<Program> {
    let outgoing = match &settings.protocol {
        Protocol::Json { outgoing, .. } => outgoing.clone(),
        Protocol::Raw => WireNames::default(),
    };
    let mut lower = Lower {
        builder: builder(source),
        source,
        findings,
        outgoing,
        origin_is_user: settings.compat.notify_origin_user,
        asked: Asked::default(),
        locals: 0,
        stops: Vec::new(),
        open_event: (settings.auth.mode == AuthMode::Message).then(|| settings.auth.event.clone()),
    };
    for name in &unit.permissions {
        lower.builder.permission(name);
    }
    unit.events.iter().for_each(|pipeline| lower.event(pipeline));
    if let Some(pipeline) = &unit.on_message {
        lower.on_message(pipeline);
    }
    lower.builder.variables(unit.conn_variables.clone(), unit.user_variables.clone());
    unit.roles.iter().for_each(|(name, all)| lower.builder.role(name, all.clone()));
    unit.hooks.iter().for_each(|(hook, pipeline)| lower.hook(*hook, pipeline));
    unit.room_joins.iter().for_each(|(class, pipeline)| lower.room_join(*class, pipeline));
    unit.routes.iter().for_each(|route| lower.route(route));
    lower.finish()
}

fn builder(source: &Source) -> Builder {
    let mut builder = Builder::new(source.name());
    source.files().skip(1).for_each(|file| builder.file(source.name_of(file)));
    builder
}

/// What the pipeline has asked for already.
#[derive(Default)]
struct Asked {
    target: bool,
    slots: Vec<(From, u8)>,
}

pub(super) struct Lower<'l> {
    pub(super) builder: Builder,
    pub(super) source: &'l Source,
    pub(super) findings: &'l mut Findings,
    outgoing: WireNames,
    origin_is_user: bool,
    asked: Asked,
    /// Value registers that the pipeline keeps.
    pub(super) locals: u8,
    /// Jumps to the pipeline's end.
    pub(super) stops: Vec<usize>,
    /// With in-band auth: the event that whoever has not said who it is may use.
    open_event: Option<String>,
}

impl Lower<'_> {
    fn finish(self) -> Option<Program> {
        if self.findings.any_error() {
            return None;
        }
        match self.builder.finish() {
            Ok(program) => Some(program),
            Err(fault) => {
                let sentence = fault.rule.sentence().trim_end_matches('.');
                let at = self.source.offset(fault.site);
                let finding = Diagnostic::new(Code::ProgramTooLarge, sentence);
                self.findings.push(finding.label(Span::new(at, at), "in this event"));
                None
            }
        }
    }

    fn event(&mut self, pipeline: &Pipeline) {
        let site = self.source.site(pipeline.span.start);
        match self.builder.event(&pipeline.name, site) {
            Some(event) => {
                self.guard(&pipeline.name, site);
                self.pipeline(pipeline, event);
            }
            None => self.too_many(pipeline.span),
        }
    }

    /// With in-band auth all but two events are for those who have said who they are.
    fn guard(&mut self, name: &str, site: Site) {
        if self.open_event.as_ref().is_some_and(|open| name != open && name != PING) {
            self.builder.op(Op::NeedIdentity, site);
        }
    }

    fn hook(&mut self, hook: Hook, pipeline: &Pipeline) {
        let site = self.source.site(pipeline.span.start);
        match self.builder.hook(hook, &pipeline.name, site) {
            Some(event) => self.pipeline(pipeline, event),
            None => self.too_many(pipeline.span),
        }
    }

    fn room_join(&mut self, class: usize, pipeline: &Pipeline) {
        let site = self.source.site(pipeline.span.start);
        match self.builder.room_join(class, &pipeline.name, site) {
            Some(event) => self.pipeline(pipeline, event),
            None => self.too_many(pipeline.span),
        }
    }

    fn route(&mut self, route: &ir::Route) {
        let answer = match &route.answer {
            ir::Answer::Handler(handler) => RouteAnswer::Handler(*handler),
            ir::Answer::Page { pipeline, status, kind, headers } => {
                let site = self.source.site(pipeline.span.start);
                let Some(run) = self.builder.page(&pipeline.name, site) else {
                    return self.too_many(pipeline.span);
                };
                self.pipeline(pipeline, run);
                let headers = headers.iter().map(|name| name.as_str().into()).collect();
                RouteAnswer::Page(Page { run, status: *status, kind: *kind, headers })
            }
        };
        let path = route.path.as_str().into();
        self.builder.route(Route { path, method: route.method, answer });
    }

    /// The steps of the pipeline that was just opened.
    fn pipeline(&mut self, pipeline: &Pipeline, event: EventId) {
        self.asked = Asked::default();
        self.locals = pipeline.locals;
        if pipeline.native {
            self.builder.session_claims();
        }
        if let Some(schema) = &pipeline.schema {
            self.builder.shape(schema.shape(self.source));
        }
        pipeline.steps.iter().for_each(|step| self.conditional(step, event));
        for stop in std::mem::take(&mut self.stops) {
            self.builder.land(stop);
        }
    }

    fn on_message(&mut self, pipeline: &Pipeline) {
        let site = self.source.site(pipeline.span.start);
        if let Some(event) = self.builder.on_message(site) {
            self.pipeline(pipeline, event);
        }
    }

    pub(super) fn step(&mut self, step: &Step, event: EventId) {
        let site = self.source.site(step.span.start);
        self.ask(&step.action, site);
        match &step.action {
            Action::Limit { events_max, window_ns } => {
                let rate = Rate::fixed(*events_max, *window_ns);
                let limit = self.builder.limit(LimitSpec::of_user(event, rate, site));
                self.builder.op(Op::Limit(limit), site);
            }
            Action::Secure => self.builder.op(Op::Secure, site),
            Action::Permit(permissions) => {
                permissions.iter().for_each(|one| self.builder.op(Op::Permit(*one), site));
            }
            Action::Join { user, room, since } => {
                self.key(since.as_ref(), site);
                let (user, room) = self.names(user, room, site);
                self.builder.op(Op::Join { user, room }, site);
            }
            Action::Leave { user, room } => {
                let (user, room) = self.names(user, room, site);
                self.builder.op(Op::Leave { user, room }, site);
            }
            Action::Send { to, event, payload } => self.send(*to, event, payload, step),
            Action::Reply(message) => self.reply(message, site),
            Action::Log(text) => self.log(text, site),
            Action::Close => self.builder.op(Op::Close, site),
            native => self.native(native, step, event),
        }
    }

    /// Ends the run before this step where something it reads is missing.
    fn ask(&mut self, action: &Action, site: Site) {
        if action.needs_target() && !self.asked.target {
            self.asked.target = true;
            self.builder.op(Op::NeedTarget, site);
        }
        for template in action.templates() {
            for (value, span) in template.values() {
                self.ask_value(value, span, site);
            }
        }
    }

    fn ask_value(&mut self, value: &Value, span: Span, site: Site) {
        let Some((source, slot)) = self.slot(value, span) else { return };
        if !self.asked.slots.contains(&(source, slot)) {
            self.asked.slots.push((source, slot));
            self.builder.op(Op::NeedSlot { source, slot }, site);
        }
    }

    /// The slot a value is read from, if it is read from one.
    fn slot(&mut self, value: &Value, span: Span) -> Option<(From, u8)> {
        let (source, path) = match value {
            Value::Payload(path) => (From::Payload, path),
            Value::Claims(path) => (From::Claims, path),
            Value::Context(_) | Value::Message => return None,
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let slot = match source {
            From::Payload => self.builder.payload_slot(&path),
            From::Claims => self.builder.claims_slot(&path),
        };
        if slot.is_none() {
            let message =
                format!("this event reads more than {SLOTS_MAX} paths, or a path too deep");
            let finding = Diagnostic::new(Code::TooManyPaths, message);
            self.findings.push(finding.label(span, "this one is too many"));
        }
        slot.map(|slot| (source, slot))
    }

    fn names(&mut self, user: &Template, room: &Template, site: Site) -> (Reg, Reg) {
        (self.text(user, Reg(0), site), self.text(room, Reg(1), site))
    }

    pub(super) fn text(&mut self, template: &Template, register: Reg, site: Site) -> Reg {
        self.builder.op(Op::OpenText, site);
        self.parts(&template.parts, site);
        self.builder.op(Op::CloseText(register), site);
        register
    }

    pub(super) fn parts(&mut self, parts: &[Part], site: Site) {
        for part in parts {
            match part {
                Part::Literal(text) => self.builder.literal(text.as_bytes(), site),
                Part::Hole { value, form, span } => self.hole(value, *form, *span, site),
                part => self.part(part, site),
            }
        }
    }

    fn hole(&mut self, value: &Value, form: Form, span: Span, site: Site) {
        match value {
            Value::Context(value) => self.builder.op(Op::Context { value: *value, form }, site),
            Value::Message => self.builder.op(Op::Message, site),
            Value::Payload(_) | Value::Claims(_) => {
                if let Some((source, slot)) = self.slot(value, span) {
                    self.builder.op(Op::Slot { source, slot, form }, site);
                }
            }
        }
    }

    fn reply(&mut self, message: &Template, site: Site) {
        self.builder.op(Op::OpenFrame(FrameKind::AsReceived), site);
        self.parts(&message.parts, site);
        self.builder.op(Op::CloseFrame, site);
        self.builder.op(Op::SendOrigin, site);
    }

    fn send(&mut self, to: Recipient, event: &Template, payload: &Template, step: &Step) {
        let site = self.source.site(step.span.start);
        self.builder.op(Op::OpenFrame(FrameKind::Text), site);
        self.envelope(event, payload, false, step.span, site);
        self.builder.op(Op::CloseFrame, site);
        match to {
            Recipient::Origin if self.origin_is_user => self.builder.op(Op::SendUser, site),
            Recipient::Origin => self.builder.op(Op::SendOrigin, site),
            Recipient::Target => {
                self.builder.op(Op::OpenText, site);
                self.builder.op(Op::Context { value: Context::Target, form: Form::Text }, site);
                self.builder.op(Op::CloseText(Reg(0)), site);
                self.builder.op(Op::SendTarget(Reg(0)), site);
            }
        }
    }

    /// `{"event":"NAME","payload":...}` in the names of `protocol.out`.
    pub(super) fn envelope(
        &mut self,
        event: &Template,
        payload: &Template,
        echo: bool,
        span: Span,
        site: Site,
    ) {
        let opening = format!("{{\"{}\":\"", escaped(&self.outgoing.event));
        self.builder.literal(opening.as_bytes(), site);
        self.parts(&event.parts, site);
        self.builder.literal(b"\"", site);
        if echo {
            let prefix = format!(",\"{}\":", escaped(&self.outgoing.id));
            let prefix = self.builder.constant(prefix.as_bytes());
            self.builder.op(Op::Id(prefix), site);
        }
        if self.outgoing.payload == "." {
            return self.flat(payload, span, site);
        }
        let between = format!(",\"{}\":", escaped(&self.outgoing.payload));
        self.builder.literal(between.as_bytes(), site);
        self.parts(&payload.parts, site);
        self.builder.literal(b"}", site);
    }

    /// The payload's fields beside the event's name.
    fn flat(&mut self, payload: &Template, span: Span, site: Site) {
        let first = match payload.parts.first() {
            Some(Part::Literal(text)) => text.strip_prefix('{'),
            _ => None,
        };
        let Some(first) = first else {
            let finding = Diagnostic::new(Code::FlatNotObject, "a flat payload must be an object");
            return self.findings.push(finding.label(span, "`protocol.out.payload` is `.`"));
        };
        // A comma that is decided in a run stands among the parts.
        let decided = first.is_empty() && payload.parts.len() > 1;
        let between = if first.starts_with('}') || decided { "" } else { "," };
        self.builder.literal(between.as_bytes(), site);
        self.builder.literal(first.as_bytes(), site);
        self.parts(&payload.parts[1..], site);
    }
}
