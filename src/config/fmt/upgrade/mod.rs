//! The compatible spelling rewritten into the native one.
//!
//! Invariants: an event is rewritten whole or not at all; what cannot be said the same way is left
//! as it was and told; what is said with another effect is told too. Comments keep their places
//! because new pieces take the places of what they are made of. Called by `fmt`.

mod call;
mod text;

use super::super::settings::{Kind as OptionKind, find};
use super::super::source::{Source, Span};
use super::super::yaml::ScalarStyle;
use super::super::yaml::layout::{Kind, Layout, Piece, Written};

/// Why an event stays as it is.
type Stays = String;

/// Rewrites a layout; what is to be told of it.
pub fn upgrade(source: &Source, layout: &mut Layout) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(Kind::Map { entries, .. }) = layout.root.as_mut().map(|root| &mut root.kind) else {
        return notes;
    };
    let to_user = notifies_user(entries);
    if !entries.iter().any(|(key, _)| is_key(key, "version")) {
        options("", entries);
        let place = behind_heading(source, entries);
        entries.insert(0, (plain("version", place), plain("1", place)));
    }
    for (_, events) in entries.iter_mut().filter(|(key, _)| is_key(key, "events")) {
        let Kind::Map { entries, .. } = &mut events.kind else { continue };
        for (name, event) in entries {
            let told = rewrite(event, to_user);
            notes.extend(told.into_iter().map(|told| format!("`{}`: {told}", text_of(name))));
        }
    }
    notes
}

/// The place behind the comments that head the file, if an empty line ends them.
fn behind_heading(source: &Source, entries: &[(Piece, Piece)]) -> Span {
    let first = entries.first().map(|(key, _)| key.span.start as usize).unwrap_or_default();
    let heading = source.text().get(..first).unwrap_or_default();
    let place = heading.find("\n\n").map_or(0, |at| at + 2);
    Span::new(place, place)
}

/// Whether `_notify_origin` reaches every connection of the user.
fn notifies_user(entries: &[(Piece, Piece)]) -> bool {
    let compat = field(entries, "compat").and_then(|compat| entries_of(compat));
    let origin = compat.and_then(|compat| field(compat, "notifyOrigin"));
    origin.is_some_and(|origin| text_of(origin) == "user")
}

/// Option names as the table spells them: with a version their case matters.
fn options(section: &str, entries: &mut [(Piece, Piece)]) {
    for (key, value) in entries {
        let Some(found) = find(section, text_of(key), true) else { continue };
        let name = found.path.rsplit('.').next().unwrap_or(found.path);
        if let Kind::Scalar(written) = &mut key.kind {
            written.text = name.to_owned();
        }
        let program = found.key.is_some_and(|key| {
            matches!(
                key.kind,
                OptionKind::Program(_)
                    | OptionKind::Keys
                    | OptionKind::Rooms
                    | OptionKind::Backends
            )
        });
        if let (Kind::Map { entries, .. }, false) = (&mut value.kind, program) {
            options(found.path, entries);
        }
    }
}

/// Rewrites an event; what is to be told of it.
fn rewrite(event: &mut Piece, to_user: bool) -> Vec<String> {
    let Some(entries) = entries_of(event) else { return Vec::new() };
    let old = ["modifiers", "actions"].map(|name| field(entries, name).is_some());
    if old == [false, false] {
        return Vec::new();
    }
    let mut told = Vec::new();
    match rewritten(entries, to_user, &mut told) {
        Ok(entries) => event.kind = Kind::Map { flow: false, entries },
        Err(why) => told = vec![format!("left as it is: {why}")],
    }
    told
}

fn rewritten(
    entries: &[(Piece, Piece)],
    to_user: bool,
    told: &mut Vec<String>,
) -> Result<Vec<(Piece, Piece)>, Stays> {
    let mut parts = call::Parts::new(to_user);
    let first = entries.first().map(|(key, _)| key.span).unwrap_or_default();
    let mut place = Span::default();
    for (key, list) in entries {
        match &list.kind {
            Kind::List { items, .. } => {
                for item in items {
                    parts.add(item, is_key(key, "modifiers"))?;
                }
            }
            Kind::Scalar(written) if written.text.is_empty() => {}
            _ => return Err("it is not written as a list".into()),
        }
        place = key.span;
    }
    told.append(&mut parts.told);
    Ok(parts.into_entries(first, place))
}

fn is_key(piece: &Piece, name: &str) -> bool {
    text_of(piece).eq_ignore_ascii_case(name)
}

fn text_of(piece: &Piece) -> &str {
    match &piece.kind {
        Kind::Scalar(written) => &written.text,
        _ => "",
    }
}

fn entries_of(piece: &Piece) -> Option<&[(Piece, Piece)]> {
    match &piece.kind {
        Kind::Map { entries, .. } => Some(entries),
        _ => None,
    }
}

fn field<'p>(entries: &'p [(Piece, Piece)], name: &str) -> Option<&'p Piece> {
    entries.iter().find(|(key, _)| is_key(key, name)).map(|(_, value)| value)
}

/// A scalar without quotes.
fn plain(text: &str, span: Span) -> Piece {
    scalar(text, ScalarStyle::Plain, span)
}

/// A scalar that is a text, whatever it looks like.
fn quoted(text: &str, span: Span) -> Piece {
    scalar(text, ScalarStyle::Double, span)
}

fn scalar(text: &str, style: ScalarStyle, span: Span) -> Piece {
    let kind = Kind::Scalar(Written { text: text.to_owned(), style, folded: None });
    Piece { span, anchor: None, kind }
}

/// A map on one line, where it fits.
fn map(entries: Vec<(Piece, Piece)>, span: Span) -> Piece {
    Piece { span, anchor: None, kind: Kind::Map { flow: true, entries } }
}
