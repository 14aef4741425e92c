//! The rooms with presence that this shard is home to: windows at whose end is told what changed,
//! and graces in which members may come back.
//!
//! Invariants: `present` counts the members of all rooms; a room is forgotten when it has no member
//! and nothing is left to tell; at most `PRESENCE_AWAITED_MAX` members are awaited, each by one
//! entry. Called by `shard::presence`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::attendance::{Attendance, Fate, Parting, Tidings};
use crate::ids::{ConnKey, ShardId};
use crate::limits::PRESENCE_AWAITED_MAX;
use crate::reserve::is_roomy;
use crate::settings;

/// By when, in which room, and who.
type Awaited = (u64, Arc<str>, Arc<str>);

/// All rooms with presence that this shard is home to.
#[derive(Debug, Default)]
pub struct Presences {
    rooms: HashMap<Arc<str>, Attendance, RandomState>,
    /// Ends of windows.
    windows: BinaryHeap<Reverse<(u64, Arc<str>)>>,
    /// Ends of graces, by room and member.
    graces: BinaryHeap<Reverse<Awaited>>,
    present: usize,
}

impl Presences {
    /// A connection has a seat; whether a member came back with it.
    pub fn seat(&mut self, room: &Arc<str>, who: &Arc<str>, conn: ConnKey, now_ns: u64) -> bool {
        self.change(room, now_ns, |presence| presence.seat(who, conn)).unwrap_or_default()
    }

    /// A connection has its seat no more; the member may come back for `floor_ns` at least.
    pub fn unseat(
        &mut self,
        room: &Arc<str>,
        who: &Arc<str>,
        (conn, parting): (ConnKey, Parting),
        now_ns: u64,
        floor_ns: u64,
    ) -> Fate {
        let unseat = |presence: &mut Attendance| presence.unseat(who, conn, parting, now_ns);
        match self.change(room, now_ns, unseat) {
            Some(Fate::Away) => self.await_return(room, who, now_ns, floor_ns),
            fate => fate.unwrap_or(Fate::Stays),
        }
    }

    /// The member was taken out while it had no seat.
    pub fn depart(&mut self, room: &Arc<str>, who: &Arc<str>, now_ns: u64) {
        self.change(room, now_ns, |presence| {
            if presence.members.get(who).is_some_and(|member| member.away_ns.is_some()) {
                presence.remove(who);
            }
        });
    }

    /// These are all the seats of a shard; its connections that were not known have no list.
    pub fn replace(
        &mut self,
        room: &Arc<str>,
        shard: ShardId,
        seats: &[(ConnKey, Arc<str>)],
        now_ns: u64,
    ) {
        self.change(room, now_ns, |presence| {
            presence.keep_seats(shard, seats);
            for (conn, who) in seats {
                if !presence.knows(who, *conn) {
                    presence.seat(who, *conn);
                }
            }
        });
    }

    /// Changes a room's presence, counts its members and opens a window where something is to be
    /// told; nothing of a room that is not known.
    fn change<T>(
        &mut self,
        room: &Arc<str>,
        now_ns: u64,
        change: impl FnOnce(&mut Attendance) -> T,
    ) -> Option<T> {
        let presence = self.rooms.get_mut(room)?;
        let before = presence.members.len();
        let result = change(presence);
        self.present = self.present + presence.members.len() - before;
        if presence.opens_window() {
            let due_ns = now_ns + presence.window_ns();
            self.windows.push(Reverse((due_ns, Arc::clone(room))));
        }
        Some(result)
    }

    /// Looks at the member again when its grace is over, unless it is looked at anyway.
    fn await_return(
        &mut self,
        room: &Arc<str>,
        who: &Arc<str>,
        now_ns: u64,
        floor_ns: u64,
    ) -> Fate {
        let full = self.graces.len() >= PRESENCE_AWAITED_MAX;
        let Some(presence) = self.rooms.get_mut(room) else { return Fate::Stays };
        let grace_ns = presence.options.leave_grace_ns.max(floor_ns);
        let Some(member) = presence.members.get_mut(who) else { return Fate::Stays };
        if member.awaited_ns.is_none() && grace_ns > 0 && !full {
            let due_ns = now_ns.saturating_add(grace_ns);
            member.awaited_ns = Some(due_ns);
            self.graces.push(Reverse((due_ns, Arc::clone(room), Arc::clone(who))));
        }
        if member.awaited_ns.is_some() && grace_ns > 0 {
            return Fate::Away;
        }
        self.depart(room, who, now_ns);
        if grace_ns > 0 { Fate::Hurried } else { Fate::Left }
    }

