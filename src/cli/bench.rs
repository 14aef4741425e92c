//! `shardwire bench`: from arguments to a plan, and from its figures to a table and JSON.
//!
//! Invariants: stdout has the result alone (the table, or the JSON where `--json -` asks for it);
//! progress goes to stderr.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::{Failure, output};
use crate::bench::adapter::{Adapter, Centrifugo, Hub, Pusher, Shardwire, SocketIo, Words};
use crate::bench::plan::{Plan, Scene};
use crate::bench::scenario::{ChatPlan, FanoutPlan, Kind, SlowReadersPlan, StormPlan, WitnessPlan};
use crate::bench::target::Target;
use crate::bench::tokens::Tokens;
use crate::bench::{self, report};

const CHAT_ROOMS: u32 = 20;
const CHAT_PER_S: f64 = 200.0;
const SLOW_PER_S: f64 = 100.0;

/// One member of so many is slow.
const SLOW_ONE_IN: u32 = 10;

/// Load a WebSocket server on this machine and measure it
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire bench echo ws://127.0.0.1:9000 --adapter hub --connections 100 --in-flight 16
  shardwire bench fanout ws://127.0.0.1:8080 --members 1000 --token-secret \"$SECRET\"
  shardwire bench fanout ws://127.0.0.1:8080 --members 1000 --rate 200 --json result.json

docs/bench.md says what each figure means.")]
pub(super) struct Arguments {
    /// What the connections do
    scenario: ScenarioName,
    /// The server, such as ws://127.0.0.1:8080/ws; the path may be left out
    url: String,
    /// The server's protocol
    #[arg(long, default_value = "shardwire")]
    adapter: AdapterName,
    /// Connections (echo, idle, chat), or members that storm
    #[arg(long, default_value_t = 100, value_name = "N")]
    connections: u32,
    /// Rooms (1 for fanout, 20 for chat without it)
    #[arg(long, value_name = "N")]
    rooms: Option<u32>,
    /// Members of each room (fanout), or of the one with slow readers
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    members: u32,
    /// A member of each room publishes, instead of a connection that is none
    #[arg(long)]
    publisher_joins: bool,
    /// Closed loop: messages outstanding, a connection (echo) or a room (fanout)
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "rate")]
    in_flight: u32,
    /// Open loop: messages a second in all, sent on schedule whatever comes back. Storms, chat and
    /// slow-readers are always open loops: 500, 200 and 100 a second without it
    #[arg(long, value_name = "PER_S")]
    rate: Option<f64>,
    /// Connections that keep talking during a storm, a thread
    #[arg(long, default_value_t = WitnessPlan::default().count, value_name = "N")]
    witnesses: u32,
    /// Members are connected before the storm, and only join in it (join-storm)
    #[arg(long)]
    connected_first: bool,
    /// Members that stop reading; a tenth without it (slow-readers)
    #[arg(long, value_name = "N")]
    slow: Option<u32>,
    /// Decides what happens in a chat, and when
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// Bytes of the message that members receive, all of it
    #[arg(long, default_value_t = 128, value_name = "BYTES")]
    size: usize,
    /// How long to measure: 5, 5s, 500ms
    #[arg(long, default_value = "5s", value_parser = nanoseconds, value_name = "TIME")]
    duration: u64,
    /// How long to load before measuring
    #[arg(long, default_value = "1s", value_parser = nanoseconds, value_name = "TIME")]
    warmup: u64,
    /// Connections opened a second; as fast as they open without it
    #[arg(long, value_name = "PER_S")]
    ramp: Option<f64>,
    /// Generator threads
    #[arg(long, default_value_t = 1, value_name = "N")]
    threads: u32,
    /// Never sleep: the generator takes whole CPUs, and the server never pays for waking it
    #[arg(long)]
    spin: bool,
    /// CPUs to pin the generator's threads to, in turn
    #[arg(long, value_delimiter = ',', value_name = "CPU,...")]
    cpus: Vec<usize>,
    /// Process to measure, repeatable; whoever listens on the port without it
    #[arg(long, value_name = "PID")]
    server_pid: Vec<u32>,
    /// Secret (HS256) to sign a token for each user with
    #[arg(long, value_name = "SECRET", conflicts_with = "token")]
    token_secret: Option<String>,
    /// One token for all connections
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Loopback addresses to connect from; as many as the connections need without it
    #[arg(long, value_name = "N")]
    sources: Option<u32>,
    #[command(flatten)]
    words: WordArguments,
    /// Write the figures as JSON to a file; `-` is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
    /// Load a host that is not this machine
    #[arg(long)]
    i_may_load_this_host: bool,
}

