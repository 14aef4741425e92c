//! The native spelling: `events.<name>.{payload, limit, require, steps}`, pipelines, hooks, state,
//! rules of rooms and the shape of errors, all to the steps of `ir`.
//!
//! Invariants: every expression is checked against the names of its place before it reaches `ir`;
//! a step with a finding is left out, and the file is refused. Called by `compile`.

mod call;
pub mod events;
mod flow;
mod limits;
mod payload;
mod require;
mod rooms;
mod routes;
mod send;
mod state;
mod steps;
mod uses;
mod values;
pub mod verbs;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::environment::Environment;
use super::super::expr::Declared;
use super::super::settings::Sections;
use super::super::source::{Source, Span};
use super::super::yaml::{Entry, Node, NodeKind};
use super::calls::Param;
use super::ir::{Pipeline, Unit};
use super::permissions::Permissions;
use crate::ids::PermissionId;
use crate::pipeline::program::Hook;
use crate::settings::{AuthMode, Backend, Settings};
use flow::{Flow, Place};
use state::State;

/// What the parts of the native spelling are compiled with.
pub struct Native<'n> {
    pub source: &'n Source,
    pub environment: &'n Environment,
    pub permissions: &'n Permissions,
    pub findings: &'n mut Findings,
    state: State,
    pipelines: &'n [Entry],
    pipelines_declared: Declared,
    error_event: &'n str,
    backends: &'n [Backend],
    /// Connections say who they are by a message.
    identifies: bool,
    /// How many pipelines were put in.
    uses: usize,
}

/// Whether an event is written in the native spelling.
pub fn is_native(fields: &[Entry]) -> bool {
    fields.iter().any(|field| events::FIELDS.contains(&field.key.as_str()))
}

impl<'n> Native<'n> {
    pub fn new(
        source: &'n Source,
        environment: &'n Environment,
        permissions: &'n Permissions,
        sections: &Sections<'n>,
        settings: &'n Settings,
        findings: &'n mut Findings,
    ) -> Native<'n> {
        let mut native = Native {
            source,
            environment,
            permissions,
            findings,
            state: State::default(),
            pipelines: &[],
            pipelines_declared: Declared::Nothing,
            error_event: &settings.errors.event,
            backends: &settings.backends,
            identifies: settings.auth.mode == AuthMode::Message,
            uses: 0,
        };
        native.state = native.read_state(sections);
        native.pipelines_declared = sections.declared_map("pipelines", sections.pipelines);
        native.pipelines = native.entries(sections.pipelines, "`pipelines` takes a map of names");
        native.unused_pipelines();
        native
    }

    /// Everything but the events.
    pub fn rest(&mut self, sections: &Sections<'n>, settings: &Settings, unit: &mut Unit) {
        unit.conn_variables = self.state.specs(&self.state.conn);
        unit.user_variables = self.state.specs(&self.state.user);
        unit.roles = self.roles(sections.roles);
        for (hook, entry) in &sections.hooks {
            let pipeline = self.hook(*hook, entry);
            unit.hooks.push((*hook, pipeline));
        }
        unit.room_joins = self.room_joins(sections.rooms);
        unit.routes = self.routes(sections, settings);
        if let Some(entry) = sections.error_payload {
            let pipeline = self.error_reply(entry);
            unit.hooks.push((Hook::Error, pipeline));
        }
    }

    /// The entries of a section that is a map.
    fn entries(&mut self, section: Option<&'n Entry>, wanted: &str) -> &'n [Entry] {
        let Some(entry) = section.filter(|entry| !entry.value.is_null()) else { return &[] };
        match entry.value.as_map() {
            Some(entries) => entries,
            None => {
                self.findings.push(shape(wanted, &entry.value));
                &[]
            }
        }
    }

    /// Roles with the permissions they stand for.
    fn roles(&mut self, section: Option<&'n Entry>) -> Vec<(String, Vec<PermissionId>)> {
        let entries = self.entries(section, "`roles` takes a map from roles to permissions");
        entries.iter().map(|entry| (entry.key.clone(), self.role(&entry.value))).collect()
    }

    fn role(&mut self, node: &Node) -> Vec<PermissionId> {
        let NodeKind::List(items) = &node.kind else {
            self.findings.push(shape("a role is a list of permissions", node));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.permission(item, Code::UnknownRolePermission)).collect()
    }

    /// A declared permission by its name.
    fn permission(&mut self, node: &Node, code: Code) -> Option<PermissionId> {
        let name = node.as_scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        self.permissions.find(name, node.span, code, self.findings)
    }

    fn param<'p>(&self, node: &'p Node) -> Option<Param<'p>> {
        node.as_scalar().map(|scalar| Param::new(scalar, node.span, self.source))
    }

    fn push(&mut self, code: Code, message: impl Into<String>, span: Span, label: &str) {
        self.findings.push(Diagnostic::new(code, message).label(span, label));
    }

    fn unknown_key(&mut self, entry: &Entry, place: &str, valid: &[&str]) {
        self.findings.push(no_such_key(entry, place, valid));
    }

    /// A pipeline from its steps, with what its flow kept.
    fn pipeline(&mut self, name: &str, span: Span, steps: &Node, place: Place) -> Pipeline {
        let mut flow = self.flow(place);
        flow.scope.belongs_to(span);
        let mut all = self.begin(steps, &mut flow);
        all.extend(self.steps(steps, &mut flow));
        let locals = self.locals(&flow, span);
        Pipeline { name: name.to_owned(), span, steps: all, schema: None, native: true, locals }
    }

    /// How many registers a flow kept; a finding where they are too many.
    fn locals(&mut self, flow: &Flow, span: Span) -> u8 {
        if flow.locals > flow::LOCALS_MAX {
            let message = format!("the steps keep more than {} values", flow::LOCALS_MAX);
            self.push(Code::TooManyVariables, message, span, "in this pipeline");
        }
        flow.locals.min(flow::LOCALS_MAX)
    }
}

fn no_such_key(entry: &Entry, place: &str, valid: &[&str]) -> Diagnostic {
    let message = format!("unknown key `{}` in {place}", entry.key);
    let finding = Diagnostic::new(Code::UnknownKey, message);
    finding.label(entry.key_span, "no such key").suggest(&entry.key, valid.iter().copied())
}

fn shape(message: &str, node: &Node) -> Diagnostic {
    let label = format!("this is {}", node.kind_name());
    Diagnostic::new(Code::WrongShape, message).label(node.span, label)
}
