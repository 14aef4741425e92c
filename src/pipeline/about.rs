//! What a run is about besides its message: the room of a hook or rule, why a hook runs, the
//! refusal that is being told.

use super::op::Context;

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
    /// The id that `shardwire explain` takes.
    pub denial: &'a str,
    /// The room that its rules took somebody out of.
    pub room: &'a str,
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
            denial: "",
            room: "",
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
            Context::ErrorDenial => refusal.denial,
            Context::ErrorRoom => refusal.room,
            _ => "",
        }
    }
}
