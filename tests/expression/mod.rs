//! Runs one expression from its text to its value: parse, check, lower, verify, run.
//!
//! Used by several test programs; each uses a part of it.

#![allow(dead_code, reason = "each test program uses a part")]

pub mod maker;
pub mod model;
pub mod random;

use serde_json::Value;
use shardwire::config::expr::{self, Checked, Fault, Lowering, Scope, Want};
use shardwire::envelope::scan::scan_scalar;
use shardwire::envelope::{Envelope, Members, RoutedKeys, Slots, project};
use shardwire::ids::{ConnKey, EventId, LimitId, PermissionId, RuleId, ShardId};
use shardwire::pipeline::op::{Form, FrameKind, Op, Owner};
use shardwire::pipeline::{
    About, Builder, Effect, Effects, Host, Input, Outcome, Program, Site, Variable, Verdict, Vm,
};
use shardwire::reject::Reject;
use shardwire::state::frames::{FramePool, FrameType};

pub const SITE: Site = Site { line: 1, column: 1, file: 0 };

/// A shard that answers what the tests of expressions ask.
#[derive(Default)]
pub struct Quiet {
    /// Rules that did not hold.
    pub denied: Vec<RuleId>,
}

impl Host for Quiet {
    fn limit(&mut self, _: LimitId, _: &[u8]) -> Verdict {
        Verdict::Pass
    }

    fn permitted(&self, _: PermissionId) -> bool {
        true
    }

    fn logs(&self) -> bool {
        true
    }

    fn verify_token(&mut self, _: &str, claims: &mut Vec<u8>) -> bool {
        claims.extend_from_slice(br#"{"sub":"ada","tenant":"ac\u006de"}"#);
        true
    }

    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }

    fn ip(&self) -> &str {
        "192.0.2.7"
    }

    fn variable(&self, of: Owner, variable: u8) -> Variable<'_> {
        match (of, variable) {
            (Owner::Conn, 0) => Variable::Text("jay \"w\" t"),
            (Owner::Conn, 1) => Variable::Bool(true),
            (Owner::User, 0) => Variable::Int(7),
            (Owner::User, 1) => Variable::Json(br#"{"tags":["a","b\n"],"level":2.5}"#),
            (Owner::Room, 0) => Variable::Text("acme"),
            _ => Variable::Null,
        }
    }

    fn denied(&mut self, rule: RuleId) {
        self.denied.push(rule);
    }
}

/// How an expression ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// Its type, and its value as JSON.
    Value(String, Value),
    Refused(Reject),
    /// Refused at load.
    Faults(Vec<String>),
}

pub fn checked(text: &str, scope: &Scope, want: &Want) -> Result<Checked, Vec<Fault>> {
    let parsed = expr::parse(text).map_err(|fault| vec![fault])?;
    expr::check(&parsed, scope, want)
}

/// An event that sends the value in a form.
pub fn program(checked: &Checked, form: Form, secure: bool) -> Program {
    let mut builder = Builder::new("config.yaml");
    builder.event("event", SITE).expect("one event");
    if secure {
        builder.op(Op::Secure, SITE);
    }
    let locate =
        |range: std::ops::Range<usize>| Site { line: 1, column: range.start as u16 + 1, file: 0 };
    let mut lowering = Lowering { builder: &mut builder, locate: &locate, free: 0 };
    let value = expr::lower(checked, &mut lowering).expect("it fits");
    builder.op(Op::OpenFrame(FrameKind::Text), SITE);
    builder.op(Op::Put { value, form }, SITE);
    builder.op(Op::CloseFrame, SITE);
    builder.op(Op::SendOrigin, SITE);
    builder.finish().expect("what is lowered is sound")
}

/// Runs a program of one event over a message with this payload.
pub struct Machine {
    vm: Vm,
    pool: FramePool,
    effects: Effects,
    slots: Slots,
    keys: RoutedKeys,
    pub host: Quiet,
}

impl Default for Machine {
    fn default() -> Self {
        let (vm, pool, effects, keys) = Default::default();
        let (slots, host) = Default::default();
        Machine { vm, pool, effects, slots, keys, host }
    }
}

impl Machine {
    /// The frames that were sent, or why not, and where.
    pub fn run(
        &mut self,
        program: &Program,
        message: &[u8],
    ) -> Result<Vec<String>, (Reject, Site)> {
        match self.outcome(program, message) {
            Outcome::Done => Ok(self.effects.list.iter().map(sent).collect()),
            Outcome::Rejected(reject, site) => Err((reject, site)),
            other => panic!("there are no limits: {other:?}"),
        }
    }

    /// How the run ended; its effects are kept until the next.
    pub fn outcome(&mut self, program: &Program, message: &[u8]) -> Outcome {
        let (mut envelope, mut members) = (Envelope::default(), Members::default());
        scan_scalar(message, &self.keys, &mut envelope, &mut members).expect("a message");
        let paths = &program.events[0].payload;
        if let Err(reject) = project(message, envelope.payload, &members, paths, &mut self.slots) {
            return Outcome::Rejected(reject, SITE);
        }
        let input = Input {
            message,
            payload: &self.slots,
            token: envelope.token,
            id: envelope.id,
            claims: b"",
            about: About::NOTHING,
            user: "ada",
            conn: ConnKey { shard: ShardId(0), index: 1, generation: 1 },
            target: b"room:x",
            kind: FrameType::Text,
            frame_bytes_max: 1 << 20,
        };
        let Machine { vm, pool, effects, host, .. } = self;
        vm.run(program, EventId(0), &input, host, pool, effects)
    }
}

fn sent(effect: &Effect) -> String {
    match effect {
        Effect::SendOrigin { frame } => String::from_utf8_lossy(frame.payload()).into_owned(),
        other => format!("{other:?}"),
    }
}

pub fn message(payload: &str) -> String {
    format!(r#"{{"event":"event","token":"t","payload":{payload}}}"#)
}

/// The type and the value of an expression.
pub fn evaluate(text: &str, scope: &Scope, payload: &str) -> Ended {
    let checked = match checked(text, scope, &Want::any("a test").optional().secret()) {
        Ok(checked) => checked,
        Err(faults) => {
            let shown = |fault: &Fault| format!("{}: {}", fault.code.text(), fault.message);
            return Ended::Faults(faults.iter().map(shown).collect());
        }
    };
    let program = program(&checked, Form::Raw, true);
    match Machine::default().run(&program, message(payload).as_bytes()) {
        Ok(frames) => {
            let value = serde_json::from_str(&frames[0]).expect("what is sent is JSON");
            Ended::Value(checked.typed.to_string(), value)
        }
        Err((reject, _)) => Ended::Refused(reject),
    }
}
