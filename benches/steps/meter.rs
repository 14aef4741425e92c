//! Laps of a stage: some to warm up, one that counts.

/// Laps before the one that counts: pools, tables and lists have grown to their size by then.
const WARM_UP_LAPS: usize = 3;

/// Which stages are counted, and whether this lap is.
pub struct Meter {
    wanted: Vec<String>,
    counting: bool,
}

impl Meter {
    /// Counts the stages whose name has one of these in it; all where there is none.
    pub fn new(wanted: Vec<String>) -> Meter {
        Meter { wanted, counting: false }
    }

    /// Does the laps of one scenario; each calls `count` once for each of its stages.
    pub fn laps(&self, mut lap: impl FnMut(&Meter)) {
        let warm_up = Meter { wanted: Vec::new(), counting: false };
        (0..WARM_UP_LAPS).for_each(|_| lap(&warm_up));
        lap(&Meter { wanted: self.wanted.clone(), counting: true });
    }

    /// Does a stage's work, which is `times` the same thing.
    pub fn count(&self, name: &str, times: usize, mut work: impl FnMut()) {
        let wanted = self.wanted.is_empty() || self.wanted.iter().any(|one| name.contains(one));
        match self.counting && wanted {
            true => {
                println!("{name}\t{times}");
                counted(&mut work);
            }
            false => work(),
        }
    }
}

/// What callgrind looks at. Not inlined, so that it has a name; through `dyn`, so that it has one.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    std::hint::black_box(());
}
