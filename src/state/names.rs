//! Names that were used lately, shared: a room or user that this shard does not know but is often
//! asked to send to has its name allocated once, not once a message.
//!
//! Invariants: at most `NAMES_KEPT` names are kept; two that fall on one place take turns there.
//! Called by `shard::apply`.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::limits::NAMES_KEPT;

/// The names.
#[derive(Debug)]
pub struct Names {
    places: Box<[Option<Arc<str>>]>,
    hasher: RandomState,
}

impl Default for Names {
    fn default() -> Self {
        Names { places: vec![None; NAMES_KEPT].into(), hasher: RandomState::default() }
    }
}

impl Names {
    /// The name, allocated only where it was not among the last.
    pub fn share(&mut self, name: &str) -> Arc<str> {
        let place = &mut self.places[self.hasher.hash_one(name) as usize % NAMES_KEPT];
        match place {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(place.insert(name.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shared_until_another_takes_its_place() {
        let mut names = Names::default();
        let first = names.share("room:1");
        assert!(Arc::ptr_eq(&first, &names.share("room:1")));
        for n in 0..10_000 {
            assert_eq!(*names.share(&format!("room:{n}")), *format!("room:{n}"));
        }
        assert_eq!(names.share("room:1"), first);
        assert_eq!(names.places.len(), NAMES_KEPT);
    }
}
