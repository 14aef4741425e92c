//! Options from the environment: `SHARDWIRE_SERVER_ADDRESS`, the original's `GODISPATCH_...`,
//! `PORT`.
//!
//! Invariants: precedence is SHARDWIRE_ over GODISPATCH_ over PORT over the file; a bad value is
//! reported under its variable's name.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings, Place};
use super::super::environment::Environment;
use super::draft::Draft;
use super::options::keys;
use super::registry::{Given, Key, Kind};
use super::walk::set;

pub const PREFIX: &str = "SHARDWIRE_";
const OLD_PREFIX: &str = "GODISPATCH_";

/// Variables of the program that are not options.
const OTHER: [&str; 3] = ["SHARDWIRE_CONFIG", "SHARDWIRE_BLESS", "SHARDWIRE_SEED"];

/// Applies every override.
pub fn apply(environment: &Environment, draft: &mut Draft, findings: &mut Findings) {
    port(environment, draft, findings);
    for prefix in [OLD_PREFIX, PREFIX].into_iter().filter(|prefix| any(environment, prefix)) {
        for key in keys().filter(|key| can_override(key)) {
            let name = variable(prefix, key);
            if let Some(text) = environment.value(&name) {
                set(key, Given::of_variable(key, text), Place::Variable(name), draft, findings);
            }
        }
    }
    if any(environment, PREFIX) {
        unused(environment, findings);
    }
}

/// Whether there is anything to look for.
fn any(environment: &Environment, prefix: &str) -> bool {
    environment.names().any(|name| name.starts_with(prefix))
}

/// Whether an option can be set from the environment.
pub fn can_override(key: &Key) -> bool {
    !matches!(key.kind, Kind::Program(_) | Kind::Keys | Kind::Rooms | Kind::Backends)
}

/// The variable that overrides an option.
pub fn variable(prefix: &str, key: &Key) -> String {
    prefix.to_owned() + &key.path.replace('.', "_").to_uppercase()
}

/// `PORT` changes the port of every address.
fn port(environment: &Environment, draft: &mut Draft, findings: &mut Findings) {
    let Some(text) = environment.value("PORT") else { return };
    match text.parse::<u16>() {
        Ok(port) => set_port(port, draft),
        Err(_) => findings.push(
            Diagnostic::new(Code::BadValue, format!("`{text}` is not a port"))
                .at(&Place::Variable("PORT".into()), ""),
        ),
    }
}

fn set_port(port: u16, draft: &mut Draft) {
    let addresses = &mut draft.settings.server.addresses;
    addresses.iter_mut().for_each(|one| one.set_port(port));
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let given = Given { list: texts.len() > 1, texts };
    draft.chosen.insert("server.address", (given, Place::Variable("PORT".into())));
}

/// Reports variables that look like overrides and are none.
fn unused(environment: &Environment, findings: &mut Findings) {
    let valid: Vec<String> =
        keys().filter(|key| can_override(key)).map(|key| variable(PREFIX, key)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Cores;

    fn applied(pairs: &[(&str, &str)]) -> (Draft, Vec<Diagnostic>) {
        let environment: Environment = pairs.iter().copied().collect();
        let (mut draft, mut findings) = (Draft::default(), Findings::default());
        apply(&environment, &mut draft, &mut findings);
        (draft, findings.sorted())
    }

    #[test]
    fn the_nearer_variable_wins() {
        let port = |pairs: &[(&str, &str)]| applied(pairs).0.settings.server.addresses[0].port();
        assert_eq!(port(&[]), 8080);
        assert_eq!(port(&[("PORT", "1")]), 1);
        assert_eq!(port(&[("PORT", "1"), ("GODISPATCH_SERVER_ADDRESS", ":2")]), 2);
        let all = [
            ("PORT", "1"),
            ("GODISPATCH_SERVER_ADDRESS", ":2"),
            ("SHARDWIRE_SERVER_ADDRESS", ":3"),
        ];
        assert_eq!(port(&all), 3);
        assert_eq!(port(&[("SHARDWIRE_SERVER_ADDRESS", "")]), 8080);
    }

    #[test]
    fn lists_and_older_names_work_and_secrets_stay_hidden() {
        let (draft, findings) = applied(&[
            ("SHARDWIRE_SERVER_ORIGINS", "https://a.example, https://b.example"),
            ("SHARDWIRE_SERVER_CORES", "2"),
            ("GODISPATCH_SERVER_AUTH_JWTSECRET", "hunter2"),
            ("SHARDWIRE_SERVER_AUTH_JWTSECRET", "hunter3"),
        ]);
        assert!(findings.is_empty());
        assert_eq!(draft.settings.server.origins.len(), 2);
        assert_eq!(draft.settings.server.cores, Cores::Count(2));
        assert_eq!(draft.secret.map(|secret| secret.text).as_deref(), Some("hunter3"));
    }

    #[test]
    fn one_cpu_in_brackets_is_a_list_of_one() {
        for (text, cores) in [("[0]", Cores::Cpus(vec![0])), ("0,1", Cores::Cpus(vec![0, 1]))] {
            let (draft, findings) = applied(&[("SHARDWIRE_SERVER_CORES", text)]);
            assert!(findings.is_empty(), "{text}");
            assert_eq!(draft.settings.server.cores, cores, "{text}");
        }
    }

    #[test]
    fn a_bad_override_is_reported_under_its_name() {
        for (name, value, code) in [
            ("SHARDWIRE_SERVER_CORES", "0", Code::OutOfRange),
            ("SHARDWIRE_TRANSPORT_READTIMEOUT", "60", Code::BadDuration),
            ("GODISPATCH_SERVER_CONNECTIONLIMIT_MODE", "cycel", Code::BadValue),
            ("PORT", "http", Code::BadValue),
            ("SHARDWIRE_NOTHING", "1", Code::UnusedVariable),
        ] {
            let findings = applied(&[(name, value)]).1;
            let found: Vec<_> =
                findings.iter().map(|one| (one.code, one.variable.as_deref())).collect();
            assert_eq!(found, [(code, Some(name))]);
        }
    }
}
