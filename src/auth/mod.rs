//! Who is asking: token extraction, JWT verification, claims, origins. Keys and `now` are arguments.

/// Verifies session tokens against pinned keys.
#[derive(Debug)]
pub struct Verifier {}
