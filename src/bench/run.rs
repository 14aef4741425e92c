//! Carries a plan out: starts the threads, reads /proc at both ends of the measured time, adds up.
//!
//! Invariants: the server's memory is read before the first connection, its CPU time at the times
//! by which every thread counts; a run that failed has no figures.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::course::Course;
use super::driver::Driver;
use super::fleet::{Equipment, Fleet, Ramp};
use super::link::Sources;
use super::plan::{Plan, Scene};
use super::probe::{self, Usage};
use super::scenario::{Chat, Echo, Fanout, Idle, Scenario, Share, SlowReaders, Storm};
use super::tally::Tally;
use crate::runtime::clock::Clock;
use crate::runtime::{dial, preflight};

const NS_PER_S: u64 = 1_000_000_000;

/// How long everybody may take to be in place, a ramp's own time apart.
const GATHERING_NS_MAX: u64 = 60 * NS_PER_S;

/// How often the course is looked at, and how often it is told of.
const LOOK_NS: u64 = 5_000_000;
const TELL_NS: u64 = NS_PER_S;

/// Files a generator needs beside its connections.
const FILES_RESERVED: u64 = 64;

/// What a run brought, before it is made into a report.
pub struct Measured {
    pub tally: Tally,
    pub window_ns: u64,
    pub server_pids: Vec<u32>,
    /// The server before the first connection, and at both ends of the window.
    pub before: Option<Usage>,
    pub start: Option<Usage>,
    pub end: Option<Usage>,
    /// Share of the window each generator thread worked on a CPU.
    pub client_shares: Vec<f64>,
}

/// What the threads have in common.
struct Crew {
    plan: Plan,
    course: Arc<Course>,
    clock: Clock,
    threads: Mutex<Vec<Worker>>,
}

/// A generator thread, as the main thread sees it.
struct Worker {
    /// Where /proc has it.
    place: PathBuf,
    /// Nanoseconds in which it looked for work and there was none.
    spun: Arc<AtomicU64>,
}

impl Worker {
    /// CPU time that it had a use for.
    fn busy_ns(&self) -> u64 {
        let cpu_ns = probe::thread_cpu_ns(&self.place).unwrap_or_default();
        cpu_ns.saturating_sub(self.spun.load(Ordering::Relaxed))
    }
}

/// Carries the plan out; `tell` is given a line about every second.
pub fn run(plan: Plan, tell: &mut dyn FnMut(&str)) -> Result<Measured, String> {
    plan.check()?;
    check_files(plan.scene.connections())?;
    let server_pids = match plan.server_pids.is_empty() {
        true => probe::listening(plan.target.address.port()),
        false => plan.server_pids.clone(),
    };
    let before = Usage::of(&server_pids);
    let crew = Arc::new(Crew {
        plan,
        course: Arc::default(),
        clock: Clock::start(),
        threads: Mutex::default(),
    });
    let threads = start(&crew)?;
    let told_ns = crew.clock.mono_ns();
    let readings = Watch { crew: &crew, pids: &server_pids, tell, told_ns, told: 0 }.follow();
    let tally = join(&crew, threads)?;
    let readings = readings?;
    Ok(Measured {
        tally,
        window_ns: crew.plan.measured_ns,
        server_pids,
        before,
        start: readings.start.server,
        end: readings.end.server,
        client_shares: readings.shares(crew.plan.measured_ns),
    })
}

fn check_files(connections: u64) -> Result<(), String> {
    let files = preflight::raise(libc::RLIMIT_NOFILE).unwrap_or(1_024);
    let needed = connections + FILES_RESERVED;
    match files >= needed {
        true => {
            // A thread that stands still because this table grows would be taken for the server.
            preflight::prepare_files(needed);
            Ok(())
        }
        false => Err(format!(
            "{connections} connections need {needed} files and the limit is {files}; run \
             `ulimit -n {needed}` first, here and where the server runs"
        )),
    }
}

