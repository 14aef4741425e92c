//! `use`: a named pipeline is put in where it is used.
//!
//! Invariants: a pipeline sees its `input`, the connection and the user, and nothing of the one
//! that uses it; one that leads to itself is refused, so what is put in ends.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Declared, Read, Scope, Section, Want};
use super::super::super::schema::{self, Field, Kind};
use super::super::super::types::Typed;
use super::super::super::yaml::{Entry, Node};
use super::super::ir::Action;
use super::Native;
use super::flow::{Flow, Place};
use super::steps::Beside;
use crate::pipeline::op::ValueReg;

const FIELDS: [&str; 3] = ["input", "steps", "output"];

/// What `use` names.
const PIPELINES: Section = Section {
    path: "pipelines",
    what: "pipelines",
    example: "pipelines: { NAME: { steps: [] } }",
    declared: Declared::Nothing,
};

/// Pipelines put into each other.
const DEPTH_MAX: usize = 16;

/// Pipelines put in, in a whole configuration: a few lines could ask for millions.
const USES_MAX: usize = 4_096;

impl<'n> Native<'n> {
    /// Looks at the pipelines that nothing uses, so that what is wrong with them is told too.
    pub(super) fn unused_pipelines(&mut self) {
        for entry in self.pipelines {
            let fields = entry.value.as_map().unwrap_or_default();
            if entry.value.as_map().is_none() {
                let message = "a pipeline is a map of `input`, `steps` and `output`";
                self.findings.push(super::shape(message, &entry.value));
            }
            for field in fields.iter().filter(|field| !FIELDS.contains(&field.key.as_str())) {
                self.unknown_key(field, "a pipeline", &FIELDS);
            }
        }
    }

    pub fn use_pipeline(
        &mut self,
        node: &Node,
        beside: &Beside<'_>,
        flow: &mut Flow,
    ) -> Option<Vec<Action>> {
        let name = node.as_scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
        let entry = self.find_pipeline(&name, node)?;
        if flow.using.contains(&name) || flow.using.len() >= DEPTH_MAX {
            let path = flow.using.join("` uses `");
            let message = format!("`{path}` uses `{name}`, which never ends");
            self.push(Code::Recursion, message, node.span, "this leads back to itself");
            return None;
        }
        self.uses += 1;
        if self.uses > USES_MAX {
            if self.uses == USES_MAX + 1 {
                let message = format!("pipelines are put in at more than {USES_MAX} places");
                self.push(Code::ProgramTooLarge, message, node.span, "one too many");
            }
            return None;
        }
        let fields = entry.value.as_map().unwrap_or_default();
        let (mut actions, scope) = self.inputs(entry, node, beside, flow);
        flow.using.push(name);
        let outside = std::mem::replace(&mut flow.scope, scope);
        if let Some(steps) = self.meant(fields, "steps", &FIELDS) {
            let steps = self.steps(&steps.value, flow);
            actions.push(Action::Block(steps));
        }
        let output = self.output(fields, node, beside, flow);
        flow.using.pop();
        self.take_over(outside, flow);
        if let Some((before, typed, action)) = output {
            let into = beside.into.and_then(|entry| entry.value.as_scalar());
            if let (Some(into), Action::Let { local, .. }) = (into, &action) {
                flow.scope.bind(&into.text, typed, Read::Local(*local));
            }
            match beside.may_be_left_out {
                true => flow.before.push(before),
                false => actions.insert(0, before),
            }
            actions.push(action);
        }
        Some(actions)
    }

