//! `shardwire token`: makes and checks session tokens with the configured secret.
//!
//! Invariants: the secret is never shown; a refused token is answered with a reason, not its text.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use super::load::{BRIEF, Beside, load};
use super::{Failure, output};
use crate::auth::{self, TokenRequest, Verifier};
use crate::clock::Now;
use crate::config::SecretPolicy;
use crate::settings;

/// Make or check a session token with the configured secret
#[derive(Subcommand)]
#[command(after_help = "Examples:
  shardwire token make --sub ada
  shardwire token make --sub ada --perms moderate,announce --ttl 30m
  shardwire token check \"$TOKEN\"")]
pub(super) enum Command {
    /// Make a token, signed with the configured secret
    Make(Make),
    /// Check a token as the server would, and show its claims
    Check(Check),
}

#[derive(Args)]
pub(super) struct Make {
    /// The user's id (`sub`)
    #[arg(long)]
    sub: String,
    /// Permissions granted (`perms`), separated by commas
    #[arg(long, value_delimiter = ',')]
    perms: Vec<String>,
    /// How long it is good for: 90s, 30m, 1h30m, 7d
    #[arg(long, default_value = "1h", value_parser = seconds)]
    ttl: u64,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Args)]
pub(super) struct Check {
    /// The token
    token: String,
    #[command(flatten)]
    beside: Beside,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Make(arguments) => make(arguments),
        Command::Check(arguments) => check(arguments),
    }
}

fn make(arguments: &Make) -> Result<(), Failure> {
    let auth = load(&arguments.beside.which(), SecretPolicy::Demand, BRIEF)?.settings.auth;
    let verifier = Verifier::new(&auth).map_err(Failure::usage)?;
    let token = auth::sign(&auth, &request(arguments), now()).map_err(Failure::usage)?;
    verifier.verify(&token, now()).map_err(|_| Failure::usage("--sub is not a usable user id"))?;
    output::say(&token)
}

fn request(arguments: &Make) -> TokenRequest {
    TokenRequest {
        subject: arguments.sub.clone(),
        permissions: arguments.perms.clone(),
        ttl_s: arguments.ttl,
    }
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let auth: settings::Auth =
        load(&arguments.beside.which(), SecretPolicy::Demand, BRIEF)?.settings.auth;
    let verifier = Verifier::new(&auth).map_err(Failure::usage)?;
    match verifier.verify(arguments.token.trim(), now()) {
        Ok(claims) => output::say(&String::from_utf8_lossy(&claims.json)),
        Err(refusal) => Err(Failure::machine(format!("refused: {refusal}"))),
    }
}

/// Whole seconds of a duration such as `1h30m`.
fn seconds(text: &str) -> Result<u64, String> {
    const WRONG: &str = "a duration such as 90s, 30m, 1h30m or 7d";
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| WRONG)?;
        let unit = rest[digits..].chars().next().ok_or(WRONG)?;
        let part = count.checked_mul(unit_seconds(unit).ok_or(WRONG)?).ok_or(WRONG)?;
        total = total.checked_add(part).ok_or(WRONG)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    if total == 0 { Err(WRONG.into()) } else { Ok(total) }
}

fn unit_seconds(unit: char) -> Option<u64> {
    match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    }
}

/// The wall clock alone: nothing here is timed.
fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { mono_ns: 0, unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_add_up_and_nonsense_is_refused() {
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in
            ["", "0s", "h", "5", "5x", "5é", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
