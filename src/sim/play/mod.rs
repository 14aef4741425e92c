//! Plays one test against fresh shards.
//!
//! Invariants: each test has an engine of its own; after every action everything that is on its way
//! arrives before the next; the clock moves only where a step waits. Called by `shardwire test`.

mod expect;
mod mocks;
mod seat;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::matching::{Body, Captures, Mismatch, filled};
use super::tally::{self, Tally};
use super::wire;
use super::world::{Fault, START, World};
use crate::auth::KeyError;
use crate::config::Span;
use crate::config::script::{Action, Case, Deed, Envelope, What};
use crate::pipeline::program::Program;
use crate::settings::{AuthKey, JwtAlgorithm, Protocol, Settings, WireNames};
use crate::shard::trace::Trace;
use seat::Seat;

/// What tokens are signed with; the configured keys take no part, and need not be known.
const SECRET: &[u8] = b"a secret that signs tokens in tests and nowhere else";

/// Times that the clock may move in one test.
const HOPS_MAX: usize = 100_000;

/// Virtual time that one test may take: ten years.
const TEST_NS_MAX: u64 = 10 * 365 * 24 * 3_600 * 1_000_000_000;

/// Where tests are played.
#[derive(Clone)]
pub struct Stage {
    settings: Arc<Settings>,
    program: Arc<Program>,
    pub trace: Arc<Trace>,
    pub shards: u16,
    pub seed: u64,
    /// Bytes in random pieces, and shards that hear of each other late.
    pub rough: bool,
}

impl Stage {
    pub fn new(mut settings: Settings, program: Program, shards: u16, seed: u64) -> Stage {
        let material = SECRET.to_vec();
        settings.auth.keys = vec![AuthKey { algorithm: JwtAlgorithm::Hs256, material, kid: None }];
        let trace = Arc::new(Trace::new(&program));
        let (settings, program) = (Arc::new(settings), Arc::new(program));
        Stage { settings, program, trace, shards, seed, rough: false }
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// How a test went.
#[derive(Clone, Debug)]
pub struct Played {
    /// Steps that went well.
    pub steps: usize,
    pub virtual_ns: u64,
    pub failure: Option<Failure>,
}

/// Why a test failed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub span: Span,
    /// 1-based; 0 is before the first.
    pub step: usize,
    /// Virtual time since the start of the test.
    pub at_ns: u64,
    pub message: String,
    pub expected: Option<String>,
    /// The message that came nearest to the expected one, and how it differs.
    pub nearest: Option<(String, Vec<Mismatch>)>,
    /// What else arrived.
    pub arrived: Vec<String>,
}

/// What one action came to.
type Done = Result<(), Trouble>;

/// What ended a test, and the place of it.
type Stopped = Box<(Span, Trouble)>;

/// A failure whose place is known to the caller.
struct Trouble {
    message: String,
    expected: Option<String>,
    nearest: Option<(String, Vec<Mismatch>)>,
    arrived: Vec<String>,
}

impl Trouble {
    fn new(message: impl Into<String>) -> Trouble {
        let message = message.into();
        Trouble { message, expected: None, nearest: None, arrived: Vec::new() }
    }

    fn at(self, span: Span) -> Stopped {
        Box::new((span, self))
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::new(format!("{fault}; this is a defect of shardwire, not of the test"))
    }
}

/// Plays a test. Fails only where the settings' keys are not usable.
pub fn play(stage: &Stage, case: &Case) -> Result<Played, KeyError> {
    let mut world = World::new(&stage.settings, &stage.program, stage.shards, stage.seed)?;
    world.calm = !stage.rough;
    world.trace(&stage.trace);
    let seats = case.clients.iter().map(|_| Seat::default()).collect();
    let start_ns = world.now.mono_ns;
    let names = match &stage.settings.protocol {
        Protocol::Json { outgoing, .. } => outgoing.clone(),
        Protocol::Raw => WireNames::default(),
    };
    let (captures, unanswered) = (Captures::new(), mocks::Unanswered::default());
    let mut play = Play { stage, case, world, seats, names, captures, hops: 0, unanswered };
    play.mock_backends(&stage.settings);
    let mut steps = 0;
    let failure =
        play.run(&mut steps).err().map(|stopped| *stopped).map(|(span, trouble)| Failure {
            span,
            step: steps,
            at_ns: play.world.now.mono_ns - start_ns,
            message: trouble.message,
            expected: trouble.expected,
            nearest: trouble.nearest,
            arrived: trouble.arrived,
        });
    let virtual_ns = play.world.now.mono_ns - start_ns;
    Ok(Played { steps: steps - usize::from(failure.is_some() && steps > 0), virtual_ns, failure })
}

/// A test being played.
struct Play<'p> {
    stage: &'p Stage,
    case: &'p Case,
    world: World,
    /// By the places of the case's clients.
    seats: Vec<Seat>,
    /// How messages to clients are written.
    names: WireNames,
    captures: Captures,
    hops: usize,
    unanswered: mocks::Unanswered,
}

