//! Message templates: text with the holes `{room}`, `{user}` and `{body}`.
//!
//! Invariants: parsed once; writing one is putting slices behind each other, without an allocation.

use super::{Body, ROOM_BYTES, RoomName, Seat, USER_BYTES, padding};
use crate::bench::outgoing::Outgoing;
use crate::bench::stamp::{MARK, STAMP_BYTES};

/// What `{body}` becomes at least: a mark and a stamp.
const BODY_BYTES_MIN: usize = MARK.len() + STAMP_BYTES;

/// Slices one message may be made of.
const PARTS_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Room,
    User,
    Body,
}

/// A message with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((place, hole, piece)) = first_hole(rest) {
            pieces.push(Piece::Text(rest[..place].into()));
            pieces.push(piece);
            rest = &rest[place + hole.len()..];
        }
        pieces.push(Piece::Text(rest.into()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        if pieces.len() > PARTS_MAX / 3 {
            return Err(format!("a template has at most {} pieces: {text}", PARTS_MAX / 3));
        }
        Ok(Template(pieces))
    }

    pub(super) fn has_body(&self) -> bool {
        self.0.contains(&Piece::Body)
    }

    /// Bytes of the message, with a body of a bare stamp.
    pub(super) fn bytes_min(&self) -> usize {
        let bytes = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Room => ROOM_BYTES,
            Piece::User => USER_BYTES,
            Piece::Body => BODY_BYTES_MIN,
        };
        self.0.iter().map(bytes).sum()
    }

    /// Writes the message as one frame. The body is padded by so many bytes.
    pub(super) fn write(&self, fill: &Fill<'_>, out: &mut Outgoing<'_>) {
        let user = fill.seat.user();
        let room = fill.room.map(RoomName::of);
        let stamp = fill.body.map(|body| *body.stamp.text());
        let mut parts: [&[u8]; PARTS_MAX] = [&[]; PARTS_MAX];
        let mut count = 0;
        let mut put = |part| {
            parts[count] = part;
            count += 1;
        };
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => put(text.as_bytes()),
                Piece::Room => put(room.as_ref().map_or(&[], RoomName::bytes)),
                Piece::User => put(&user),
                Piece::Body => {
                    put(MARK);
                    put(stamp.as_ref().map_or(&[], |stamp| &stamp[..]));
                    put(padding(fill.padding_bytes));
                }
            }
        }
        out.text(&parts[..count]);
    }
}

/// What the holes are filled with.
pub(super) struct Fill<'a> {
    pub(super) seat: &'a Seat<'a>,
    pub(super) room: Option<u32>,
    pub(super) body: Option<&'a Body>,
    pub(super) padding_bytes: usize,
}

fn first_hole(text: &str) -> Option<(usize, &'static str, Piece)> {
    let holes = [("{room}", Piece::Room), ("{user}", Piece::User), ("{body}", Piece::Body)];
    let found = holes.into_iter().filter_map(|(hole, piece)| Some((text.find(hole)?, hole, piece)));
    found.min_by_key(|(place, ..)| *place)
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;
    use crate::bench::stamp::Stamp;

    fn written(template: &Template, padding_bytes: usize) -> String {
        let role = Role::Member { room: 3 };
        let seat = Seat { number: 42, role, token: "", session: "" };
        let body = Body { stamp: Stamp::of_ns(0xabc), delivered_bytes: 0 };
        let fill = Fill { seat: &seat, room: Some(3), body: Some(&body), padding_bytes };
        let mut bytes = Vec::new();
        // A key of zeros leaves the payload readable.
        template.write(&fill, &mut Outgoing::new(&mut bytes, [0; 4]));
        String::from_utf8(bytes.split_off(6)).unwrap()
    }

    #[test]
    fn holes_are_filled_in_their_order_and_the_length_is_foretold() {
        let template = Template::parse(r#"{"u":"{user}","r":"{room}","m":"{body}"}"#).unwrap();
        let text = written(&template, 0);
        assert_eq!(text, r#"{"u":"u0000042","r":"bench00003","m":"t:0000000000000abc"}"#);
        assert_eq!(text.len(), template.bytes_min());
        assert_eq!(written(&template, 9).len(), template.bytes_min() + 9);
    }

    #[test]
    fn a_template_without_holes_is_itself_and_one_with_too_many_is_refused() {
        assert_eq!(written(&Template::parse("{roomy} {}").unwrap(), 5), "{roomy} {}");
        assert!(!Template::parse("{roomy}").unwrap().has_body());
        assert!(Template::parse(&"{body}".repeat(20)).is_err());
    }
}