/// Templates for the adapter `shardwire`, with {room}, {user} and {body}, where a configuration's
/// events are called otherwise
#[derive(Args)]
struct WordArguments {
    /// Message that joins a room
    #[arg(long, value_name = "TEMPLATE", help_heading = "Templates (adapter shardwire)")]
    join: Option<String>,
    /// Event that tells a member it has joined; empty where none does
    #[arg(long, value_name = "NAME", help_heading = "Templates (adapter shardwire)")]
    joined: Option<String>,
    /// Message that publishes to a room
    #[arg(long, value_name = "TEMPLATE", help_heading = "Templates (adapter shardwire)")]
    publish: Option<String>,
    /// What members receive of it: tells how much padding makes it --size bytes
    #[arg(long, value_name = "TEMPLATE", help_heading = "Templates (adapter shardwire)")]
    delivered: Option<String>,
    /// Message that comes back to its sender
    #[arg(long, value_name = "TEMPLATE", help_heading = "Templates (adapter shardwire)")]
    event: Option<String>,
    /// What the sender receives of it
    #[arg(long, value_name = "TEMPLATE", help_heading = "Templates (adapter shardwire)")]
    reply: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScenarioName {
    /// Every connection sends messages that come back to it
    Echo,
    /// One publishes to a room, all members receive
    Fanout,
    /// Connections that do nothing
    Idle,
    /// Members connect and join at once; what do those feel who are there?
    JoinStorm,
    /// Members are cut off, connect and join again at once
    ReconnectStorm,
    /// Rooms of all sizes, messages, typing, members that come and go
    Chat,
    /// Some members of a room stop reading
    SlowReaders,
}

#[derive(Clone, Copy, ValueEnum)]
enum AdapterName {
    /// This project: events with a target
    Shardwire,
    /// A plain hub: /echo, /room/NAME, /publish/NAME
    Hub,
    /// Socket.IO 4 with the events join, leave, publish and echo
    SocketIo,
    /// Centrifugo's JSON protocol
    Centrifugo,
    /// Pusher protocol 7 (Sockudo and others): ws://HOST:PORT/app/KEY and --token-secret
    Pusher,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let plan = plan(arguments).map_err(Failure::usage)?;
    plan.check().map_err(Failure::usage)?;
    let mut tell = |line: &str| {
        if !arguments.quiet {
            output::complain(line);
        }
    };
    let measured = bench::run(plan.clone(), &mut tell).map_err(Failure::machine)?;
    show(&report::json(&plan, &measured), arguments.json.as_deref())
}

fn show(report: &serde_json::Value, file: Option<&std::path::Path>) -> Result<(), Failure> {
    let text = format!("{report:#}");
    match file {
        Some(file) if file.as_os_str() == "-" => return output::say(&text),
        Some(file) => std::fs::write(file, text + "\n")
            .map_err(|error| Failure::machine(format!("{}: {error}", file.display())))?,
        None => {}
    }
    output::say(&report::table(report))
}

fn plan(arguments: &Arguments) -> Result<Plan, String> {
    let target = Target::parse(&arguments.url, arguments.i_may_load_this_host)?;
    Ok(Plan {
        scene: scene(arguments),
        adapter: adapter(arguments, &target.path)?,
        target,
        tokens: tokens(arguments),
        delivered_bytes: arguments.size,
        warmup_ns: arguments.warmup,
        measured_ns: arguments.duration,
        ramp_per_s: arguments.ramp,
        threads: arguments.threads,
        spin: arguments.spin,
        cpus: arguments.cpus.clone(),
        server_pids: arguments.server_pid.clone(),
        sources: arguments.sources,
    })
}

fn scene(arguments: &Arguments) -> Scene {
    let Arguments { connections, in_flight, rate: per_s, .. } = *arguments;
    match arguments.scenario {
        ScenarioName::Echo => Scene::Echo { connections, in_flight, per_s },
        ScenarioName::Fanout => Scene::Fanout(FanoutPlan {
            rooms: arguments.rooms.unwrap_or(1),
            members: arguments.members,
            publisher_joins: arguments.publisher_joins,
            in_flight,
            per_s,
        }),
        ScenarioName::Idle => Scene::Idle { connections },
        ScenarioName::JoinStorm if arguments.connected_first => storm(arguments, Kind::Join),
        ScenarioName::JoinStorm => storm(arguments, Kind::Arrive),
        ScenarioName::ReconnectStorm => storm(arguments, Kind::Reconnect),
        ScenarioName::Chat => Scene::Chat(ChatPlan {
            connections,
            rooms: arguments.rooms.unwrap_or(CHAT_ROOMS),
            per_s: per_s.unwrap_or(CHAT_PER_S),
            seed: arguments.seed,
        }),
        ScenarioName::SlowReaders => Scene::SlowReaders(SlowReadersPlan {
            members: arguments.members,
            slow: arguments.slow.unwrap_or((arguments.members / SLOW_ONE_IN).max(1)),
            per_s: per_s.unwrap_or(SLOW_PER_S),
        }),
    }
}

fn storm(arguments: &Arguments, kind: Kind) -> Scene {
    let per_s = arguments.rate.unwrap_or(WitnessPlan::default().per_s);
    Scene::Storm(StormPlan {
        kind,
        members: arguments.connections,
        witnesses: WitnessPlan { count: arguments.witnesses, per_s },
        per_s: arguments.ramp,
    })
}

fn adapter(arguments: &Arguments, path: &str) -> Result<Arc<dyn Adapter>, String> {
    Ok(match arguments.adapter {
        AdapterName::Hub => Arc::new(Hub::new(path)),
        AdapterName::SocketIo => Arc::new(SocketIo::new(path)),
        AdapterName::Centrifugo => Arc::new(Centrifugo::new(path)),
        AdapterName::Pusher => {
            Arc::new(Pusher::new(path, arguments.token_secret.as_deref().unwrap_or_default())?)
        }
        AdapterName::Shardwire => Arc::new(Shardwire::new(path, &words(&arguments.words))?),
    })
}

fn words(given: &WordArguments) -> Words {
    let mut words = Words::default();
    for (given, word) in [
        (&given.join, &mut words.join),
        (&given.joined, &mut words.joined),
        (&given.publish, &mut words.publish),
        (&given.delivered, &mut words.delivered),
        (&given.event, &mut words.echo),
        (&given.reply, &mut words.echoed),
    ] {
        if let Some(given) = given {
            word.clone_from(given);
        }
    }
    words
}

fn tokens(arguments: &Arguments) -> Tokens {
    match (&arguments.token_secret, &arguments.token) {
        (Some(secret), _) => Tokens::signed_with(secret),
        (None, Some(token)) => Tokens::One(token.clone()),
        (None, None) => Tokens::None,
    }
}

/// Nanoseconds of `5`, `5s` or `500ms`.
fn nanoseconds(text: &str) -> Result<u64, String> {
    const WRONG: &str = "a time such as 5, 5s or 500ms";
    let (number, unit_ns) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000_000),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000_000_000),
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = number.parse().ok().filter(|_| is_number).ok_or(WRONG)?;
    count.checked_mul(unit_ns).ok_or_else(|| WRONG.into())
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn times_are_seconds_unless_they_say_otherwise() {
        assert_eq!(nanoseconds("5"), Ok(5_000_000_000));
        assert_eq!(nanoseconds("5s"), Ok(5_000_000_000));
        assert_eq!(nanoseconds("500ms"), Ok(500_000_000));
        for wrong in ["", "s", "ms", "-1s", "1.5s", "5m", "99999999999999999999s", "+5"] {
            assert!(nanoseconds(wrong).is_err(), "{wrong}");
        }
    }
}
