//! `events.<name>.{payload, limit, require, steps}`, hooks, and the reply to a refused event.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Declared, Read, Scope, Section};
use super::super::super::schema::{self, Kind, Schema};
use super::super::super::types::{Type, Typed};
use super::super::super::yaml::Entry;
use super::super::ir::{Action, Delivery, Pipeline, Step, Template};
use super::Native;
use super::flow::{Flow, Place};
use crate::pipeline::op::To;
use crate::pipeline::program::{Hook, How};

/// The keys of an event in the native spelling.
pub const FIELDS: [&str; 4] = ["payload", "limit", "require", "steps"];

/// The keys of the other spelling.
const OTHER: [&str; 2] = ["modifiers", "actions"];

/// The schema of a payload that has none.
const NO_PAYLOAD: Section = Section {
    path: "payload",
    what: "fields of the payload",
    example: "payload: { NAME: string }",
    declared: Declared::Nothing,
};

impl Native<'_> {
    pub fn event(&mut self, entry: &Entry, fields: &[Entry]) -> Pipeline {
        self.known_fields(entry, fields);
        let schema = self.meant(fields, "payload", &FIELDS).map(|payload| self.schema(payload));
        let mut flow = self.flow(Place::Event);
        flow.scope.belongs_to(entry.key_span);
        let mut steps = self.bind_payload(schema.as_ref(), &mut flow);
        if let Some(limit) = self.meant(fields, "limit", &FIELDS) {
            steps.extend(self.limits(limit, &mut flow));
        }
        let written = self.meant(fields, "steps", &FIELDS);
        if let Some(written) = written {
            steps.extend(self.begin(&written.value, &mut flow));
        }
        if let Some(require) = self.meant(fields, "require", &FIELDS) {
            steps.extend(self.require(require, &mut flow));
        }
        match written {
            Some(written) => steps.extend(self.steps(&written.value, &mut flow)),
            None => {
                let message = format!("the event `{}` does nothing", entry.key);
                let finding = Diagnostic::new(Code::IdleEvent, message);
                self.findings.push(finding.label(entry.key_span, "it has no steps"));
            }
        }
        let locals = self.locals(&flow, entry.key_span);
        Pipeline {
            name: entry.key.clone(),
            span: entry.key_span,
            steps,
            schema,
            native: true,
            locals,
        }
    }

    fn known_fields(&mut self, event: &Entry, fields: &[Entry]) {
        for field in fields.iter().filter(|field| !FIELDS.contains(&field.key.as_str())) {
            if OTHER.contains(&field.key.as_str()) {
                let message = format!("the event `{}` is written in two spellings", event.key);
                let label = "of the other spelling";
                self.push(Code::BothSpellings, message, field.key_span, label);
            } else {
                self.unknown_key(field, &format!("event `{}`", event.key), &FIELDS);
            }
        }
    }

    fn schema(&mut self, entry: &Entry) -> Schema {
        let schema = schema::read(&entry.value, self.source, self.findings);
        if !matches!(schema.kind, Kind::Map { .. } | Kind::Any | Kind::Broken) {
            let message = "the payload of an event is a map of fields";
            self.push(Code::PayloadNotMap, message, entry.value.span, "this is none");
            return Schema::broken(entry.value.span);
        }
        schema
    }

    /// Binds the payload; fields with a default are kept in registers, where the default stands for
    /// what is missing.
    fn bind_payload(&mut self, schema: Option<&Schema>, flow: &mut Flow) -> Vec<Step> {
        let Some(schema) = schema else {
            flow.scope.declare(NO_PAYLOAD);
            flow.scope.bind("payload", Typed::of(Type::Any), Read::Payload(Vec::new()));
            return Vec::new();
        };
        if !has_default(schema) {
            let span = Some(schema.span);
            let read = Read::Payload(Vec::new());
            flow.scope.bind_declared("payload", schema.typed(), read, span);
            return Vec::new();
        }
        flow.whole_payload = Some(schema.typed());
        let mut loads = Vec::new();
        self.bind_fields("payload", &mut Vec::new(), (schema, false), flow, &mut loads);
        loads
    }

    /// The fields of a map, which may itself be missing, or one that it is in.
    fn bind_fields(
        &mut self,
        above: &str,
        path: &mut Vec<String>,
        (schema, missing): (&Schema, bool),
        flow: &mut Flow,
        loads: &mut Vec<Step>,
    ) {
        let missing = missing || schema.optional;
        for field in schema.fields() {
            let name = format!("{above}.{}", field.name);
            path.push(field.name.clone());
            match &field.schema.default {
                Some(json) => loads.extend(self.load(&name, path, &field.schema, json, flow)),
                None if has_default(&field.schema) => {
                    self.bind_fields(&name, path, (&field.schema, missing), flow, loads);
                }
                None => {
                    let typed = field.schema.typed();
                    let typed = if missing { typed.optional() } else { typed };
                    let read = Read::Payload(path.clone());
                    flow.scope.bind_declared(&name, typed, read, Some(field.name_span));
                }
            }
            path.pop();
        }
    }

    /// Keeps a field in a register, or its default where it is missing.
    fn load(
        &mut self,
        name: &str,
        path: &[String],
        schema: &Schema,
        json: &str,
        flow: &mut Flow,
    ) -> Option<Step> {
        let typed = schema.typed();
        let mut scope = Scope::new();
        scope.bind("field", typed.clone().optional(), Read::Payload(path.to_vec()));
        let outside = std::mem::replace(&mut flow.scope, scope);
        let value = self.written(&format!("field ?? {json}"), schema.span, flow);
        flow.scope = outside;
        let local = flow.local();
        flow.scope.bind_declared(name, typed, Read::Local(local), Some(schema.span));
        let action = Action::Let { local, value: value? };
        Some(Step::made(schema.span, action))
    }

    /// A hook of `lifecycle`.
    pub fn hook(&mut self, hook: Hook, entry: &Entry) -> Pipeline {
        if hook == Hook::Resume {
            let finding = Diagnostic::new(Code::NothingResumes, "nothing resumes yet");
            self.findings.push(finding.label(entry.key_span, "this hook never runs"));
        }
        let name = format!("lifecycle.{}", entry.key);
        self.pipeline(&name, entry.key_span, &entry.value, Place::Hook(hook))
    }

    /// The reply to a refused event, as `errors.reply.payload` shapes it.
    pub fn error_reply(&mut self, entry: &Entry) -> Pipeline {
        let mut flow = self.flow(Place::Hook(Hook::Error));
        let payload = self.payload(&entry.value, &mut flow);
        let mut event = Template::default();
        event.literal(&super::super::template::escaped(self.error_event));
        let delivery = Delivery {
            to: To::Origin,
            name: None,
            how: How::default(),
            key: None,
            event,
            payload,
            echo: true,
        };
        let action = Action::Deliver(Box::new(delivery));
        let step = Step::made(entry.value.span, action);
        let locals = self.locals(&flow, entry.key_span);
        let (name, span) = ("errors.reply".to_owned(), entry.key_span);
        Pipeline { name, span, steps: vec![step], schema: None, native: true, locals }
    }
}

/// Whether a field, however deep, has a default.
fn has_default(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| field.schema.default.is_some() || has_default(&field.schema))
}