fn start(crew: &Arc<Crew>) -> Result<Vec<JoinHandle<Result<Tally, String>>>, String> {
    let threads = crew.plan.threads_used();
    let spawn = |thread| {
        let crew = Arc::clone(crew);
        thread::Builder::new().name(format!("bench-{thread}")).spawn(move || {
            let done = crew.work(Share { thread, threads });
            if let Err(reason) = &done {
                crew.course.fail(reason);
            }
            done
        })
    };
    (0..threads).map(spawn).collect::<Result<_, _>>().map_err(|error| format!("no thread: {error}"))
}

/// Adds up what the threads counted; the reason of the first that failed.
fn join(crew: &Crew, threads: Vec<JoinHandle<Result<Tally, String>>>) -> Result<Tally, String> {
    let mut sum = Tally::new().map_err(|error| error.to_string())?;
    for thread in threads {
        match thread.join() {
            Ok(Ok(tally)) => sum.merge(&tally),
            Ok(Err(reason)) => crew.course.fail(&reason),
            Err(_) => crew.course.fail("a generator thread ended badly"),
        }
    }
    crew.course.failure().map_or(Ok(sum), Err)
}

impl Crew {
    /// One generator thread, from its first connection to its last.
    fn work(&self, share: Share) -> Result<Tally, String> {
        let spun = self.settle_in(share)?;
        match self.plan.scene {
            Scene::Echo { connections, in_flight, per_s } => {
                self.drive(share, spun, Echo::new(connections, in_flight, per_s, share))
            }
            Scene::Fanout(plan) => self.drive(share, spun, Fanout::new(plan, share)),
            Scene::Idle { connections } => self.drive(share, spun, Idle::new(connections, share)),
            Scene::Storm(plan) => self.drive(share, spun, Storm::new(plan, share)),
            Scene::Chat(plan) => {
                let hears_itself = self.plan.adapter.senders_hear_themselves();
                self.drive(share, spun, Chat::new(plan, hears_itself, share))
            }
            Scene::SlowReaders(plan) => self.drive(share, spun, SlowReaders::new(plan, share)),
        }
    }

    /// Gives where the thread counts the time in which it finds no work.
    fn settle_in(&self, share: Share) -> Result<Arc<AtomicU64>, String> {
        dial::wake_on_time();
        if let Some(cpu) = self.plan.cpus.get(share.thread as usize % self.plan.cpus.len().max(1)) {
            preflight::pin(*cpu).map_err(|error| {
                format!("--cpus: this process may not run on CPU {cpu}: {error}")
            })?;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let spun = Arc::<AtomicU64>::default();
        let worker = |place| Worker { place, spun: Arc::clone(&spun) };
        threads.extend(probe::this_thread().map(worker));
        Ok(spun)
    }

    fn drive(
        &self,
        share: Share,
        spun: Arc<AtomicU64>,
        scenario: impl Scenario,
    ) -> Result<Tally, String> {
        let plan = &self.plan;
        let spun = plan.spin.then_some(spun);
        let sources = Sources::new(plan.sources, plan.scene.connections() as u32);
        let fleet = Fleet::new(self.equipment(share)?);
        let (clock, course) = (self.clock, Arc::clone(&self.course));
        Driver::new(fleet, scenario, clock, course, spun, plan.target.address, sources)
            .map_err(|error| {
                format!("cannot set up io_uring: {error}; `shardwire doctor` says what is missing")
            })?
            .run()
    }

    fn equipment(&self, share: Share) -> Result<Equipment, String> {
        let plan = &self.plan;
        let per_s = plan.ramp_per_s.map(|per_s| per_s / f64::from(share.threads));
        Ok(Equipment {
            adapter: Arc::clone(&plan.adapter),
            tokens: plan.tokens.clone(),
            host: plan.target.host.clone(),
            delivered_bytes: plan.delivered_bytes,
            ramp: Ramp { per_s, ..Ramp::default() },
            tally: Tally::new().map_err(|error| error.to_string())?,
            seed: getrandom::u64().map_err(|error| error.to_string())?,
        })
    }

    fn client_busy_ns(&self) -> Vec<u64> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().map(Worker::busy_ns).collect()
    }
}

