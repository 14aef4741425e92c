//! The monitor: what happens in the engine, remembered for a while and shown to whoever may see it.
//!
//! ```text
//! shards -- Note --> tick: record + samples --> /api/status, /api/monitoring, the dashboard's feed
//! ```
//!
//! Invariants: it takes from shards and gives them nothing, so nobody who looks can slow a message
//! down; everything it keeps is bounded. Called by `control::run` (the ticks) and by `http` (the
//! answers).

mod access;
mod answer;
mod feed;
mod record;
mod sample;
mod status;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::Receiver;

pub(super) use access::same;
pub(super) use answer::{own, show};

use super::Plane;
use crate::settings::AccessToken;
use crate::shard::journal::Note;
use access::Door;
use feed::{Feed, Seen};
use record::Record;
use sample::Samples;

/// How often notes are taken in, and pages are told.
const TICK: Duration = Duration::from_millis(400);

/// Notes taken in at once; the rest wait for the next tick.
const NOTES_A_TICK: usize = 65_536;

/// See the module.
pub(super) struct Monitor {
    notes: Receiver<Note>,
    record: Mutex<Record>,
    samples: Mutex<Samples>,
    feed: Feed,
    door: Door,
    /// The token that logins were made with.
    token: Mutex<Option<AccessToken>>,
}

impl Monitor {
    pub fn new(notes: Receiver<Note>, token: Option<AccessToken>) -> Monitor {
        Monitor {
            notes,
            record: Mutex::default(),
            samples: Mutex::default(),
            feed: Feed::default(),
            door: Door::default(),
            token: Mutex::new(token),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn tick(&self, plane: &Plane) {
        let reloads = &plane.engine.reloads;
        let (settings, program) = (reloads.settings(), reloads.program());
        let since = self.record().serial;
        for note in self.notes.try_iter().take(NOTES_A_TICK) {
            self.record().hear(note, &settings.monitor, &program);
        }
        self.end_logins_of_another(&settings.monitor.token);
        let at_ms = super::unix_ms();
        self.samples().take(&plane.engine.counters, at_ms);
        self.seen(plane, |seen| self.feed.publish(seen, since));
    }

    /// A token that a reload has changed opens nothing any more, nor do its logins.
    fn end_logins_of_another(&self, token: &Option<AccessToken>) {
        let mut known = self.token.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *known != *token {
            known.clone_from(token);
            self.door.forget();
        }
    }

    /// What there is to tell at this moment.
    fn seen<T>(&self, plane: &Plane, tell: impl FnOnce(&Seen<'_>) -> T) -> T {
        let messages = self.messages(plane);
        let (record, samples) = (self.record(), self.samples());
        tell(&Seen {
            at_ms: super::unix_ms(),
            uptime_ms: plane.uptime_ms(),
            messages,
            happenings: sample::sum(&plane.engine.counters, |one| &one.happenings),
            record: &record,
            samples: &samples,
        })
    }

    /// Messages since the start.
    fn messages(&self, plane: &Plane) -> u64 {
        let settings = plane.engine.reloads.settings();
        let name = settings.monitor.message.as_str();
        let of = |named: &crate::shard::counters::Named| {
            let mut events = named.events();
            events.find(|event| *event.name == *name).map_or(0, |event| event.counts.ran())
        };
        plane.engine.counters.iter().map(|one| of(&one.named())).sum()
    }
}

/// Takes in and tells, while the process lives.
pub(super) async fn watch(plane: Arc<Plane>) {
    let Some(monitor) = &plane.monitor else { return };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        monitor.tick(&plane);
    }
}
