//! Presence on the shard of a member: it says who takes and loses a seat, and hands on what the
//! room's home tells.
//!
//! ```text
//!   member's shard                 room's home
//!        | -- Present -------------> |   a connection has taken a seat
//!        | -- Absent --------------> |   it has it no more
//!        | <------------------ News  |   at the end of a window
//!        | <---------------- Census  |   a reload has brought presence, here or there
//!        | -- Roster --------------> |   all seats, in place of what was said before
//! ```
//!
//! Invariants: nothing is said of rooms without presence, by the classes of the newest edition;
//! what is said of one connection goes one way, in order. A connection gets the list once for each
//! seat.
//! Called by `seating`, `identity`, `reload` and `hear`.

use std::sync::Arc;

use super::Shard;
use super::peer::PeerFrame;
use crate::ids::ConnKey;
use crate::settings::Membership;
use crate::state::attendance::Parting;
use crate::state::classes::RoomClasses;
use crate::state::conns::Phase;
use crate::state::frames::FrameRef;
use crate::state::rooms::RoomKey;

/// What a room's home tells the members on one shard.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// For those who have the list.
    pub change: Option<FrameRef>,
    /// For those who do not.
    pub list: Option<FrameRef>,
    /// Who they are, in order.
    pub fresh: Vec<ConnKey>,
}

impl Shard {
    /// A connection has taken a seat.
    pub(super) fn attend(&mut self, slot: u32, room: u32) {
        let Some((name, who, conn)) = self.attendance(slot, room) else { return };
        let home = self.home_of(&name);
        self.tell(home, PeerFrame::Present { room: name, who, conn });
    }

    /// It loses the seat; the room and its user are still there.
    pub(super) fn part(&mut self, slot: u32, room: u32, parting: Parting) {
        let Some((room, who, conn)) = self.attendance(slot, room) else { return };
        // A name that is the connection's own dies with it.
        let is_own = parting == Parting::Gone && conn.to_id() == *who.as_bytes();
        let parting = if is_own { Parting::Left } else { parting };
        let home = self.home_of(&room);
        self.tell(home, PeerFrame::Absent { room, who, conn, parting });
    }

    /// The room, whose seat it is and of which connection, where the room tells.
    fn attendance(&self, slot: u32, room: u32) -> Option<(Arc<str>, Arc<str>, ConnKey)> {
        let room = self.rooms.get(room)?;
        self.rooms.presence_of(room.class)?;
        let conn = self.conns.key(slot)?;
        let who = match self.rooms.newest_membership(room.class) {
            Membership::User => self.user_of(slot)?,
            Membership::Connection => conn.to_string().into(),
        };
        Some((Arc::clone(&room.name), who, conn))
    }

    /// The user is taken out of the room, by its home; its seats say the same, where it has some.
    pub(super) fn depart(&mut self, room: &Arc<str>, user: &Arc<str>) {
        if self.rooms.presence_in(room).is_some() {
            let (home, who) = (self.home_of(room), Arc::clone(user));
            self.tell(home, PeerFrame::Depart { room: Arc::clone(room), who });
        }
    }

    /// Says the rosters of the rooms that tell since this edition, or of others than before.
    pub(super) fn say_rosters(&mut self, old: &RoomClasses) {
        let before = |name: &str| {
            let class = old.of(name);
            let known = class.and_then(|class| old.as_slice().get(usize::from(class.0)));
            let told = known.is_some_and(|class| class.presence.enabled);
            told.then(|| old.membership(class))
        };
        let anew = self.rooms.iter().filter(|(_, room)| {
            let membership = self.rooms.newest_membership(room.class);
            self.rooms.presence_of(room.class).is_some() && before(&room.name) != Some(membership)
        });
        let anew: Vec<RoomKey> = anew.map(|(key, _)| key).collect();
        anew.into_iter().for_each(|room| self.on_census(room));
    }

    /// Says who has a seat in this room here.
    pub(super) fn on_census(&mut self, local: RoomKey) {
        let Some(at) = self.rooms.resolve(local) else { return };
        let Some(room) = self.rooms.get(at).map(|room| Arc::clone(&room.name)) else { return };
        let members = self.rooms.get(at).map(|room| room.members.as_slice()).unwrap_or_default();
        let seats = members.iter().filter_map(|slot| self.attendance(*slot, at));
        let seats = seats.map(|(_, who, conn)| (conn, who)).collect();
        let (home, shard) = (self.home_of(&room), self.id);
        self.tell(home, PeerFrame::Roster { room, shard, seats });
    }

    /// Hands the list to those who have none, and what changed to the others.
    pub(super) fn on_news(&mut self, local: RoomKey, news: News) {
        let Some(at) = self.rooms.resolve(local) else { return };
        let Some(room) = self.rooms.get(at) else { return };
        let delay = room.class.and_then(|class| self.outboxes.delays.from(class, self.now.mono_ns));
        let is_fresh = |slot: &u32| {
            self.conns.key(*slot).is_some_and(|key| news.fresh.binary_search(&key).is_ok())
        };
        let (fresh, others): (Vec<u32>, Vec<u32>) = match news.fresh.is_empty() {
            true => (Vec::new(), room.members.clone()),
            false => room.members.iter().partition(|slot| is_fresh(slot)),
        };
        for (frame, slots) in [(news.change, &others), (news.list, &fresh)] {
            if let Some(frame) = frame {
                self.queue(slots, frame, None, delay);
            }
        }
        // The handshake waits for the homes of other rooms: the list would be lost.
        for slot in fresh {
            if self.phase(slot) == Phase::Binding {
                self.attend(slot, at);
            }
        }
        self.cut_overflowed();
    }
}
