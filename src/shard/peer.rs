//! What shards say to each other.
//!
//! ```text
//!   connection's shard            user's home                 room's home
//!        | -- Bind ------------------> |                           |
//!        | <------------- Bound/Refuse |                           |
//!        | <-------------- Lend/Recall |                           |
//!        | -- Yield -----------------> |                           |
//!        | -- Join ------------------> |                           |
//!        | <------------------- Enroll | (to each shard of the user)
//!        | -- Watch ---------------------------------------------> |
//!        | <---------------------------------------------- Watched |
//!        | -- Enrolled --------------> |                           |
//!        | <--------------------- Done | (all shards answered)     |
//!        | -- Publish -------------------------------------------> |
//!        | <---------------------------------------------- Deliver | (to each watching shard)
//! ```
//!
//! Invariants: between two shards frames keep their order and none is lost: a full channel becomes
//! a backlog at its sender, which stops reading from its connections until the backlog is gone.
//! What a later, farther peer (another node) may lose is said at each variant.

use std::sync::Arc;

use super::arriving::{Asked, Replay};
use super::aside::Aside;
use super::attending::News;
use super::conflate::Keyed;
use crate::ids::{ConnKey, PermissionId, ShardId};
use crate::state::attendance::Parting;
use crate::state::frames::FrameRef;
use crate::state::limits::Verdict;
use crate::state::meters::{Key, Meters};
use crate::state::permissions::PermissionSet;
use crate::state::rooms::RoomKey;
use crate::state::sessions::Values;

