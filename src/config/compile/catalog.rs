//! THE table of modifiers and actions of the compatible spelling: name, parameters, doc, compiler.
//!
//! Invariants: arity, suggestions and the reference page come from this table.

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::calls::{Call, Param, Scope};
use super::ir::{Action, Recipient, Template};
use super::{json, template};
use crate::ids::PermissionId;
use crate::limits::NAME_BYTES_MAX;

/// One modifier or action.
pub struct Row {
    pub name: &'static str,
    pub params: &'static [&'static str],
    /// The last parameter may be repeated.
    pub variadic: bool,
    pub doc: &'static str,
    pub(super) compile: fn(&Call<'_>, &mut Scope<'_>) -> Option<Action>,
}

/// What runs before the actions.
pub static MODIFIERS: &[Row] = &[
    Row {
        name: "rate_limit",
        params: &["rate"],
        variadic: false,
        doc: "At most so many of these events from one user in a window: `10/s`, `10/m`, `10/h`.",
        compile: rate_limit,
    },
    Row {
        name: "secure",
        params: &[],
        variadic: false,
        doc: "The message must carry a valid `token`, at its root or in its payload.",
        compile: |_, scope| {
            scope.secure = true;
            Some(Action::Secure)
        },
    },
    Row {
        name: "permission",
        params: &["name"],
        variadic: true,
        doc: "The user must hold every permission named.",
        compile: permission,
    },
];

/// What an event does.
pub static ACTIONS: &[Row] = &[
    Row {
        name: "_join",
        params: &["user", "room"],
        variadic: false,
        doc: "The user joins the room, with all its connections.",
        compile: |call, scope| {
            let (user, room) = two_names(call, scope);
            Some(Action::Join { user, room, since: None })
        },
    },
    Row {
        name: "_leave",
        params: &["user", "room"],
        variadic: false,
        doc: "The user leaves the room, with all its connections.",
        compile: |call, scope| {
            let (user, room) = two_names(call, scope);
            Some(Action::Leave { user, room })
        },
    },
    Row {
        name: "_notify_room",
        params: &["event", "payload"],
        variadic: false,
        doc: "Sends an event to the message's target: every member of a room, or `user:ID`.",
        compile: |call, scope| notify(call, scope, Recipient::Target),
    },
    Row {
        name: "_notify_origin",
        params: &["event", "payload"],
        variadic: false,
        doc: "Sends an event back to the connection that the message came from.",
        compile: |call, scope| notify(call, scope, Recipient::Origin),
    },
    Row {
        name: "_log",
        params: &["text"],
        variadic: false,
        doc: "Writes a line to the log.",
        compile: |call, scope| Some(Action::Log(template::text(&call.params[0], scope))),
    },
];

fn rate_limit(call: &Call<'_>, scope: &mut Scope<'_>) -> Option<Action> {
    let param = &call.params[0];
    let text = param.text();
    if let Some((events_max, window_ns)) = rate(text) {
        return Some(Action::Limit { events_max, window_ns });
    }
    let finding = Diagnostic::new(Code::BadRate, format!("`{text}` is not a rate"));
    scope.findings.push(
        finding
            .label(param.span, "a number, `/`, and `s`, `m` or `h`")
            .help("write it like `10/m`"),
    );
    None
}

/// `10/m` as events and window.
pub fn rate(text: &str) -> Option<(u32, u64)> {
    let (events, unit) = text.split_once('/')?;
    let window_s: u64 = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let events = events.trim();
    let digits = events.bytes().all(|b| b.is_ascii_digit());
    let events: u32 = events.parse().ok().filter(|events| digits && *events > 0)?;
    Some((events, window_s * 1_000_000_000))
}

fn permission(call: &Call<'_>, scope: &mut Scope<'_>) -> Option<Action> {
    let ids: Option<Vec<PermissionId>> =
        call.params.iter().map(|param| permission_id(param, scope)).collect();
    ids.map(Action::Permit)
}

fn permission_id(param: &Param<'_>, scope: &mut Scope<'_>) -> Option<PermissionId> {
    scope.permissions.find(param.text(), param.span, Code::UnknownPermission, scope.findings)
}

fn two_names(call: &Call<'_>, scope: &mut Scope<'_>) -> (Template, Template) {
    (name(&call.params[0], scope), name(&call.params[1], scope))
}

/// The template of a room's or user's name.
fn name(param: &Param<'_>, scope: &mut Scope<'_>) -> Template {
    let template = template::text(param, scope);
    check_name(template.as_literal(), "name", param, scope);
    template
}

fn notify(call: &Call<'_>, scope: &mut Scope<'_>, to: Recipient) -> Option<Action> {
    let event = template::inner(&call.params[0], scope);
    let literal = event.as_literal().map(|_| call.params[0].text());
    check_name(literal, "event name", &call.params[0], scope);
    let payload = json::payload(&call.params[1], scope);
    Some(Action::Send { to, event, payload })
}

fn check_name(literal: Option<&str>, what: &str, param: &Param<'_>, scope: &mut Scope<'_>) {
    if let Some(why) = literal.and_then(unusable) {
        let finding = Diagnostic::new(Code::BadName, format!("this {what} is {why}"));
        scope.findings.push(finding.label(param.span, "no usable name"));
    }
}

/// Why a name cannot be used.
pub fn unusable(name: &str) -> Option<&'static str> {
    match name.len() {
        0 => Some("empty"),
        len if len > NAME_BYTES_MAX => Some("longer than 255 bytes"),
        _ if name.chars().any(char::is_control) => Some("not usable: it has control characters"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(rate("10/m"), Some((10, 60_000_000_000)));
        assert_eq!(rate("1/s"), Some((1, 1_000_000_000)));
        assert_eq!(rate("5 / h"), Some((5, 3_600_000_000_000)));
        for text in ["", "10", "10/", "/m", "0/s", "-1/s", "+1/s", "1.5/s", "10/d", "99999999999/s"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
    }
}
