//! Where the stamp of a delivery was found last: most deliveries look like the one before.

use crate::bench::stamp::Stamp;

/// Bytes before the stamp that must be the same.
const BEFORE_BYTES: usize = 4;

/// How a delivery looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    message_bytes: usize,
    stamp_at: usize,
    before: [u8; BEFORE_BYTES],
}

impl Place {
    /// That of a delivery whose stamp was found by looking for it.
    pub(super) fn of(message: &[u8], stamp_at: usize) -> Option<Place> {
        let start = stamp_at.checked_sub(BEFORE_BYTES)?;
        let before = *message.get(start..)?.first_chunk()?;
        Some(Place { message_bytes: message.len(), stamp_at, before })
    }

    /// The stamp, where the message looks the same. What stands there is not looked at: the
    /// scenario knows which stamps it sent.
    pub(super) fn stamp(&self, message: &[u8]) -> Option<Stamp> {
        if message.len() != self.message_bytes {
            return None;
        }
        let rest = message.get(self.stamp_at - BEFORE_BYTES..)?;
        let (before, rest) = rest.split_first_chunk::<BEFORE_BYTES>()?;
        if *before != self.before {
            return None;
        }
        rest.first_chunk().copied().map(Stamp::of_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_taken_only_from_where_the_last_one_was() {
        let message = br#"{"t":"00000000000000ff","pad":""}"#;
        let place = Place::of(message, 6).unwrap();
        assert_eq!(place.stamp(message), Some(Stamp::of_ns(255)));
        assert_eq!(place.stamp(&message[..32]), None);
        assert_eq!(place.stamp(br#"{"x":"00000000000000ff","pad":""}"#), None);
        assert!(Place::of(message, 3).is_none());
    }
}
