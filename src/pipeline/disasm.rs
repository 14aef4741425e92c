//! A program as a listing, for `explain` and for goldens.
//!
//! Invariants: one line an operation: offset, mnemonic, operands with constants quoted, site; the
//! same program always gives the same text. Total on programs that `verify` would refuse.

use std::fmt::{self, Write};

use super::op::{CallId, ConstId, Context, Form, FrameKind, HowId, Op, Operand, PatternId, Source};
use super::program::{Event, Except, Program};
use crate::envelope::projection::Node;
use crate::ids::{LimitId, PermissionId, RuleId};
use crate::state::limits::{Algorithm, Rate};

/// The listing of a whole program, events in declaration order.
pub fn program(program: &Program) -> String {
    let listings: Vec<String> = program.events.iter().map(|one| event(program, one)).collect();
    listings.join("\n")
}

/// The listing of one event.
pub fn event(program: &Program, event: &Event) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_event(&mut out, program, event);
    out
}

fn write_event(out: &mut String, program: &Program, event: &Event) -> fmt::Result {
    let code = program.code_of(event);
    writeln!(out, "event {:?} ; at most {} operations", event.name, program.steps_max(event))?;
    write_paths(out, "payload", &event.payload.root)?;
    write_paths(out, "claims", &event.claims.root)?;
    for (offset, op) in code.iter().enumerate() {
        write_op(out, program, event, event.entry as usize + offset, *op)?;
    }
    Ok(())
}

fn write_paths(out: &mut String, root: &str, node: &Node) -> fmt::Result {
    let mut paths = slot_paths(root, node);
    paths.sort_unstable();
    for (slot, path) in paths {
        writeln!(out, "  slot {slot:<3} {path}")?;
    }
    Ok(())
}

fn slot_paths(root: &str, node: &Node) -> Vec<(u8, String)> {
    let mut found = Vec::new();
    let mut left = vec![(root.to_owned(), node)];
    while let Some((path, node)) = left.pop() {
        let below = node.children.iter();
        left.extend(below.map(|(segment, child)| (format!("{path}.{}", segment.key), child)));
        found.extend(node.slot.map(|slot| (slot, path)));
    }
    found
}

fn write_op(out: &mut String, program: &Program, event: &Event, at: usize, op: Op) -> fmt::Result {
    let mut operands = Vec::new();
    let mut source = Source::Payload;
    op.operands(|operand| {
        if let Operand::Source(one) = operand {
            source = one;
        } else {
            operands.push(match word_text(program, op, operand) {
                Some(text) => text,
                None => operand_text(program, event, source, operand),
            });
        }
    });
    let site = program.site(at);
    let text = format!("  {at:04} {:<12} {}", op.mnemonic(), operands.join(" "));
    let file = match site.file {
        0 => String::new(),
        _ => format!("{}:", program.file(site)),
    };
    writeln!(out, "{:<64} ; {file}{}:{}", text.trim_end(), site.line, site.column)
}

fn operand_text(program: &Program, event: &Event, source: Source, operand: Operand) -> String {
    match operand {
        Operand::Limit(id) => limit_text(program, id),
        Operand::Permission(id) => permission_text(program, id),
        Operand::Const(id) => const_text(program, id),
        Operand::Reg(register) => format!("r{}", register.0),
        Operand::Slot(slot) => slot_text(event, source, slot),
        Operand::Source(_) => String::new(),
        Operand::Context(value) => context_text(value).to_owned(),
        Operand::Form(form) => form_text(form).to_owned(),
        Operand::Frame(kind) => frame_text(kind).to_owned(),
        other => value_operand_text(program, other),
    }
}

/// A number that stands in a constant.
fn word_text(program: &Program, op: Op, operand: Operand) -> Option<String> {
    let Operand::Const(id) = operand else { return None };
    let word = *program.consts.get(id.0 as usize)?.first_chunk()?;
    match op {
        Op::LoadLong { .. } => Some(i64::from_le_bytes(word).to_string()),
        Op::LoadDouble { .. } => Some(format!("{:?}", f64::from_le_bytes(word))),
        _ => None,
    }
}

