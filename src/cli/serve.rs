//! `shardwire serve`: from a configuration to a running engine, and to its end.
//!
//! Invariants: nothing listens before the configuration, the secret and the shards are all good;
//! `--dev` never listens beyond this machine and never uses a configured secret.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};

use clap::Args;

use super::load::{BRIEF, FOR_OTHERS, Loaded, View, Which, load_to_serve};
use super::logs::Relevel;
use super::{Failure, doctor, logs, output, reload};
use crate::auth::Verifier;
use crate::backend::Submit;
use crate::config::SecretPolicy;
use crate::control::backends::Backends;
use crate::control::reload::{Fresh, InEffect, Means, Published, Reloads};
use crate::control::{self, Dev, Engine, Intake};
use crate::runtime::{self, Launch, Publisher, Running, StartBackends};
use crate::settings::{AuthKey, AuthMode, JwtAlgorithm, OriginRule, Settings};
use crate::shard::journal::NOTES_WAITING_MAX;
use crate::tls::Acceptor;

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
    /// The folder of the control endpoint, by which `shardwire reload` finds this server
    #[arg(long, value_name = "FOLDER")]
    control: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let recipe = Recipe::of(arguments.which, arguments.dev)?;
    let loaded = recipe.load(BRIEF)?;
    output::complain(&loaded.notes);
    let (_flush, relevel) = logs::start(&loaded.settings.log)?;
    let verifier = Verifier::new(&loaded.settings.auth).map_err(Failure::usage)?;
    let dev = arguments.dev.then(|| Dev { auth: loaded.settings.auth.clone() });
    serve(Start { recipe, loaded, verifier, relevel, dev }, arguments.control.as_deref())
}

/// How this process compiles: at the start, and at every reload.
struct Recipe {
    which: Which,
    /// The secret of `--dev`: one that nobody else knows, for as long as the process lives.
    dev_secret: Option<Vec<u8>>,
}

impl Recipe {
    fn of(which: Which, dev: bool) -> Result<Recipe, Failure> {
        let mut material = vec![0; DEV_SECRET_BYTES];
        getrandom::fill(&mut material).map_err(Failure::machine)?;
        Ok(Recipe { which, dev_secret: dev.then_some(material) })
    }

    fn load(&self, view: View) -> Result<Loaded, Failure> {
        match &self.dev_secret {
            Some(material) => self.load_for_this_machine(material.clone(), view),
            None => load_to_serve(&self.which, SecretPolicy::Demand, view),
        }
    }

    /// The development configuration: its own secret, and no listener beyond loopback.
    fn load_for_this_machine(&self, material: Vec<u8>, view: View) -> Result<Loaded, Failure> {
        let secret = SecretPolicy::Given(material.clone());
        let mut loaded = load_to_serve(&self.which, secret, view)?;
        let key = AuthKey { algorithm: JwtAlgorithm::Hs256, material, kid: None };
        loaded.settings.auth.keys = vec![key];
        loaded.settings.errors.places = true;
        loaded.settings.monitor.enabled = true;
        keep_to_this_machine(&mut loaded.settings);
        Ok(loaded)
    }

    fn again(&self) -> Result<Fresh, String> {
        let Loaded { settings, program, effective, identity, notes, .. } =
            self.load(FOR_OTHERS).map_err(|failure| failure.text)?;
        Ok(Fresh { settings, program, effective, identity, notes })
    }
}

/// Everything that is good before anything listens.
struct Start {
    recipe: Recipe,
    loaded: Loaded,
    verifier: Verifier,
    relevel: Relevel,
    dev: Option<Dev>,
}

/// The configured ports on 127.0.0.1, reachable by the page that is served there.
fn keep_to_this_machine(settings: &mut Settings) {
    let server = &mut settings.server;
    keep_local(&mut server.addresses);
    keep_local(&mut server.tls.addresses);
    if server.origins.is_empty() {
        return;
    }
    for (address, secure) in server.listens() {
        let (scheme, port) = (if secure { "https" } else { "http" }, address.port());
        for host in ["127.0.0.1", "localhost"] {
            server.origins.push(OriginRule::Exact(format!("{scheme}://{host}:{port}")));
        }
    }
}

fn keep_local(addresses: &mut Vec<SocketAddr>) {
    let mut ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    *addresses = ports.into_iter().map(local).collect();
}

