//! The interpreter's operations of the native spelling: sends with receivers, variables, metrics,
//! permissions.
//!
//! Invariants: as `vm`: nothing here waits or allocates in the steady state. Used by `vm` alone.

use super::effect::Effect;
use super::op::{
    CloseCode, ConstId, Form, HowId, MetricId, Op, Owner, Reg, To, ValueReg, VariableId,
};
use super::value::Value;
use super::vm::{Ahead, Host, Run, Step, Stop};
use crate::envelope::{Members, project, validate};
use crate::ids::PermissionId;
use crate::reject::Reject;

impl<H: Host> Run<'_, H> {
    /// Operations that messages of the compatible spelling never meet.
    #[inline(never)]
    pub(super) fn native_op(&mut self, op: Op, ahead: &Ahead<'_>) -> Step {
        match op {
            Op::Send { to, how } => self.send_how(to, how, None, ahead),
            Op::SendNamed { to, name, how } => self.send_how(to, how, Some(name), ahead),
            Op::Key(text) => self.effects.push(Effect::Key { text: self.text(text) }),
            Op::Grant { user, permission } => self.grant(user, permission, true, ahead),
            Op::Revoke { user, permission } => self.grant(user, permission, false, ahead),
            Op::CloseWith { code, reason } => self.close_with(code, reason),
            Op::Lenient => self.effects.push(Effect::Lenient),
            Op::Id(prefix) => return self.id(prefix),
            Op::SetVariable { of, variable, value } => {
                return self.set_variable(of, variable, value);
            }
            Op::Metric { metric, add } => self.metric(metric, add),
            _ => {}
        }
        Ok(())
    }

    fn send_how(&mut self, to: To, how: HowId, name: Option<Reg>, ahead: &Ahead<'_>) {
        let name = name.map(|name| self.text(name)).unwrap_or_default();
        let at = self.at(ahead);
        self.send(|frame| Effect::Send { to, how, name, frame, at });
    }

    /// The value goes as JSON text.
    fn set_variable(&mut self, of: Owner, variable: VariableId, value: ValueReg) -> Step {
        self.output.open_text();
        self.put(value, Form::Raw)?;
        let value = self.output.close_text();
        self.effects.push(Effect::Set { of, variable, value });
        Ok(())
    }

    /// A count that is negative counts nothing.
    fn metric(&mut self, metric: MetricId, add: ValueReg) {
        if let Value::Int(add) = self.vm.values.get(add) {
            let add = u32::try_from(add.max(0)).unwrap_or(u32::MAX);
            self.effects.push(Effect::Metric { metric, add });
        }
    }

    fn grant(&mut self, user: Reg, permission: PermissionId, held: bool, ahead: &Ahead<'_>) {
        let (user, at) = (self.text(user), self.at(ahead));
        self.effects.push(Effect::Grant { user, permission, held, at });
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
