//! What a certificate says of itself that is checked before it is served: whose it is, who signed
//! it, and its time (RFC 5280 section 4.1).
//!
//! Invariants: reads DER without trusting it: every length is checked, nothing is allocated.

/// Parts of a certificate, as they stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'c> {
    pub issuer: &'c [u8],
    pub subject: &'c [u8],
    pub from_unix_s: u64,
    pub to_unix_s: u64,
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// Reads a certificate; `None` where it is none.
pub fn facts(der: &[u8]) -> Option<Facts<'_>> {
    let (certificate, _) = Der(der).inside(SEQUENCE)?;
    let (mut signed, _) = certificate.inside(SEQUENCE)?;
    if signed.0.first() == Some(&VERSION) {
        signed = signed.inside(VERSION)?.1;
    }
    let (_, rest) = signed.inside(INTEGER)?;
    let (_, rest) = rest.inside(SEQUENCE)?;
    let (issuer, rest) = rest.inside(SEQUENCE)?;
    let (validity, rest) = rest.inside(SEQUENCE)?;
    let (subject, _) = rest.inside(SEQUENCE)?;
    let (from_unix_s, validity) = validity.time()?;
    let (to_unix_s, _) = validity.time()?;
    Some(Facts { issuer: issuer.0, subject: subject.0, from_unix_s, to_unix_s })
}

/// Encoded values, one behind another.
#[derive(Clone, Copy)]
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The contents of the first value, which has this tag, and what follows it.
    fn inside(self, tag: u8) -> Option<(Der<'d>, Der<'d>)> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (bytes.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        (found == tag).then_some((Der(contents), Der(rest)))
    }

    /// The first value as seconds since the Unix epoch, and what follows it.
    fn time(self) -> Option<(u64, Der<'d>)> {
        let (text, rest) = self.inside(UTC_TIME).or_else(|| self.inside(GENERALIZED_TIME))?;
        let digits = text.0.strip_suffix(b"Z")?;
        let (year, digits) = match digits.len() {
            12 => (two_digit_year(number(&digits[..2])?), &digits[2..]),
            14 => (number(&digits[..4])?, &digits[4..]),
            _ => return None,
        };
        let mut fields = digits.chunks(2).map(number);
        let mut next = || fields.next().flatten();
        let days = days(year, next()?, next()?)?;
        let (hour, minute, second) = (next()?, next()?, next()?);
        Some((days * 86_400 + hour * 3_600 + minute * 60 + second, rest))
    }
}

/// RFC 5280 section 4.1.2.5.1: 50 and above are of the last century.
fn two_digit_year(year: u64) -> u64 {
    if year < 50 { 2_000 + year } else { 1_900 + year }
}

fn number(digits: &[u8]) -> Option<u64> {
    let digit = |&byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    digits.iter().map(digit).try_fold(0, |number, digit| Some(number * 10 + digit?))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; before it is 0.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The year begins with March here, so that a leap day is its last.
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    let of_months = (153 * month + 2) / 5;
    Some((of_years + of_months + day - 1).saturating_sub(719_468))
}

/// A moment as `2026-11-21 23:35 UTC`.
pub fn date(unix_s: u64) -> String {
    let days = unix_s / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (unix_s / 3_600 % 24, unix_s / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        assert_eq!(days(2026, 13, 1), None);
        assert_eq!(days(0, 1, 1), None);
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(1_709_251_140), "2024-02-29 23:59 UTC");
        for day in (0..60_000).step_by(7) {
            let text = date(day * 86_400);
            let field = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
            assert_eq!(days(field(0..4), field(5..7), field(8..10)), Some(day), "{text}");
        }
    }

    #[test]
    fn a_certificate_says_who_and_when() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        for (from, to, seconds) in [
            ((2020, 1, 2), (2030, 3, 4), (1_577_923_200, 1_898_812_800)),
            ((1999, 12, 31), (2051, 1, 1), (946_598_400, 2_556_144_000)),
        ] {
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
            let certificate = params.self_signed(&key).unwrap();
            let facts = facts(certificate.der()).unwrap();
            assert_eq!((facts.from_unix_s, facts.to_unix_s), seconds);
            assert_eq!(facts.issuer, facts.subject);
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_never_a_panic() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der();
        for end in 0..der.len() {
            assert!(facts(&der[..end]).is_none());
        }
        let mut changed = der.to_vec();
        for place in 0..der.len() {
            for byte in [0, 0x7f, 0x84, 0xff] {
                changed[place] = byte;
                let _ = facts(&changed);
            }
            changed[place] = der[place];
        }
    }
}
