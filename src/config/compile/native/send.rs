//! `send` and `reply`: who gets what, and how.

use super::super::super::codes::Code;
use super::super::super::expr::Want;
use super::super::super::settings::duration;
use super::super::super::types::Type;
use super::super::super::yaml::{Entry, Node};
use super::super::ir::{Action, Delivery, Name, Template};
use super::flow::Flow;
use super::values::want_of;
use super::{Native, shape};
use crate::pipeline::op::{Form, To};
use crate::pipeline::program::{Except, How};

const FIELDS: [&str; 6] = ["to", "event", "payload", "except", "volatile", "conflate"];

/// Receivers that need no name.
const PLAIN: [(&str, To); 5] = [
    ("origin", To::Origin),
    ("user", To::OwnUser),
    ("all", To::All),
    ("room", To::Room),
    ("target", To::Target),
];

/// Receivers that are named.
const NAMED: [(&str, To); 4] =
    [("conn", To::Conn), ("user", To::User), ("users", To::Users), ("room", To::Room)];

impl Native<'_> {
    pub fn reply(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        if !flow.place.has_message() {
            self.push(Code::NoOrigin, "there is no message to reply to", node.span, "use `send`");
        }
        let entries = self.parts(node, &FIELDS[1..3])?;
        let (event, payload) = self.envelope(node, entries, flow)?;
        Some(vec![Action::Deliver(Box::new(Delivery {
            to: To::Origin,
            name: None,
            how: How::default(),
            key: None,
            event,
            payload,
            echo: true,
        }))])
    }

    pub fn send(&mut self, node: &Node, flow: &mut Flow) -> Option<Vec<Action>> {
        let entries = self.parts(node, &FIELDS)?;
        let Some(to) = self.meant(entries, "to", &FIELDS) else {
            self.push(Code::MissingPart, "`send` needs `to`", node.span, "to whom?");
            return None;
        };
        let receivers = self.receivers(&to.value, flow);
        let mut how = How { except: self.except(entries), ..How::default() };
        how.volatile = self.switch(self.field(entries, "volatile"));
        let key = self.conflate(self.field(entries, "conflate"), &mut how, flow);
        let (event, payload) = self.envelope(node, entries, flow)?;
        let (to, name) = receivers?;
        if key.is_some() && !matches!(to, To::Room | To::Target) {
            let message = "`conflate` is for rooms";
            self.push(Code::BadRecipient, message, node.span, "send to a room, or without it");
        }
        Some(vec![Action::Deliver(Box::new(Delivery {
            to,
            name,
            how,
            key,
            event,
            payload,
            echo: false,
        }))])
    }

    /// The parts of a step that is a map.
    pub fn parts<'e>(&mut self, node: &'e Node, fields: &[&str]) -> Option<&'e [Entry]> {
        let Some(entries) = node.as_map() else {
            let list = fields.join(", ");
            self.findings.push(shape(&format!("this step takes a map of {list}"), node));
            return None;
        };
        for entry in entries.iter().filter(|entry| !fields.contains(&entry.key.as_str())) {
            self.unknown_key(entry, "this step", fields);
        }
        Some(entries)
    }

    fn envelope(
        &mut self,
        node: &Node,
        entries: &[Entry],
        flow: &mut Flow,
    ) -> Option<(Template, Template)> {
        let Some(event) = self.meant(entries, "event", &FIELDS) else {
            self.push(Code::MissingPart, "an `event` is missing", node.span, "which event?");
            return None;
        };
        let event = self.text(&event.value, "a part of an event's name", Form::Inner, flow);
        let payload = match self.field(entries, "payload") {
            Some(entry) => self.payload(&entry.value, flow),
            None => {
                let mut none = Template::default();
                none.literal("{}");
                none
            }
        };
        Some((event, payload))
    }

    fn receivers(&mut self, node: &Node, flow: &mut Flow) -> Option<(To, Option<Name>)> {
        if let Some(scalar) = node.as_scalar() {
            let found = PLAIN.iter().find(|(name, _)| *name == scalar.text);
            return match found {
                Some((_, to)) => self.plain(node, *to, flow),
                None => self.nobody(node, &scalar.text),
            };
        }
        let entry = match node.as_map() {
            Some([one]) => one,
            _ => return self.nobody(node, ""),
        };
        let Some((_, to)) = NAMED.iter().find(|(name, _)| *name == entry.key) else {
            return self.nobody(node, &entry.key);
        };
        let name = match to {
            To::Users => {
                let want = Want::of(Type::list(Type::String), "a list of users");
                Name::List(self.value(&entry.value, &want, flow)?)
            }
            _ => Name::Text(self.name(&entry.value, "a receiver's name", flow)),
        };
        Some((*to, Some(name)))
    }

    fn plain(&mut self, node: &Node, to: To, flow: &mut Flow) -> Option<(To, Option<Name>)> {
        match to {
            To::Origin => self.check_origin(node, flow),
            To::Room | To::Target => return self.at_hand(node, to, flow),
            _ => {}
        }
        Some((to, None))
    }

    /// The room that the pipeline is about: a hook's, or the target of the message.
    fn at_hand(&mut self, node: &Node, to: To, flow: &mut Flow) -> Option<(To, Option<Name>)> {
        let path = if flow.place.has_message() { "target" } else { "room.name" };
        let known = flow.place.has_message() || flow.scope.knows("room") && to == To::Room;
        if !known {
            let message = "no room is at hand here";
            self.push(Code::BadRecipient, message, node.span, "name it: `to: { room: ... }`");
            return None;
        }
        let value = self.written(path, node.span, flow)?;
        let mut name = Template::default();
        name.put(value, Form::Text);
        Some((to, Some(Name::Text(name))))
    }

    fn nobody<T>(&mut self, node: &Node, typed: &str) -> Option<T> {
        let message = "this names nobody to send to";
        let finding = super::super::super::diagnostic::Diagnostic::new(Code::BadRecipient, message);
        let finding = finding.label(node.span, "no such receiver");
        let names = PLAIN.iter().chain(&NAMED).map(|(name, _)| *name);
        self.findings
            .push(finding.suggest(typed, names.collect::<std::collections::BTreeSet<_>>()));
        None
    }

    fn except(&mut self, entries: &[Entry]) -> Option<Except> {
        let node = &self.field(entries, "except")?.value;
        match node.as_scalar().map(|scalar| scalar.text.as_str()) {
            Some("origin") => Some(Except::Origin),
            Some("user") => Some(Except::User),
            _ => {
                let message = "`except` takes `origin` or `user`";
                self.push(Code::BadExcept, message, node.span, "no other value");
                None
            }
        }
    }

    fn switch(&mut self, entry: Option<&Entry>) -> bool {
        let Some(entry) = entry else { return false };
        match entry.value.as_scalar().map(|scalar| scalar.text.as_str()) {
            Some("true") => true,
            Some("false") => false,
            _ => {
                let message = format!("`{}` takes `true` or `false`", entry.key);
                self.push(Code::BadValue, message, entry.value.span, "no other value");
                false
            }
        }
    }

    /// `{ key, every }`.
    fn conflate(
        &mut self,
        entry: Option<&Entry>,
        how: &mut How,
        flow: &mut Flow,
    ) -> Option<Template> {
        let entry = entry?;
        let entries = self.parts(&entry.value, &["key", "every"])?;
        let every = self.field(entries, "every").map(|entry| &entry.value);
        match every.and_then(Node::as_scalar).map(|scalar| duration(&scalar.text)) {
            Some(Ok(ns)) if ns > 0 => how.conflate_ns = ns,
            _ => {
                let span = every.unwrap_or(&entry.value).span;
                let message = "`conflate` takes `every`, a duration that is not 0";
                self.push(Code::BadDuration, message, span, "write it like `50ms`");
            }
        }
        let key = self.field(entries, "key").map(|entry| &entry.value);
        Some(key.map(|node| self.text(node, "a key", Form::Text, flow)).unwrap_or_default())
    }

    /// A value for a variable or an input of this type.
    pub fn typed_value(
        &mut self,
        node: &Node,
        typed: &super::super::super::types::Typed,
        what: &'static str,
        flow: &mut Flow,
    ) -> Option<super::super::ir::Expression> {
        let want = want_of(&typed.ty, typed.may_be_null(), typed.secret, what);
        self.value(node, &want, flow)
    }
}
