//! `monitor:` what is remembered and who may see it.
//!
//! Invariants: as `settings`; the token is never printed.

/// `monitor:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    pub enabled: bool,
    pub access: MonitorAccess,
    pub token: Option<AccessToken>,
    /// The event whose messages are counted and kept as messages.
    pub message: String,
    /// The connections' variable that is shown as a name; without one it is the user's id.
    pub username: Option<String>,
    /// Fields of a message's payload that are kept.
    pub fields: Vec<String>,
    /// Messages, events and connections that are remembered at most.
    pub messages_max: usize,
    pub events_max: usize,
    pub connections_max: usize,
}

/// `monitor.access:` who may see the monitor and its pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MonitorAccess {
    Public,
    /// Whoever shows `monitor.token`.
    #[default]
    Token,
    /// Requests from this machine.
    Loopback,
}

/// A credential. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(pub String);

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken")
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Monitor {
            enabled: false,
            access: MonitorAccess::Token,
            token: None,
            message: "message".into(),
            username: None,
            fields: ["username", "text", "price"].map(Into::into).to_vec(),
            messages_max: 100,
            events_max: 500,
            connections_max: 10_000,
        }
    }
}
