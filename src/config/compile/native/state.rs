//! `state`: typed variables of connections and users, and `set`.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Declared, Read, Section};
use super::super::super::schema::{self, Field, Schema};
use super::super::super::settings::Sections;
use super::super::super::types::Typed;
use super::super::super::yaml::{Entry, Node};
use super::super::ir::Action;
use super::flow::Flow;
use super::{Native, shape};
use crate::pipeline::op::{Owner, VariableId};
use crate::pipeline::program::VariableSpec;

/// Variables that one section declares.
const VARIABLES_MAX: usize = 128;

/// The variables that are declared, in the file's order.
#[derive(Default)]
pub struct State {
    pub conn: Vec<Field>,
    pub user: Vec<Field>,
    /// What became of the sections.
    pub declared: [Declared; 2],
}

impl State {
    /// The variables of one owner as the program keeps them.
    pub fn specs(&self, fields: &[Field]) -> Vec<VariableSpec> {
        let default = |schema: &Schema| schema.default.clone().unwrap_or_else(|| "null".into());
        let spec = |field: &Field| VariableSpec {
            name: field.name.as_str().into(),
            kind: field.schema.typed().to_string().into(),
            default: default(&field.schema).into_bytes().into(),
        };
        fields.iter().map(spec).collect()
    }

    /// The sections as expressions see them.
    pub fn sections(&self) -> [Section; 2] {
        let [conn, user] = self.declared;
        let section = |path, what, example, declared| Section { path, what, example, declared };
        [
            section("conn", "variables of connections", EXAMPLES[0], conn),
            section("user", "variables of users", EXAMPLES[1], user),
        ]
    }
}

/// How a variable is declared.
const EXAMPLES: [&str; 2] =
    ["state: { conn: { NAME: optional string } }", "state: { user: { NAME: optional string } }"];

/// Names that every connection or user has anyway.
const TAKEN: [&str; 4] = ["id", "ip", "claims", "can"];

impl<'n> Native<'n> {
    pub(super) fn read_state(&mut self, sections: &Sections<'n>) -> State {
        let (conn, user) = (sections.state_conn, sections.state_user);
        let declared =
            [sections.declared_map("state.conn", conn), sections.declared_map("state.user", user)];
        State { conn: self.variables(conn), user: self.variables(user), declared }
    }

    fn variables(&mut self, section: Option<&'n Entry>) -> Vec<Field> {
        let entries = self.entries(section, "a section of `state` is a map of variables");
        if let Some(over) = entries.get(VARIABLES_MAX) {
            let message = format!("a section of `state` has at most {VARIABLES_MAX} variables");
            self.push(Code::TooManyVariables, message, over.key_span, "one too many");
        }
        entries.iter().take(VARIABLES_MAX).map(|entry| self.declared(entry)).collect()
    }

    fn declared(&mut self, entry: &Entry) -> Field {
        let name_is_usable = entry.key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !name_is_usable || TAKEN.contains(&entry.key.as_str()) {
            let message = format!("a variable cannot be called `{}`", entry.key);
            self.push(Code::BadName, message, entry.key_span, "letters, digits and `_`, not taken");
        }
        let schema = schema::read(&entry.value, self.source, self.findings);
        if !schema.optional && schema.default.is_none() && !schema.is_broken() {
            let finding = Diagnostic::new(
                Code::BadStateType,
                format!("the variable `{}` has no value at first", entry.key),
            );
            let finding = finding.label(entry.value.span, "not optional, no default");
            self.findings.push(finding.help("write `optional ...`, or a default: `string = \"\"`"));
        }
        Field { name: entry.key.clone(), name_span: entry.key_span, schema }
    }

    /// The variable that a path names.
    pub fn variable(&self, path: &str) -> Option<(Owner, VariableId, Typed)> {
        let (owner, name) = path.split_once('.')?;
        let (of, fields) = match owner {
            "conn" => (Owner::Conn, &self.state.conn),
            "user" => (Owner::User, &self.state.user),
            _ => return None,
        };
        let place = fields.iter().position(|field| field.name == name)?;
        Some((of, VariableId(place as u8), fields[place].schema.typed()))
    }

    pub fn set(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        let Some(entries) = node.as_map() else {
            let finding = shape("`set` takes a map of variables", node);
            self.findings.push(finding.help("such as `set: { conn.name: ada }`"));
            return None;
        };
        let mut actions = Vec::new();
        for entry in entries {
            actions.extend(self.set_one(entry, flow));
        }
        Some(actions)
    }

    fn set_one(&mut self, entry: &Entry, flow: &mut Flow) -> Option<Action> {
        let Some((of, variable, typed)) = self.variable(&entry.key) else {
            self.unknown_variable(entry);
            return None;
        };
        if of == Owner::User {
            self.check_wait(&entry.value, "set", flow);
        }
        let value = self.typed_value(&entry.value, &typed, "a value of this variable", flow)?;
        let known = flow.set.iter().find(|(one, id, _)| (*one, *id) == (of, variable));
        let local = known.map(|(_, _, local)| *local)?;
        flow.scope.forget(&entry.key);
        flow.scope.bind(&entry.key, typed, Read::Local(local));
        Some(Action::Set { of, variable, local, value })
    }

    fn unknown_variable(&mut self, entry: &Entry) {
        let (owner, name) = entry.key.split_once('.').unwrap_or_default();
        let sections = self.state.sections();
        let section = sections.iter().find(|section| section.path == owner);
        match section.map(|section| (section, section.declared)) {
            Some((_, Declared::Broken)) => {}
            Some((section, Declared::Nothing)) => {
                let (message, label, help) = section.missing(name);
                let finding = Diagnostic::new(Code::UnknownStateVariable, message).about(owner);
                self.findings.push(finding.label(entry.key_span, label).help(help));
            }
            _ => self.unlisted_variable(entry),
        }
    }

    fn unlisted_variable(&mut self, entry: &Entry) {
        let conn = self.state.conn.iter().map(|field| format!("conn.{}", field.name));
        let user = self.state.user.iter().map(|field| format!("user.{}", field.name));
        let known: Vec<String> = conn.chain(user).collect();
        let message = format!("no variable `{}` is declared", entry.key);
        let finding = Diagnostic::new(Code::UnknownStateVariable, message);
        let finding = finding.label(entry.key_span, "not in `state`").about(&entry.key);
        self.findings.push(finding.suggest(&entry.key, known.iter().map(String::as_str)));
    }
}
