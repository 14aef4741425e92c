//! Choosing among a client's offers of permessage-deflate (RFC 7692 sections 5 and 7.1).
//!
//! Invariants: offers are taken in the client's order, the first that can be kept wins. An offer
//! with an unknown, doubled or ill-formed parameter is declined, never repaired. An offer that
//! forces our window to 8 bits is declined: zlib cannot keep it and a larger answer is forbidden.

use std::io::Write;

use super::extensions::{self, Malformed, Parameter};
use crate::settings::Compression;
use crate::ws::deflate::{Negotiated, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// One offer's parameters.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_bits: Option<u8>,
    /// The inner `None` is the parameter without a value.
    client_bits: Option<Option<u8>>,
}

/// What to agree on, if anything, given the values of all `Sec-WebSocket-Extensions` lines.
pub fn negotiate<'b>(
    lines: impl Iterator<Item = &'b [u8]>,
    settings: &Compression,
) -> Result<Option<Negotiated>, Malformed> {
    let mut chosen = None;
    // Every line is read to its end, so that a malformed one is refused wherever it stands.
    for line in lines {
        extensions::for_each(line, |name, parameters| {
            if settings.enabled && chosen.is_none() && name == b"permessage-deflate" {
                chosen = Offer::read(parameters).and_then(|offer| offer.answer(settings));
            }
        })?;
    }
    Ok(chosen)
}

