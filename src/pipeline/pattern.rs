//! A pattern of `matches`: compiled at load, run in linear time.
//!
//! Invariants: RE2's syntax without what needs backtracking; the compiled pattern is bounded by
//! `PATTERN_BYTES_MAX`. What a search needs to write is kept by each interpreter for itself, so
//! that shards share no lock.

use std::sync::atomic::{AtomicU64, Ordering};

use regex_automata::Input;
use regex_automata::meta::{BuildError, Cache, Regex};

use crate::limits::PATTERN_BYTES_MAX;

/// See the module.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    regex: Regex,
    /// Unique in the process: the caches of an interpreter outlive programs.
    serial: u64,
}

impl Pattern {
    /// The pattern, or why it is none.
    pub fn new(text: &str) -> Result<Pattern, String> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let config = Regex::config()
            .nfa_size_limit(Some(PATTERN_BYTES_MAX))
            .onepass_size_limit(Some(PATTERN_BYTES_MAX))
            .dfa_size_limit(Some(PATTERN_BYTES_MAX));
        let regex = Regex::builder().configure(config).build(text).map_err(|error| why(&error))?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Pattern { text: text.into(), regex, serial })
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The last line of a syntax error says what is wrong; the lines above it draw the pattern.
fn why(error: &BuildError) -> String {
    match (error.size_limit(), error.syntax_error()) {
        (Some(_), _) => format!("it is larger than {PATTERN_BYTES_MAX} bytes when it is compiled"),
        (None, Some(error)) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
        (None, None) => error.to_string(),
    }
}

/// What the searches of one interpreter write.
#[derive(Debug, Default)]
pub struct Caches {
    /// By place of the pattern in its program; made where a pattern is first used.
    caches: Vec<Option<(u64, Cache)>>,
}

impl Caches {
    /// Whether the text has a match; `place` is the pattern's in its program.
    pub fn is_match(&mut self, pattern: &Pattern, place: usize, text: &[u8]) -> bool {
        if self.caches.len() <= place {
            self.caches.resize_with(place + 1, || None);
        }
        let Some(kept) = self.caches.get_mut(place) else { return false };
        if kept.as_ref().is_none_or(|(serial, _)| *serial != pattern.serial) {
            *kept = Some((pattern.serial, pattern.regex.create_cache()));
        }
        let input = Input::new(text).earliest(true);
        kept.as_mut()
            .is_some_and(|(_, cache)| pattern.regex.search_half_with(cache, &input).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_anywhere_and_each_keeps_its_own_cache() {
        let (word, digits) = (Pattern::new("^[a-z]+$").unwrap(), Pattern::new(r"\d{2}").unwrap());
        let mut caches = Caches::default();
        for _ in 0..2 {
            assert!(caches.is_match(&word, 0, b"hello"));
            assert!(!caches.is_match(&word, 0, b"hello world"));
            // Another program has another pattern at the same place.
            assert!(caches.is_match(&digits, 0, b"a12"));
        }
        assert!(caches.is_match(&digits, 5, "é12".as_bytes()));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_says_so() {
        assert_eq!(Pattern::new("a(b").unwrap_err(), "unclosed group");
        assert!(Pattern::new(r"(a)\1").unwrap_err().contains("backreferences"));
        assert!(Pattern::new(r"\w{10}{10}{10}").unwrap_err().contains("larger than"));
    }
}
