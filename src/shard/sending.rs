//! Sends of the native spelling: to whom, except whom, and how.
//!
//! Invariants: a send without `except` and `volatile` to a room, a user or the origin goes the same
//! way as one of the compatible spelling; `all` goes straight to every shard, so one publisher's
//! messages keep their order everywhere, and nothing is promised between two publishers.
//! Called by `apply` and `hear`.

use std::sync::Arc;

use super::Shard;
use super::apply::checked_name;
use super::aside::Aside;
use super::home::tell_watchers;
use super::peer::PeerFrame;
use crate::envelope::{Slot, text::text_of};
use crate::ids::{ConnKey, ShardId, USER_PREFIX};
use crate::pipeline::op::{HowId, To};
use crate::pipeline::program::{Except, How};
use crate::reject::Reject;
use crate::state::delays::Delay;
use crate::state::frames::FrameRef;
use crate::state::rooms::RoomKey;

/// A frame on its way to receivers.
pub(super) struct Sending<'s> {
    pub to: To,
    pub how: HowId,
    /// Who is named; empty where `to` needs no name.
    pub name: &'s str,
    /// What it conflates with.
    pub key: Option<&'s str>,
}

impl Shard {
    pub(super) fn send(
        &mut self,
        slot: u32,
        sending: &Sending<'_>,
        frame: FrameRef,
    ) -> Result<(), Reject> {
        let how = self.how(sending.how);
        let aside = self.aside(slot, sending.how, how);
        match sending.to {
            To::Origin if how.volatile && self.outboxes.is_stalled(slot) => self.drop_volatile(),
            To::Origin => self.queue_own(slot, frame),
            To::OwnUser => {
                if let Some(user) = self.user_of(slot) {
                    self.send_to_user(&user, frame, aside);
                }
            }
            To::All => self.send_all(&frame, aside),
            To::Conn => self.send_conn(sending.name, frame, aside),
            To::User => self.send_to_user(checked_name(sending.name)?, frame, aside),
            To::Users => self.send_users(sending.name, &frame, &aside)?,
            To::Room => self.send_room(sending, frame, aside)?,
            To::Target => match sending.name.strip_prefix(USER_PREFIX) {
                Some(user) => self.send_to_user(checked_name(user)?, frame, aside),
                None => self.send_room(sending, frame, aside)?,
            },
        }
        Ok(())
    }

    pub(super) fn how(&self, how: HowId) -> How {
        self.engine.program.hows.get(usize::from(how.0)).copied().unwrap_or_default()
    }

    /// What goes along with the frame; nothing where it is sent as every other.
    fn aside(&self, slot: u32, id: HowId, how: How) -> Option<Aside> {
        match how.except {
            Some(Except::Origin) => self.conns.key(slot).map(|conn| Aside::Conn { how: id, conn }),
            Some(Except::User) => self.user_of(slot).map(|user| Aside::User { how: id, user }),
            None => how.volatile.then_some(Aside::Nobody { how: id }),
        }
    }

    fn drop_volatile(&self) {
        self.counters.volatile_dropped.add(1);
    }

    fn send_to_user(&mut self, user: &str, frame: FrameRef, aside: Option<Aside>) {
        let Some(aside) = aside else { return self.send_named(user, frame) };
        let home = self.home_of(user);
        let user = self.names.share(user);
        self.tell(home, PeerFrame::ToUserWith { user, frame, aside });
    }

    /// The name is a JSON array of users; each gets the frame once.
    fn send_users(
        &mut self,
        names: &str,
        frame: &FrameRef,
        aside: &Option<Aside>,
    ) -> Result<(), Reject> {
        let text = names.as_bytes();
        let (mut at, mut first) = (1, true);
        let mut scratch = Vec::new();
        while let Some(part) = crate::envelope::parts::element(text, at, first) {
            (at, first) = (crate::envelope::parts::behind(&part), false);
            let name = text_of_string(&part, text, &mut scratch)?;
            self.send_to_user(checked_name(name)?, FrameRef::clone(frame), aside.clone());
        }
        Ok(())
    }

    fn send_conn(&mut self, id: &str, frame: FrameRef, aside: Option<Aside>) {
        let Some(conn) = ConnKey::from_id(id.as_bytes()) else {
            return self.counters.undelivered.add(1);
        };
        if usize::from(conn.shard.0) >= usize::from(self.engine.shards) {
            return self.counters.undelivered.add(1);
        }
        self.tell(conn.shard, PeerFrame::ToConn { conn, frame, aside });
    }

    pub(super) fn on_to_conn(&mut self, conn: ConnKey, frame: FrameRef, aside: Option<Aside>) {
        match self.conns.resolve(conn) {
            Some(slot) => self.deliver_to(&[slot], frame, aside.as_ref()),
            None => self.counters.undelivered.add(1),
        }
    }

    /// To every connection of every shard, the others first: they are told at the end of the turn.
    fn send_all(&mut self, frame: &FrameRef, aside: Option<Aside>) {
        for shard in (0..self.engine.shards).map(ShardId).filter(|shard| *shard != self.id) {
            let (frame, aside) = (FrameRef::clone(frame), aside.clone());
            self.mesh.push(shard, PeerFrame::ToAll { frame, aside });
        }
        self.on_to_all(FrameRef::clone(frame), aside.as_ref());
    }

