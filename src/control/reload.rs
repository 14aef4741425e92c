//! A reload: compile again, say what differs, hand the result to the shards.
//!
//! ```text
//! SIGHUP or `shardwire reload` -> compile -> diff -> follow (ids keep their meaning) -> publish
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

/// What compiling came to.
pub struct Fresh {
    pub settings: Settings,
    pub program: Program,
    pub effective: Effective,
    /// Warnings, rendered; empty where there are none.
    pub notes: String,
}

type Compile = dyn Fn() -> Result<Fresh, String> + Send + Sync;
type Relevel = dyn Fn(&Log) -> Result<(), String> + Send + Sync;
type Follow = dyn Fn(&Settings) -> Result<Arc<dyn Submit>, String> + Send + Sync;
type Publish = dyn Fn(Edition) -> Published + Send + Sync;

/// What a reload needs of the process.
pub struct Means {
    /// Compiles as at the start, or says everything that is wrong.
    pub compile: Box<Compile>,
    /// Logs by these options from now on.
    pub log: Box<Relevel>,
    /// The calls of programs by these settings from now on, or what is wrong with them.
    pub backends: Box<Follow>,
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
struct Running {
    settings: Arc<Settings>,
    program: Arc<Program>,
    effective: Effective,
}

/// The reloads of one process.
pub struct Reloads {
    means: Means,
    running: Mutex<Running>,
}

impl Reloads {
    pub fn new(
        means: Means,
        settings: Arc<Settings>,
        program: Arc<Program>,
        effective: Effective,
    ) -> Reloads {
        Reloads { means, running: Mutex::new(Running { settings, program, effective }) }
    }

    /// What runs now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.running().settings)
    }

    pub fn program(&self) -> Arc<Program> {
        Arc::clone(&self.running().program)
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
        if running.effective == fresh.effective {
            let text = said("nothing has changed", &kept, &fresh.notes);
            return Ok(Report { ending: Ending::Unchanged, text });
        }
        let edition = self.prepared(&running, fresh.settings, fresh.program)?;
        (self.means.log)(&edition.settings.log)?;
        running.settings = Arc::clone(&edition.settings);
        running.program = Arc::clone(&edition.program);
        running.effective = fresh.effective;
        let published = (self.means.publish)(edition);
        let text = said(&told(&changes, published), &kept, &fresh.notes);
        Ok(Report { ending: Ending::Done, text })
    }

    /// What shards can take over from what runs.
    fn prepared(
        &self,
        running: &Running,
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

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
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
