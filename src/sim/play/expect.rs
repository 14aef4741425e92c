//! Expectations: what came, what did not, what was denied, how a connection ended.
//!
//! Invariants: a message is taken by one expectation only, the first that fits; a denial that the
//! step does not speak of fails it; a failure shows everything that came and was not taken.

use super::super::matching::{Body, Mismatch, compare, part, shown};
use super::super::tally::{self, Tally};
use super::{Done, Play, Trouble};
use crate::config::script::{Closed, Expectation, Expected};
use crate::pipeline::program::Program;
use crate::reject::Reject;

/// How long the end of a connection may take.
const CLOSE_NS: u64 = 1_000_000_000;

impl Play<'_> {
    pub(super) fn expect(
        &mut self,
        client: usize,
        expectation: &Expectation,
        before: &mut Tally,
    ) -> Done {
        let end_ns = self.world.now.mono_ns.saturating_add(expectation.within_ns);
        loop {
            if let Some(body) = self.take_fitting(client, expectation) {
                // Who expects the error itself has spoken of the denial.
                if self.is_error(&body) {
                    *before = self.denials();
                }
                return Ok(());
            }
            if self.world.now.mono_ns >= end_ns || self.seats[client].closed.is_some() {
                return Err(self.missed(client, expectation, before));
            }
            self.hop(end_ns)?;
        }
    }

    fn take_fitting(&mut self, client: usize, expectation: &Expectation) -> Option<Body> {
        let Expectation { shape, exact, .. } = expectation;
        let (names, captures) = (&self.names, &self.captures);
        let fits = |body: &Body| compare(shape, *exact, body, names, captures).ok();
        let inbox = self.seats[client].inbox.iter().enumerate();
        let found = inbox.map(|(at, body)| (at, fits(body))).find(|(_, fits)| fits.is_some());
        let (at, captures) = found?;
        self.captures = captures?;
        Some(self.seats[client].inbox.remove(at))
    }

    fn missed(&self, client: usize, expectation: &Expectation, before: &Tally) -> Trouble {
        let Expectation { shape, exact, .. } = expectation;
        let mut arrived = self.untaken(client);
        let differs = |body: &Body| compare(shape, *exact, body, &self.names, &self.captures).err();
        let inbox = self.seats[client].inbox.iter().enumerate();
        let near = inbox.filter(|(_, body)| self.is_alike(shape, body));
        let near = near.filter_map(|(at, body)| Some((at, differs(body)?)));
        let near: Option<(usize, Vec<Mismatch>)> = near.min_by_key(|(_, found)| found.len());
        let nearest = near.map(|(at, found)| (arrived.remove(at), found));
        let name = self.name(client);
        let mut message = format!("{name} did not receive the expected message");
        let denied = tally::since(before, &self.denials());
        if !denied.is_empty() {
            message += &format!("; it was denied by {}", names(&denied, &self.stage.program));
        }
        if let Some((code, reason)) = &self.seats[client].closed {
            message += &format!("; its connection was closed: {code} {reason}");
        }
        Trouble { expected: Some(shown(shape)), nearest, arrived, ..Trouble::new(message) }
    }

    /// Whether a message may be meant by an expectation that it does not fit.
    fn is_alike(&self, expected: &Expected, body: &Body) -> bool {
        match (expected, body) {
            (Expected::Envelope(envelope), Body::Json(message)) => {
                let event = part(message, &self.names, "event");
                envelope.event.as_ref().is_none_or(|wanted| Some(wanted.shown()) == event)
            }
            (Expected::Json(_), Body::Json(_)) => true,
            (Expected::Text(_), Body::Text(_)) => true,
            (Expected::Binary(_), Body::Binary(_)) => true,
            _ => false,
        }
    }

    pub(super) fn expect_nothing(&mut self, client: usize, ns: u64) -> Done {
        self.advance(ns)?;
        let arrived = self.untaken(client);
        if arrived.is_empty() {
            return Ok(());
        }
        let message = format!("{} was to receive nothing", self.name(client));
        Err(Trouble { arrived, ..Trouble::new(message) })
    }

    /// The client was denied something in this step, for this reason or by this rule.
    pub(super) fn expect_denied(&mut self, client: usize, name: &str, before: &mut Tally) -> Done {
        self.seat(client).refused = None;
        let denied = tally::since(before, &self.denials());
        if denied.contains_key(name) {
            self.account(name, &denied, before);
            self.take_error(client);
            return Ok(());
        }
        let happened = match denied.is_empty() {
            true => "nothing was denied".to_owned(),
            false => format!("was denied by {}", names(&denied, &self.stage.program)),
        };
        let who = self.name(client);
        let message = format!("{who} was to be denied by {name}, but {happened}");
        Err(Trouble { arrived: self.untaken(client), ..Trouble::new(message) })
    }

    /// Counts one denial as spoken of. That of a rule or of a limit with a name is a reject too,
    /// whichever is named.
    fn account(&self, name: &str, denied: &Tally, before: &mut Tally) {
        let twin = match code_of(&self.stage.program, name) {
            Some(code) => Some(code),
            None => {
                let is_one = |other: &&String| {
                    code_of(&self.stage.program, other).is_some_and(|code| code == name)
                };
                denied.keys().find(is_one).map(String::as_str)
            }
        };
        for name in [Some(name), twin].into_iter().flatten() {
            *before.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Fails where something was denied that the step does not speak of.
    pub(super) fn nothing_denied(&self, client: usize, before: &Tally) -> Done {
        let denied = tally::since(before, &self.denials());
        if denied.is_empty() {
            return Ok(());
        }
        let (who, why) = (self.name(client), names(&denied, &self.stage.program));
        let message = format!("{who} was denied by {why}; `expectDenied` says that this is meant");
        Err(Trouble { arrived: self.untaken(client), ..Trouble::new(message) })
    }

    /// The denial's reply is part of the denial.
    fn take_error(&mut self, client: usize) {
        let at = self.seats[client].inbox.iter().rposition(|body| self.is_error(body));
        if let (Some(at), true) = (at, self.stage.settings.errors.reply) {
            self.seats[client].inbox.remove(at);
        }
    }

    fn is_error(&self, body: &Body) -> bool {
        let event = self.stage.settings.errors.event.as_str();
        match body {
            Body::Json(message) => part(message, &self.names, "event") == Some(event.into()),
            _ => false,
        }
    }

    pub(super) fn expect_closed(&mut self, client: usize, wanted: &Closed) -> Done {
        let end_ns = self.world.now.mono_ns + CLOSE_NS;
        while self.seats[client].closed.is_none() && self.world.now.mono_ns < end_ns {
            self.hop(end_ns)?;
        }
        let name = self.name(client);
        let Some((code, reason)) = &self.seats[client].closed else {
            let message = format!("the connection of {name} was to be closed, and is open");
            return Err(Trouble { arrived: self.untaken(client), ..Trouble::new(message) });
        };
        let fits = match wanted {
            Closed::Anyhow => true,
            Closed::Code(wanted) => wanted == code,
            Closed::Reason(wanted) => wanted == reason,
        };
        match (fits, wanted) {
            (true, _) | (_, Closed::Anyhow) => Ok(()),
            (false, Closed::Code(other)) => Err(closed_otherwise(name, other, code, reason)),
            (false, Closed::Reason(other)) => Err(closed_otherwise(name, other, code, reason)),
        }
    }
}

fn closed_otherwise(name: &str, wanted: impl ToString, code: &u16, reason: &str) -> Trouble {
    let wanted = wanted.to_string();
    let message = format!("the connection of {name} was to be closed with {wanted}");
    Trouble::new(format!("{message}, but it was {code} {reason}"))
}

/// The code that a rule or a limit with this name refuses with.
fn code_of(program: &Program, name: &str) -> Option<&'static str> {
    if program.rules.iter().any(|rule| *rule.name == *name) {
        return Some(Reject::Denied.code());
    }
    let mut limits = program.named_limits();
    limits.any(|(_, limit)| *limit.name == *name).then_some(Reject::RateLimited.code())
}

/// The names of a tally, in words; a rule or limit says more than the code that all of them share.
fn names(denied: &Tally, program: &Program) -> String {
    let said = |code: &str| denied.keys().any(|name| code_of(program, name) == Some(code));
    let names = denied.keys().map(String::as_str);
    names.filter(|name| !said(name)).collect::<Vec<&str>>().join(", ")
}
