//! The interpreter's operations of the native spelling: sends with receivers, variables, metrics,
//! permissions, and what a hook or a refusal is about.
//!
//! Invariants: as `vm`: nothing here waits or allocates in the steady state. Used by `vm` alone.

use super::effect::Effect;
use super::op::{CloseCode, ConstId, Context, HowId, Op, Reg, To};
use super::vm::{Host, Run, Step, Stop};
use crate::envelope::{Members, project, validate};
use crate::ids::PermissionId;
use crate::reject::Reject;

/// What a run is about besides its message.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The room of a hook or a rule.
    pub room: &'a str,
    /// Why a hook runs.
    pub reason: &'a str,
    /// The refusal that is being told.
    pub refusal: RefusalText<'a>,
}

/// A refusal as a client may be told of it; what does not apply is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusalText<'a> {
    pub code: &'a str,
    pub message: &'a str,
    /// The event's name as the message spelled it.
    pub event: &'a str,
    pub rule: &'a str,
    pub field: &'a str,
    pub reason: &'a str,
    /// `file:line`; told in development only.
    pub place: &'a str,
}

impl About<'_> {
    /// A message, and nothing besides.
    pub const NOTHING: &'static About<'static> = &About {
        room: "",
        reason: "",
        refusal: RefusalText {
            code: "",
            message: "",
            event: "",
            rule: "",
            field: "",
            reason: "",
            place: "",
        },
    };

    /// The text of a context value that is about neither connection nor message.
    pub fn text(&self, value: Context) -> &str {
        let refusal = &self.refusal;
        match value {
            Context::Room => self.room,
            Context::Reason => self.reason,
            Context::ErrorCode => refusal.code,
            Context::ErrorMessage => refusal.message,
            Context::ErrorEvent => refusal.event,
            Context::ErrorRule => refusal.rule,
            Context::ErrorField => refusal.field,
            Context::ErrorReason => refusal.reason,
            Context::ErrorPlace => refusal.place,
            _ => "",
        }
    }
}

impl<H: Host> Run<'_, H> {
    /// Operations that messages of the compatible spelling never meet.
    #[inline(never)]
    pub(super) fn native_op(&mut self, op: Op) -> Step {
        match op {
            Op::Send { to, how } => self.send_how(to, how, None),
            Op::SendNamed { to, name, how } => self.send_how(to, how, Some(name)),
            Op::Key(text) => self.effects.push(Effect::Key { text: self.text(text) }),
            Op::Grant { user, permission } => self.grant(user, permission, true),
            Op::Revoke { user, permission } => self.grant(user, permission, false),
            Op::CloseWith { code, reason } => self.close_with(code, reason),
            Op::Lenient => self.effects.push(Effect::Lenient),
            Op::Id(prefix) => return self.id(prefix),
            _ => {}
        }
        Ok(())
    }

    fn send_how(&mut self, to: To, how: HowId, name: Option<Reg>) {
        let name = name.map(|name| self.text(name)).unwrap_or_default();
        self.send(|frame| Effect::Send { to, how, name, frame });
    }

    fn grant(&mut self, user: Reg, permission: PermissionId, held: bool) {
        self.effects.push(Effect::Grant { user: self.text(user), permission, held });
    }

    fn close_with(&mut self, code: CloseCode, reason: Reg) {
        self.effects.push(Effect::CloseWith { code, reason: self.text(reason) });
    }

    /// The message's id, as it came.
    fn id(&mut self, prefix: ConstId) -> Step {
        let id = self.input.id;
        if id.is_missing() {
            return Ok(());
        }
        self.constant(prefix)?;
        let message = self.input.message;
        Ok(self.output.append(|out| out.extend_from_slice(id.raw(message)))?)
    }

    /// Opens the claims that the connection came with; without some every one of them is missing.
    pub(super) fn open_session(&mut self) -> Step {
        let (vm, claims) = (&mut *self.vm, self.input.claims);
        vm.claims.clear();
        let text = if claims.is_empty() { b"{}" } else { claims };
        vm.claims.extend_from_slice(text);
        let slots = &mut vm.claim_slots;
        validate(&vm.claims)
            .and_then(|root| project(&vm.claims, root, &Members::NONE, &self.event.claims, slots))
            .map_err(|_| Stop::Reject(Reject::Unauthorized))
    }
}
