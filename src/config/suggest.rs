//! "Did you mean": the nearest valid name within a small edit distance, else the valid names.
//!
//! Invariants: a suggestion is at most `max(1, length / 3)` edits away, so it is never absurd; work
//! is bounded by the longest name compared.

/// Names longer than this are not compared.
const COMPARED_BYTES_MAX: usize = 64;

/// Valid names listed when none is near.
const LISTED_MAX: usize = 16;

/// The help for a name that is not valid.
pub fn advice<'n>(typed: &str, valid: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let mut valid: Vec<&str> = valid.into_iter().collect();
    if let Some(near) = nearest(typed, valid.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    valid.sort_unstable();
    valid.dedup();
    let more = if valid.len() > LISTED_MAX { ", ..." } else { "" };
    let names: Vec<String> =
        valid.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => None,
        false => Some(format!("valid here: {}{more}", names.join(", "))),
    }
}

/// The nearest valid name, if one is near enough.
pub fn nearest<'n>(typed: &str, valid: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if typed.is_empty() || typed.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let bound = (typed.chars().count() / 3).max(1);
    valid
        .into_iter()
        .filter(|name| name.len() <= COMPARED_BYTES_MAX)
        .map(|name| (distance(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(edits, _)| *edits <= bound)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for row in 1..=left.len() {
        let mut next = vec![row];
        for column in 1..=right.len() {
            let replaced = usize::from(left[row - 1] != right[column - 1]);
            let mut edits =
                (last[column] + 1).min(next[column - 1] + 1).min(last[column - 1] + replaced);
            if row > 1 && column > 1 && swapped(&left[row - 2..row], &right[column - 2..column]) {
                edits = edits.min(before[column - 2] + 1);
            }
            next.push(edits);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[right.len()]
}

fn swapped(left: &[char], right: &[char]) -> bool {
    left[0] == right[1] && left[1] == right[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_near_or_the_names_are_listed() {
        let valid = ["readTimeout", "writeTimeout", "maxMessageSize"];
        assert_eq!(nearest("readTimout", valid), Some("readTimeout"));
        assert_eq!(nearest("raedTimeout", valid), Some("readTimeout"));
        assert_eq!(nearest("colour", valid), None);
        assert_eq!(nearest("", valid), None);
        assert_eq!(advice("x", ["b", "a"]).unwrap(), "did you mean `b`?");
        assert_eq!(advice("zzz", ["bb", "aa"]).unwrap(), "valid here: `aa`, `bb`");
        assert_eq!(advice("zzz", []), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
