//! Names of things that live in slabs: shards, connections, rooms, users, events.
//!
//! Invariants: a `ConnKey` is unique for the life of the process (index reuse bumps the
//! generation), so a frame that comes late for a closed connection finds nobody.

use std::fmt;

use crate::limits::SHARDS_MAX;

/// A shard's number, `0..shards`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

impl ShardId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet {
    words: [u64; SHARDS_MAX / 64],
}

impl ShardSet {
    pub fn insert(&mut self, shard: ShardId) {
        if let Some(word) = self.words.get_mut(shard.index() / 64) {
            *word |= 1 << (shard.0 % 64);
        }
    }

    pub fn contains(&self, shard: ShardId) -> bool {
        self.words.get(shard.index() / 64).is_some_and(|word| word & (1 << (shard.0 % 64)) != 0)
    }

    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// In ascending order; steps over what is not in it a word at a time.
    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        self.words.into_iter().zip(0u16..).flat_map(|(word, place)| {
            let rests = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            let rests = rests.take(word.count_ones() as usize);
            rests.map(move |rest| ShardId(place * 64 + rest.trailing_zeros() as u16))
        })
    }
}

impl FromIterator<ShardId> for ShardSet {
    fn from_iter<I: IntoIterator<Item = ShardId>>(shards: I) -> ShardSet {
        let mut set = ShardSet::default();
        shards.into_iter().for_each(|shard| set.insert(shard));
        set
    }
}

/// One connection, anywhere in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnKey {
    pub shard: ShardId,
    pub index: u32,
    pub generation: u32,
}

/// Bytes of a connection's printed id.
pub const CONN_ID_BYTES: usize = 20;

impl ConnKey {
    /// The id a client sees (`{$conn.id}`): 20 hex digits, shard, generation, index.
    pub fn to_id(self) -> [u8; CONN_ID_BYTES] {
        let mut out = [0; CONN_ID_BYTES];
        let word = (u128::from(self.shard.0) << 64)
            | (u128::from(self.generation) << 32)
            | u128::from(self.index);
        for (place, byte) in out.iter_mut().enumerate() {
            let nibble = (word >> (4 * (CONN_ID_BYTES - 1 - place))) as usize & 15;
            *byte = b"0123456789abcdef"[nibble];
        }
        out
    }
}

impl ConnKey {
    /// The connection of a printed id.
    pub fn from_id(id: &[u8]) -> Option<ConnKey> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let word =
            id.iter().try_fold(0u128, |word, byte| Some(word << 4 | u128::from(digit(byte)?)));
        let word = word.filter(|_| id.len() == CONN_ID_BYTES)?;
        let (shard, generation, index) = ((word >> 64) as u16, (word >> 32) as u32, word as u32);
        Some(ConnKey { shard: ShardId(shard), index, generation })
    }
}

impl fmt::Display for ConnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_id()).unwrap_or("?"))
    }
}

/// An event of the program, index into `Program::events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u16);

/// A declared permission, index into `Program::permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PermissionId(pub u16);

/// A rate limit of the program, index into `Program::limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u16);

/// A rule that a message must satisfy, index into `Program::rules`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u16);

/// A room's slot in one shard's slab; means nothing on another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u32);

/// A backend, index into `Settings::backends`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendId(pub u16);

/// A class of rooms, index into `Settings::rooms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomClassId(pub u16);

/// A user's slot in one shard's slab; means nothing on another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u32);

/// What the target of a message begins with where it is a user, not a room.
pub const USER_PREFIX: &str = "user:";

/// A frame's slot in one shard's frame table; means nothing on another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_names_its_shards_once_in_order_at_every_edge_of_a_word() {
        let edges = [0, 1, 63, 64, 65, 127, 128, 191, 192, 255];
        let set: ShardSet = edges.iter().rev().chain(&edges).copied().map(ShardId).collect();
        assert_eq!(set.iter().map(|shard| shard.0).collect::<Vec<_>>(), edges);
        assert_eq!(set.len() as usize, edges.len());
        assert_eq!(ShardSet::default().iter().count(), 0);
    }

    #[test]
    fn a_connection_id_is_twenty_hex_digits_and_keeps_every_part() {
        let key = ConnKey { shard: ShardId(0xab), index: 7, generation: 0x1234 };
        assert_eq!(key.to_string(), "00ab0000123400000007");
    }
}
