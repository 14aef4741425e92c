//! Whole crowds on 64 and 256 shards: one giant room, a burst, a reconnect storm, a shard that
//! stands still.

use shardwire::limits::{MESH_BACKLOG_PAUSE_FRAMES, MESH_CHANNEL_FRAMES};

use super::oracle::Oracle;
use super::simulator::crowd::Member;
use super::simulator::fleet::{Counts, Fleet, home};
use super::{EVENTS, anonymous};

const ROOM: &str = "room:giant";

/// `members` anonymous connections, dealt to the shards in turn, all in one room.
fn giant(shards: u16, members: usize) -> (Fleet, Vec<Member>) {
    let mut fleet = Fleet::new(&anonymous(), shards);
    let dealt = (0..members).map(|member| member % usize::from(shards));
    let conns: Vec<Member> = dealt.map(|shard| fleet.connect(shard, "")).collect();
    fleet.settle();
    conns.iter().for_each(|member| fleet.say(*member, "join", ROOM));
    fleet.settle();
    (fleet, conns)
}

/// The first member on the home's shard, and the first on another.
fn near_and_far(conns: &[Member], shards: u16) -> (Member, Member) {
    let home = home(ROOM, shards);
    let on = |near: bool| conns.iter().find(|member| (member.shard == home) == near);
    (*on(true).expect("a member"), *on(false).expect("a member"))
}

/// Messages of one sender in one turn; what crossed the mesh for them.
fn burst(fleet: &mut Fleet, from: Member, messages: usize) -> Counts {
    (0..messages).for_each(|_| fleet.say(from, "say", ROOM));
    fleet.settle()
}

#[test]
fn a_publish_to_a_giant_room_crosses_the_mesh_once_a_shard_however_many_members_it_has() {
    for (shards, members) in [(64, 640), (64, 50_000), (256, 2_560)] {
        let (mut fleet, conns) = giant(shards, members);
        let (near, far) = near_and_far(&conns, shards);
        let watchers = u64::from(shards);
        for (from, frames) in [(near, watchers - 1), (far, watchers)] {
            let before = fleet.total(|counters| counters.deliveries.get());
            let counts = burst(&mut fleet, from, 1);
            assert_eq!((counts.frames, counts.rings), (frames, frames));
            assert_eq!(counts.sends, members as u64);
            let delivered = fleet.total(|counters| counters.deliveries.get()) - before;
            assert_eq!(delivered, members as u64);
        }
    }
}

#[test]
fn a_burst_rings_each_bell_once_a_round_and_fills_an_inbox_by_its_own_length_at_most() {
    let (shards, messages) = (64, 500);
    let (mut fleet, conns) = giant(shards, 640);
    let (near, far) = near_and_far(&conns, shards);
    for (from, published) in [(near, 0), (far, messages)] {
        let counts = burst(&mut fleet, from, messages);
        let delivered = messages * (usize::from(shards) - 1);
        assert_eq!(counts.frames as usize, published + delivered);
        assert!(counts.rings <= counts.rounds * u64::from(shards), "{counts:?}");
        assert!(counts.rings < counts.frames / 10, "a ring a frame: {counts:?}");
        assert!(counts.inbox_max <= messages, "{counts:?}");
        assert_eq!(counts.backlog_max, 0);
    }
}

/// Who is where in a storm: user `n` on shard `n` modulo shards, in three of the rooms.
struct Storm {
    fleet: Fleet,
    oracle: Oracle,
    shards: usize,
    users: usize,
}

const STORM_ROOMS: usize = 100;

impl Storm {
    fn rooms(user: usize) -> [String; 3] {
        [0, 1, 2].map(|place| format!("room:{}", (user * 7 + place * 31) % STORM_ROOMS))
    }

    /// Everybody comes at once; returns the connections and how many frames that may take.
    fn connect(&mut self) -> (Vec<Member>, u64) {
        let mut wanted = 0;
        let mut conns = Vec::new();
        for user in 0..self.users {
            let (shard, name) = (user % self.shards, format!("user{user}"));
            wanted += self.oracle.connect(shard, &name);
            conns.push(self.fleet.connect(shard, &name));
        }
        (conns, wanted)
    }

    fn join(&mut self, conns: &[Member]) -> u64 {
        let mut wanted = 0;
        for (user, member) in conns.iter().enumerate() {
            for room in Storm::rooms(user) {
                wanted += self.oracle.join(member.shard, &format!("user{user}"), &room);
                self.fleet.say(*member, "join", &room);
            }
        }
        wanted
    }

