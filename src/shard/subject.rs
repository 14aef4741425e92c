//! What a refusal speaks of, and why it came.

use crate::ids::RuleId;
use crate::pipeline::program::Site;

/// The message that something was refused to, as it spelled its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'m> {
    /// The event's name: the inside of a JSON string; empty where there was none.
    pub event: &'m [u8],
    /// The id as JSON; empty where there was none.
    pub id: &'m [u8],
}

impl Subject<'_> {
    /// No message.
    pub const NOTHING: Subject<'static> = Subject { event: &[], id: &[] };
}

/// Where a refusal comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The rule that did not hold.
    pub rule: Option<RuleId>,
    pub site: Option<Site>,
    /// Of a limit: when the event would pass.
    pub retry_ns: Option<u64>,
}
