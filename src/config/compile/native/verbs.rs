//! THE table of verbs, and those of them that are short.
//!
//! Invariants: suggestions and the reference page come from this table.

use super::super::super::codes::Code;
use super::super::super::expr::Want;
use super::super::super::suggest;
use super::super::super::types::Type;
use super::super::super::yaml::{Entry, Node};
use super::super::catalog::unusable;
use super::super::ir::{Action, Template, Value};
use super::flow::{Flow, Place};
use super::steps::Beside;
use super::{Native, shape};
use crate::limits::CONTROL_PAYLOAD_BYTES_MAX;
use crate::pipeline::op::{CloseCode, Context, Form};

/// What compiles a verb's value to actions.
type Compile = fn(&mut Native<'_>, &Node, &Beside<'_>, &mut Flow) -> Option<Vec<Action>>;

/// One verb.
pub struct Verb {
    pub name: &'static str,
    /// What it takes, as written.
    pub takes: &'static str,
    pub doc: &'static str,
    /// Nothing behind it is done.
    pub ends: bool,
    pub(super) compile: Compile,
}

const fn verb(
    name: &'static str,
    takes: &'static str,
    doc: &'static str,
    compile: Compile,
) -> Verb {
    Verb { name, takes, doc, ends: false, compile }
}

/// Verbs that are not there yet.
pub const RESERVED: [&str; 1] = ["verify"];

/// Every verb.
pub static VERBS: &[Verb] = &[
    verb(
        "send",
        "{ to, event, payload, except, volatile, conflate }",
        "Sends an event to connections, users, a room, or everybody.",
        |native, node, _, flow| native.send(node, flow),
    ),
    verb(
        "reply",
        "{ event, payload }",
        "Answers the connection that the message came from; the message's id goes along.",
        |native, node, _, flow| native.reply(node, flow),
    ),
    verb(
        "join",
        "a room's name, or { room, since }",
        "The user, or the connection, joins a room; `since` is the last place it saw there.",
        |native, node, _, flow| native.membership(node, flow, true),
    ),
    verb(
        "leave",
        "a room's name, or { room, user }",
        "Leaves a room, or puts a user out of it.",
        |native, node, _, flow| native.membership(node, flow, false),
    ),
    verb(
        "set",
        "{ conn.NAME: value, user.NAME: value }",
        "Sets variables of the connection or of its user.",
        |native, node, _, flow| native.set(node, flow),
    ),
    verb(
        "grant",
        "a permission, or { permission, to }",
        "Gives a user a permission, on all its connections.",
        |native, node, _, flow| native.grant(node, flow, true),
    ),
    verb(
        "revoke",
        "a permission, or { permission, from }",
        "Takes a permission from a user, on all its connections.",
        |native, node, _, flow| native.grant(node, flow, false),
    ),
    verb(
        "use",
        "a pipeline's name",
        "Does the steps of a pipeline; `with` gives its inputs, `into` names its output.",
        |native, node, beside, flow| native.use_pipeline(node, beside, flow),
    ),
    verb(
        "call",
        "{ backend, get | post | put | patch | delete, query, headers, body, returns, timeout, \
         cache, idempotencyKey }",
        "Asks a backend and goes on with its answer; `into` names it, `onError` may have steps.",
        |native, node, beside, flow| native.call(node, beside, flow),
    ),
    verb(
        "identify",
        "{ user, claims }",
        "Says whose the connection is (`auth.mode: message`), and waits until it is that user's.",
        |native, node, _, flow| native.identify(node, flow),
    ),
    verb("log", "a text", "Writes a line to the log.", |native, node, _, flow| {
        let text = native.text(node, "a part of a line of the log", Form::Text, flow);
        Some(vec![Action::Log(text)])
    }),
    Verb {
        name: "close",
        takes: "true, or { code, reason } with 1000 or 4000 to 4999",
        doc: "Closes the connection.",
        ends: false,
        compile: |native, node, _, flow| native.close(node, flow),
    },
    Verb {
        name: "stop",
        takes: "true",
        doc: "Ends the event; nothing is undone.",
        ends: true,
        compile: |native, node, _, _| native.is_true(node, "stop").then(|| vec![Action::Stop]),
    },
    verb("metric", "a name, or { name, add }", "Counts under a name.", |native, node, _, flow| {
        native.metric(node, flow)
    }),
];