/// One frame between shards.
#[derive(Clone, Debug)]
pub enum PeerFrame {
    /// To the user's home: a connection wants in. Lost: the connection's handshake times out.
    Bind { conn: ConnKey, user: Arc<str>, permissions: Arc<PermissionSet> },
    /// To the user's home: a connection is gone, and what was lent with the last one comes back.
    /// Lost: it counts against the user's limit until the next connection from that shard corrects
    /// it.
    Unbind { conn: ConnKey, user: Arc<str>, meters: Option<Meters> },
    /// From the user's home: the connection is in, with these rooms. Lost: as `Bind`.
    Bound { conn: ConnKey, user: Arc<str>, welcome: Box<Welcome> },
    /// From the user's home: over the user's limit. Lost: as `Bind`.
    Refuse { conn: ConnKey },
    /// From the user's home: a newer connection took the place. Lost: the old one stays.
    Evict { conn: ConnKey },
    /// From the user's home: only this shard has connections of the user; it counts the limits from
    /// now on. Lost: what they have counted, and they count for nobody until the user is gone.
    Lend { user: Arc<str>, meters: Meters },
    /// From the user's home: the meters are wanted back. Lost: a connection's handshake times out.
    Recall { user: Arc<str> },
    /// To the user's home: the meters are back. Lost: as `Lend`, and as `Recall`.
    Yield { user: Arc<str>, meters: Meters },
    /// From the user's home: the live permissions changed. Lost: the old ones hold.
    Permissions { user: Arc<str>, permissions: Arc<PermissionSet> },
    /// To the user's home: put the user into a room. Lost: the origin's hold times out.
    /// `alone` is without its connections: in a room with a history each arrives by itself.
    Join { origin: ConnKey, user: Arc<str>, room: Arc<str>, alone: bool },
    /// To the user's home: take the user out of a room. Lost: as `Join`.
    Leave { origin: ConnKey, user: Arc<str>, room: Arc<str> },
    /// From the user's home: seat the user's connections here. Lost: as `Join`.
    Enroll { user: Arc<str>, room: Arc<str>, home: ShardId, job: u32 },
    /// From the user's home: unseat the user's connections here. Lost: as `Join`.
    Expel { user: Arc<str>, room: Arc<str>, home: ShardId, job: u32 },
    /// To the user's home: this shard's part of a join or leave is done. Lost: as `Join`.
    Enrolled { job: u32 },
    /// From the user's home: the join or leave is done everywhere. Lost: as `Join`.
    Done { origin: ConnKey },
    /// From the user's home: the user is in too many rooms. Lost: as `Join`.
    Full { origin: ConnKey },
    /// To the user's home: count an event against a limit. Lost: the event times out.
    Take { origin: ConnKey, user: Arc<str>, key: Key },
    /// To the home of a room or a text: the same. Lost: the event times out.
    TakeText { origin: ConnKey, key: Key },
    /// From who counts: the verdict; `Wait` is to ask again, because the meters went to the
    /// shard that asked before its question came. Lost: as `Take`.
    Taken { origin: ConnKey, verdict: Verdict },
    /// To the user's home: a message for all its connections. Lost: a message.
    ToUser { user: Arc<str>, frame: FrameRef },
    /// From the user's home: the same, for the connections here. Lost: a message.
    DeliverUser { user: Arc<str>, frame: FrameRef },
    /// To the room's home: this shard has members now. Lost: the join times out.
    Watch { room: Arc<str>, local: RoomKey, shard: ShardId },
    /// To the room's home: this shard has none left. Lost: deliveries that find nobody.
    Unwatch { room: Arc<str>, shard: ShardId },
    /// From the room's home: deliveries come from now on. Lost: as `Watch`.
    Watched { local: RoomKey },
    /// To the room's home: a message for the room. Lost: a message.
    Publish { room: Arc<str>, frame: FrameRef },
    /// From the room's home: the message, for the members here. Lost: a message; the room's
    /// sequence shows the gap.
    ///
    /// `deflated` is the frame's twin for the usual window, where the home needed one itself.
    Deliver { local: RoomKey, frame: FrameRef, deflated: Option<FrameRef> },
    /// To the room's home: a member wants a place. Lost: as `Join`.
    Seat { origin: ConnKey, room: Arc<str>, who: Arc<str> },
    /// From the room's home: it has one; `fresh` where it had none before. Lost: as `Join`.
    Seated { origin: ConnKey, room: Arc<str>, who: Arc<str>, fresh: bool },
    /// From the room's home: there is none. Lost: as `Join`.
    NoSeat { origin: ConnKey },
    /// To the room's home: a place is free. Lost: it stays taken until the room is empty.
    Unseat { room: Arc<str>, who: Arc<str> },
    /// As `Publish`, with whom it leaves out.
    PublishWith { room: Arc<str>, frame: FrameRef, aside: Aside },
    /// As `Publish`, for a frame that others with its key take the place of.
    PublishKeyed { room: Arc<str>, keyed: Box<Keyed> },
    /// As `Deliver`.
    DeliverWith { local: RoomKey, frame: FrameRef, aside: Aside },
    /// As `ToUser`.
    ToUserWith { user: Arc<str>, frame: FrameRef, aside: Aside },
    /// As `DeliverUser`.
    DeliverUserWith { user: Arc<str>, frame: FrameRef, aside: Aside },
    /// To a connection's shard: a message for it. Lost: a message.
    ToConn { conn: ConnKey, frame: FrameRef, aside: Option<Aside> },
    /// To every shard: a message for all its connections. Lost: a message.
    ToAll { frame: FrameRef, aside: Option<Aside> },
    /// To the user's home: a variable changes. Lost: as `Join`.
    SetUser { origin: ConnKey, user: Arc<str>, variable: u8, value: Arc<[u8]> },
    /// From the user's home: its variables. Lost: the old ones hold.
    UserValues { user: Arc<str>, values: Arc<Values> },
    /// To the user's home: a permission is given or taken. Lost: as `Join`.
    Grant { origin: ConnKey, user: Arc<str>, permission: PermissionId, held: bool },
    /// To the user's home: the room's rules do not let this connection in any more. Lost: the user
    /// stays in.
    PutOut { conn: ConnKey, user: Arc<str>, room: Arc<str>, told: Option<FrameRef> },
    /// To the room's home: these are members already. Lost: they are not counted.
    Count { room: Arc<str>, who: Arc<[Arc<str>]> },
    /// From the user's home: the user is out of the room. Lost: its `leave` hook does not run.
    IsOut { conn: ConnKey, room: Arc<str> },
    /// To the room's home: a connection has a seat in a room with presence. Lost: nobody is told,
    /// and the connection gets no list.
    Present { room: Arc<str>, who: Arc<str>, conn: ConnKey },
    /// To the room's home: it has none any more. Lost: a member that is not there, until this shard
    /// says its roster again.
    Absent { room: Arc<str>, who: Arc<str>, conn: ConnKey, parting: Parting },
    /// To the room's home: everybody with a seat on this shard, in place of all that it said
    /// before. Lost: as `Present`.
    Roster { room: Arc<str>, shard: ShardId, seats: Box<[(ConnKey, Arc<str>)]> },
    /// From the room's home: it wants the roster. Lost: as `Present`.
    Census { local: RoomKey },
    /// From the user's home to the room's: the user was taken out, whether it is connected or not.
    /// Lost: it is told behind the grace.
    Depart { room: Arc<str>, who: Arc<str> },
    /// From the room's home: who came and went. Lost: lists of members that stay wrong.
    News { local: RoomKey, news: Box<News> },
    /// To the room's home: what has this connection missed? Lost: the connection stays held.
    Replay { origin: ConnKey, asked: Box<Asked> },
    /// From the room's home: this, and what comes behind this frame. Lost: as `Replay`.
    Replayed { origin: ConnKey, replay: Box<Replay> },
}

/// What a user's home knows that a new connection's shard needs.
#[derive(Clone, Debug, Default)]
pub struct Welcome {
    pub rooms: Vec<Arc<str>>,
    pub permissions: Arc<PermissionSet>,
    /// Where only this shard has connections of the user: as `PeerFrame::Lend`.
    pub meters: Option<Meters>,
    /// The user's variables, where some were set.
    pub variables: Option<Arc<Values>>,
}

// Two cache lines hold two frames; channels are sized by this.
const _: () = assert!(size_of::<PeerFrame>() <= 64);
