//! The one table of protocol errors: one variant for each rule of RFC 6455 and RFC 7692 that a peer
//! can break after the upgrade.
//!
//! Invariants: each has the close code the peer is told (RFC 6455 section 7.4.1) and the section
//! that holds the rule. The connection ends with it; nothing received later is looked at.

use std::fmt;

macro_rules! protocol_errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal $section:literal $reason:literal,)*) => {
        /// The rule a peer broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProtocolError { $($(#[$doc])* $name,)* }

        impl ProtocolError {
            /// Every error, in table order (counters, docs).
            pub const ALL: &'static [ProtocolError] = &[$(ProtocolError::$name,)*];

            /// The close code the peer is told.
            pub fn code(self) -> u16 {
                match self { $(ProtocolError::$name => $code,)* }
            }

            /// Where the rule stands.
            pub fn section(self) -> &'static str {
                match self { $(ProtocolError::$name => $section,)* }
            }

            /// The close reason the peer is told.
            pub fn reason(self) -> &'static str {
                match self { $(ProtocolError::$name => $reason,)* }
            }
        }
    };
}

protocol_errors! {
    /// RSV2 or RSV3, or RSV1 where no extension gave it a meaning.
    ReservedBit = 1002 "RFC 6455 5.2" "a reserved bit is set",
    /// RSV1 on a control frame or on a continuation.
    MisplacedCompressedBit = 1002 "RFC 7692 6.1" "only a first frame is marked compressed",
    /// Opcodes 3..=7 and 11..=15.
    ReservedOpcode = 1002 "RFC 6455 5.2" "the opcode is reserved",
    /// A client masks every frame.
    Unmasked = 1002 "RFC 6455 5.1" "the frame is not masked",
    /// 126 and 127 are for lengths that do not fit the shorter forms.
    LengthNotMinimal = 1002 "RFC 6455 5.2" "the length is not in its shortest form",
    /// A 64-bit length leaves its most significant bit clear.
    LengthTopBit = 1002 "RFC 6455 5.2" "the length's top bit is set",
    /// A control frame has FIN.
    ControlFragmented = 1002 "RFC 6455 5.5" "a control frame is fragmented",
    /// A control frame carries at most 125 bytes.
    ControlTooLong = 1002 "RFC 6455 5.5" "a control frame is longer than 125 bytes",
    /// A continuation without a message to continue.
    UnexpectedContinuation = 1002 "RFC 6455 5.4" "there is no message to continue",
    /// A new message inside an unfinished one.
    ExpectedContinuation = 1002 "RFC 6455 5.4" "the message before is not finished",
    /// A text message is UTF-8.
    InvalidUtf8 = 1007 "RFC 6455 8.1" "the text is not UTF-8",
    /// A close frame is empty or begins with a code of two bytes.
    CloseTooShort = 1002 "RFC 6455 5.5.1" "a close code has two bytes",
    /// A close code that may not be sent.
    CloseCode = 1002 "RFC 6455 7.4" "the close code may not be sent",
    /// A close reason is UTF-8.
    CloseReasonUtf8 = 1007 "RFC 6455 5.5.1" "the close reason is not UTF-8",
    /// Over `message_bytes_max`: announced, summed over fragments, or inflated.
    MessageTooLong = 1009 "RFC 6455 7.4.1" "the message is too long",
    /// Over `fragments_max`. A policy (1008) and not a size (1009): empty fragments count.
    TooManyFragments = 1008 "RFC 6455 7.4.1" "the message has too many fragments",
    /// A compressed message is DEFLATE.
    InvalidDeflate = 1007 "RFC 7692 7.2.2" "the compressed data is not valid",
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason(), self.section())
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::close;

    #[test]
    fn every_error_closes_with_a_code_and_a_reason_that_fit_a_close_frame() {
        for (place, one) in ProtocolError::ALL.iter().enumerate() {
            assert!(close::may_be_sent(one.code()), "{one}");
            assert!(one.reason().len() <= close::REASON_BYTES_MAX);
            let later = &ProtocolError::ALL[place + 1..];
            assert!(later.iter().all(|other| other.reason() != one.reason()));
        }
    }
}
