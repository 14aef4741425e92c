//! What the monitor remembers: the last messages, the last events, the connections, the rooms.
//!
//! Invariants: every list is bounded by an option or by the shards; a connection's record is the
//! newest that its shard told; a slot that is used again takes the place of the connection before
//! it. Pure: no clock, no socket. Called by `monitor::tick`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::clock::rfc3339;
use crate::ids::{ConnKey, ShardId};
use crate::pipeline::program::Program;
use crate::settings;
use crate::shard::journal::{Happening, Note, Standing, What};

/// An event, as `/api/monitoring` and the dashboard show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub at_ms: u64,
    /// `connection`, `disconnection`, `room-joined`, `room-left`, `refused`, or the event's name.
    pub kind: Arc<str>,
    pub conn: ConnKey,
    pub name: Arc<str>,
    /// The reason, the room or the code, by its field's name.
    pub more: Option<(&'static str, String)>,
}

impl Entry {
    pub fn json(&self) -> Value {
        let mut all = Map::new();
        all.insert("type".into(), (*self.kind).into());
        all.insert("id".into(), self.conn.to_string().into());
        all.insert("username".into(), (*self.name).into());
        all.insert("timestamp".into(), time(self.at_ms));
        if let Some((field, text)) = &self.more {
            all.insert((*field).into(), text.as_str().into());
        }
        all.into()
    }
}

/// The largest rooms of one shard.
#[derive(Clone, Debug, Default)]
struct ShardRooms {
    all: usize,
    largest: Vec<(Arc<str>, u32)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Record {
    conns: HashMap<(ShardId, u32), Standing>,
    messages: VecDeque<Value>,
    events: VecDeque<Entry>,
    /// Events since the start; the last of `events` has this number.
    pub serial: u64,
    rooms: HashMap<ShardId, ShardRooms>,
}

impl Record {
    pub fn hear(&mut self, note: Note, bounds: &settings::Monitor, program: &Program) {
        match note {
            Note::Conn(standing) => self.stand(standing, bounds.connections_max),
            Note::Happened(happening) => self.happen(&happening, bounds, program),
            Note::Rooms { shard, all, largest } => {
                self.rooms.insert(shard, ShardRooms { all, largest });
            }
        }
    }

    fn stand(&mut self, standing: Standing, conns_max: usize) {
        let place = (standing.conn.shard, standing.conn.index);
        if !standing.open {
            self.conns.remove(&place);
        } else if self.conns.len() < conns_max || self.conns.contains_key(&place) {
            self.conns.insert(place, standing);
        }
    }

    fn happen(&mut self, one: &Happening, bounds: &settings::Monitor, program: &Program) {
        if let What::Ran { payload: Some(payload), .. } = &one.what {
            let message = message(one, payload, &bounds.fields);
            keep(&mut self.messages, message, bounds.messages_max);
        }
        let (kind, more) = told(&one.what, program);
        if let What::Refused { why } = &one.what {
            let (conn, name, code) = (one.conn, &*one.name, why.code());
            tracing::info!(target: "shardwire::refused", %conn, name, code, "skipped");
        }
        let (at_ms, conn, name) = (one.at_ms, one.conn, Arc::clone(&one.name));
        keep(&mut self.events, Entry { at_ms, kind, conn, name, more }, bounds.events_max);
        self.serial += 1;
    }

    /// Open connections, the oldest first.
    pub fn conns(&self) -> Vec<&Standing> {
        let mut all: Vec<&Standing> = self.conns.values().collect();
        all.sort_unstable_by_key(|one| (one.opened_ms, one.conn));
        all
    }

    pub fn messages(&self) -> impl Iterator<Item = &Value> {
        self.messages.iter()
    }

    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.events.iter()
    }

    /// Events behind this number, at most so many of the newest.
    pub fn events_since(&self, serial: u64, most: usize) -> impl Iterator<Item = &Entry> {
        let new = usize::try_from(self.serial.saturating_sub(serial)).unwrap_or(usize::MAX);
        self.events.iter().skip(self.events.len().saturating_sub(new.min(most)))
    }

    /// The largest rooms of all shards together, and how many rooms there are; `None` where some
    /// shard has more than it told of.
    pub fn rooms(&self, most: usize) -> (Vec<(Arc<str>, u32)>, Option<usize>) {
        let mut sums: HashMap<Arc<str>, u32> = HashMap::new();
        for (name, members) in self.rooms.values().flat_map(|one| &one.largest) {
            *sums.entry(Arc::clone(name)).or_default() += members;
        }
        let told_of_all = self.rooms.values().all(|one| one.all == one.largest.len());
        let count = told_of_all.then_some(sums.len());
        let mut all: Vec<(Arc<str>, u32)> = sums.into_iter().collect();
        all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        all.truncate(most);
        (all, count)
    }
}

fn keep<T>(ring: &mut VecDeque<T>, one: T, most: usize) {
    ring.push_back(one);
    while ring.len() > most {
        ring.pop_front();
    }
}

