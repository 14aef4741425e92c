//! Options from the environment: `SHARDWIRE_SERVER_ADDRESS`, the original's `GODISPATCH_...`, `PORT`.
//!
//! Invariants: precedence is SHARDWIRE_ over GODISPATCH_ over PORT over the file; a bad value is
//! reported under its variable's name.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings, Place};
use super::super::environment::Environment;
use super::draft::Draft;
use super::registry::{Given, KEYS, Key, Kind};
use super::walk::set;

pub const PREFIX: &str = "SHARDWIRE_";
const OLD_PREFIX: &str = "GODISPATCH_";

/// Variables of the program that are not options.
const OTHER: [&str; 2] = ["SHARDWIRE_CONFIG", "SHARDWIRE_BLESS"];

/// Applies every override.
pub fn apply(environment: &Environment, draft: &mut Draft, findings: &mut Findings) {
    port(environment, draft, findings);
    for prefix in [OLD_PREFIX, PREFIX] {
        for key in KEYS.iter().filter(|key| can_override(key)) {
            let name = variable(prefix, key);
            if let Some(text) = environment.value(&name) {
                set(key, given(key, text), Place::Variable(name), draft, findings);
            }
        }
    }
    unused(environment, findings);
}

/// Whether an option can be set from the environment.
pub fn can_override(key: &Key) -> bool {
    !matches!(key.kind, Kind::Program(_) | Kind::Keys)
}

/// The variable that overrides an option.
pub fn variable(prefix: &str, key: &Key) -> String {
    prefix.to_owned() + &key.path.replace('.', "_").to_uppercase()
}

/// Where an option takes a list, commas separate its items.
fn given(key: &Key, text: &str) -> Given {
    let lists = matches!(key.kind, Kind::Texts(..) | Kind::Choices(..));
    let texts: Vec<String> = match lists {
        true => text.split(',').map(|item| item.trim().to_owned()).collect(),
        false => vec![text.to_owned()],
    };
    Given { list: texts.len() > 1, texts }
}

/// `PORT` changes the port of every address.
fn port(environment: &Environment, draft: &mut Draft, findings: &mut Findings) {
    let Some(text) = environment.value("PORT") else { return };
    match text.parse::<u16>() {
        Ok(port) => draft.settings.server.addresses.iter_mut().for_each(|one| one.set_port(port)),
        Err(_) => findings.push(
            Diagnostic::new(Code::BadValue, format!("`{text}` is not a port"))
                .at(&Place::Variable("PORT".into()), ""),
        ),
    }
}

/// Reports variables that look like overrides and are none.
fn unused(environment: &Environment, findings: &mut Findings) {
    let valid: Vec<String> =
        KEYS.iter().filter(|key| can_override(key)).map(|key| variable(PREFIX, key)).collect();
    for name in environment.names().filter(|name| name.starts_with(PREFIX)) {
        if !OTHER.contains(&name) && !valid.iter().any(|one| one == name) {
            let finding = Diagnostic::new(Code::UnusedVariable, "this variable sets no option");
            let near = super::super::suggest::nearest(name, valid.iter().map(String::as_str));
            let finding = finding.at(&Place::Variable(name.into()), "");
            let help = near.map(|near| format!("did you mean `{near}`?"));
            findings.push(help.into_iter().fold(finding, Diagnostic::help));
        }
    }
}
