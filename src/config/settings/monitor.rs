//! `monitor:` the options that take more than one plain value, and what only shows together.
//!
//! Invariants: no message holds the token. Called through `options`, by `resolve`, and by
//! `config::compile_files` once there is a program whose names can be looked up.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::draft::{Chosen, Draft};
use super::keys::SecretPolicy;
use super::registry::Given;
use super::value::Problem;
use crate::pipeline::program::{Program, Route, RouteAnswer};
use crate::settings::{AccessToken, Handler, MonitorAccess, Settings};

const TOKEN_BYTES_MIN: usize = 16;

const REMEDY: &str =
    "set SHARDWIRE_MONITOR_TOKEN to a random text: `openssl rand -hex 24` makes one";

pub fn set_username(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let name = match given.texts.as_slice() {
        [one] => one.strip_prefix("conn.").filter(|name| !name.is_empty()),
        _ => None,
    };
    let name = name.ok_or_else(|| {
        Problem::new(Code::BadValue, "this is not a variable of connections")
            .help("write `conn.` and the name of a variable of `state.conn`")
    })?;
    draft.settings.monitor.username = Some(name.to_owned());
    Ok(())
}

pub fn set_fields(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.settings.monitor.fields = given.texts.clone();
    Ok(())
}

/// Fills `settings.monitor.token`.
pub fn resolve(draft: &mut Draft, policy: &SecretPolicy, findings: &mut Findings) {
    let monitor = &mut draft.settings.monitor;
    let Some(token) = draft.monitor_token.take() else {
        if monitor.enabled && monitor.access == MonitorAccess::Token {
            missing(policy).into_iter().for_each(|one| findings.push(one));
        }
        return;
    };
    let len = token.text.len();
    if len < TOKEN_BYTES_MIN {
        let message =
            format!("the monitor's token has {len} bytes, at least {TOKEN_BYTES_MIN} are needed");
        let finding = Diagnostic::new(Code::SecretTooShort, message);
        findings.push(finding.at(&token.place, "not safe").help(REMEDY));
    }
    monitor.token = Some(AccessToken(token.text));
}

fn missing(policy: &SecretPolicy) -> Option<Diagnostic> {
    let code = match policy {
        SecretPolicy::Demand => Code::NoMonitorToken,
        SecretPolicy::Ignore => Code::MonitorTokenLater,
        // In development only this machine may look.
        SecretPolicy::Given(_) => return None,
    };
    Some(Diagnostic::new(code, "`monitor.access` is `token`, and there is none").help(REMEDY))
}

/// Looks up the names that the options say, and whether routes lead to what is off.
pub fn check_names(
    settings: &Settings,
    program: &Program,
    chosen: &Chosen,
    findings: &mut Findings,
) {
    let monitor = &settings.monitor;
    let place = |path: &str| chosen.get(path).map(|(_, place)| place);
    let known = |name: &str| program.conn_variables.iter().any(|one| &*one.name == name);
    if let (Some(name), Some(place)) = (&monitor.username, place("monitor.username"))
        && !known(name)
    {
        let message = format!("`conn.{name}` is not declared");
        let finding = Diagnostic::new(Code::UnknownStateVariable, message);
        let names = program.conn_variables.iter().map(|one| &*one.name);
        findings.push(finding.at(place, "no such variable").suggest(name, names));
    }
    if let Some(place) = place("monitor.message")
        && monitor.enabled
        && program.lookup(monitor.message.as_bytes()).is_none()
    {
        let message = format!("there is no event `{}`", monitor.message);
        let names = program.events.iter().map(|event| &*event.name);
        let finding = Diagnostic::new(Code::NoMonitorMessage, message);
        findings.push(finding.at(place, "no such event").suggest(&monitor.message, names));
    }
    if !monitor.enabled && program.routes.iter().any(is_monitors) {
        let message = "a route leads to a page of the monitor, which is off";
        let finding = Diagnostic::new(Code::MonitorOff, message);
        findings.push(finding.help("write `monitor: { enabled: true }`"));
    }
}

fn is_monitors(route: &Route) -> bool {
    use Handler::{Admin, Chat, Monitoring, Status};
    let handler = match &route.answer {
        RouteAnswer::Handler(handler) => Some(*handler),
        RouteAnswer::Page(_) => None,
    };
    handler.is_some_and(|handler| matches!(handler, Admin | Chat | Monitoring | Status))
}
