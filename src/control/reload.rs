//! A reload: compile again, say what differs, hand the result to the shards.
//!
//! ```text
//! SIGHUP or `shardwire reload` -> compile -> diff -> follow (ids keep their meaning) -> publish
//!                                    certificates, where they are others -> new connections
//! ```
//!
//! Invariants: one reload at a time; whatever is wrong, nothing has changed until `publish`, which
//! cannot fail; options that need a restart keep their running values. Called by `signals` and
//! `endpoint`; built by `cli::serve`, which knows how its arguments compile.

use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use crate::auth::Verifier;
use crate::backend::Submit;
use crate::config::diff::{Diff, diff};
use crate::config::{self, Effective};
use crate::pipeline::lineage;
use crate::pipeline::program::Program;
use crate::pipeline::verify::verify;
use crate::settings::{Log, Settings};
use crate::shard::reload::Edition;
use crate::tls::{self, Expiry, Identity};

/// What compiling came to.
pub struct Fresh {
    pub settings: Settings,
    pub program: Program,
    pub effective: Effective,
    pub identity: Option<Identity>,
    /// Warnings, rendered; empty where there are none.
    pub notes: String,
}

type Compile = dyn Fn() -> Result<Fresh, String> + Send + Sync;
type Relevel = dyn Fn(&Log) -> Result<(), String> + Send + Sync;
type Follow = dyn Fn(&Settings) -> Result<Arc<dyn Submit>, String> + Send + Sync;
type Renew = dyn Fn(&Identity) + Send + Sync;
type Publish = dyn Fn(Edition) -> Published + Send + Sync;

/// What a reload needs of the process.
pub struct Means {
    /// Compiles as at the start, or says everything that is wrong.
    pub compile: Box<Compile>,
    /// Logs by these options from now on.
    pub log: Box<Relevel>,
    /// The calls of programs by these settings from now on, or what is wrong with them.
    pub backends: Box<Follow>,
    /// Shows these certificates to new connections; cannot fail.
    pub renew: Box<Renew>,
    /// Hands an edition to every shard; gives how many have not taken it after a while.
    pub publish: Box<Publish>,
}

/// What became of an edition.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    pub generation: u32,
    /// Shards that were too busy to take it yet.
    pub late: usize,
}

/// How a reload ended, for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    Done,
    Unchanged,
    /// Nothing has changed: the configuration is wrong.
    Refused,
}

/// The answer to a request for a reload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub ending: Ending,
    pub text: String,
}

/// What runs.
pub struct InEffect {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
    pub effective: Effective,
    /// What is shown to TLS clients, where there are any.
    pub identity: Option<Identity>,
}

/// What requests are answered by.
#[derive(Clone)]
pub struct Current {
    pub settings: Arc<Settings>,
    pub program: Arc<Program>,
}

/// The reloads of one process.
pub struct Reloads {
    means: Means,
    /// Locked for as long as a reload takes.
    running: Mutex<InEffect>,
    /// The same for whoever cannot wait that long.
    current: Mutex<Current>,
}

impl Reloads {
    pub fn new(means: Means, running: InEffect) -> Reloads {
        let (settings, program) = (Arc::clone(&running.settings), Arc::clone(&running.program));
        let current = Mutex::new(Current { settings, program });
        Reloads { means, running: Mutex::new(running), current }
    }

    /// The end of the first certificate that expires.
    pub fn expiry(&self) -> Option<Expiry> {
        self.running().identity.as_ref().map(|identity| identity.expiry.clone())
    }

    /// What runs now; never waits for a reload.
    pub fn current(&self) -> Current {
        self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.current().settings
    }

    pub fn program(&self) -> Arc<Program> {
        self.current().program
    }

    /// Reloads, and logs how that went. Blocks for as long as compiling takes.
    pub fn reload(&self) -> Report {
        let report = self.attempt().unwrap_or_else(|text| Report { ending: Ending::Refused, text });
        let text = &report.text;
        match report.ending {
            Ending::Refused => tracing::error!("the configuration was not reloaded: {text}"),
            _ => tracing::info!("reload: {text}"),
        }
        report
    }

    fn attempt(&self) -> Result<Report, String> {
        let mut running = self.running();
        let mut fresh = (self.means.compile)()?;
        let changes = diff(&running.effective, &fresh.effective);
        let kept = config::keep_what_needs_a_restart(&running.settings, &mut fresh.settings);
        let renewed = renewed(&running, fresh.identity);
        if running.effective == fresh.effective {
            let (ending, what) = match renewed {
                Some(_) => (Ending::Done, self.renew(&mut running, renewed)),
                None => (Ending::Unchanged, "nothing has changed".to_owned()),
            };
            return Ok(Report { ending, text: said(&what, &kept, &fresh.notes) });
        }
        let edition = self.prepared(&running, fresh.settings, fresh.program)?;
        (self.means.log)(&edition.settings.log)?;
        running.settings = Arc::clone(&edition.settings);
        running.program = Arc::clone(&edition.program);
        running.effective = fresh.effective;
        let certificates = self.renew(&mut running, renewed);
        self.show(&edition);
        let published = (self.means.publish)(edition);
        let text = format!("{}\n{certificates}", told(&changes, published));
        Ok(Report { ending: Ending::Done, text: said(&text, &kept, &fresh.notes) })
    }

    /// What shards can take over from what runs.
    fn prepared(
        &self,
        running: &InEffect,
        settings: Settings,
        program: Program,
    ) -> Result<Edition, String> {
        let verifier = Verifier::new(&settings.auth).map_err(|error| error.to_string())?;
        let program = lineage::follow(&running.program, program).map_err(|e| e.to_string())?;
        // It was verified when it was compiled; moving it must not have broken anything.
        verify(&program).map_err(|fault| format!("the program does not hold: {fault:?}"))?;
        let backends = (self.means.backends)(&settings)?;
        let (settings, program) = (Arc::new(settings), Arc::new(program));
        Ok(Edition { settings, program, verifier: Arc::new(verifier), backends })
    }

    /// Shows other certificates from now on, and says so; says nothing where there are none.
    fn renew(&self, running: &mut InEffect, renewed: Option<Identity>) -> String {
        let Some(identity) = renewed else { return String::new() };
        (self.means.renew)(&identity);
        let date = tls::date(identity.expiry.unix_s);
        running.identity = Some(identity);
        format!("new connections are shown the new certificates (valid until {date})")
    }

    fn show(&self, edition: &Edition) {
        let settings = Arc::clone(&edition.settings);
        let current = Current { settings, program: Arc::clone(&edition.program) };
        *self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = current;
    }

    fn running(&self) -> MutexGuard<'_, InEffect> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Certificates that are not those in effect. TLS does not begin or end before a restart.
fn renewed(running: &InEffect, fresh: Option<Identity>) -> Option<Identity> {
    let known = running.identity.as_ref()?;
    fresh.filter(|fresh| !fresh.is_same(known))
}

fn told(changes: &Diff, published: Published) -> String {
    let Published { generation, late } = published;
    let mut text = match changes.is_empty() {
        true => "only places in the file have changed".to_owned(),
        false => changes.to_string(),
    };
    text += &format!("\nconfiguration {generation} is in effect");
    if late > 0 {
        text += &format!("; {late} busy shards take it with their next turn");
    }
    text
}

fn said(what: &str, kept: &[String], notes: &str) -> String {
    let mut text = what.trim_end().to_owned();
    if !kept.is_empty() {
        text += &format!("\nnot taken over before a restart: {}", kept.join(", "));
    }
    if !notes.is_empty() {
        text = format!("{text}\n{}", notes.trim_end());
    }
    text
}