fn told(what: &What, program: &Program) -> (Arc<str>, Option<(&'static str, String)>) {
    match what {
        What::Opened => ("connection".into(), None),
        What::Closed { reason } => ("disconnection".into(), Some(("reason", reason.to_string()))),
        What::Joined { room } => ("room-joined".into(), Some(("room", room.to_string()))),
        What::Left { room } => ("room-left".into(), Some(("room", room.to_string()))),
        What::Refused { why } => ("refused".into(), Some(("code", why.code().to_owned()))),
        What::Ran { event, .. } => {
            (program.event(*event).map_or("?".into(), |event| (*event.name).into()), None)
        }
    }
}

/// A message: who, what, when, and the chosen fields of its payload where it has them.
fn message(one: &Happening, payload: &[u8], fields: &[String]) -> Value {
    let payload: Map<String, Value> = serde_json::from_slice(payload).unwrap_or_default();
    let mut all = Map::new();
    all.insert("username".into(), (*one.name).into());
    all.insert("text".into(), "".into());
    let chosen = payload.into_iter().filter(|(name, _)| fields.contains(name));
    all.extend(chosen);
    all.insert("id".into(), one.conn.to_string().into());
    all.insert("timestamp".into(), time(one.at_ms));
    all.into()
}

/// A time in the form of RFC 3339.
pub(super) fn time(at_ms: u64) -> Value {
    let text = rfc3339(i64::try_from(at_ms).unwrap_or(i64::MAX));
    text.map_or(Value::Null, |text| String::from_utf8_lossy(&text).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reject::Reject;
    use serde_json::json;

    fn conn(index: u32, generation: u32) -> ConnKey {
        ConnKey { shard: ShardId(0), index, generation }
    }

    fn standing(conn: ConnKey, open: bool, opened_ms: u64) -> Note {
        let (active_ms, messages, name) = (opened_ms, 0, "ada".into());
        Note::Conn(Standing { conn, open, opened_ms, active_ms, messages, name })
    }

    fn happened(what: What) -> Note {
        Note::Happened(Happening {
            at_ms: 1_704_110_400_000,
            conn: conn(1, 1),
            name: "ada".into(),
            what,
        })
    }

    fn hear(record: &mut Record, bounds: &settings::Monitor, note: Note) {
        record.hear(note, bounds, &Program::default());
    }

    #[test]
    fn lists_are_bounded_and_keep_the_newest() {
        let bounds = settings::Monitor { events_max: 3, ..settings::Monitor::default() };
        let mut record = Record::default();
        for _ in 0..5 {
            hear(&mut record, &bounds, happened(What::Opened));
        }
        hear(&mut record, &bounds, happened(What::Refused { why: Reject::BadJson }));
        assert_eq!((record.serial, record.events().len()), (6, 3));
        assert_eq!(record.events_since(5, 10).count(), 1);
        assert_eq!(record.events_since(0, 2).count(), 2);
        let last = record.events().next_back().unwrap().json();
        let wanted = json!({
            "type": "refused", "id": conn(1, 1).to_string(), "username": "ada",
            "timestamp": "2024-01-01T12:00:00Z", "code": Reject::BadJson.code(),
        });
        assert_eq!(last, wanted);
    }

    #[test]
    fn a_slot_that_is_used_again_takes_the_place_of_the_one_before() {
        let bounds = settings::Monitor { connections_max: 2, ..settings::Monitor::default() };
        let mut record = Record::default();
        for note in [standing(conn(1, 1), true, 20), standing(conn(2, 2), true, 10)] {
            hear(&mut record, &bounds, note);
        }
        // The end of the first was never told.
        hear(&mut record, &bounds, standing(conn(1, 3), true, 30));
        hear(&mut record, &bounds, standing(conn(9, 4), true, 40));
        let keys: Vec<ConnKey> = record.conns().iter().map(|one| one.conn).collect();
        assert_eq!(keys, [conn(2, 2), conn(1, 3)]);
        hear(&mut record, &bounds, standing(conn(1, 3), false, 30));
        assert_eq!(record.conns().len(), 1);
    }

    #[test]
    fn a_message_shows_its_chosen_fields_and_is_never_believed_about_who_sent_it() {
        let one = Happening { at_ms: 0, conn: conn(1, 1), name: "ada".into(), what: What::Opened };
        let fields: Vec<String> = ["text", "price"].map(Into::into).to_vec();
        let id = conn(1, 1).to_string();
        let payload = br#"{"text":"hi","price":1,"id":"x","timestamp":"x","username":"eve"}"#;
        let shown = message(&one, payload, &fields);
        let at = "1970-01-01T00:00:00Z";
        let wanted =
            json!({"id": id, "username": "ada", "text": "hi", "price": 1, "timestamp": at});
        assert_eq!(shown, wanted);
        let nothing = json!({"id": id, "username": "ada", "text": "", "timestamp": at});
        for payload in [&b"{}"[..], b"7", b"not json"] {
            assert_eq!(message(&one, payload, &fields), nothing);
        }
    }

    #[test]
    fn rooms_of_several_shards_are_summed_and_counted_only_where_all_were_told() {
        let bounds = settings::Monitor::default();
        let mut record = Record::default();
        let told = |shard, all, largest: &[(&str, u32)]| Note::Rooms {
            shard: ShardId(shard),
            all,
            largest: largest.iter().map(|(name, members)| ((*name).into(), *members)).collect(),
        };
        hear(&mut record, &bounds, told(0, 2, &[("a", 3), ("b", 1)]));
        hear(&mut record, &bounds, told(1, 1, &[("b", 4)]));
        let wanted: Vec<(Arc<str>, u32)> = vec![("b".into(), 5), ("a".into(), 3)];
        assert_eq!(record.rooms(9), (wanted.clone(), Some(2)));
        hear(&mut record, &bounds, told(1, 70, &[("b", 4)]));
        assert_eq!(record.rooms(1), (wanted[..1].to_vec(), None));
    }
}
