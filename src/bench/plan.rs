//! What a run is asked to do, checked before anything connects.

use std::sync::Arc;

use super::adapter::{Adapter, MESSAGE_BYTES_MAX, ROOMS_MAX, SEATS_MAX};
use super::link::SOURCES_MAX;
use super::scenario::{ChatPlan, FanoutPlan, Kind, SlowReadersPlan, StormPlan};
use super::target::Target;
use super::tokens::Tokens;

const NS_PER_S: u64 = 1_000_000_000;

/// A run, warm-up included, is over after so long.
pub const RUN_NS_MAX: u64 = 3_600 * NS_PER_S;

/// Messages a second an open loop may ask for: beyond it two would have one stamp.
const RATE_MAX: f64 = 1e8;

const IN_FLIGHT_MAX: u32 = 65_536;
const THREADS_MAX: u32 = 64;
const WITNESSES_MAX: u32 = 1_000;

/// What the connections do.
#[derive(Clone, Copy, Debug)]
pub enum Scene {
    Echo { connections: u32, in_flight: u32, per_s: Option<f64> },
    Fanout(FanoutPlan),
    Idle { connections: u32 },
    Storm(StormPlan),
    Chat(ChatPlan),
    SlowReaders(SlowReadersPlan),
}

impl Scene {
    /// As the command line names it.
    pub fn name(&self) -> &'static str {
        match self {
            Scene::Echo { .. } => "echo",
            Scene::Fanout(_) => "fanout",
            Scene::Idle { .. } => "idle",
            Scene::Storm(StormPlan { kind: Kind::Reconnect, .. }) => "reconnect-storm",
            Scene::Storm(_) => "join-storm",
            Scene::Chat(_) => "chat",
            Scene::SlowReaders(_) => "slow-readers",
        }
    }

    pub fn connections(&self) -> u64 {
        match self {
            Scene::Echo { connections, .. } | Scene::Idle { connections } => (*connections).into(),
            Scene::Fanout(plan) => u64::from(plan.rooms) * u64::from(plan.room_connections()),
            Scene::Storm(plan) => u64::from(plan.members) + u64::from(plan.others()),
            Scene::Chat(plan) => plan.connections.into(),
            Scene::SlowReaders(plan) => u64::from(plan.members) + 1,
        }
    }

    /// Threads that would have something to do.
    fn threads_max(&self) -> u32 {
        match self {
            Scene::Echo { connections, .. } | Scene::Idle { connections } => *connections,
            Scene::Fanout(plan) => plan.rooms,
            Scene::Storm(plan) => plan.members,
            Scene::Chat(plan) => plan.rooms.min(plan.connections),
            Scene::SlowReaders(plan) => plan.members,
        }
    }

    /// As the report has them: null where a scenario has none.
    pub fn rooms_and_members(&self) -> (Option<u32>, Option<u32>) {
        match self {
            Scene::Fanout(plan) => (Some(plan.rooms), Some(plan.members)),
            Scene::Storm(plan) => (None, Some(plan.members)),
            Scene::Chat(plan) => (Some(plan.rooms), None),
            Scene::SlowReaders(plan) => (None, Some(plan.members)),
            Scene::Echo { .. } | Scene::Idle { .. } => (None, None),
        }
    }

    fn in_flight(&self) -> Option<u32> {
        match self {
            Scene::Echo { in_flight, per_s: None, .. } => Some(*in_flight),
            Scene::Fanout(plan) if plan.per_s.is_none() => Some(plan.in_flight),
            _ => None,
        }
    }

    fn per_s(&self) -> Option<f64> {
        match self {
            Scene::Echo { per_s, .. } => *per_s,
            Scene::Fanout(plan) => plan.per_s,
            Scene::Storm(plan) => Some(plan.witnesses.per_s),
            Scene::Chat(plan) => Some(plan.per_s),
            Scene::SlowReaders(plan) => Some(plan.per_s),
            Scene::Idle { .. } => None,
        }
    }

    /// `in_flight` and `rate` as the report has them: one of them is null.
    pub fn loop_figures(&self) -> (Option<u32>, Option<f64>) {
        (self.in_flight(), self.per_s())
    }
}

/// One run.
#[derive(Clone)]
pub struct Plan {
    pub scene: Scene,
    pub target: Target,
    pub adapter: Arc<dyn Adapter>,
    pub tokens: Tokens,
    pub delivered_bytes: usize,
    pub warmup_ns: u64,
    pub measured_ns: u64,
    /// Connections opened a second.
    pub ramp_per_s: Option<f64>,
    pub threads: u32,
    /// The threads look for work without a pause, and are never asleep when it comes.
    pub spin: bool,
    /// Where the threads are pinned, in turn; nowhere where empty.
    pub cpus: Vec<usize>,
    /// Those that listen on the target's port where empty.
    pub server_pids: Vec<u32>,
    pub sources: Option<u32>,
}

