//! Sizes of rooms as they are found in the wild: the second is half of the first, the third a
//! third of it. Called by the chat's cast.

/// How many of `members` each of `rooms` gets: they sum up, none is empty while there are enough,
/// and a room is never larger than the one before it.
pub fn sizes(rooms: usize, members: usize) -> Vec<usize> {
    let seated = members.min(rooms);
    let mut sizes: Vec<usize> = (0..rooms).map(|room| usize::from(room < seated)).collect();
    let spare = members - seated;
    let whole: f64 = (1..=rooms).map(weight).sum();
    let share = |rank: usize| (spare as f64 * weight(rank) / whole) as usize;
    sizes.iter_mut().zip(1..).for_each(|(size, rank)| *size += share(rank));
    let left = members - sizes.iter().sum::<usize>();
    // Rounding down leaves fewer than one a room; the first ones take them.
    sizes.iter_mut().take(left).for_each(|size| *size += 1);
    sizes
}

fn weight(rank: usize) -> f64 {
    1.0 / rank as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_as_one_over_the_rank() {
        let sizes = sizes(10, 10_000);
        assert_eq!(sizes.iter().sum::<usize>(), 10_000);
        let ratio = sizes[0] as f64 / sizes[1] as f64;
        assert!((1.95..2.05).contains(&ratio), "{sizes:?}");
        assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{sizes:?}");
    }

    #[test]
    fn every_size_sums_up_and_falls_at_the_edges_too() {
        for rooms in [0, 1, 2, 3, 7, 100] {
            for members in [0, 1, 2, 6, 7, 8, 99, 101, 5_000] {
                let sizes = sizes(rooms, members);
                let expected = if rooms == 0 { 0 } else { members };
                assert_eq!(sizes.iter().sum::<usize>(), expected, "{rooms} {members}");
                assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{rooms} {members}");
                let empty = sizes.iter().filter(|size| **size == 0).count();
                assert_eq!(empty, rooms.saturating_sub(members), "{rooms} {members}");
            }
        }
    }
}