impl Play<'_> {
    fn run(&mut self, step: &mut usize) -> Result<(), Stopped> {
        for (place, client) in self.case.clients.iter().enumerate() {
            let name = format!("{}.token", client.name);
            let token = self.token(place).unwrap_or_default();
            self.captures.insert(name, token.into());
        }
        for (place, client) in self.case.clients.iter().enumerate().filter(|(_, one)| one.connect) {
            let connected = self.connect(place).and_then(|()| self.welcome(place));
            connected.map_err(|trouble| trouble.at(client.span))?;
        }
        for one in &self.case.steps {
            *step += 1;
            let done = match &one.what {
                What::Client(client, actions) => self.client(*client, actions),
                What::Advance(ns) => self.advance(*ns).map_err(|trouble| trouble.at(one.span)),
                What::Counters(wanted) => self.counters(wanted),
            };
            // A call that nothing answers explains whatever went wrong.
            self.all_answered().map_err(|trouble| trouble.at(one.span))?;
            done?;
        }
        Ok(())
    }

    fn client(&mut self, client: usize, actions: &[Action]) -> Result<(), Stopped> {
        let mut before = self.denials();
        for action in actions {
            // A refused connection is a failure unless the test goes on to say so.
            let refusal_expected = matches!(action.deed, Deed::ExpectDenied(_));
            let welcome = if refusal_expected { Ok(()) } else { self.welcome(client) };
            welcome
                .and_then(|()| self.act(client, &action.deed, &mut before))
                .map_err(|trouble| trouble.at(action.span))?;
        }
        let last = actions.last().map(|action| action.span).unwrap_or_default();
        let accounted = self.welcome(client).and_then(|()| self.nothing_denied(client, &before));
        accounted.map_err(|trouble| trouble.at(last))
    }

    fn act(&mut self, client: usize, deed: &Deed, before: &mut Tally) -> Done {
        match deed {
            Deed::Connect => self.connect(client),
            Deed::Disconnect => self.say(client, &wire::close(1000)),
            Deed::HangUp => self.hang_up(client),
            Deed::Stall => self.stall(client),
            Deed::Ignore => {
                self.seat(client).inbox.clear();
                Ok(())
            }
            Deed::Send(envelope) => {
                let json = self.message(envelope);
                self.say(client, &wire::text(&json))
            }
            Deed::Text(text) => self.say(client, &wire::text(text)),
            Deed::Binary(bytes) => self.say(client, &wire::frame(2, bytes)),
            Deed::Expect(expectation) => self.expect(client, expectation, before),
            Deed::ExpectNothing(ns) => self.expect_nothing(client, *ns),
            Deed::ExpectDenied(name) => self.expect_denied(client, name, before),
            Deed::Closed(closed) => self.expect_closed(client, closed),
        }
    }

    fn denials(&self) -> Tally {
        tally::denials(&self.world, &self.stage.program)
    }

    /// A message in the names that the configuration gives its parts.
    fn message(&self, envelope: &Envelope) -> String {
        let Protocol::Json { incoming, .. } = &self.stage.settings.protocol else {
            return String::new();
        };
        let value = |matcher| filled(matcher, &self.captures);
        let mut message = Map::new();
        match envelope.payload.as_ref().map(value) {
            Some(Value::Object(members)) if incoming.payload == "." => message = members,
            Some(payload) => drop(message.insert(incoming.payload.clone(), payload)),
            None => {}
        }
        let parts = [
            (incoming.event.as_str(), &envelope.event),
            (incoming.target.as_str(), &envelope.target),
            (incoming.id.as_str(), &envelope.id),
            ("token", &envelope.token),
        ];
        for (name, part) in parts {
            message.extend(part.as_ref().map(|part| (name.to_owned(), value(part))));
        }
        Value::from(message).to_string()
    }

    fn advance(&mut self, ns: u64) -> Done {
        let end_ns = self.world.now.mono_ns.saturating_add(ns);
        while self.world.now.mono_ns < end_ns {
            self.hop(end_ns)?;
        }
        Ok(())
    }

    /// Moves the clock to what is due next, at most to the end.
    fn hop(&mut self, end_ns: u64) -> Done {
        self.hops += 1;
        if self.hops > HOPS_MAX || end_ns > START.mono_ns + TEST_NS_MAX {
            return Err(Trouble::new("this test waits for too long"));
        }
        self.world.hop(end_ns)?;
        self.absorb()
    }

    /// Lets everything arrive that is on its way.
    fn settle(&mut self) -> Done {
        self.world.settle()?;
        self.absorb()
    }

    fn counters(&self, wanted: &[(String, u64, Span)]) -> Result<(), Stopped> {
        let counters = tally::counters(&self.world);
        for (name, wanted, span) in wanted {
            let count = counters.get(name).copied().unwrap_or_default();
            if count != *wanted {
                let message = format!("counter {name} is {count}, not {wanted}");
                return Err(Trouble::new(message).at(*span));
            }
        }
        Ok(())
    }

    fn seat(&mut self, client: usize) -> &mut Seat {
        &mut self.seats[client]
    }

    fn name(&self, client: usize) -> &str {
        self.case.clients.get(client).map_or("", |client| &client.name)
    }

    /// What a client has received and no step has taken, as reports show it.
    fn untaken(&self, client: usize) -> Vec<String> {
        self.seats[client].inbox.iter().map(Body::shown).collect()
    }
}
