//! Modifiers to `limit` and `require`, actions to steps.
//!
//! Invariants: the order of steps is that of the actions.

use std::collections::BTreeSet;

use super::super::super::source::Span;
use super::super::super::yaml::layout::{Kind, Piece};
use super::{Stays, entries_of, field, map, plain, quoted, text, text_of};

/// An event in the making.
#[derive(Default)]
pub struct Parts {
    to_user: bool,
    limits: Vec<Piece>,
    rules: Vec<Piece>,
    steps: Vec<Piece>,
    /// Fields of the payload that the event needs, as steps of their paths.
    needed: BTreeSet<Vec<String>>,
    pub told: Vec<String>,
}

impl Parts {
    pub fn new(to_user: bool) -> Parts {
        Parts { to_user, ..Parts::default() }
    }

    /// Takes one entry of `modifiers` or `actions`.
    pub fn add(&mut self, item: &Piece, modifier: bool) -> Result<(), Stays> {
        let entries = entries_of(item).ok_or("an entry is not a map")?;
        let name = field(entries, "name").ok_or("an entry has no name")?;
        let params: &[Piece] = match field(entries, "params").map(|params| &params.kind) {
            Some(Kind::List { items, .. }) => items,
            None => &[],
            Some(_) => return Err("its parameters are not a list".into()),
        };
        for param in params {
            self.needed.extend(text::fields(text_of(param))?);
        }
        let call = Call { name, params, end: item.span.end };
        match modifier {
            true => self.modifier(&call),
            false => {
                let step = self.action(&call)?;
                let kind = Kind::Map { flow: false, entries: vec![step] };
                self.steps.push(Piece { span: item.span, anchor: None, kind });
                Ok(())
            }
        }
    }

    fn modifier(&mut self, call: &Call<'_>) -> Result<(), Stays> {
        match text_of(call.name) {
            "rate_limit" => {
                if !self.rules.is_empty() {
                    let told = "its limit now counts messages that a rule refuses, too";
                    self.told.push(told.into());
                }
                self.limits.push(plain(call.text(0)?, call.name.span));
                Ok(())
            }
            "permission" => self.permissions(call),
            "secure" => Err("`secure` has no native form yet".into()),
            other => Err(format!("`{other}` is unknown")),
        }
    }

    fn permissions(&mut self, call: &Call<'_>) -> Result<(), Stays> {
        for place in 0..call.params.len() {
            let name = call.text(place)?;
            if !text::is_name(name) {
                return Err(format!("an expression cannot name the permission `{name}`"));
            }
            let rule = vec![
                (plain("name", call.name.span), quoted(name, call.name.span)),
                (plain("when", call.name.span), plain(&format!("user.can.{name}"), call.name.span)),
            ];
            self.rules.push(map(rule, call.name.span));
        }
        let told = "without the permission the code of the error is `denied`";
        self.told.push(told.into());
        Ok(())
    }

    fn action(&self, call: &Call<'_>) -> Result<(Piece, Piece), Stays> {
        let name = text_of(call.name);
        let verb = |verb: &str, value: Piece| Ok((plain(verb, call.name.span), value));
        match name {
            "_join" | "_leave" => {
                if call.text(0)? != "{$user.id}" {
                    return Err(format!("`{name}` is for another user"));
                }
                let room = text::words(call.text(1)?)?;
                verb(&name[1..], quoted(&room, call.place()))
            }
            "_log" => verb("log", quoted(&text::words(call.text(0)?)?, call.place())),
            "_notify_room" => verb("send", call.send("target")?),
            "_notify_origin" if self.to_user => verb("send", call.send("user")?),
            "_notify_origin" => verb("send", call.send("origin")?),
            other => Err(format!("`{other}` is unknown")),
        }
    }

    /// The keys of the event, in the places of the first and the last of the old ones.
    pub fn into_entries(self, at: Span, place: Span) -> Vec<(Piece, Piece)> {
        let mut entries = Vec::new();
        if !self.needed.is_empty() {
            let paths: Vec<&[String]> = self.needed.iter().map(Vec::as_slice).collect();
            entries.push((plain("payload", at), fields(&paths, at)));
        }
        let parts = [("limit", self.limits), ("require", self.rules)];
        for (name, mut pieces) in parts {
            let Some(span) = pieces.first().map(|piece| piece.span) else { continue };
            let one = pieces.len() == 1 && name == "limit";
            let value = if one { pieces.remove(0) } else { list(pieces, span) };
            entries.push((plain(name, Span { end: span.start, ..span }), value));
        }
        let span = self.steps.first().map_or(place, |first| first.span);
        entries.push((plain("steps", place), list(self.steps, span)));
        entries
    }
}

/// A schema that demands these fields, of any type.
fn fields(paths: &[&[String]], at: Span) -> Piece {
    let mut names: Vec<&String> = paths.iter().filter_map(|path| path.first()).collect();
    names.dedup();
    let field = |name: &String| {
        let inside = paths.iter().filter(|path| path.first() == Some(name));
        let inside: Vec<&[String]> =
            inside.map(|path| &path[1..]).filter(|rest| !rest.is_empty()).collect();
        let schema = if inside.is_empty() { plain("any", at) } else { fields(&inside, at) };
        (plain(name, at), schema)
    };
    map(names.into_iter().map(field).collect(), at)
}

fn list(items: Vec<Piece>, span: Span) -> Piece {
    Piece { span, anchor: None, kind: Kind::List { flow: items.is_empty(), items } }
}

/// A modifier or action as written.
struct Call<'p> {
    name: &'p Piece,
    params: &'p [Piece],
    end: u32,
}

impl Call<'_> {
    fn text(&self, place: usize) -> Result<&str, Stays> {
        match self.params.get(place).map(|param| &param.kind) {
            Some(Kind::Scalar(written)) => Ok(&written.text),
            _ => Err(format!("`{}` lacks a parameter", text_of(self.name))),
        }
    }

    /// From the end of its name to its own end: what comments in it belong to.
    fn place(&self) -> Span {
        Span { start: self.name.span.end, end: self.end }
    }

    fn send(&self, to: &str) -> Result<Piece, Stays> {
        let at = |place: usize| self.params.get(place).map_or(self.name.span, |param| param.span);
        let payload = text::payload(self.text(1)?, at(1))?;
        let entries = vec![
            (plain("to", at(0)), plain(to, at(0))),
            (plain("event", at(0)), quoted(&text::words(self.text(0)?)?, at(0))),
            (plain("payload", at(1)), payload),
        ];
        Ok(map(entries, self.place()))
    }
}