/// The user whose message it is.
fn own_user(node: &Node) -> Template {
    let mut user = Template::default();
    user.hole(Value::Context(Context::UserId), Form::Text, node.span);
    user
}

impl Native<'_> {
    /// The field of a map.
    pub fn field<'e>(&self, entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
        entries.iter().find(|entry| entry.key == name)
    }

    /// The same; a misspelled key, which is a finding, is the field that was meant.
    pub fn meant<'e>(&self, entries: &'e [Entry], name: &str, valid: &[&str]) -> Option<&'e Entry> {
        let is_unknown = |entry: &&Entry| !valid.contains(&entry.key.as_str());
        let means = |entry: &&Entry| {
            suggest::nearest(&entry.key, valid.iter().copied()).is_some_and(|near| near == name)
        };
        let misspelled = || entries.iter().filter(is_unknown).find(means);
        self.field(entries, name).or_else(misspelled)
    }

    fn is_true(&mut self, node: &Node, verb: &str) -> bool {
        let holds = node.as_scalar().is_some_and(|scalar| scalar.text == "true");
        if !holds {
            let message = format!("`{verb}` takes `true`");
            self.push(Code::BadValue, message, node.span, "no other value");
        }
        holds
    }

    fn membership(&mut self, node: &Node, flow: &mut Flow, join: bool) -> Option<Vec<Action>> {
        self.check_wait(node, if join { "join" } else { "leave" }, flow);
        let (what, valid): (_, &[&str]) = match join {
            true => ("`join`", &["room", "since"]),
            false => ("`leave`", &["room", "user"]),
        };
        let entries = node.as_map().unwrap_or(&[]);
        for entry in entries.iter().filter(|entry| !valid.contains(&&*entry.key)) {
            self.unknown_key(entry, what, valid);
        }
        let named = self.meant(entries, "room", valid).map_or(node, |entry| &entry.value);
        let room = self.name(named, "a room's name", flow);
        let since = entries.iter().find(|entry| join && entry.key == "since");
        let since = since.map(|since| self.text(&since.value, "a place", Form::Text, flow));
        let user = match entries.iter().find(|entry| !join && entry.key == "user") {
            Some(entry) => self.name(&entry.value, "a user's name", flow),
            None => own_user(node),
        };
        Some(vec![match join {
            true => Action::Join { user, room, since },
            false => Action::Leave { user, room },
        }])
    }

    /// A step that waits for other shards may not stand where the connection cannot wait.
    pub fn check_wait(&mut self, node: &Node, verb: &str, flow: &Flow) {
        if !flow.place.may_wait() {
            let message = format!("`{verb}` cannot stand in this hook");
            self.push(Code::WaitsHere, message, node.span, "it would wait for other shards");
        }
    }

    /// The name of a room or user.
    pub fn name(&mut self, node: &Node, what: &'static str, flow: &mut Flow) -> Template {
        let template = self.text(node, what, Form::Text, flow);
        let literal = node.as_scalar().filter(|scalar| !scalar.text.contains("${"));
        if let Some(why) = literal.and_then(|scalar| unusable(&scalar.text)) {
            self.push(Code::BadName, format!("{what} is {why}"), node.span, "no usable name");
        }
        template
    }

    fn identify(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        self.check_wait(node, "identify", flow);
        if !self.identifies {
            let message = "`identify` needs `auth.mode: message`";
            self.push(Code::NoInBandAuth, message, node.span, "whose it is was said before");
        }
        let entries = self.parts(node, &["user", "claims"])?;
        let Some(user) = self.field(entries, "user") else {
            self.push(Code::MissingPart, "`identify` needs `user`", node.span, "who is it?");
            return None;
        };
        let user = self.name(&user.value, "a user's name", flow);
        let claims = match self.field(entries, "claims") {
            Some(entry) if entry.value.as_map().is_some() => self.payload(&entry.value, flow),
            Some(entry) => {
                self.findings.push(shape("`claims` takes a map", &entry.value));
                return None;
            }
            None => Template::default(),
        };
        // What was known of the user is of another one.
        flow.scope.forget("user");
        Some(vec![Action::Identify { user, claims }])
    }

    fn close(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        let Some(entries) = node.as_map() else {
            return self.is_true(node, "close").then(|| vec![Action::Close]);
        };
        for entry in entries.iter().filter(|entry| !["code", "reason"].contains(&&*entry.key)) {
            self.unknown_key(entry, "`close`", &["code", "reason"]);
        }
        let code = self.field(entries, "code").map(|entry| &entry.value);
        let text = code.and_then(Node::as_scalar).map(|scalar| scalar.text.parse::<u16>());
        let code_node = code.unwrap_or(node);
        let code = match text.unwrap_or(Ok(1000)) {
            Ok(code) if code == 1000 || (4000..5000).contains(&code) => code,
            _ => {
                let message = "a server may close with 1000, or 4000 to 4999";
                self.push(Code::BadCloseCode, message, code_node.span, "not one of them");
                return None;
            }
        };
        let reason = match self.field(entries, "reason") {
            Some(entry) => self.text(&entry.value, "a part of a reason", Form::Text, flow),
            None => Template::default(),
        };
        if reason.as_literal().is_some_and(|text| text.len() + 2 > CONTROL_PAYLOAD_BYTES_MAX) {
            self.push(Code::BadCloseCode, "the reason is too long", node.span, "at most 123 bytes");
        }
        Some(vec![Action::CloseWith { code: CloseCode(code), reason }])
    }

    fn metric(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        let (name, add) = match node.as_map() {
            None => (Some(node), None),
            Some(entries) => {
                for entry in entries.iter().filter(|one| !["name", "add"].contains(&&*one.key)) {
                    self.unknown_key(entry, "`metric`", &["name", "add"]);
                }
                let value = |name| self.field(entries, name).map(|entry| &entry.value);
                (value("name"), value("add"))
            }
        };
        let scalar = name.and_then(Node::as_scalar);
        let usable = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        let name = match scalar.filter(|one| !one.text.is_empty() && one.text.chars().all(usable)) {
            Some(scalar) => scalar.text.clone(),
            None => {
                let message = "a metric has a name of letters, digits, `_ . : -`";
                self.push(Code::BadName, message, node.span, "no usable name");
                return None;
            }
        };
        let want = Want::of(Type::Int, "a count");
        let add = match add {
            Some(node) => self.value(node, &want, flow)?,
            None => self.written("1", node.span, flow)?,
        };
        Some(vec![Action::Metric { name, add }])
    }

    fn grant(&mut self, node: &Node, flow: &mut Flow, held: bool) -> Option<Vec<Action>> {
        let whom = if held { "to" } else { "from" };
        let mut user = Template::default();
        let permission = match node.as_map() {
            None => node,
            Some(entries) => {
                for entry in entries.iter().filter(|one| ![whom, "permission"].contains(&&*one.key))
                {
                    self.unknown_key(entry, "this step", &["permission", whom]);
                }
                if let Some(entry) = self.field(entries, whom) {
                    user = self.name(&entry.value, "a user's name", flow);
                }
                match self.field(entries, "permission") {
                    Some(entry) => &entry.value,
                    None => {
                        self.findings.push(shape("a permission is missing here", node));
                        return None;
                    }
                }
            }
        };
        if user.parts.is_empty() {
            user = own_user(node);
        }
        let permission = self.permission(permission, Code::UnknownPermission)?;
        Some(vec![Action::Grant { user, permission, held }])
    }

    /// Whether somebody may be answered here; a finding where not.
    pub fn check_origin(&mut self, node: &Node, flow: &Flow) {
        if !flow.place.has_origin() || flow.place == Place::Rule {
            let message = "nobody is left to be answered here";
            self.push(Code::NoOrigin, message, node.span, "there is no connection");
        }
    }
}