/// What was read at one end of the window.
struct Reading {
    server: Option<Usage>,
    client_busy_ns: Vec<u64>,
}

struct Readings {
    start: Reading,
    end: Reading,
}

impl Readings {
    fn shares(&self, window_ns: u64) -> Vec<f64> {
        let pairs = self.start.client_busy_ns.iter().zip(&self.end.client_busy_ns);
        pairs.map(|(start, end)| end.saturating_sub(*start) as f64 / window_ns as f64).collect()
    }
}

/// The main thread's part: looks, tells, and reads /proc when it is time.
struct Watch<'a> {
    crew: &'a Crew,
    pids: &'a [u32],
    tell: &'a mut dyn FnMut(&str),
    told_ns: u64,
    /// Deliveries there were then.
    told: u64,
}

impl Watch<'_> {
    fn follow(mut self) -> Result<Readings, String> {
        let (plan, course) = (&self.crew.plan, &self.crew.course);
        self.gather()?;
        let window = course.begin(self.crew.clock.mono_ns(), plan.warmup_ns, plan.measured_ns);
        let start = self.read_at(window.start)?;
        let end = self.read_at(window.end)?;
        Ok(Readings { start, end })
    }

    /// Waits until every thread has its connections in place.
    fn gather(&mut self) -> Result<(), String> {
        let plan = &self.crew.plan;
        let connections = plan.scene.connections();
        let ramp_ns = plan.ramp_per_s.map_or(0.0, |per_s| connections as f64 / per_s * 1e9) as u64;
        let until_ns = GATHERING_NS_MAX.saturating_add(ramp_ns).min(super::plan::RUN_NS_MAX);
        let until_ns = self.crew.clock.mono_ns() + until_ns;
        while self.crew.course.threads_in_place() < plan.threads_used() as usize {
            self.look()?;
            if self.crew.clock.mono_ns() > until_ns {
                let opened = self.crew.course.opened.load(Ordering::Relaxed);
                let reason = format!(
                    "only {opened} of {connections} connections were open and in their rooms in \
                     time; does the server answer to joins as the adapter expects?"
                );
                self.crew.course.fail(&reason);
                return Err(reason);
            }
            thread::sleep(Duration::from_nanos(LOOK_NS));
        }
        Ok(())
    }

    fn read_at(&mut self, when_ns: u64) -> Result<Reading, String> {
        loop {
            self.look()?;
            let left_ns = when_ns.saturating_sub(self.crew.clock.mono_ns());
            if left_ns == 0 {
                break;
            }
            thread::sleep(Duration::from_nanos(left_ns.min(LOOK_NS)));
        }
        let server = Usage::of(self.pids);
        Ok(Reading { server, client_busy_ns: self.crew.client_busy_ns() })
    }

    /// Looks whether the run goes on, and tells of it once a second.
    fn look(&mut self) -> Result<(), String> {
        let course = &self.crew.course;
        if course.is_failed() {
            return Err(course.failure().unwrap_or_default());
        }
        let now_ns = self.crew.clock.mono_ns();
        if now_ns < self.told_ns + TELL_NS {
            return Ok(());
        }
        let deliveries = course.deliveries.load(Ordering::Relaxed);
        let per_s = (deliveries - self.told) as f64 * 1e9 / (now_ns - self.told_ns) as f64;
        (self.told_ns, self.told) = (now_ns, deliveries);
        let opened = course.opened.load(Ordering::Relaxed);
        let stage = course.stage(now_ns);
        (self.tell)(&format!("{stage:?}: {opened} connections, {per_s:.0} deliveries/s"));
        Ok(())
    }
}
