//! `shardwire serve`: from a configuration to a running engine, and to its end.
//!
//! Invariants: nothing listens before the configuration, the secret and the shards are all good;
//! `--dev` never listens beyond this machine and never uses a configured secret.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;

use super::load::{BRIEF, Loaded, Which, load};
use super::{Failure, doctor, logs, output};
use crate::auth::Verifier;
use crate::config::SecretPolicy;
use crate::control::{self, Dev, Engine, Intake};
use crate::runtime::{self, Launch, Running};
use crate::settings::{AuthKey, AuthMode, JwtAlgorithm, OriginRule, Settings};

/// Bytes of the secret that `--dev` makes.
const DEV_SECRET_BYTES: usize = 48;

/// Serve a configuration
#[derive(Args)]
#[command(after_help = "Examples:
  shardwire serve --dev
      try config.yaml: loopback only, a fresh secret, a chat page at http://127.0.0.1:8080/
  SHARDWIRE_SERVER_AUTH_JWTSECRET=$(openssl rand -hex 32) shardwire serve config.yaml
      the real thing; tokens are made by whoever holds the secret")]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Development: listen on loopback, make a secret, serve a try-it page
    #[arg(long)]
    dev: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = match arguments.dev {
        true => load_for_this_machine(arguments)?,
        false => load(&arguments.which, SecretPolicy::Demand, BRIEF)?,
    };
    output::complain(&loaded.notes);
    let _flush = logs::start(&loaded.settings.log)?;
    let verifier = Verifier::new(&loaded.settings.auth).map_err(Failure::usage)?;
    let dev = arguments.dev.then(|| dev_routes(&loaded));
    serve(loaded, verifier, dev)
}

/// The development configuration: a secret nobody else knows, and no listener beyond loopback.
fn load_for_this_machine(arguments: &Arguments) -> Result<Loaded, Failure> {
    let mut material = vec![0; DEV_SECRET_BYTES];
    getrandom::fill(&mut material).map_err(Failure::machine)?;
    let secret = SecretPolicy::Given(material.clone());
    let mut loaded = load(&arguments.which, secret, BRIEF)?;
    let key = AuthKey { algorithm: JwtAlgorithm::Hs256, material, kid: None };
    loaded.settings.auth.keys = vec![key];
    keep_to_this_machine(&mut loaded.settings);
    Ok(loaded)
}

/// The configured ports on 127.0.0.1, reachable by the page that is served there.
fn keep_to_this_machine(settings: &mut Settings) {
    let ports = settings.server.addresses.iter().map(SocketAddr::port);
    let mut ports: Vec<u16> = ports.collect();
    ports.sort_unstable();
    ports.dedup();
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    settings.server.addresses = ports.iter().copied().map(local).collect();
    if settings.server.origins.is_empty() {
        return;
    }
    for port in ports {
        for host in ["127.0.0.1", "localhost"] {
            settings.server.origins.push(OriginRule::Exact(format!("http://{host}:{port}")));
        }
    }
}

fn dev_routes(loaded: &Loaded) -> Dev {
    Dev {
        auth: loaded.settings.auth.clone(),
        path: loaded.settings.server.path.clone(),
        events: loaded.program.events.iter().map(|event| event.name.to_string()).collect(),
    }
}

fn serve(loaded: Loaded, verifier: Verifier, dev: Option<Dev>) -> Result<(), Failure> {
    let settings = Arc::new(loaded.settings);
    let (intake, waiting) = control::intake();
    let running = runtime::launch(Launch {
        settings: Arc::clone(&settings),
        program: Arc::new(loaded.program),
        verifier: Arc::new(verifier),
        http: http(intake.clone()),
    })
    .map_err(|error| Failure::machine(format!("{error}\n{}", doctor::complaints())))?;
    let greeting = greeting(&settings, running.addresses(), dev.is_some());
    let (drain, asked) = mpsc::channel();
    let engine = Engine {
        counters: running.counters().to_vec(),
        drain,
        drain_deadline: Duration::from_nanos(settings.drain.deadline_ns),
        dev,
    };
    control::start(intake, waiting, engine).map_err(Failure::machine)?;
    output::say(&greeting)?;
    until_drained(running, &asked);
    Ok(())
}

fn http(intake: Intake) -> Arc<dyn Fn(crate::shard::handoff::Handoff) + Send + Sync> {
    Arc::new(move |handoff| intake.offer(handoff))
}

/// Waits for the signal (an ended control thread counts as one), then for the shards.
fn until_drained(running: Running, asked: &mpsc::Receiver<()>) {
    if asked.recv().is_err() {
        tracing::error!("the control plane ended; draining");
    }
    running.drain();
    running.wait();
    tracing::info!("every connection is closed");
}

fn greeting(settings: &Settings, addresses: &[SocketAddr], dev: bool) -> String {
    let path = &settings.server.path;
    let mut lines: Vec<String> =
        addresses.iter().map(|address| format!("listening on ws://{address}{path}")).collect();
    if settings.auth.mode == AuthMode::None {
        lines.push("no token is asked for (auth.mode: none)".into());
    }
    if let (true, Some(first)) = (dev, addresses.first()) {
        lines.push(format!("try it: http://{first}/  (development: this machine only)"));
    }
    lines.join("\n")
}