    /// Ends the graces that are over.
    pub fn end_graces(&mut self, now_ns: u64, floor_ns: u64) {
        while self.graces.peek().is_some_and(|Reverse((due_ns, ..))| *due_ns <= now_ns) {
            let Some(Reverse((due_ns, room, who))) = self.graces.pop() else { return };
            if self.is_over(due_ns, &room, &who, (now_ns, floor_ns)) {
                self.depart(&room, &who, now_ns);
            }
        }
    }

    /// Whether the member's grace is over; where it is not, it is looked at again.
    fn is_over(
        &mut self,
        looked_ns: u64,
        room: &Arc<str>,
        who: &Arc<str>,
        (now_ns, floor_ns): (u64, u64),
    ) -> bool {
        let Some(presence) = self.rooms.get_mut(room) else { return false };
        let grace_ns = presence.options.leave_grace_ns.max(floor_ns);
        let Some(member) = presence.members.get_mut(who) else { return false };
        if member.awaited_ns != Some(looked_ns) {
            return false;
        }
        let due_ns = member.away_ns.map(|away_ns| away_ns.saturating_add(grace_ns));
        member.awaited_ns = due_ns.filter(|due_ns| *due_ns > now_ns);
        if let Some(due_ns) = member.awaited_ns {
            // It came back meanwhile and went again, or the grace has become longer.
            self.graces.push(Reverse((due_ns, Arc::clone(room), Arc::clone(who))));
        }
        due_ns.is_some_and(|due_ns| due_ns <= now_ns)
    }

    /// Ends one window that is over: the room, and what is to be told.
    pub fn take_due(&mut self, now_ns: u64) -> Option<(Arc<str>, Tidings)> {
        while self.windows.peek().is_some_and(|Reverse((due_ns, _))| *due_ns <= now_ns) {
            let Some(Reverse((_, room))) = self.windows.pop() else { break };
            if let Some(presence) = self.rooms.get_mut(&room) {
                let tidings = presence.take_tidings();
                return Some((room, tidings));
            }
        }
        None
    }

    /// Forgets a room that nobody is in.
    pub fn retire(&mut self, room: &str) {
        if self.rooms.get(room).is_some_and(|presence| presence.members.is_empty()) {
            self.rooms.remove(room);
        }
    }

    /// The room's record, made where it is new.
    pub fn enter(&mut self, room: &Arc<str>, options: &settings::Presence) -> &Attendance {
        self.rooms.entry(Arc::clone(room)).or_insert_with(|| Attendance::new(options))
    }

    pub fn get(&self, room: &str) -> Option<&Attendance> {
        self.rooms.get(room)
    }

