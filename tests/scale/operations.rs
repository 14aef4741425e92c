//! One operation at a time, on 2 to 256 shards: each costs what the oracle says, to the frame, and
//! its bound does not know how many shards there are.

use shardwire::reject::Reject;

use super::EVENTS;
use super::oracle::Oracle;
use super::simulator::crowd::Member;
use super::simulator::fleet::{Counts, Fleet};
use super::simulator::random::Random;

const USERS: usize = 12;
const ROOMS: usize = 5;
const OPERATIONS: usize = 150;

/// Events of each user that pass, in the trials with a limit; the clock stands still.
const LIMIT: u32 = 7;

/// Rounds an operation takes at most: a join goes to the user's home, to the user's shard, to the
/// room's home, and all the way back; two more end the last turn and see that nothing is left.
const ROUNDS_MAX: u64 = 8;

struct Trial {
    fleet: Fleet,
    oracle: Oracle,
    random: Random,
    /// Connections and whose they are.
    conns: Vec<(Member, String)>,
}

impl Trial {
    fn new(shards: u16, seed: u64) -> Trial {
        Trial::of(Fleet::new(EVENTS, shards), Oracle::new(shards), seed)
    }

    /// The same with a limit, which every third operation is counted against.
    fn limited(shards: u16, seed: u64) -> Trial {
        let count = "  count: { modifiers: [{ name: rate_limit, params: [\"7/h\"] }] }\n";
        let fleet = Fleet::new(&format!("{EVENTS}{count}"), shards);
        Trial::of(fleet, Oracle::limited(shards, LIMIT), seed)
    }

    fn of(fleet: Fleet, oracle: Oracle, seed: u64) -> Trial {
        let mut trial = Trial { fleet, oracle, random: Random::new(seed), conns: Vec::new() };
        (0..USERS / 2).for_each(|_| trial.connect());
        trial
    }

    fn act(&mut self) {
        let place = self.random.index(self.conns.len());
        let (member, user) = self.conns[place].clone();
        let room = format!("room:{}", self.random.index(ROOMS));
        if self.oracle.is_limited() && self.random.one_in(3) {
            return self.count(member, &user);
        }
        match self.random.below(12) {
            0..=1 => self.connect(),
            2 if self.conns.len() > 2 => self.disconnect(place),
            2..=5 => self.join(member, &user, &room),
            6 => self.leave(member, &user, &room),
            7..=9 => self.publish(member, &room),
            _ => self.tell(member),
        }
    }

    fn connect(&mut self) {
        let shard = self.random.index(self.fleet.shards.len());
        let user = format!("user{}", self.random.index(USERS));
        let wanted = self.oracle.connect(shard, &user);
        let member = self.fleet.connect(shard, &user);
        let counts = self.settle(wanted);
        assert!(counts.frames <= 4 + 2 * self.oracle.rooms_of(&user));
        self.conns.push((member, user));
    }

    fn disconnect(&mut self, place: usize) {
        let (member, user) = self.conns.swap_remove(place);
        let rooms = self.oracle.rooms_of(&user);
        let wanted = self.oracle.disconnect(member.shard, &user);
        self.fleet.hang_up(member);
        assert!(self.settle(wanted).frames <= 2 + rooms);
    }

    fn join(&mut self, member: Member, user: &str, room: &str) {
        let wanted = self.oracle.join(member.shard, user, room);
        self.fleet.say(member, "join", room);
        assert!(self.settle(wanted).frames <= 2 + 4 * self.oracle.shards_of(user));
    }

    fn leave(&mut self, member: Member, user: &str, room: &str) {
        let wanted = self.oracle.leave(member.shard, user, room);
        self.fleet.say(member, "leave", room);
        assert!(self.settle(wanted).frames <= 2 + 3 * self.oracle.shards_of(user));
    }

    /// Exactly so many events of a user pass, on whichever shards its connections are and were.
    fn count(&mut self, member: Member, user: &str) {
        let (wanted, passes) = self.oracle.count(member.shard, user);
        let before = self.refused();
        self.fleet.say(member, "count", "");
        self.settle(wanted);
        assert_eq!(self.refused() - before, u64::from(!passes), "{user}");
    }

    fn refused(&self) -> u64 {
        self.fleet.total(|counters| counters.rejects[Reject::RateLimited as usize].get())
    }

    fn publish(&mut self, member: Member, room: &str) {
        let (wanted, members) = self.oracle.publish(member.shard, room);
        let before = self.deliveries();
        self.fleet.say(member, "say", room);
        assert!(self.settle(wanted).frames <= 1 + self.oracle.spread(room));
        assert_eq!(self.deliveries() - before, members, "{room}");
    }

    fn tell(&mut self, member: Member) {
        let user = format!("user{}", self.random.index(USERS));
        let (wanted, conns) = self.oracle.tell(member.shard, &user);
        let before = self.deliveries();
        self.fleet.say(member, "say", &format!("user:{user}"));
        assert!(self.settle(wanted).frames <= 1 + self.oracle.shards_of(&user));
        assert_eq!(self.deliveries() - before, conns, "{user}");
    }

    fn deliveries(&self) -> u64 {
        self.fleet.total(|counters| counters.deliveries.get())
    }

    /// Exactly so many frames; nobody else was looked at, and each batch rang once at most.
    fn settle(&mut self, wanted: u64) -> Counts {
        let counts = self.fleet.settle();
        assert_eq!(counts.frames, wanted, "{counts:?}");
        assert_eq!(counts.looked_at, counts.rings, "a peer was looked at for nothing");
        assert!(counts.rings <= counts.frames, "{counts:?}");
        assert!(counts.rounds <= ROUNDS_MAX, "{counts:?}");
        counts
    }
}

#[test]
fn every_operation_costs_what_the_oracle_says_whatever_the_number_of_shards() {
    for (shards, seeds) in [(2, 4), (16, 4), (64, 4), (256, 1)] {
        for seed in 0..seeds {
            for make in [Trial::new, Trial::limited] {
                let mut trial = make(shards, seed);
                let act = || (0..OPERATIONS).for_each(|_| trial.act());
                if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)) {
                    eprintln!("failing: {shards} shards, seed {seed}");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}

/// A user that has one connection at a time, wherever it comes back: its limit is counted where it
/// is, and no other shard is asked.
#[test]
fn a_user_with_one_connection_never_asks_another_shard_about_its_limit() {
    for shards in [2, 64] {
        let mut trial = Trial::limited(shards, 0);
        trial.conns.clear();
        let mut asked = 0;
        for user in 0..40 {
            let user = format!("single{user}");
            for _ in 0..4 {
                let shard = trial.random.index(usize::from(shards));
                let wanted = trial.oracle.connect(shard, &user);
                let member = trial.fleet.connect(shard, &user);
                trial.settle(wanted);
                for _ in 0..3 {
                    let (wanted, passes) = trial.oracle.count(shard, &user);
                    let before = trial.refused();
                    trial.fleet.say(member, "count", "");
                    let counts = trial.settle(wanted);
                    asked += counts.by_kind.get("limit").copied().unwrap_or_default();
                    assert_eq!(trial.refused() - before, u64::from(!passes));
                }
                let wanted = trial.oracle.disconnect(shard, &user);
                trial.fleet.hang_up(member);
                trial.settle(wanted);
            }
        }
        assert_eq!(asked, 0);
    }
}
