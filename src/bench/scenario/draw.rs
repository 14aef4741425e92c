//! Numbers that look random and are the same for the same seed (splitmix64), for what a load
//! does next. Called by the scenarios; nothing secret is ever drawn here.

/// Added at each step: 2^64 over the golden ratio, which visits every state once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw { state: seed }
    }

    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Somewhere in `0..bound`; 0 where there is nothing to choose from.
    pub fn below(&mut self, bound: usize) -> usize {
        let scaled = u128::from(self.bits()) * bound as u128;
        (scaled >> 64) as usize
    }

    /// Somewhere in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        const FRACTION_BITS: u32 = 53;
        (self.bits() >> (u64::BITS - FRACTION_BITS)) as f64 / (1_u64 << FRACTION_BITS) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let drawn = |seed| {
            let mut draw = Draw::new(seed);
            (0..8).map(|_| draw.bits()).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert_eq!(Draw::new(0).bits(), 0xe220_a839_7b1d_cdaf, "the published first value");
    }

    #[test]
    fn what_is_drawn_stays_in_its_range_and_reaches_all_of_it() {
        let mut draw = Draw::new(1);
        let mut seen = [0_u32; 5];
        (0..5_000).for_each(|_| seen[draw.below(5)] += 1);
        assert!(seen.iter().all(|&count| (800..1_200).contains(&count)), "{seen:?}");
        assert!((0..5_000).all(|_| (0.0..1.0).contains(&draw.unit())));
        assert_eq!((draw.below(0), draw.below(1)), (0, 0));
    }
}
