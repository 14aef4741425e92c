//! Who sits in which room of a chat, who moves, and what each member must have received.
//!
//! Residents stay where they are, so that what they must receive is known exactly; movers come and
//! go, and a message that crosses a leave on its way may or may not reach them: they are load, not
//! evidence. Called by the chat scenario and its script.

use super::zipf;

/// Every such member moves.
const MOVER_EVERY: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Resident,
    Mover,
}

/// Seats of the members, and the books on what was said and heard.
#[derive(Debug)]
pub struct Cast {
    /// The first room of each member.
    rooms: Vec<u32>,
    /// Residents of each room.
    residents_of: Vec<u64>,
    /// Messages to each room.
    said: Vec<u64>,
    /// What each member said itself.
    own: Vec<u64>,
    heard: Vec<u64>,
    /// Whether a sender gets its own message back.
    hears_itself: bool,
}

impl Cast {
    pub fn new(rooms: usize, members: usize, hears_itself: bool) -> Cast {
        let sizes = zipf::sizes(rooms, members);
        let seats = (0_u32..).zip(&sizes).flat_map(|(room, &size)| std::iter::repeat_n(room, size));
        let rooms: Vec<u32> = seats.collect();
        let members = rooms.len();
        let mut residents_of = vec![0; sizes.len()];
        for member in (0..members).filter(|member| Cast::part(*member) == Part::Resident) {
            residents_of[rooms[member] as usize] += 1;
        }
        Cast {
            rooms,
            residents_of,
            said: vec![0; sizes.len()],
            own: vec![0; members],
            heard: vec![0; members],
            hears_itself,
        }
    }

    pub fn members(&self) -> usize {
        self.rooms.len()
    }

    pub fn room(&self, member: usize) -> usize {
        self.rooms[member] as usize
    }

    pub fn part(member: usize) -> Part {
        match member % MOVER_EVERY == MOVER_EVERY - 1 {
            true => Part::Mover,
            false => Part::Resident,
        }
    }

    /// Gives the number of deliveries to residents that this makes.
    pub fn say(&mut self, speaker: usize) -> u64 {
        let room = self.room(speaker);
        self.said[room] += 1;
        self.own[speaker] += 1;
        let leaves_out = !self.hears_itself && Cast::part(speaker) == Part::Resident;
        self.residents_of[room] - u64::from(leaves_out)
    }

    pub fn hear(&mut self, member: usize) {
        self.heard[member] += 1;
    }

    fn residents(&self) -> impl Iterator<Item = usize> {
        (0..self.members()).filter(|&member| Cast::part(member) == Part::Resident)
    }

    fn must_hear(&self, member: usize) -> u64 {
        let own = if self.hears_itself { 0 } else { self.own[member] };
        self.said[self.room(member)] - own
    }

    /// Deliveries that residents did not get.
    pub fn lost(&self) -> u64 {
        let missing = |member: usize| self.must_hear(member).saturating_sub(self.heard[member]);
        self.residents().map(missing).sum()
    }

    /// Deliveries to residents beyond what was said in their rooms: doubled or strayed.
    pub fn surplus(&self) -> u64 {
        let beyond = |member: usize| self.heard[member].saturating_sub(self.must_hear(member));
        self.residents().map(beyond).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_follow_the_sizes() {
        let cast = Cast::new(3, 60, true);
        let counted = |room| (0..60).filter(|&member| cast.room(member) == room).count();
        assert_eq!(vec![counted(0), counted(1), counted(2)], zipf::sizes(3, 60));
    }

    #[test]
    fn nobody_is_owed_what_was_not_said() {
        let cast = Cast::new(2, 20, true);
        assert_eq!((cast.lost(), cast.surplus()), (0, 0));
    }

    #[test]
    fn each_resident_of_the_room_is_owed_each_message_once() {
        let mut cast = Cast::new(1, 10, true);
        let owed = cast.say(0) + cast.say(9);
        assert_eq!((owed, cast.lost()), (18, 18), "nine residents, two messages");
        (0..10).for_each(|member| cast.hear(member));
        assert_eq!((cast.lost(), cast.surplus()), (9, 0));
        (0..10).for_each(|member| cast.hear(member));
        assert_eq!((cast.lost(), cast.surplus()), (0, 0));
        cast.hear(9);
        assert_eq!(cast.surplus(), 0, "a mover is no evidence");
        cast.hear(3);
        assert_eq!(cast.surplus(), 1);
    }

    #[test]
    fn where_a_sender_is_left_out_it_is_owed_one_less() {
        let mut cast = Cast::new(1, 9, false);
        assert_eq!(cast.say(4), 8);
        cast.hear(4);
        assert_eq!(
            (cast.lost(), cast.surplus()),
            (8, 1),
            "one member's surplus pays no other's loss"
        );
    }
}