    fn hang_up(&mut self, conns: &[Member]) -> u64 {
        let mut wanted = 0;
        for (user, member) in conns.iter().enumerate() {
            wanted += self.oracle.disconnect(member.shard, &format!("user{user}"));
            self.fleet.hang_up(*member);
        }
        wanted
    }

    /// So many frames, no more than three times its share on any shard, no inbox full.
    fn check(&mut self, wanted: u64) {
        let counts = self.fleet.settle();
        assert_eq!(counts.frames, wanted);
        let most = counts.heard.iter().max().copied().unwrap_or_default();
        let share = counts.frames / self.shards as u64;
        assert!(most <= 3 * share, "one shard heard {most} of {}", counts.frames);
        assert_eq!(counts.backlog_max, 0);
        assert!(counts.inbox_max <= MESH_CHANNEL_FRAMES);
    }
}

#[test]
fn a_reconnect_storm_costs_each_client_a_constant_and_no_shard_three_times_its_share() {
    let (shards, users) = (64_u16, 2_000);
    let (fleet, oracle) = (Fleet::new(EVENTS, shards), Oracle::new(shards));
    let mut storm = Storm { fleet, oracle, shards: usize::from(shards), users };
    for _ in 0..2 {
        let (conns, bound) = storm.connect();
        storm.check(bound);
        let joined = storm.join(&conns);
        storm.check(joined);
        let left = storm.hang_up(&conns);
        storm.check(left);
        // Bind and its answer; six frames a join at most; unbind and three rooms at most.
        assert!(bound <= 2 * users as u64 && joined <= 3 * 6 * users as u64);
        assert!(left <= 4 * users as u64);
    }
    for shard in &storm.fleet.shards {
        assert_eq!(shard.live(), shardwire::shard::Live::default());
    }
}

#[test]
fn a_shard_that_stands_still_holds_up_its_own_members_only_and_loses_nothing() {
    let (shards, messages) = (64, MESH_CHANNEL_FRAMES + 300);
    let (mut fleet, conns) = giant(shards, 64);
    let (near, far) = near_and_far(&conns, shards);
    fleet.stalled[far.shard] = true;
    let before = fleet.total(|counters| counters.deliveries.get());
    let counts = burst(&mut fleet, near, messages);
    let delivered = fleet.total(|counters| counters.deliveries.get()) - before;
    assert_eq!(delivered as usize, messages * (usize::from(shards) - 1));
    assert_eq!(counts.inbox_max, MESH_CHANNEL_FRAMES);
    assert_eq!(fleet.shards[near.shard].peer_backlog(), 300);
    fleet.stalled[far.shard] = false;
    fleet.settle();
    let delivered = fleet.total(|counters| counters.deliveries.get()) - before;
    assert_eq!(delivered as usize, messages * usize::from(shards));
    assert_eq!(fleet.shards[near.shard].peer_backlog(), 0);
}

/// A shard at a quarter of the speed of those who publish: its frames wait at the room's home,
/// which has no connection to hold back. The publishers' shard must be the one that stops reading.
#[test]
fn a_slow_shard_holds_back_those_who_publish_to_it_and_its_home_keeps_a_bounded_backlog() {
    let (mut fleet, _) = giant(3, 0);
    let others: Vec<usize> = (0..3).filter(|shard| *shard != home(ROOM, 3)).collect();
    let (slow, fast) = (fleet.connect(others[0], ""), fleet.connect(others[1], ""));
    fleet.settle();
    fleet.say(slow, "join", ROOM);
    fleet.settle();
    let (a_turn, mut said) = (800, 0);
    for round in 0..400 {
        fleet.stalled[slow.shard] = round % 4 != 0;
        let reading = !fleet.paused.contains(&fast);
        said += if reading { a_turn } else { 0 };
        (0..a_turn).filter(|_| reading).for_each(|_| fleet.say(fast, "say", ROOM));
        fleet.round();
    }
    // What was on its way when the bound was crossed comes on top: an inbox and a turn.
    let bound = MESH_BACKLOG_PAUSE_FRAMES + MESH_CHANNEL_FRAMES + a_turn;
    let backlog_max = fleet.counts.backlog_max;
    assert!((MESH_BACKLOG_PAUSE_FRAMES..bound).contains(&backlog_max), "{backlog_max}");
    fleet.stalled[slow.shard] = false;
    fleet.settle();
    assert_eq!(fleet.total(|counters| counters.deliveries.get()), said as u64);
    assert!(fleet.paused.is_empty() && said < 400 * a_turn);
}
