//! Which operations leave the core that runs them, and for what. For `explain`.
//!
//! Invariants: an operation that is not named here is done by the shard of its connection alone.

use super::op::{Op, Owner, To};
use super::program::{Program, Scope};
use crate::ids::LimitId;

/// What an operation asks of others; `None` where of nobody.
pub fn leaving(program: &Program, backends: &[&str], op: Op) -> Option<String> {
    let what = match op {
        Op::Call { call, .. } => {
            let call = program.calls.get(usize::from(call.0))?;
            let name = backends.get(usize::from(call.backend.0)).copied().unwrap_or("?");
            return Some(format!("waits for the backend `{name}`"));
        }
        Op::Identify { .. } => "waits for the user's home",
        Op::Join { .. } | Op::Leave { .. } => "waits for the homes of user and room",
        Op::SetVariable { of: Owner::User, .. } | Op::Grant { .. } | Op::Revoke { .. } => {
            "waits for the user's home"
        }
        Op::Limit(limit) | Op::LimitKey { limit, .. } => counted(program, limit)?,
        Op::SendUser => "goes through the user's home",
        Op::SendTarget(_) => "goes through the target's home",
        Op::Send { to, .. } | Op::SendNamed { to, .. } => sent(to)?,
        _ => return None,
    };
    Some(what.to_owned())
}

fn counted(program: &Program, limit: LimitId) -> Option<&'static str> {
    match program.limit(limit)?.scope {
        Scope::User => Some("may wait for the user's home"),
        Scope::Conn => None,
        Scope::Room | Scope::Text => Some("may wait for where it is counted"),
    }
}

fn sent(to: To) -> Option<&'static str> {
    match to {
        To::Origin => None,
        To::All => Some("goes to every core"),
        To::Conn => Some("goes to the connection's core"),
        To::OwnUser | To::User => Some("goes through the user's home"),
        To::Users => Some("goes through the users' homes"),
        To::Room => Some("goes through the room's home"),
        To::Target => Some("goes through the target's home"),
    }
}
