//! From an accepted socket to a WebSocket: the gate, the request head, the token, the user's home.
//!
//! ```text
//! accepted -> gate -> head -> upgrade? path? origin? token? permissions? -> Bind -> Bound -> 101
//! ```
//!
//! Invariants: cheap checks come first; a refusal is a short JSON body and the end of the
//! connection, so bytes behind a refused head are never looked at (RFC 9931); no token reaches a
//! log.

use std::net::IpAddr;
use std::sync::Arc;

use super::hold::Hold;
use super::peer::{PeerFrame, Welcome};
use super::refusal::{Policy, Refusal};
use super::roles;
use super::{Io, Shard};
use crate::auth::{forwarded, origin, token};
use crate::disconnect::Disconnect;
use crate::ids::ConnKey;
use crate::limits::{LINGER_NS, REFUSED_LINGERING_MAX};
use crate::reserve::push_sole;
use crate::settings::{AuthMode, Settings};
use crate::state::conns::{Deflate, Phase};
use crate::state::gate::Refused;
use crate::state::permissions::PermissionSet;
use crate::ws::handshake::{self, Head, UpgradeRefusal, UpgradeRules};
use crate::ws::{Decoder, Negotiated};

/// What to do with a complete request head.
enum Verdict {
    Bind(Guest),
    HandOff,
}

/// Who asks.
struct Identity {
    user: Arc<str>,
    permissions: Arc<PermissionSet>,
    /// The subprotocol that came with the token and is answered.
    echo: Option<&'static str>,
    /// Claims that the program reads, as JSON.
    claims: Box<[u8]>,
}

/// A request that may be upgraded once the user's home agrees.
struct Guest {
    user: Arc<str>,
    permissions: Arc<PermissionSet>,
    deflate: Option<Negotiated>,
    response: Vec<u8>,
    claims: Box<[u8]>,
}

impl Shard {
    /// Takes a place at the gate, or refuses before anything is read.
    pub(super) fn admit(&mut self, slot: u32, ip: IpAddr) {
        if self.draining.is_some() {
            return self.refuse_at_gate(slot, Policy::Draining.into());
        }
        match self.engine.gate.enter(ip, self.now.mono_ns) {
            Ok(()) => self.await_head(slot, true),
            Err(Refused::Full) => self.hear_out(slot),
            Err(Refused::TooFast) => self.refuse_at_gate(slot, Policy::TooFast.into()),
            Err(Refused::PerIp) => self.refuse_at_gate(slot, Policy::PerIp.into()),
        }
    }

    /// A full server still answers `/health`, or it would be restarted for being full: in small
    /// numbers heads are read all the same, and what turns out to be an upgrade is refused then.
    fn hear_out(&mut self, slot: u32) {
        if self.refused_lingering >= REFUSED_LINGERING_MAX {
            return self.refuse_at_gate(slot, Policy::Full.into());
        }
        self.refused_lingering += 1;
        self.await_head(slot, false);
    }

    fn await_head(&mut self, slot: u32, in_gate: bool) {
        let due_ns = self.now.mono_ns + self.limits().handshake_timeout_ns;
        if let Some(conn) = self.conns.get_mut(slot) {
            conn.in_gate = in_gate;
            conn.due_ns = due_ns;
        }
        self.arm(slot);
    }

    fn limits(&self) -> &crate::settings::ServerLimits {
        &self.engine.settings.server.limits
    }

    /// Refusals at the gate may linger only in small numbers: they hold file descriptors.
    fn refuse_at_gate(&mut self, slot: u32, refusal: Refusal) {
        self.refused_lingering += 1;
        if self.refused_lingering > REFUSED_LINGERING_MAX {
            self.counters.refused(refusal);
            return self.cut(slot);
        }
        self.refuse(slot, refusal);
    }

    /// Collects the request head and decides when it is whole.
    pub(super) fn read_head(&mut self, slot: u32, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        conn.unread.extend_from_slice(bytes);
        let head = std::mem::take(&mut conn.unread);
        let mut searched = conn.searched as usize;
        let settings = Arc::clone(&self.engine.settings);
        let limits = &settings.server.limits;
        let mut lines = vec![httparse::EMPTY_HEADER; limits.headers_max];
        match handshake::parse_head(&head, &mut searched, limits.header_bytes_max, &mut lines) {
            Ok(Some(request)) => self.on_head(slot, &settings, &request, &head),
            Ok(None) => {
                if let Some(conn) = self.conns.get_mut(slot) {
                    conn.searched = searched as u32;
                    conn.unread = head;
                }
            }
            Err(error) => self.refuse(slot, error.into()),
        }
    }

    fn on_head(&mut self, slot: u32, settings: &Settings, request: &Head<'_, '_>, head: &[u8]) {
        let known = self.know_client(slot, settings, request);
        match known.and_then(|()| self.judge(slot, settings, request)) {
            Ok(Verdict::Bind(guest)) => {
                let early = head.get(request.head_bytes..).unwrap_or_default();
                self.bind(slot, guest, early);
            }
            Ok(Verdict::HandOff) => self.hand_off(slot, head),
            Err(refusal) => self.refuse(slot, refusal),
        }
    }

