//! The set of permissions a user holds, as bits by `PermissionId`; no cap on how many are declared.

use crate::ids::PermissionId;

/// A set of declared permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionSet {
    words: Box<[u64]>,
}

impl PermissionSet {
    /// The set of the declared names, or the first name that is not declared.
    pub fn from_names<'n>(
        declared: &[Box<str>],
        names: impl Iterator<Item = &'n str>,
    ) -> Result<PermissionSet, &'n str> {
        let mut words = vec![0u64; declared.len().div_ceil(64)];
        for name in names {
            let place = declared.iter().position(|one| **one == *name).ok_or(name)?;
            words[place / 64] |= 1 << (place % 64);
        }
        Ok(PermissionSet { words: words.into_boxed_slice() })
    }

    /// The same set with or without this permission.
    pub fn with(&self, permission: PermissionId, held: bool) -> PermissionSet {
        let place = usize::from(permission.0);
        let mut words = self.words.to_vec();
        words.resize(words.len().max(place / 64 + 1), 0);
        let bit = 1 << (place % 64);
        words[place / 64] = if held { words[place / 64] | bit } else { words[place / 64] & !bit };
        PermissionSet { words: words.into_boxed_slice() }
    }

    /// Whether both have a permission.
    pub fn meets(&self, other: &PermissionSet) -> bool {
        self.words.iter().zip(&other.words).any(|(one, other)| one & other != 0)
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn contains(&self, permission: PermissionId) -> bool {
        let place = usize::from(permission.0);
        self.words.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_more_than_one_word_and_names_the_unknown() {
        let declared: Vec<Box<str>> = (0..130).map(|n| format!("p{n}").into()).collect();
        let set = PermissionSet::from_names(&declared, ["p0", "p64", "p129"].into_iter()).unwrap();
        let held: Vec<u16> = (0..200).filter(|n| set.contains(PermissionId(*n))).collect();
        assert_eq!(held, [0, 64, 129]);
        assert_eq!(PermissionSet::from_names(&declared, ["nope"].into_iter()), Err("nope"));
    }
}