    fn find_pipeline(&mut self, name: &str, node: &Node) -> Option<&'n Entry> {
        let found = self.pipelines.iter().find(|entry| entry.key == name);
        match (found, self.pipelines_declared) {
            (Some(_), _) | (None, Declared::Broken) => {}
            (None, Declared::Nothing) => {
                let (message, label, help) = PIPELINES.missing(name);
                let finding = Diagnostic::new(Code::UnknownPipeline, message);
                let finding = finding.label(node.span, label).help(help);
                self.findings.push(finding.about(PIPELINES.path));
            }
            (None, Declared::Well) => {
                let message = format!("unknown pipeline `{name}`");
                let finding = Diagnostic::new(Code::UnknownPipeline, message);
                let finding = finding.label(node.span, "not in `pipelines`");
                let finding = finding.about(format!("{}.{name}", PIPELINES.path));
                let known = self.pipelines.iter().map(|entry| entry.key.as_str());
                self.findings.push(finding.suggest(name, known));
            }
        }
        found.filter(|entry| entry.value.as_map().is_some())
    }

    /// Evaluates the inputs in the scope of the user; gives the scope of the pipeline.
    fn inputs(
        &mut self,
        pipeline: &Entry,
        node: &Node,
        beside: &Beside<'_>,
        flow: &mut Flow,
    ) -> (Vec<Action>, Scope) {
        let mut scope = self.flow(Place::Hook(crate::pipeline::program::Hook::Connect)).scope;
        scope.belongs_to(pipeline.key_span);
        for (of, variable, local) in &flow.set {
            self.bind_set(*of, *variable, *local, &mut scope);
        }
        let fields = pipeline.value.as_map().unwrap_or_default();
        let Some(declared) = self.declared_inputs(fields) else {
            scope.bind_broken("input");
            return (Vec::new(), scope);
        };
        let given = self.given(beside.with, &declared, &scope);
        let names: Vec<&str> = declared.iter().map(|field| field.name.as_str()).collect();
        let mut actions = Vec::new();
        for field in &declared {
            let typed = field.schema.typed();
            let value = match given.map(|given| self.meant(given, &field.name, &names)) {
                None => None,
                Some(Some(entry)) => self.typed_value(&entry.value, &typed, "an input", flow),
                Some(None) => self.default_input(field, node, &scope, flow),
            };
            let local = flow.local();
            scope.bind(&format!("input.{}", field.name), typed, Read::Local(local));
            actions.extend(value.map(|value| Action::Let { local, value }));
        }
        (actions, scope)
    }

    /// The inputs that a step gives; `None` where nobody can tell.
    fn given<'e>(
        &mut self,
        with: Option<&'e Entry>,
        declared: &[Field],
        scope: &Scope,
    ) -> Option<&'e [Entry]> {
        let Some(with) = with else { return Some(&[]) };
        let Some(given) = with.value.as_map() else {
            self.findings.push(super::shape("`with` takes a map of inputs", &with.value));
            return None;
        };
        let names: Vec<&str> = declared.iter().map(|field| field.name.as_str()).collect();
        for entry in given.iter().filter(|entry| !names.contains(&entry.key.as_str())) {
            let about = match names.is_empty() {
                true => scope.subject("input"),
                false => scope.subject(&format!("input.{}", entry.key)),
            };
            self.findings.push(super::no_such_key(entry, "the inputs", &names).about(about));
        }
        Some(given)
    }

    /// The inputs of a pipeline; `None` where what it says of them was found wrong.
    fn declared_inputs(&mut self, fields: &[Entry]) -> Option<Vec<Field>> {
        let Some(entry) = self.meant(fields, "input", &FIELDS) else { return Some(Vec::new()) };
        match schema::read(&entry.value, self.source, self.findings).kind {
            Kind::Map { fields, .. } => Some(fields),
            Kind::Broken => None,
            _ => {
                let message = "`input` takes a map of types";
                self.findings.push(super::shape(message, &entry.value));
                None
            }
        }
    }

    fn default_input(
        &mut self,
        field: &Field,
        node: &Node,
        scope: &Scope,
        flow: &mut Flow,
    ) -> Option<super::super::ir::Expression> {
        match (&field.schema.default, field.schema.optional) {
            (Some(json), _) => self.written(&json.clone(), node.span, flow),
            (None, true) => self.written("null", node.span, flow),
            (None, false) if field.schema.is_broken() => None,
            (None, false) => {
                let message = format!("the input `{}` is not given", field.name);
                let finding = Diagnostic::new(Code::MissingInput, message);
                let finding = finding.label(node.span, "give it in `with`");
                let finding = finding.label(field.name_span, "declared here");
                let about = scope.subject(&format!("the input {}", field.name));
                self.findings.push(finding.about(about));
                None
            }
        }
    }

    /// The output, kept in a register that is null where the steps were not done.
    fn output(
        &mut self,
        fields: &[Entry],
        node: &Node,
        beside: &Beside<'_>,
        flow: &mut Flow,
    ) -> Option<(Action, Typed, Action)> {
        let into = beside.into?;
        let Some(entry) = self.meant(fields, "output", &FIELDS) else {
            let message = "this pipeline has no output";
            let finding = Diagnostic::new(Code::KeyMisplaced, message);
            let finding = finding.label(into.key_span, "there is nothing to name");
            // However many uses it has, it lacks one output.
            let name = node.as_scalar().map_or("", |scalar| &scalar.text);
            self.findings.push(finding.about(format!("{}.{name}.output", PIPELINES.path)));
            return None;
        };
        let want = Want::any("an output").optional();
        let value = self.bare(&entry.value, &want, flow)?;
        let typed = match beside.may_be_left_out {
            true => value.checked.typed.clone().optional(),
            false => value.checked.typed.clone(),
        };
        let local = flow.local();
        let null = self.written("null", node.span, flow)?;
        Some((Action::Let { local, value: null }, typed, Action::Let { local, value }))
    }

    fn bind_set(
        &self,
        of: crate::pipeline::op::Owner,
        variable: crate::pipeline::op::VariableId,
        local: ValueReg,
        scope: &mut Scope,
    ) {
        use crate::pipeline::op::Owner;
        let (owner, fields) = match of {
            Owner::Conn => ("conn", &self.state.conn),
            _ => ("user", &self.state.user),
        };
        if let Some(field) = fields.get(usize::from(variable.0)) {
            let path = format!("{owner}.{}", field.name);
            scope.bind(&path, field.schema.typed(), Read::Local(local));
        }
    }

    /// Back in the scope outside; what was set inside is not known to be anything any more.
    fn take_over(&self, outside: Scope, flow: &mut Flow) {
        flow.scope = outside;
        for path in self.set_paths(flow) {
            flow.scope.forget(&path);
        }
    }

    fn set_paths(&self, flow: &Flow) -> Vec<String> {
        use crate::pipeline::op::Owner;
        let path = |(of, variable, _): &(Owner, crate::pipeline::op::VariableId, ValueReg)| {
            let (owner, fields) = match of {
                Owner::Conn => ("conn", &self.state.conn),
                _ => ("user", &self.state.user),
            };
            let field = fields.get(usize::from(variable.0))?;
            Some(format!("{owner}.{}", field.name))
        };
        flow.set.iter().filter_map(path).collect()
    }
}