    /// Behind a proxy that is trusted, the client's address is the one that it names.
    fn know_client(
        &mut self,
        slot: u32,
        settings: &Settings,
        request: &Head<'_, '_>,
    ) -> Result<(), Refusal> {
        let Some(conn) = self.conns.get_mut(slot) else { return Ok(()) };
        let lines = request.all(forwarded::HEADER);
        let client = forwarded::client(&settings.server.trusted_proxies, conn.ip, lines);
        if client == conn.ip {
            return Ok(());
        }
        if conn.in_gate {
            self.engine.gate.enter_ip(client).map_err(|_| Policy::PerIp)?;
        }
        conn.ip = client;
        Ok(())
    }

    fn judge(
        &self,
        slot: u32,
        settings: &Settings,
        request: &Head<'_, '_>,
    ) -> Result<Verdict, Refusal> {
        let ours = request.path() == settings.server.path;
        if !handshake::is_upgrade(request) {
            handshake::check_host(request)?;
            return if ours { Err(UpgradeRefusal::NoUpgrade.into()) } else { Ok(Verdict::HandOff) };
        }
        if !self.conns.get(slot).is_some_and(|conn| conn.in_gate) {
            return Err(Policy::Full.into());
        }
        if !ours {
            return Err(Policy::Path.into());
        }
        if self.draining.is_some() {
            return Err(Policy::Draining.into());
        }
        let rules = UpgradeRules {
            subprotocols: &settings.server.subprotocols,
            compression: &settings.transport.compression,
        };
        let upgrade = handshake::upgrade(request, &rules)?;
        let origin = request.header("origin");
        if !origin::allowed(&settings.server.origins, origin, request.header("host")) {
            return Err(Policy::Origin.into());
        }
        let Identity { user, permissions, echo, claims } =
            self.identify(slot, settings, request)?;
        let mut response = Vec::with_capacity(256);
        handshake::write_101(&mut response, &upgrade, echo);
        Ok(Verdict::Bind(Guest { user, permissions, deflate: upgrade.deflate, response, claims }))
    }

    /// Who connects, and what it may do.
    fn identify(
        &self,
        slot: u32,
        settings: &Settings,
        request: &Head<'_, '_>,
    ) -> Result<Identity, Refusal> {
        if settings.auth.mode != AuthMode::Jwt {
            let id = self.conns.key(slot).map(|key| key.to_string()).unwrap_or_default();
            let permissions = Arc::clone(&self.no_permissions);
            let claims = Box::default();
            return Ok(Identity { user: id.into(), permissions, echo: None, claims });
        }
        let auth = &settings.auth;
        let query = Some(request.query());
        let found = token::find(request.headers, query, &auth.sources, &auth.cookie);
        let found = found.ok_or(Policy::NoToken)?;
        let claims = self.engine.verifier.verify(&found.token, self.now).map_err(|error| {
            tracing::debug!(reason = error.label(), "session token refused");
            Policy::BadToken
        })?;
        if claims.expires_unix_s.is_none() {
            self.note_endless_token();
        }
        let names = claims.permissions.iter().map(|name| &**name);
        let rights = PermissionSet::from_names(&self.engine.program.permissions, names)
            .map_err(|_| Policy::Permission)?;
        if rights.meets(&self.engine.program.lineage.retired_permissions) {
            return Err(Policy::Permission.into());
        }
        let rights = roles::with_roles(rights, &self.engine.program, &claims.json);
        let user = claims.user.into();
        let permissions = match rights.is_empty() {
            true => Arc::clone(&self.no_permissions),
            false => Arc::new(rights),
        };
        let kept = self.engine.program.keeps_claims;
        let claims = if kept { claims.json.into_boxed_slice() } else { Box::default() };
        Ok(Identity { user, permissions, echo: found.echo_subprotocol, claims })
    }

    /// Says once a shard that a token never expires; each is counted.
    fn note_endless_token(&self) {
        if self.counters.endless_tokens.get() == 0 {
            tracing::warn!(
                "a session token carries no exp; `auth.requireExpiry` refuses such tokens"
            );
        }
        self.counters.endless_tokens.add(1);
    }

    /// Asks the user's home for a place; the answer to the client waits for it.
    fn bind(&mut self, slot: u32, guest: Guest, early: &[u8]) {
        let Guest { user, permissions, deflate, response, claims } = guest;
        if !claims.is_empty() {
            self.sessions.of(slot).claims = claims;
        }
        let home = self.home_of(&user);
        let id = self.users.enter(&user, home, &permissions);
        let (Some(local), Some(conn)) = (self.users.get_mut(id), self.conns.get_mut(slot)) else {
            return;
        };
        conn.user = Some(id);
        conn.user_place = local.conns.len() as u32;
        conn.phase = Phase::Binding;
        conn.unread = early.to_vec();
        push_sole(&mut local.conns, slot);
        self.counters.users.set(self.users.len() as u64);
        self.hold(slot, Hold::Binding { response, deflate, watches: 1 });
        let Some(conn) = self.conns.key(slot) else { return };
        let home = self.home_of(&user);
        self.tell(home, PeerFrame::Bind { conn, user, permissions });
    }