    /// Gives every room the options that it has now, and forgets those that have no presence any
    /// more.
    pub fn follow<'o>(&mut self, options: impl Fn(&str) -> Option<&'o settings::Presence>) {
        let graces = &mut self.graces;
        self.rooms.retain(|room, presence| {
            let Some(options) = options(room) else { return false };
            let is_shorter = options.leave_grace_ns < presence.options.leave_grace_ns;
            presence.options = options.clone();
            if is_shorter {
                // Looked at at once, and put where it belongs.
                let awaited =
                    presence.members.iter_mut().filter(|(_, one)| one.awaited_ns.is_some());
                graces.extend(awaited.map(|(who, member)| {
                    member.awaited_ns = Some(0);
                    Reverse((0, Arc::clone(room), Arc::clone(who)))
                }));
            }
            true
        });
        self.present = self.rooms.values().map(|presence| presence.members.len()).sum();
    }

    /// When something is due.
    pub fn next_ns(&self) -> Option<u64> {
        let window = self.windows.peek().map(|Reverse((due_ns, _))| *due_ns);
        let grace = self.graces.peek().map(|Reverse((due_ns, ..))| *due_ns);
        [window, grace].into_iter().flatten().min()
    }

    /// Members of all rooms.
    pub fn present(&self) -> usize {
        self.present
    }

    /// Rooms.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Gives back the room of tables that few rooms are left to need.
    pub fn trim(&mut self) {
        if is_roomy(self.rooms.len(), self.rooms.capacity()) {
            self.rooms.shrink_to(2 * self.rooms.len());
        }
        if is_roomy(self.windows.len(), self.windows.capacity()) {
            self.windows.shrink_to(2 * self.windows.len());
        }
        if is_roomy(self.graces.len(), self.graces.capacity()) {
            self.graces.shrink_to(2 * self.graces.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::attendance::Manner;
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const GRACE_NS: u64 = 700_000_000;

    /// xorshift64*: enough randomness for a model test, seeded.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn options() -> settings::Presence {
        let on = settings::Presence::default();
        settings::Presence { enabled: true, leave_grace_ns: GRACE_NS, ..on }
    }

    fn conn(shard: u16, index: u32) -> ConnKey {
        ConnKey { shard: ShardId(shard), index, generation: 1 }
    }

    /// The same, said plainly.
    #[derive(Default)]
    struct Model {
        seats: BTreeMap<Arc<str>, BTreeSet<ConnKey>>,
        away_ns: BTreeMap<Arc<str>, u64>,
        told: BTreeSet<Arc<str>>,
        fresh: BTreeSet<ConnKey>,
    }

    impl Model {
        fn members(&self) -> BTreeSet<Arc<str>> {
            self.seats.keys().chain(self.away_ns.keys()).cloned().collect()
        }

        fn seat(&mut self, who: &Arc<str>, conn: ConnKey) {
            self.seats.entry(Arc::clone(who)).or_default().insert(conn);
            self.away_ns.remove(who);
            self.fresh.insert(conn);
        }

        fn unseat(&mut self, who: &Arc<str>, conn: ConnKey, parting: Parting, now_ns: u64) {
            self.fresh.remove(&conn);
            let Some(seats) = self.seats.get_mut(who) else { return };
            if seats.remove(&conn) && seats.is_empty() {
                self.seats.remove(who);
                if parting == Parting::Gone {
                    self.away_ns.insert(Arc::clone(who), now_ns);
                }
            }
        }

        fn end_graces(&mut self, now_ns: u64) {
            self.away_ns.retain(|_, away_ns| *away_ns + GRACE_NS > now_ns);
        }
    }

    struct Pair {
        room: Arc<str>,
        names: Vec<Arc<str>>,
        presences: Presences,
        model: Model,
        now_ns: u64,
    }

    impl Pair {
        fn new() -> Pair {
            let (room, mut presences): (Arc<str>, _) = ("room".into(), Presences::default());
            presences.enter(&room, &options());
            let names = (0..5).map(|n| format!("user{n}").into()).collect();
            Pair { room, names, presences, model: Model::default(), now_ns: 1 }
        }

        fn act(&mut self, state: &mut u64) {
            let who = Arc::clone(&self.names[(random(state) % 5) as usize]);
            // A user's connections are its own: three on two shards.
            let number = (random(state) % 3) as u32;
            let index = 10 * (who.as_bytes()[4] - b'0') as u32 + number;
            let conn = conn((number % 2) as u16, index);
            let (room, now_ns) = (Arc::clone(&self.room), self.now_ns);
            match random(state) % 7 {
                0..3 => {
                    self.presences.enter(&room, &options());
                    self.presences.seat(&room, &who, conn, now_ns);
                    self.model.seat(&who, conn);
                }
                3..5 => {
                    self.presences.unseat(&room, &who, (conn, Parting::Gone), now_ns, 0);
                    self.model.unseat(&who, conn, Parting::Gone, now_ns);
                }
                5 => self.leave(&who),
                _ => {
                    self.presences.depart(&room, &who, now_ns);
                    self.model.away_ns.remove(&who);
                }
            }
        }

        /// All connections of a user are taken out, one by one.
        fn leave(&mut self, who: &Arc<str>) {
            let seats = self.model.seats.get(who).cloned().unwrap_or_default();
            for conn in seats {
                self.presences.unseat(&self.room, who, (conn, Parting::Left), self.now_ns, 0);
                self.model.unseat(who, conn, Parting::Left, self.now_ns);
            }
        }

        fn pass(&mut self, ns: u64, seed: u64) {
            self.now_ns += ns;
            self.presences.end_graces(self.now_ns, 0);
            self.model.end_graces(self.now_ns);
            let members = self.model.members();
            assert_eq!(self.presences.present(), members.len(), "seed {seed}");
            while let Some((room, tidings)) = self.presences.take_due(self.now_ns) {
                let joined: Vec<Arc<str>> = members.difference(&self.model.told).cloned().collect();
                let left: Vec<Arc<str>> = self.model.told.difference(&members).cloned().collect();
                assert_eq!((&tidings.joined, &tidings.left), (&joined, &left), "seed {seed}");
                assert_eq!(tidings.fresh, std::mem::take(&mut self.model.fresh), "seed {seed}");
                let quiet = joined.is_empty() && left.is_empty();
                assert_eq!(tidings.manner == Manner::Nothing, quiet, "seed {seed}");
                let known = self.presences.get(&room).map(|one| one.names().cloned().collect());
                assert_eq!(known, Some(members.clone()), "seed {seed}");
                self.model.told = members.clone();
                self.presences.retire(&room);
            }
            // What is not told yet is about to be.
            let owed = members != self.model.told || !self.model.fresh.is_empty();
            let due = self.presences.next_ns().is_some();
            assert!(due || !owed, "seed {seed}");
        }
    }

    #[test]
    fn joins_leaves_and_returns_are_those_of_a_plain_model() {
        for seed in 1..300u64 {
            let (mut state, mut pair) = (seed, Pair::new());
            for _ in 0..200 {
                pair.act(&mut state);
                if random(&mut state).is_multiple_of(3) {
                    pair.pass(random(&mut state) % 300_000_000, seed);
                }
            }
            let names = pair.names.clone();
            names.iter().for_each(|who| pair.leave(who));
            pair.pass(2 * GRACE_NS, seed);
            pair.pass(2 * GRACE_NS, seed);
            assert_eq!((pair.presences.len(), pair.presences.present()), (0, 0), "seed {seed}");
            assert_eq!(pair.presences.next_ns(), None, "seed {seed}");
        }
    }

    #[test]
    fn a_leave_takes_the_grace_from_the_ends_that_come_behind_it() {
        let mut pair = Pair::new();
        let (room, who) = (Arc::clone(&pair.room), Arc::clone(&pair.names[0]));
        let conns = [conn(0, 1), conn(1, 2)];
        for one in conns {
            pair.presences.seat(&room, &who, one, 1);
        }
        let parted = |presences: &mut Presences, conn, parting| {
            presences.unseat(&room, &who, (conn, parting), 1, 0)
        };
        assert_eq!(parted(&mut pair.presences, conns[0], Parting::Left), Fate::Stays);
        assert_eq!(parted(&mut pair.presences, conns[1], Parting::Gone), Fate::Left);
        assert_eq!(parted(&mut pair.presences, conns[1], Parting::Gone), Fate::Stays);
        assert_eq!(pair.presences.present(), 0);
    }

    #[test]
    fn so_many_are_awaited_and_the_rest_leaves_at_once() {
        let mut pair = Pair::new();
        let room = Arc::clone(&pair.room);
        for n in 0..=PRESENCE_AWAITED_MAX as u32 {
            let who: Arc<str> = format!("user-{n}").into();
            pair.presences.seat(&room, &who, conn(0, n), 1);
            let fate = pair.presences.unseat(&room, &who, (conn(0, n), Parting::Gone), 1, 0);
            let wanted = if n < PRESENCE_AWAITED_MAX as u32 { Fate::Away } else { Fate::Hurried };
            assert_eq!(fate, wanted, "{n}");
        }
        assert_eq!(pair.presences.present(), PRESENCE_AWAITED_MAX);
        pair.presences.end_graces(1 + GRACE_NS, 0);
        assert_eq!(pair.presences.present(), 0);
    }

    #[test]
    fn a_member_that_flaps_is_awaited_by_one_entry() {
        let mut pair = Pair::new();
        let (room, who) = (Arc::clone(&pair.room), Arc::clone(&pair.names[0]));
        for n in 0..1_000 {
            pair.presences.seat(&room, &who, conn(0, n), u64::from(n));
            let gone = (conn(0, n), Parting::Gone);
            pair.presences.unseat(&room, &who, gone, u64::from(n), 0);
        }
        assert_eq!(pair.presences.graces.len(), 1);
        pair.presences.end_graces(GRACE_NS + 998, 0);
        assert_eq!((pair.presences.present(), pair.presences.graces.len()), (1, 1));
        pair.presences.end_graces(GRACE_NS + 999, 0);
        assert_eq!((pair.presences.present(), pair.presences.graces.len()), (0, 0));
    }

    #[test]
    fn windows_grow_with_their_rooms() {
        let mut presence = Attendance::default();
        for (members, window_ms) in
            [(0, 100), (1_000, 100), (1_001, 100), (5_000, 500), (20_000, 1_000)]
        {
            while presence.members.len() < members {
                let who = format!("user-{}", presence.members.len()).into();
                presence.seat(&who, conn(0, presence.members.len() as u32));
            }
            assert_eq!(presence.window_ns() / 1_000_000, window_ms, "{members}");
        }
    }
}
