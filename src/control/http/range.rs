//! `Range` of one part (RFC 9110 section 14.2); several parts are answered with the whole.

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Some {
        from: u64,
        /// Never 0.
        bytes: u64,
    },
    /// Nothing of it is in the file.
    Outside,
}

/// The part that a header names, of a file of so many bytes. What is not understood is not there.
pub(super) fn part(header: Option<&[u8]>, all: u64) -> Part {
    let text = header.and_then(|header| std::str::from_utf8(header).ok());
    let range = text.and_then(|text| text.strip_prefix("bytes=")).map(str::trim);
    range
        .and_then(|range| range.split_once('-'))
        .and_then(|ends| of(ends, all))
        .unwrap_or(Part::Whole)
}

fn of((first, last): (&str, &str), all: u64) -> Option<Part> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (from, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(all)),
        (Some(first), None) if last.is_empty() => (first, all),
        (None, Some(count)) if first.is_empty() => (all - count.min(all), all),
        _ => return None,
    };
    Some(match from < end {
        true => Part::Some { from, bytes: end - from },
        false => Part::Outside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_understood_and_anything_else_is_the_whole() {
        let some = |from, bytes| Part::Some { from, bytes };
        for (header, wanted) in [
            ("bytes=0-0", some(0, 1)),
            ("bytes=2-5", some(2, 4)),
            ("bytes=2-", some(2, 8)),
            ("bytes=-3", some(7, 3)),
            ("bytes=-99", some(0, 10)),
            ("bytes=9-99999999999999999999999", some(9, 1)),
            ("bytes=10-", Part::Outside),
            ("bytes=10-11", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(part(Some(header.as_bytes()), 10), wanted, "{header}");
        }
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(part(Some(b"bytes=0-"), 0), Part::Outside);
        assert_eq!(part(Some(b"\xff"), 10), Part::Whole);
    }
}