/// The operands of operations on values.
fn value_operand_text(program: &Program, operand: Operand) -> String {
    let lower = |text: String| text.to_lowercase();
    match operand {
        Operand::Value(register) => format!("v{}", register.0),
        Operand::Out(register) => format!("v{} =", register.0),
        Operand::Pattern(id) => pattern_text(program, id),
        Operand::Rule(id) => rule_text(program, id),
        Operand::Count(count) => count.0.to_string(),
        Operand::Ahead(by) => format!("+{}", by.0),
        Operand::Body(body) => format!("{{{}}}", body.0),
        Operand::Int(value) => value.to_string(),
        Operand::Owner(owner) => lower(format!("{owner:?}")),
        Operand::Variable(variable) => format!("#{}", variable.0),
        Operand::Word(word) => lower(format!("{word:?}")),
        Operand::Truth(truth) => truth.0.to_string(),
        Operand::Unary(op) => lower(format!("{op:?}")),
        Operand::Binary(op) => lower(format!("{op:?}")),
        Operand::Reject(reject) => reject.code().to_owned(),
        Operand::To(to) => lower(format!("{to:?}")),
        Operand::How(id) => how_text(program, id),
        Operand::Metric(id) => match program.metrics.get(usize::from(id.0)) {
            Some(name) => format!("{name:?}"),
            None => format!("m{} ?", id.0),
        },
        Operand::CloseCode(code) => code.0.to_string(),
        Operand::Call(id) => call_text(program, id),
        Operand::Expect(expect) => {
            let optional = if expect.optional { "?" } else { "" };
            lower(format!("{:?}{optional}", expect.kind))
        }
        _ => "?".to_owned(),
    }
}

fn pattern_text(program: &Program, id: PatternId) -> String {
    match program.patterns.get(usize::from(id.0)) {
        Some(pattern) => format!("/{}/", pattern.text()),
        None => format!("p{} ?", id.0),
    }
}

fn rule_text(program: &Program, id: RuleId) -> String {
    match program.rules.get(usize::from(id.0)) {
        Some(rule) if rule.shadow => format!("{:?} in the shadow", rule.name),
        Some(rule) => format!("{:?}", rule.name),
        None => format!("rule {} ?", id.0),
    }
}

fn limit_text(program: &Program, id: LimitId) -> String {
    match program.limit(id) {
        Some(limit) => format!("l{} {}", id.0, rate_text(&limit.rate)),
        None => format!("l{} ?", id.0),
    }
}

fn rate_text(rate: &Rate) -> String {
    let text = format!("{}/{}ns", rate.events_max, rate.window_ns);
    match rate.algorithm {
        Algorithm::Fixed => text,
        Algorithm::Gcra { burst } => format!("{text} gcra {burst}"),
    }
}

/// How a frame is sent; nothing where that is as usual.
fn how_text(program: &Program, id: HowId) -> String {
    let how = program.hows.get(usize::from(id.0)).copied().unwrap_or_default();
    let except = match how.except {
        Some(Except::Origin) => "except-origin",
        Some(Except::User) => "except-user",
        None => "",
    };
    let volatile = if how.volatile { "volatile" } else { "" };
    let conflate = match how.conflate_ns {
        0 => String::new(),
        ns => format!("conflate/{ns}ns"),
    };
    let parts = [except, volatile, &conflate].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

fn call_text(program: &Program, id: CallId) -> String {
    match program.calls.get(usize::from(id.0)) {
        Some(call) => format!("b{} {} keeps {}", call.backend.0, call.method.name(), call.keeps),
        None => format!("call {} ?", id.0),
    }
}

fn permission_text(program: &Program, id: PermissionId) -> String {
    match program.permissions.get(usize::from(id.0)) {
        Some(name) => format!("{name:?}"),
        None => format!("p{} ?", id.0),
    }
}

fn const_text(program: &Program, id: ConstId) -> String {
    match program.consts.get(id.0 as usize) {
        Some(bytes) => format!("'{}'", bytes.escape_ascii().to_string().replace("\\\"", "\"")),
        None => format!("c{} ?", id.0),
    }
}

fn slot_text(event: &Event, source: Source, slot: u8) -> String {
    let (root, node) = match source {
        Source::Payload => ("payload", &event.payload.root),
        Source::Claims => ("claims", &event.claims.root),
    };
    let known = slot_paths(root, node).into_iter().find(|(one, _)| *one == slot);
    known.map_or_else(|| format!("{root} s{slot} ?"), |(_, path)| path)
}

fn context_text(value: Context) -> &'static str {
    match value {
        Context::UserId => "user.id",
        Context::ConnId => "conn.id",
        Context::Target => "target",
        Context::EventName => "event",
        Context::Now => "now",
        Context::Ip => "conn.ip",
        Context::Room => "room",
        Context::Reason => "reason",
        Context::ErrorCode => "error.code",
        Context::ErrorMessage => "error.message",
        Context::ErrorEvent => "error.event",
        Context::ErrorRule => "error.rule",
        Context::ErrorField => "error.field",
        Context::ErrorReason => "error.reason",
        Context::ErrorPlace => "error.place",
        Context::ErrorDenial => "error.denial",
        Context::ErrorRoom => "error.room",
    }
}

fn form_text(form: Form) -> &'static str {
    match form {
        Form::Text => "text",
        Form::Inner => "inner",
        Form::Raw => "raw",
    }
}

fn frame_text(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Text => "text",
        FrameKind::Binary => "binary",
        FrameKind::AsReceived => "as_received",
    }
}