impl Plan {
    /// What cannot be done is said in one line, with a way out.
    pub fn check(&self) -> Result<(), String> {
        within("--connections (rooms x members)", self.scene.connections(), SEATS_MAX.into())?;
        let (rooms, members) = self.scene.rooms_and_members();
        within("--rooms", rooms.unwrap_or(1).into(), ROOMS_MAX.into())?;
        within("--members", members.unwrap_or(1).into(), SEATS_MAX.into())?;
        self.check_others()?;
        if let Some(in_flight) = self.scene.in_flight() {
            within("--in-flight", in_flight.into(), IN_FLIGHT_MAX.into())?;
        }
        within("--threads", self.threads.into(), THREADS_MAX.into())?;
        within("--sources", self.sources.unwrap_or(1).into(), SOURCES_MAX.into())?;
        for per_s in [self.scene.per_s(), self.ramp_per_s].into_iter().flatten() {
            if !(per_s > 0.0 && per_s <= RATE_MAX) {
                return Err(format!("a rate is more than 0 and at most {RATE_MAX:e} a second"));
            }
        }
        self.check_size()?;
        self.check_times()
    }

    /// What a scenario asks for beside its members, and what an adapter cannot do.
    fn check_others(&self) -> Result<(), String> {
        let name = self.adapter.name();
        match self.scene {
            Scene::Echo { .. } if !self.adapter.has_echo() => {
                Err(format!("the adapter `{name}` has no echo: nothing comes back to its sender"))
            }
            Scene::Fanout(FanoutPlan { publisher_joins: true, .. })
                if !self.adapter.senders_hear_themselves() =>
            {
                Err(format!("the adapter `{name}` leaves the sender out: no --publisher-joins"))
            }
            Scene::Storm(plan) => {
                within("--witnesses", plan.witnesses.count.into(), WITNESSES_MAX.into())
            }
            Scene::SlowReaders(plan) => {
                within("--slow", plan.slow.into(), u64::from(plan.members.max(2) - 1))
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self) -> Result<(), String> {
        let (bytes, min) = (self.delivered_bytes, self.adapter.delivered_bytes_min());
        let name = self.adapter.name();
        match bytes {
            _ if bytes < min => Err(format!(
                "--size is at least {min} with the adapter `{name}`: what it wraps \
                     a stamp in has that many bytes"
            )),
            _ if bytes > MESSAGE_BYTES_MAX => {
                Err(format!("--size is at most {MESSAGE_BYTES_MAX} bytes"))
            }
            _ => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), String> {
        match (self.measured_ns, self.warmup_ns.saturating_add(self.measured_ns)) {
            (0, _) => Err("--duration is more than 0".into()),
            (_, all) if all > RUN_NS_MAX => {
                Err("--duration and --warmup are at most an hour together".into())
            }
            _ => Ok(()),
        }
    }

    /// Threads that have something to do.
    pub fn threads_used(&self) -> u32 {
        self.threads.min(self.scene.threads_max()).max(1)
    }
}

fn within(what: &str, value: u64, max: u64) -> Result<(), String> {
    match value {
        0 => Err(format!("{what} is at least 1")),
        _ if value > max => Err(format!("{what} is at most {max}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::adapter::Hub;
    use super::*;

    fn plan(scene: Scene) -> Plan {
        Plan {
            scene,
            target: Target::parse("ws://127.0.0.1:1", false).unwrap(),
            adapter: Arc::new(Hub::new("")),
            tokens: Tokens::None,
            delivered_bytes: 128,
            warmup_ns: NS_PER_S,
            measured_ns: NS_PER_S,
            ramp_per_s: None,
            threads: 8,
            spin: false,
            cpus: Vec::new(),
            server_pids: Vec::new(),
            sources: None,
        }
    }

    fn refusal(change: impl FnOnce(&mut Plan)) -> String {
        let mut plan = plan(Scene::Idle { connections: 10 });
        assert_eq!(plan.check(), Ok(()));
        change(&mut plan);
        plan.check().unwrap_err()
    }

    #[test]
    fn what_cannot_be_done_is_said_before_anything_connects() {
        assert!(refusal(|plan| plan.scene = Scene::Idle { connections: 0 }).contains("at least 1"));
        assert!(refusal(|plan| plan.delivered_bytes = 5).contains("--size is at least 33"));
        assert!(refusal(|plan| plan.delivered_bytes = 1 << 30).contains("--size is at most"));
        assert!(refusal(|plan| plan.measured_ns = 0).contains("--duration"));
        assert!(refusal(|plan| plan.warmup_ns = RUN_NS_MAX).contains("an hour"));
        assert!(refusal(|plan| plan.ramp_per_s = Some(0.0)).contains("a rate"));
        assert!(refusal(|plan| plan.ramp_per_s = Some(f64::NAN)).contains("a rate"));
        assert!(refusal(|plan| plan.threads = 0).contains("--threads"));
    }

    #[test]
    fn a_room_has_its_publisher_unless_a_member_is_it() {
        let rooms =
            FanoutPlan { rooms: 3, members: 10, publisher_joins: false, in_flight: 1, per_s: None };
        let of = |publisher_joins| Scene::Fanout(FanoutPlan { publisher_joins, ..rooms });
        assert_eq!((of(false).connections(), of(true).connections()), (33, 30));
        assert_eq!(plan(of(true)).threads_used(), 3);
    }
}
