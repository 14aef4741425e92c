//! Settings in the making: what the options say, before it is put together.
//!
//! Invariants: `chosen` knows for every option that was set where its value came from.

use std::collections::BTreeMap;

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings, Place};
use super::registry::Given;
use super::tls;
use crate::settings::{Auth, JwtAlgorithm, Protocol, Settings, WireNames};

/// A secret or key as given; never printed.
#[derive(Clone)]
pub struct Material {
    pub text: String,
    pub place: Place,
}

/// One entry of `auth.keys`.
#[derive(Clone, Default)]
pub struct KeyDraft {
    pub algorithm: Option<JwtAlgorithm>,
    pub secret: Option<Material>,
    pub public_key: Option<Material>,
    pub kid: Option<String>,
}

/// The options that were set, by newest path: what was given, and where it came from.
pub type Chosen = BTreeMap<&'static str, (Given, Place)>;

/// Settings in the making.
pub struct Draft {
    pub settings: Settings,
    pub algorithms: Vec<JwtAlgorithm>,
    pub secret: Option<Material>,
    pub public_key: Option<Material>,
    pub keys: Vec<KeyDraft>,
    pub monitor_token: Option<Material>,
    pub raw: bool,
    pub incoming: WireNames,
    pub outgoing: WireNames,
    /// Where `metrics.token` came from.
    pub metrics_token: Option<Place>,
    /// The options that were set.
    pub chosen: Chosen,
}

impl Default for Draft {
    fn default() -> Self {
        let auth = Auth {
            cookie: "session-token".into(),
            event: "auth".into(),
            deadline_ns: 10_000_000_000,
            ..Auth::default()
        };
        Draft {
            settings: Settings { auth, ..Settings::default() },
            algorithms: Vec::new(),
            secret: None,
            public_key: None,
            keys: Vec::new(),
            monitor_token: None,
            raw: false,
            incoming: WireNames::default(),
            outgoing: WireNames::default(),
            metrics_token: None,
            chosen: Chosen::new(),
        }
    }
}

impl Draft {
    /// What only shows when two options are looked at together.
    pub fn check(&self, findings: &mut Findings) {
        self.check_pings(findings);
        tls::check(self, findings);
        super::http::check(self, findings);
    }

    fn check_pings(&self, findings: &mut Findings) {
        let transport = &self.settings.transport;
        let (read, ping) = (transport.read_timeout_ns, transport.ping_interval_ns);
        let Some(place) = self.place_of(&["transport.pingInterval", "transport.readTimeout"])
        else {
            return;
        };
        if read > 0 && ping >= read {
            let finding = Diagnostic::new(
                Code::PingTooLate,
                "`transport.pingInterval` is not shorter than `transport.readTimeout`",
            );
            findings.push(
                finding
                    .at(place, "quiet connections are closed before they are asked")
                    .help("make `pingInterval` at most half of `readTimeout`"),
            );
        }
    }

    /// Where the first of these options that was set came from.
    pub fn place_of(&self, paths: &[&str]) -> Option<&Place> {
        paths.iter().find_map(|path| self.chosen.get(*path)).map(|(_, place)| place)
    }

    pub fn into_settings(self) -> Settings {
        let protocol = match self.raw {
            true => Protocol::Raw,
            false => Protocol::Json { incoming: self.incoming, outgoing: self.outgoing },
        };
        Settings { protocol, ..self.settings }
    }
}
