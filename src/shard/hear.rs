//! What a shard does with each frame from a peer, or from itself.
//!
//! Invariants: one arm a variant, in the order of `PeerFrame`. A frame about a connection or room
//! that is gone finds nobody and does nothing.

use super::Shard;
use super::peer::PeerFrame;
use crate::reject::Reject;

impl Shard {
    pub(super) fn hear(&mut self, frame: PeerFrame) {
        match frame {
            PeerFrame::Bind { conn, user, permissions } => self.on_bind(conn, user, permissions),
            PeerFrame::Unbind { conn, user, meters } => self.on_unbind(conn, user, meters),
            PeerFrame::Bound { conn, user, welcome } => self.on_bound(conn, user, *welcome),
            PeerFrame::Refuse { conn } => self.on_refuse(conn),
            PeerFrame::Evict { conn } => self.on_evict(conn),
            PeerFrame::Lend { user, meters } => self.on_lend(user, meters),
            PeerFrame::Recall { user } => self.on_recall(user),
            PeerFrame::Yield { user, meters } => self.on_yield(user, meters),
            PeerFrame::Permissions { user, permissions } => {
                let user = self.users.find(&user).and_then(|user| self.users.get_mut(user));
                if let Some(user) = user {
                    user.permissions = permissions;
                }
            }
            PeerFrame::Join { origin, user, room, alone } => {
                self.on_join(origin, user, room, alone);
            }
            PeerFrame::Leave { origin, user, room } => self.on_leave(origin, user, room),
            PeerFrame::Enroll { user, room, home, job } => {
                self.on_enroll(&user, &room, home, job);
            }
            PeerFrame::Expel { user, room, home, job } => self.on_expel(&user, &room, home, job),
            PeerFrame::Enrolled { job } => self.on_enrolled(job),
            PeerFrame::Done { origin } => self.on_done(origin),
            PeerFrame::Full { origin } => self.on_full(origin, Reject::Overloaded),
            PeerFrame::Take { origin, user, key } => self.on_take(origin, &user, key),
            PeerFrame::TakeText { origin, key } => self.on_take_text(origin, key),
            PeerFrame::Taken { origin, verdict } => self.on_taken(origin, verdict),
            PeerFrame::ToUser { user, frame } => self.on_to_user(&user, &frame),
            PeerFrame::DeliverUser { user, frame } => {
                if let Some(user) = self.users.find(&user) {
                    self.deliver_user(user, frame);
                }
            }
            PeerFrame::Watch { room, local, shard } => self.on_watch(room, local, shard),
            PeerFrame::Unwatch { room, shard } => self.on_unwatch(&room, shard),
            PeerFrame::Watched { local } => self.on_watched(local),
            PeerFrame::Publish { room, frame } => self.publish_here(&room, frame),
            PeerFrame::Deliver { local, frame, deflated } => {
                self.deliver(local, frame, deflated);
            }
            native => self.hear_native(native),
        }
    }

    /// Frames of the native spelling.
    fn hear_native(&mut self, frame: PeerFrame) {
        match frame {
            PeerFrame::Seat { origin, room, who } => self.on_seat(origin, room, who),
            PeerFrame::Seated { origin, room, who, fresh } => {
                self.on_seated(origin, &room, &who, fresh);
            }
            PeerFrame::NoSeat { origin } => self.on_full(origin, Reject::RoomFull),
            PeerFrame::Unseat { room, who } => self.on_unseat(&room, &who),
            PeerFrame::PublishWith { room, frame, aside } => {
                self.on_publish_with(&room, frame, &aside);
            }
            PeerFrame::PublishKeyed { room, keyed } => self.on_publish_keyed(room, *keyed),
            PeerFrame::DeliverWith { local, frame, aside } => {
                self.deliver_with(local, frame, &aside);
            }
            PeerFrame::ToUserWith { user, frame, aside } => {
                self.on_to_user_with(&user, &frame, &aside);
            }
            PeerFrame::DeliverUserWith { user, frame, aside } => {
                self.deliver_user_with(&user, frame, &aside);
            }
            PeerFrame::ToConn { conn, frame, aside } => self.on_to_conn(conn, frame, aside),
            PeerFrame::ToAll { frame, aside } => self.on_to_all(frame, aside.as_ref()),
            PeerFrame::SetUser { origin, user, variable, value } => {
                self.on_set_user(origin, &user, variable, value);
            }
            PeerFrame::UserValues { user, values } => self.on_user_values(&user, values),
            PeerFrame::Grant { origin, user, permission, held } => {
                self.on_grant(origin, &user, permission, held);
            }
            PeerFrame::PutOut { conn, user, room, told } => {
                self.on_put_out(conn, &user, room, told);
            }
            PeerFrame::Count { room, who } => self.on_count(room, &who),
            PeerFrame::IsOut { conn, room } => self.on_is_out(conn, &room),
            PeerFrame::Replay { origin, asked } => self.on_replay(origin, *asked),
            PeerFrame::Replayed { origin, replay } => self.on_replayed(origin, *replay),
            presence => self.hear_presence(presence),
        }
    }

    /// Frames of rooms with presence.
    fn hear_presence(&mut self, frame: PeerFrame) {
        match frame {
            PeerFrame::Present { room, who, conn } => self.on_present(&room, &who, conn),
            PeerFrame::Absent { room, who, conn, parting } => {
                self.on_absent(&room, &who, conn, parting);
            }
            PeerFrame::Roster { room, shard, seats } => self.on_roster(&room, shard, &seats),
            PeerFrame::Census { local } => self.on_census(local),
            PeerFrame::Depart { room, who } => self.on_depart(&room, &who),
            PeerFrame::News { local, news } => self.on_news(local, *news),
            _ => {}
        }
    }
}
