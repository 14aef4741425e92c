//! Who is present in one room, at its home, and what of it the members have not been told yet.
//!
//! Invariants: a member is present while it has a seat on any shard, and behind that for as long as
//! its grace lasts (`presence` ends it); what happens within one window is told as its net result,
//! so whoever comes and goes within it is not told of. Names that are too many for one message are
//! counted, until half as many would fit. Called by `presence`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{ConnKey, ShardId};
use crate::limits::{
    PRESENCE_GATHER_MAX_NS, PRESENCE_GATHER_MIN_NS, PRESENCE_GATHER_PER_MEMBER_NS,
    PRESENCE_NAMES_BYTES_MAX,
};
use crate::settings;

/// How a member's connection lost its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It ended; whose it was may come back.
    Gone,
    /// It was taken out, or nobody can come back under this name.
    Left,
}

/// What became of a member with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stays,
    /// It may come back for a while.
    Away,
    Left,
    /// It left without its grace: too many were awaited.
    Hurried,
}

#[derive(Debug, Default)]
pub(super) struct Member {
    seats: Vec<ConnKey>,
    /// Since when it has none.
    pub(super) away_ns: Option<u64>,
    /// One of its seats was taken from it; the others are about to be.
    leaves: bool,
    /// When the entry of `graces` that looks at it is due; others are stale.
    pub(super) awaited_ns: Option<u64>,
}

/// How the net result of a window is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// There is nothing to tell those who have the list.
    Nothing,
    /// Who joined and who left.
    Names,
    /// How many there are: the names are too many.
    Count,
    /// The whole list, to everybody.
    List,
}

/// The net result of a window.
#[derive(Debug)]
pub struct Tidings {
    pub manner: Manner,
    pub joined: Vec<Arc<str>>,
    pub left: Vec<Arc<str>>,
    /// Connections that have no list yet.
    pub fresh: BTreeSet<ConnKey>,
}

/// One room's presence.
#[derive(Debug, Default)]
pub struct Attendance {
    pub options: settings::Presence,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Bytes of all names, as a message holds them.
    bytes: usize,
    /// Whoever's presence changed since the last window, and whether it was told as present then.
    changes: BTreeMap<Arc<str>, bool>,
    fresh: BTreeSet<ConnKey>,
    /// Its names are too many to be told. Not again before half of them fit.
    large: bool,
    /// A window is open.
    gathers: bool,
}

/// Bytes of a name in a list of a message: quotes, a comma, and what is escaped.
pub fn named_bytes(name: &str) -> usize {
    name.len() + 3 + name.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

impl Attendance {
    pub(super) fn new(options: &settings::Presence) -> Attendance {
        Attendance { options: options.clone(), ..Attendance::default() }
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.keys()
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Says before a change how it was.
    fn note(&mut self, who: &Arc<str>) {
        let was = self.members.contains_key(who);
        self.changes.entry(Arc::clone(who)).or_insert(was);
    }

    /// A seat for a connection; whether a member came back with it.
    pub(super) fn seat(&mut self, who: &Arc<str>, conn: ConnKey) -> bool {
        if !self.members.contains_key(who) {
            self.note(who);
            self.bytes += named_bytes(who);
        }
        let member = self.members.entry(Arc::clone(who)).or_default();
        if !member.seats.contains(&conn) {
            member.seats.push(conn);
        }
        member.leaves = false;
        self.fresh.insert(conn);
        member.away_ns.take().is_some()
    }

    pub(super) fn unseat(
        &mut self,
        who: &Arc<str>,
        conn: ConnKey,
        parting: Parting,
        now_ns: u64,
    ) -> Fate {
        self.fresh.remove(&conn);
        let Some(member) = self.members.get_mut(who) else { return Fate::Stays };
        let Some(seat) = member.seats.iter().position(|other| *other == conn) else {
            return Fate::Stays;
        };
        member.seats.swap_remove(seat);
        member.leaves |= parting == Parting::Left;
        if !member.seats.is_empty() {
            return Fate::Stays;
        }
        if member.leaves {
            self.remove(who);
            return Fate::Left;
        }
        member.away_ns = Some(now_ns);
        Fate::Away
    }

    pub(super) fn remove(&mut self, who: &Arc<str>) {
        self.note(who);
        if self.members.remove(who).is_some() {
            self.bytes -= named_bytes(who);
        }
    }

    /// Takes the seats of a shard that it does not name; who has none left is gone.
    pub(super) fn keep_seats(&mut self, shard: ShardId, seats: &[(ConnKey, Arc<str>)]) {
        let named: BTreeMap<ConnKey, &str> =
            seats.iter().map(|(conn, who)| (*conn, &**who)).collect();
        let mut gone = Vec::new();
        for (who, member) in &mut self.members {
            let had = member.seats.len();
            let keeps = |conn: &ConnKey| conn.shard != shard || named.get(conn) == Some(&&**who);
            member.seats.retain(keeps);
            if member.seats.is_empty() && had > 0 {
                gone.push(Arc::clone(who));
            }
        }
        self.fresh.retain(|conn| conn.shard != shard || named.contains_key(conn));
        gone.iter().for_each(|who| self.remove(who));
    }

    /// Whether it has a seat for the connection already.
    pub(super) fn knows(&self, who: &str, conn: ConnKey) -> bool {
        self.members.get(who).is_some_and(|member| member.seats.contains(&conn))
    }

    /// Whether a window opens now: something is to be told, or the record has no use any more.
    pub(super) fn opens_window(&mut self) -> bool {
        let owes = !self.changes.is_empty() || !self.fresh.is_empty() || self.members.is_empty();
        let opens = owes && !self.gathers;
        self.gathers |= opens;
        opens
    }

    /// Ends the window.
    pub(super) fn take_tidings(&mut self) -> Tidings {
        self.gathers = false;
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for (who, was) in std::mem::take(&mut self.changes) {
            match (was, self.members.contains_key(&who)) {
                (false, true) => joined.push(who),
                (true, false) => left.push(who),
                _ => {}
            }
        }
        let manner = self.manner(&joined, &left);
        Tidings { manner, joined, left, fresh: std::mem::take(&mut self.fresh) }
    }

    fn manner(&mut self, joined: &[Arc<str>], left: &[Arc<str>]) -> Manner {
        let was_large = self.large;
        let bytes_max = PRESENCE_NAMES_BYTES_MAX / if was_large { 2 } else { 1 };
        self.large = self.bytes > bytes_max;
        let changed: usize = joined.iter().chain(left).map(|who| named_bytes(who)).sum();
        match changed {
            0 => Manner::Nothing,
            _ if self.large => Manner::Count,
            changed if was_large || changed > PRESENCE_NAMES_BYTES_MAX => Manner::List,
            _ => Manner::Names,
        }
    }

    pub(super) fn window_ns(&self) -> u64 {
        let wanted_ns = self.members.len() as u64 * PRESENCE_GATHER_PER_MEMBER_NS;
        wanted_ns.clamp(PRESENCE_GATHER_MIN_NS, PRESENCE_GATHER_MAX_NS)
    }
}