impl Offer {
    fn read(parameters: &[Parameter<'_>]) -> Option<Offer> {
        let mut offer = Offer::default();
        parameters.iter().try_for_each(|parameter| offer.apply(parameter))?;
        Some(offer)
    }

    /// `None` where the parameter makes the offer unusable.
    fn apply(&mut self, parameter: &Parameter<'_>) -> Option<()> {
        let value = parameter.value.as_deref();
        let fresh = match parameter.name {
            b"server_no_context_takeover" if value.is_none() => {
                !std::mem::replace(&mut self.server_no_context_takeover, true)
            }
            b"client_no_context_takeover" if value.is_none() => {
                !std::mem::replace(&mut self.client_no_context_takeover, true)
            }
            b"server_max_window_bits" => self.server_bits.replace(bits(value?)?).is_none(),
            b"client_max_window_bits" => {
                let bits = value.map(|value| bits(value).ok_or(())).transpose().ok()?;
                self.client_bits.replace(bits).is_none()
            }
            _ => false,
        };
        fresh.then_some(())
    }

    fn answer(&self, settings: &Compression) -> Option<Negotiated> {
        let ours = settings.window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let server_bits = ours.min(self.server_bits.unwrap_or(WINDOW_BITS_MAX));
        let no_takeover = !settings.context_takeover;
        (server_bits >= WINDOW_BITS_MIN).then_some(Negotiated {
            server_no_context_takeover: no_takeover || self.server_no_context_takeover,
            client_no_context_takeover: no_takeover || self.client_no_context_takeover,
            server_bits,
            client_bits: self.client_bits.flatten().unwrap_or(WINDOW_BITS_MAX),
            server_bits_offered: self.server_bits.is_some(),
        })
    }
}

/// 8..=15 in decimal, without leading zeros (RFC 7692 sections 7.1.2.1 and 7.1.2.2).
fn bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// Appends the value of the answer's `Sec-WebSocket-Extensions`. A client's window is never
/// bounded: any fits our inflater.
pub fn write_accepted(out: &mut Vec<u8>, agreed: &Negotiated) {
    out.extend_from_slice(b"permessage-deflate");
    if agreed.server_no_context_takeover {
        out.extend_from_slice(b"; server_no_context_takeover");
    }
    if agreed.client_no_context_takeover {
        out.extend_from_slice(b"; client_no_context_takeover");
    }
    if agreed.server_bits_offered {
        // Writing into a vector cannot fail.
        let _ = write!(out, "; server_max_window_bits={}", agreed.server_bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Compression = Compression {
        enabled: true,
        context_takeover: true,
        level: 1,
        bytes_min: 0,
        window_bits: 15,
    };
    const SHARED: Compression = Compression { context_takeover: false, ..ON };

    fn answer(lines: &[&str], settings: &Compression) -> Option<String> {
        let agreed = negotiate(lines.iter().map(|line| line.as_bytes()), settings).unwrap()?;
        let mut out = Vec::new();
        write_accepted(&mut out, &agreed);
        Some(String::from_utf8(out).unwrap())
    }

    fn accepts(offer: &str, want: &str) {
        assert_eq!(answer(&[offer], &ON).as_deref(), Some(want), "{offer}");
    }

    fn declines(offer: &str) {
        assert_eq!(answer(&[offer], &ON), None, "{offer}");
    }

    #[test]
    fn an_offer_is_honoured_as_it_stands() {
        accepts("permessage-deflate", "permessage-deflate");
        accepts("Permessage-Deflate", "permessage-deflate");
        accepts(" permessage-deflate ; client_max_window_bits", "permessage-deflate");
        accepts("permessage-deflate; client_max_window_bits=8", "permessage-deflate");
        accepts(
            "permessage-deflate;server_no_context_takeover;client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        );
        for bits in 9..=15 {
            let text = format!("permessage-deflate; server_max_window_bits={bits}");
            accepts(&text, &text);
        }
        accepts(
            "permessage-deflate; server_max_window_bits=\"10\"",
            "permessage-deflate; server_max_window_bits=10",
        );
        accepts(
            "permessage-deflate; server_max_window_bits=\"1\\0\"",
            "permessage-deflate; server_max_window_bits=10",
        );
    }

    #[test]
    fn an_offer_that_cannot_be_kept_is_declined() {
        for parameters in [
            "server_max_window_bits=8",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=015",
            "client_max_window_bits=x",
            "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits; client_max_window_bits=10",
            "server_no_context_takeover=1",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover=true",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
            "unknown=1",
        ] {
            declines(&format!("permessage-deflate; {parameters}"));
        }
        declines("x-webkit-deflate-frame");
        declines("permessage-bzip2; x=1");
        declines("");
        assert_eq!(answer(&["permessage-deflate"], &Compression::default()), None);
    }

    #[test]
    fn the_first_offer_that_can_be_kept_wins() {
        accepts(
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; unknown, \
             permessage-deflate; server_max_window_bits=12, permessage-deflate",
            "permessage-deflate; server_max_window_bits=12",
        );
        let lines = ["foo; a=b", "permessage-deflate; x", ", permessage-deflate,"];
        assert_eq!(answer(&lines, &ON).as_deref(), Some("permessage-deflate"));
    }

    #[test]
    fn our_settings_narrow_the_answer() {
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer(&["permessage-deflate"], &SHARED).as_deref(), Some(both));
        let narrow = Compression { window_bits: 10, ..ON };
        let line = b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=11";
        let agreed = negotiate([&line[..]].into_iter(), &narrow).unwrap().unwrap();
        assert_eq!((agreed.server_bits, agreed.client_bits), (10, 11));
        let agreed = negotiate([&b"permessage-deflate"[..]].into_iter(), &narrow).unwrap().unwrap();
        assert_eq!((agreed.server_bits, agreed.client_bits), (10, 15));
        assert!(!agreed.server_bits_offered);
    }

    #[test]
    fn a_malformed_line_is_refused_even_behind_a_good_offer() {
        for line in [
            "permessage-deflate; =1",
            "permessage-deflate; a=",
            "permessage-deflate; a=\"b",
            "permessage-deflate;",
            "permessage-deflate, b c",
            "permessage-deflate; server_max_window_bits=\"1 0\"",
            "\u{e9}",
        ] {
            assert!(negotiate([line.as_bytes()].into_iter(), &ON).is_err(), "{line}");
        }
    }
}
