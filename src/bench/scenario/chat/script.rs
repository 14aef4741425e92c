//! What happens in a chat, one deed after the other, decided by the seed alone.
//!
//! Of a hundred deeds 60 are messages, 30 say that somebody types, and 10 are a mover that leaves
//! or joins. Speakers are drawn from all residents, so a room is as lively as it is large.

use super::cast::{Cast, Part};
use crate::bench::scenario::draw::Draw;

const OF_HUNDRED_MESSAGES: usize = 60;
const OF_HUNDRED_TYPING: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A message to the speaker's room.
    Say {
        speaker: usize,
    },
    /// A short one, as clients send it while somebody types.
    Type {
        speaker: usize,
    },
    Leave {
        mover: usize,
        room: usize,
    },
    Join {
        mover: usize,
        room: usize,
    },
}

/// An endless, repeatable sequence of deeds.
#[derive(Debug)]
pub struct Script {
    draw: Draw,
    residents: Vec<usize>,
    /// Movers and the room each is in.
    movers: Vec<(usize, Option<usize>)>,
}

impl Script {
    pub fn new(cast: &Cast, seed: u64) -> Script {
        let of = |part| (0..cast.members()).filter(move |&member| Cast::part(member) == part);
        Script {
            draw: Draw::new(seed),
            residents: of(Part::Resident).collect(),
            movers: of(Part::Mover).map(|mover| (mover, Some(cast.room(mover)))).collect(),
        }
    }

    /// The next deed; `None` only where there is nobody.
    pub fn next(&mut self, cast: &Cast) -> Option<Deed> {
        let kind = self.draw.below(100);
        let speaker = *self.residents.get(self.draw.below(self.residents.len()))?;
        Some(match kind {
            0..OF_HUNDRED_MESSAGES => Deed::Say { speaker },
            kind if kind < OF_HUNDRED_MESSAGES + OF_HUNDRED_TYPING => Deed::Type { speaker },
            // The speaker's room is a room by size, as movers choose it.
            _ => self.moved(cast.room(speaker)).unwrap_or(Deed::Type { speaker }),
        })
    }

    fn moved(&mut self, next_room: usize) -> Option<Deed> {
        let chosen = self.draw.below(self.movers.len());
        let (mover, seat) = self.movers.get_mut(chosen)?;
        let mover = *mover;
        Some(match seat.take() {
            Some(room) => Deed::Leave { mover, room },
            None => {
                *seat = Some(next_room);
                Deed::Join { mover, room: next_room }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(seed: u64, count: usize) -> Vec<Deed> {
        let cast = Cast::new(5, 200, true);
        let mut script = Script::new(&cast, seed);
        std::iter::from_fn(|| script.next(&cast)).take(count).collect()
    }

    #[test]
    fn a_seed_is_a_script() {
        assert_eq!(deeds(3, 500), deeds(3, 500));
        assert_ne!(deeds(3, 500), deeds(4, 500));
    }

    #[test]
    fn the_shares_are_as_stated() {
        let deeds = deeds(1, 10_000);
        let share = |is: fn(&Deed) -> bool| deeds.iter().filter(|deed| is(deed)).count();
        let said = share(|deed| matches!(deed, Deed::Say { .. }));
        let typed = share(|deed| matches!(deed, Deed::Type { .. }));
        assert!((5_800..6_200).contains(&said) && (2_800..3_200).contains(&typed));
    }

    #[test]
    fn movers_leave_where_they_are_and_join_where_they_are_not_and_residents_never_move() {
        let cast = Cast::new(5, 200, true);
        let mut seats: Vec<Option<usize>> = (0..200).map(|m| Some(cast.room(m))).collect();
        for deed in deeds(9, 20_000) {
            match deed {
                Deed::Leave { mover, room } => assert_eq!(seats[mover].take(), Some(room)),
                Deed::Join { mover, room } => assert_eq!(seats[mover].replace(room), None),
                Deed::Say { speaker } | Deed::Type { speaker } => {
                    assert_eq!(Cast::part(speaker), Part::Resident);
                    continue;
                }
            }
            let (Deed::Leave { mover, .. } | Deed::Join { mover, .. }) = deed else { continue };
            assert_eq!(Cast::part(mover), Part::Mover);
        }
    }

    #[test]
    fn a_chat_without_movers_or_without_anybody_is_no_trap() {
        let few = Cast::new(1, 2, true);
        let mut script = Script::new(&few, 1);
        assert!((0..1_000).all(|_| script.next(&few).is_some()));
        let nobody = Cast::new(0, 0, true);
        assert_eq!(Script::new(&nobody, 1).next(&nobody), None);
    }
}