    pub(super) fn on_to_all(&mut self, frame: FrameRef, aside: Option<&Aside>) {
        let mut all = std::mem::take(&mut self.chosen);
        all.extend(self.conns.slots());
        self.deliver_to(&all, frame, aside);
        all.clear();
        self.chosen = all;
    }

    fn send_room(
        &mut self,
        sending: &Sending<'_>,
        frame: FrameRef,
        aside: Option<Aside>,
    ) -> Result<(), Reject> {
        let room = checked_name(sending.name)?;
        if room.starts_with(USER_PREFIX) {
            return Err(Reject::BadName);
        }
        if let Some(key) = sending.key {
            self.send_conflated(room, key, frame, sending.how, aside);
            return Ok(());
        }
        let Some(aside) = aside else {
            self.publish(room, frame);
            return Ok(());
        };
        let home = self.home_of(room);
        let room = self.rooms.name(room).unwrap_or_else(|| self.names.share(room));
        self.tell(home, PeerFrame::PublishWith { room, frame, aside });
        Ok(())
    }

    pub(super) fn on_publish_with(&mut self, room: &str, frame: FrameRef, aside: &Aside) {
        let Some(record) = self.homes.rooms.get_mut(room) else {
            return self.publish_to_nobody(room, frame, Some(aside));
        };
        if let Some(bounds) = &mut record.bounds {
            if !bounds.take(self.now.mono_ns) {
                return self.counters.room_limited.add(1);
            }
            if bounds.history.is_some() {
                return self.publish_kept(room, frame, Some(aside));
            }
        }
        let here = record.local_part(self.id);
        tell_watchers(record, &mut self.mesh, self.id, |local| {
            let (frame, aside) = (FrameRef::clone(&frame), aside.clone());
            PeerFrame::DeliverWith { local, frame, aside }
        });
        if let Some(local) = here {
            self.deliver_with(local, frame, aside);
        }
    }

    pub(super) fn deliver_with(&mut self, local: RoomKey, frame: FrameRef, aside: &Aside) {
        let Some(at) = self.rooms.resolve(local) else { return };
        let Some(room) = self.rooms.get_mut(at) else { return };
        let members = std::mem::take(&mut room.members);
        let delay = room.class.and_then(|class| self.outboxes.delays.from(class, self.now.mono_ns));
        self.queue_aside(&members, frame, aside, delay);
        if let Some(room) = self.rooms.get_mut(at) {
            room.members = members;
        }
        self.cut_overflowed();
    }

    pub(super) fn on_to_user_with(&mut self, user: &str, frame: &FrameRef, aside: &Aside) {
        let Some((user, record)) = self.homes.users.get_key_value(user) else {
            return self.counters.undelivered.add(1);
        };
        let user = Arc::clone(user);
        for shard in record.shards().iter() {
            let (user, frame, aside) = (Arc::clone(&user), FrameRef::clone(frame), aside.clone());
            self.tell(shard, PeerFrame::DeliverUserWith { user, frame, aside });
        }
    }

    pub(super) fn deliver_user_with(&mut self, user: &str, frame: FrameRef, aside: &Aside) {
        let Some(id) = self.users.find(user) else { return };
        // Nobody looks at the list before it is back.
        let conns = self.users.get_mut(id).map(|user| std::mem::take(&mut user.conns));
        let Some(conns) = conns else { return };
        self.queue_aside(&conns, frame, aside, None);
        if let Some(user) = self.users.get_mut(id) {
            user.conns = conns;
        }
        self.cut_overflowed();
    }

    /// Queues a frame to those of these connections that the aside does not leave out.
    fn deliver_to(&mut self, slots: &[u32], frame: FrameRef, aside: Option<&Aside>) {
        match aside {
            Some(aside) => self.queue_aside(slots, frame, aside, None),
            None => drop(self.queue(slots, frame, None, None)),
        }
        self.cut_overflowed();
    }

    /// The same, before anybody's outbox is looked at.
    fn queue_aside(&mut self, slots: &[u32], frame: FrameRef, aside: &Aside, delay: Option<Delay>) {
        let volatile = self.how(aside.how()).volatile;
        let exempt = match aside {
            Aside::User { user, .. } => self.users.find(user),
            _ => None,
        };
        let mut left = std::mem::take(&mut self.left);
        for &slot in slots {
            let conn = self.conns.get(slot);
            let is_exempt = match aside {
                Aside::Nobody { .. } => false,
                Aside::Conn { conn, .. } => self.conns.resolve(*conn) == Some(slot),
                Aside::User { .. } => {
                    exempt.is_some() && conn.is_some_and(|conn| conn.user == exempt)
                }
            };
            if is_exempt {
                continue;
            }
            match volatile && self.outboxes.is_stalled(slot) {
                true => self.drop_volatile(),
                false => left.push(slot),
            }
        }
        self.queue(&left, frame, None, delay);
        left.clear();
        self.left = left;
    }
}

/// The text of a JSON string that is an element of a list of names.
fn text_of_string<'t>(
    part: &Slot,
    text: &'t [u8],
    scratch: &'t mut Vec<u8>,
) -> Result<&'t str, Reject> {
    match part.is_string() {
        true => std::str::from_utf8(text_of(part, text, scratch)).map_err(|_| Reject::BadName),
        false => Err(Reject::BadName),
    }
}
