//! Time as a value: every sans-IO method takes `Now`, nothing below `runtime` reads a clock.
//!
//! Invariants: `mono_ns` never goes back and drives every timeout and limit; `unix_ms` is the wall
//! clock and is used only for token claims and log stamps, so a clock step disturbs no timer.

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic nanoseconds since an arbitrary start.
    pub mono_ns: u64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

impl Now {
    /// Whole seconds since the Unix epoch (JWT `exp`/`nbf`, RFC 7519 section 2 `NumericDate`).
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1_000
    }

    /// Both clocks moved on by `ns` (simulator and tests).
    pub fn plus_ns(self, ns: u64) -> Now {
        Now { mono_ns: self.mono_ns + ns, unix_ms: self.unix_ms + ns / 1_000_000 }
    }
}

/// Bytes of a time as `rfc3339` writes it.
pub const TIME_BYTES: usize = 20;

/// A time as RFC 3339 writes it, in UTC, to the second: `2024-01-31T12:00:00Z`. `None` before the
/// year 0 and after 9999, which have no such form.
pub fn rfc3339(unix_ms: i64) -> Option<[u8; TIME_BYTES]> {
    let seconds = unix_ms.div_euclid(1_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    if !(0..=9_999).contains(&year) {
        return None;
    }
    let of_day = seconds.rem_euclid(86_400);
    let mut text = *b"0000-00-00T00:00:00Z";
    write_digits(&mut text[..4], year);
    write_digits(&mut text[5..7], month);
    write_digits(&mut text[8..10], day);
    write_digits(&mut text[11..13], of_day / 3_600);
    write_digits(&mut text[14..16], of_day / 60 % 60);
    write_digits(&mut text[17..19], of_day % 60);
    Some(text)
}

fn write_digits(out: &mut [u8], mut number: i64) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Days of 400 years of the Gregorian calendar, from the 1st of March of a year that 400 divides,
/// so that the leap day is the last of each year.
const ERA_DAYS: i64 = 146_097;

/// Days from such a 1st of March to the 1st of January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// The year, month and day of a day since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    // Every 4th year but every 100th is longer, and the 400th is.
    let leaps = of_era / 1_460 - of_era / 36_524 + of_era / 146_096;
    let year = (of_era - leaps) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Five months have 153 days, from March on.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unix_ms: i64) -> String {
        rfc3339(unix_ms).map_or("none".into(), |text| String::from_utf8_lossy(&text).into())
    }

    #[test]
    fn times_have_the_form_of_rfc_3339() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59Z");
        assert_eq!(text(1_704_110_400_999), "2024-01-01T12:00:00Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(text(4_107_542_399_000), "2100-02-28T23:59:59Z");
        assert_eq!(text(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(text(253_402_300_799_999), "9999-12-31T23:59:59Z");
        assert_eq!(text(253_402_300_800_000), "none");
        assert_eq!(text(-62_167_219_200_000), "0000-01-01T00:00:00Z");
        assert_eq!((text(i64::MIN), text(i64::MAX)), ("none".into(), "none".into()));
    }

    #[test]
    fn days_follow_each_other_for_a_thousand_years() {
        let mut before = civil(-200_000);
        for day in -199_999..200_000 {
            let (year, month, of_month) = civil(day);
            let next_day = (before.0, before.1, before.2 + 1);
            let next_month = (before.0, before.1 + 1, 1);
            let next_year = (before.0 + 1, 1, 1);
            let now = (year, month, of_month);
            assert!([next_day, next_month, next_year].contains(&now), "{before:?} {now:?}");
            before = now;
        }
    }
}