    /// The home let the connection in: it takes its seats, then the 101 goes out.
    pub(super) fn on_bound(&mut self, key: ConnKey, user: Arc<str>, welcome: Welcome) {
        let local = self.users.find(&user).and_then(|user| self.users.get_mut(user));
        if let Some(local) = local {
            local.permissions = welcome.permissions;
        }
        if let Some(variables) = welcome.variables {
            self.on_user_values(&user, variables);
        }
        if let Some(meters) = welcome.meters {
            self.on_lend(user, meters);
        }
        let Some(slot) = self.conns.resolve(key) else { return };
        for room in &welcome.rooms {
            // Into one with a history it comes by a join of its own.
            if !self.keeps_history(room) {
                self.seat_binding(slot, key, room);
            }
        }
        self.on_bind_watched(key);
    }

    /// One thing less to wait for; after the last one the connection is open.
    pub(super) fn on_bind_watched(&mut self, key: ConnKey) {
        let Some(slot) = self.conns.resolve(key) else { return };
        let Some(watches) = self.watches(slot) else { return };
        *watches -= 1;
        if *watches > 0 {
            return;
        }
        if self.phase(slot) == Phase::Open {
            return self.identified(slot);
        }
        if let Some(Hold::Binding { response, deflate, .. }) = self.unhold(slot) {
            self.open(slot, &response, deflate);
        }
    }

    fn open(&mut self, slot: u32, response: &[u8], deflate: Option<Negotiated>) {
        let lane = deflate.as_ref().map_or(Deflate::Off, deflate_lane);
        let Some(conn) = self.conns.get_mut(slot) else { return };
        conn.phase = Phase::Open;
        conn.deflate = lane;
        conn.decoder = Decoder::new(deflate.as_ref());
        self.counters.upgrades.add(1);
        self.queue_bytes(slot, |out| out.extend_from_slice(response));
        self.outboxes.admit_messages(slot, true);
        self.arm(slot);
        self.to_read.push(slot);
        self.await_identity(slot);
        self.opened(slot);
    }

    /// The home refused: one connection too many of this user.
    pub(super) fn on_refuse(&mut self, key: ConnKey) {
        let Some(slot) = self.conns.resolve(key) else { return };
        if self.phase(slot) != Phase::Binding {
            return self.refuse_identity(slot);
        }
        self.leave_user(slot, false);
        self.refuse(slot, Policy::PerUser.into());
    }

    /// The home gave this connection's place to a newer one.
    pub(super) fn on_evict(&mut self, key: ConnKey) {
        let Some(slot) = self.conns.resolve(key) else { return };
        match self.phase(slot) {
            Phase::Binding => self.refuse(slot, Policy::PerUser.into()),
            _ => self.disconnect(slot, Disconnect::Cycled),
        }
    }

    /// The drain reached a connection whose request was not answered yet.
    pub(super) fn refuse_draining(&mut self, slot: u32) {
        self.refuse(slot, Policy::Draining.into());
    }

    pub(super) fn refuse_timed_out(&mut self, slot: u32) {
        self.refuse(slot, Policy::TimedOut.into());
    }

    /// Answers with a status and ends the connection.
    fn refuse(&mut self, slot: u32, refusal: Refusal) {
        self.counters.refused(refusal);
        self.queue_bytes(slot, |out| {
            handshake::write_refusal(out, refusal.status(), refusal.code(), refusal.message(), &[]);
        });
        self.linger(slot, LINGER_NS);
    }

    /// Not a WebSocket request: the control plane answers it.
    fn hand_off(&mut self, slot: u32, head: &[u8]) {
        let Some(conn) = self.conns.get_mut(slot) else { return };
        conn.phase = Phase::HandingOff;
        conn.unread = head.to_vec();
        self.wheel.cancel(slot);
        self.io.push_back(Io::HandOff(slot));
    }

    /// Queues bytes that are sent as they are: HTTP, or frames that are encoded already.
    pub(super) fn queue_bytes(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let mut open = self.outboxes.pool.open();
        write(open.bytes());
        let sealed = self.outboxes.pool.seal_raw(open);
        let id = self.outboxes.add(sealed);
        self.outboxes.push_unbounded(slot, id);
        self.outboxes.release(id);
    }
}

/// How a connection's frames will be compressed.
fn deflate_lane(negotiated: &Negotiated) -> Deflate {
    let window_bits = negotiated.server_bits;
    match negotiated.server_no_context_takeover {
        true => Deflate::Shared { window_bits },
        false => Deflate::Own { window_bits, compressor: None, used: false },
    }
}
