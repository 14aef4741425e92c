//! The close frame's payload, decoded and encoded (RFC 6455 sections 5.5.1 and 7.4).
//!
//! Invariants: only codes that may stand on the wire pass, either way; a reason is UTF-8 and fits.

use super::error::ProtocolError;
use super::header::{self, Opcode};
use super::utf8;
use crate::limits::CONTROL_PAYLOAD_BYTES_MAX;

/// Bytes of a close reason: what a control frame leaves after the code.
pub const REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// Whether a close frame may carry this code: the defined ones of section 7.4.1 and of the IANA
/// registry (1012 to 1014), those of libraries (3000..) and of applications (4000..).
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code, where there is one, and the reason.
pub fn decode(payload: &[u8]) -> Result<(Option<u16>, &str), ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok((None, "")) } else { Err(ProtocolError::CloseTooShort) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(ProtocolError::CloseCode);
    }
    utf8::text(reason).map(|reason| (Some(code), reason)).ok_or(ProtocolError::CloseReasonUtf8)
}

/// Appends a whole close frame. `None`, or a code that may not be sent, gives an empty payload; a
/// reason that is too long is cut between two characters.
pub fn encode(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    let Some(code) = code.filter(|&code| may_be_sent(code)) else {
        return header::encode_control(out, Opcode::Close, &[]);
    };
    let reason = cut(reason);
    header::encode_server(out, Opcode::Close, false, 2 + reason.len());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// As many whole characters as fit.
fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_legal_exactly_where_the_registry_says() {
        let legal = [1000..=1003, 1007..=1014, 3000..=4999];
        for code in 0..=u16::MAX {
            let want = legal.iter().any(|range| range.contains(&code));
            assert_eq!(may_be_sent(code), want, "{code}");
            assert_eq!(decode(&code.to_be_bytes()).is_ok(), want, "{code}");
        }
    }

    #[test]
    fn a_payload_is_empty_or_a_code_and_a_text() {
        assert_eq!(decode(b""), Ok((None, "")));
        assert_eq!(decode(b"\x03"), Err(ProtocolError::CloseTooShort));
        assert_eq!(decode(b"\x03\xe8"), Ok((Some(1000), "")));
        assert_eq!(decode(b"\x03\xe8bye"), Ok((Some(1000), "bye")));
        assert_eq!(decode(b"\x03\xe8\xff"), Err(ProtocolError::CloseReasonUtf8));
        assert_eq!(decode(b"\x03\xe8\xe2\x82"), Err(ProtocolError::CloseReasonUtf8));
        assert_eq!(decode(b"\x03\xed\xff"), Err(ProtocolError::CloseCode));
    }

    fn encoded(code: Option<u16>, reason: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, code, reason);
        out
    }

    #[test]
    fn what_is_encoded_is_a_legal_frame() {
        assert_eq!(encoded(None, "lost"), [0x88, 0]);
        assert_eq!(encoded(Some(1006), "lost"), [0x88, 0]);
        assert_eq!(encoded(Some(1001), "go"), [0x88, 4, 0x03, 0xe9, b'g', b'o']);
        assert_eq!(encoded(Some(1000), &"x".repeat(123)).len(), 127);
        assert_eq!(encoded(Some(1000), &"x".repeat(124)).len(), 127);
        let cut = encoded(Some(1000), &"é".repeat(62));
        assert_eq!(decode(&cut[2..]), Ok((Some(1000), "é".repeat(61).as_str())));
    }
}
