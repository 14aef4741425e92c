//! Limits while a message runs: where each is counted, how another shard is asked, and what becomes
//! of a message that met one.
//!
//! | counted with | where |
//! |---|---|
//! | the user | the user's home, or the shard it lent the meters to (`lease`) |
//! | the connection | its shard: no other is ever asked |
//! | a room | the room's home |
//! | any other text | the home of the text's fingerprint |
//!
//! Invariants: each limit of a message is counted once: a run that waits notes how many it had
//! passed, and when it starts again they pass without being counted. That is sound because limits
//! come before every effect, and a run over the same message meets the same ones in the same order.
//! Called by `turn`, `host` and `hear`.

use std::sync::Arc;

use super::Shard;
use super::hold::Hold;
use super::host::Asked;
use super::peer::PeerFrame;
use super::subject::{Cause, Subject};
use crate::disconnect::Disconnect;
use crate::ids::{ConnKey, LimitId, ShardId};
use crate::pipeline::denial::{By, Denial};
use crate::pipeline::program::{KEY_SEPARATOR, LimitSpec, OnExceed, Program, Scope};
use crate::reject::Reject;
use crate::state::frames::FrameType;
use crate::state::homes::{Homes, home_of};
use crate::state::limits::Verdict;
use crate::state::meters::{Fingerprint, Key, Reading};

/// The room's name in the key of a limit that is counted at the room's home.
fn room_of(key: &[u8]) -> &str {
    let name = key.split(|byte| *byte == KEY_SEPARATOR).next().unwrap_or_default();
    std::str::from_utf8(name).unwrap_or_default()
}

/// The shard that counts a limit which is counted neither with a user nor with a connection.
pub(super) fn home_of_key(
    scope: Scope,
    key: &[u8],
    text: Fingerprint,
    seed: u64,
    shards: u16,
) -> ShardId {
    match scope {
        Scope::Room => home_of(room_of(key), seed, shards),
        _ => text.home(shards),
    }
}

impl Homes {
    /// Counts an event of a user whose record is here.
    pub(super) fn take(&mut self, program: &Program, user: &str, key: Key, now_ns: u64) -> Reading {
        match program.limit(key.limit).zip(self.users.get_mut(user)) {
            Some((spec, user)) => user.take(key, &spec.rate, now_ns),
            None => Reading::UNKNOWN,
        }
    }
}

impl Shard {
    /// Asks where the limit is counted; the message is held until the answer comes.
    pub(super) fn await_limit(&mut self, slot: u32, asked: Asked, kind: FrameType, message: &[u8]) {
        let (Some(origin), Some(user)) = (self.conns.key(slot), self.user_of(slot)) else { return };
        let mut bytes = self.spares.take();
        bytes.extend_from_slice(message);
        let Asked { key, passed, at } = asked;
        self.hold(slot, Hold::Message { kind, bytes, granted: passed, limit: key.limit });
        match at {
            Some(home) => self.tell(home, PeerFrame::TakeText { origin, key }),
            None => {
                let home = self.home_of(&user);
                self.tell(home, PeerFrame::Take { origin, user, key });
            }
        }
    }

    pub(super) fn on_take(&mut self, origin: ConnKey, user: &Arc<str>, key: Key) {
        let reading = self.homes.take(&self.engine.program, user, key, self.now.mono_ns);
        self.answer_limit(origin, reading);
        // Where a reload brought the first limit of users, nothing was lent when they connected.
        self.lend_rest(user);
    }

    pub(super) fn on_take_text(&mut self, origin: ConnKey, key: Key) {
        let reading = match self.engine.program.limit(key.limit) {
            Some(spec) => self.homes.texts.take(key, &spec.rate, self.now.mono_ns),
            None => Reading::UNKNOWN,
        };
        self.answer_limit(origin, reading);
    }

    fn answer_limit(&mut self, origin: ConnKey, reading: Reading) {
        self.counters.forgotten_limits.add(u64::from(reading.forgot));
        let verdict = reading.verdict;
        self.tell(origin.shard, PeerFrame::Taken { origin, verdict });
    }

    /// The shard that counts has spoken.
    pub(super) fn on_taken(&mut self, origin: ConnKey, verdict: Verdict) {
        let Some(slot) = self.conns.resolve(origin) else { return };
        let is_one = |hold: &Hold| matches!(hold, Hold::Message { .. });
        self.resume(slot, is_one, |shard, hold| {
            let Hold::Message { kind, bytes, granted, limit } = hold else { return };
            match verdict {
                Verdict::Pass => shard.run_message(slot, kind, &bytes, granted + 1),
                Verdict::Wait => shard.run_message(slot, kind, &bytes, granted),
                Verdict::Refuse { retry_ns } => shard.refuse_held(slot, limit, retry_ns, &bytes),
            }
            shard.spares.give(bytes);
        });
    }

    /// The envelope was overwritten by other messages while this one waited.
    fn refuse_held(&mut self, slot: u32, limit: LimitId, retry_ns: u64, message: &[u8]) {
        let known = self.scanner.scan(message, &self.keys, &mut self.envelope).is_ok();
        let subject = if known { self.subject(message) } else { Subject::NOTHING };
        self.exceed(slot, limit, retry_ns, subject);
    }

    /// A message met a limit: does what the limit says of that.
    pub(super) fn exceed(
        &mut self,
        slot: u32,
        limit: LimitId,
        retry_ns: u64,
        subject: Subject<'_>,
    ) {
        let spec = self.engine.program.limit(limit);
        if let Some(LimitSpec { name, site, .. }) = spec {
            let (program, name, line) = (&self.engine.program, &**name, site.line);
            let id = || Denial::of(program, By::Limit(limit), Reject::RateLimited).id();
            let file = program.file(*site);
            tracing::debug!(
                target: "shardwire::limits", name, id = id().as_str(), retry_ns, "{file}:{line}"
            );
        }
        self.named.exceeded(limit);
        match spec.map(|spec| spec.on_exceed).unwrap_or_default() {
            OnExceed::Error => {
                let cause = Cause { by: By::Limit(limit), retry_ns: Some(retry_ns) };
                self.reject(slot, Reject::RateLimited, subject, cause);
            }
            OnExceed::Drop => {
                self.counters.limited_drops.add(1);
                self.count_limited(limit);
                self.note_refused(slot, Reject::RateLimited);
            }
            OnExceed::Close => {
                self.count_limited(limit);
                self.disconnect(slot, Disconnect::RateLimited);
            }
        }
    }

    fn count_limited(&self, limit: LimitId) {
        if let Some(spec) = self.engine.program.limit(limit) {
            self.named.limited(spec.event);
        }
    }
}
