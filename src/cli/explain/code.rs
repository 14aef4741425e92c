//! The page of a finding: why it is one, and what to do. Needs no configuration.

use super::super::{Failure, output};
use crate::config::{self, Code};

/// Whether this is how codes look: a letter and digits.
pub(super) fn is_one(what: &str) -> bool {
    let digits = what.strip_prefix(['E', 'W', 'H', 'e', 'w', 'h']);
    digits.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|one| one.is_ascii_digit()))
}

pub(super) fn run(what: &str) -> Result<(), Failure> {
    let known = Code::ALL.iter().find(|code| code.text().eq_ignore_ascii_case(what));
    let code = known.ok_or_else(|| Failure::usage(unknown(what)))?;
    output::say(config::docs::finding(*code).trim())
}

fn unknown(what: &str) -> String {
    let advice = config::advice(what, Code::ALL.iter().map(|code| code.text()));
    let advice = advice.filter(|advice| advice.starts_with("did you mean"));
    let advice = advice.unwrap_or_else(|| "docs/diagnostics.md has all of them".to_owned());
    format!("no finding has the code {what}: {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_from_events_and_ids() {
        assert!(["E204", "w507", "H601", "E9"].into_iter().all(is_one));
        assert!(["E", "E2x4", "say", "d-12345678", "204", ""].into_iter().all(|one| !is_one(one)));
    }

    #[test]
    fn a_mistyped_code_gets_a_suggestion() {
        assert!(unknown("E24").contains("did you mean `E"), "{}", unknown("E24"));
        assert!(unknown("E99999").contains("diagnostics.md"));
    }
}