fn serve(start: Start, control: Option<&Path>) -> Result<(), Failure> {
    let Start { recipe, loaded, verifier, relevel, dev } = start;
    let (settings, program) = (Arc::new(loaded.settings), Arc::new(loaded.program));
    let (intake, waiting) = control::intake();
    let backends = Arc::new(OnceLock::new());
    let acceptor = loaded.identity.as_ref().map(|identity| Arc::new(Acceptor::new(identity)));
    let (journal, notes) = match settings.monitor.enabled {
        true => Some(crossbeam_channel::bounded(NOTES_WAITING_MAX)).unzip(),
        false => (None, None),
    };
    let running = runtime::launch(Launch {
        tls: acceptor.clone(),
        settings: Arc::clone(&settings),
        program: Arc::clone(&program),
        verifier: Arc::new(verifier),
        backends: start_backends(&settings, &backends),
        http: http(intake.clone()),
        journal,
    })
    .map_err(|error| Failure::machine(format!("{error}\n{}", doctor::complaints())))?;
    let greeting = greeting(&settings, running.addresses(), dev.is_some());
    let mut endpoint = reload::listen(control, &recipe.which.config, running.addresses());
    let folder = recipe.which.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let means = means(recipe, relevel, running.publisher(), acceptor, Arc::clone(&backends));
    let now =
        InEffect { settings, program, effective: loaded.effective, identity: loaded.identity };
    let reloads = Reloads::new(means, now);
    let (drain, asked) = mpsc::channel();
    let (counters, reloads) = (running.counters().to_vec(), Arc::new(reloads));
    let engine = Engine { counters, drain, reloads, backends, folder, dev, notes };
    control::start(intake, waiting, engine, endpoint.as_mut()).map_err(Failure::machine)?;
    output::say(&greeting)?;
    until_drained(running, &asked);
    Ok(())
}

/// The backends, once they have been started.
type Started = Arc<OnceLock<Backends>>;

fn start_backends(settings: &Arc<Settings>, started: &Started) -> Box<StartBackends> {
    let (settings, started) = (Arc::clone(settings), Arc::clone(started));
    Box::new(move |answers| {
        let told = move |answer| answers.tell(answer);
        let backends = Backends::start(&settings.backends, told).map_err(|e| e.to_string())?;
        let calls = backends.calls();
        // They are started once.
        let _ = started.set(backends);
        Ok(Arc::new(calls))
    })
}

fn follow(started: &Started, settings: &Settings) -> Result<Arc<dyn Submit>, String> {
    let backends = started.get().ok_or("the backends were not started")?;
    backends.follow(&settings.backends).map_err(|error| error.to_string())?;
    Ok(Arc::new(backends.calls()))
}

fn means(
    recipe: Recipe,
    relevel: Relevel,
    publisher: Publisher,
    acceptor: Option<Arc<Acceptor>>,
    backends: Started,
) -> Means {
    Means {
        backends: Box::new(move |settings| follow(&backends, settings)),
        renew: Box::new(move |identity| {
            acceptor.iter().for_each(|acceptor| acceptor.renew(identity));
        }),
        compile: Box::new(move || recipe.again()),
        log: relevel,
        publish: Box::new(move |edition| {
            let (generation, late) = publisher.publish(edition);
            Published { generation, late }
        }),
    }
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
    let secure: Vec<bool> = settings.server.listens().iter().map(|listen| listen.1).collect();
    let line = |(address, &secure): (&SocketAddr, &bool)| {
        let scheme = if secure { "wss" } else { "ws" };
        format!("listening on {scheme}://{address}{path}")
    };
    let mut lines: Vec<String> = addresses.iter().zip(&secure).map(line).collect();
    if settings.auth.mode == AuthMode::None {
        lines.push("no token is asked for (auth.mode: none)".into());
    }
    if settings.auth.mode == AuthMode::Message {
        let event = &settings.auth.event;
        lines.push(format!("connections say whose they are with the event `{event}`"));
    }
    if let (true, Some(first)) = (dev, addresses.first()) {
        let scheme = if secure.first() == Some(&true) { "https" } else { "http" };
        lines.push(format!("try it: {scheme}://{first}/  (development: this machine only)"));
    }
    lines.join("\n")
}
