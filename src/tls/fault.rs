//! The one table of failures: why a TLS connection did not come about, or broke.
//!
//! Invariants: labels are stable names of counters; what a peer sent is in the log's text only.

use std::borrow::Cow;

use rustls::{Error, PeerIncompatible};

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// Why a TLS connection failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Failure { $($(#[$doc])* $name,)* }

        impl Failure {
            /// Every failure, in table order (counters).
            pub const ALL: &'static [Failure] = &[$(Failure::$name,)*];

            /// Its name in the counters.
            pub fn label(self) -> &'static str {
                match self { $(Failure::$name => $label,)* }
            }
        }
    };
}

failures! {
    /// The peer speaks plain HTTP.
    PlainHttp = "plain_http",
    /// What came first is no TLS.
    NotTls = "not_tls",
    /// No TLS version that both know.
    Version = "version",
    /// No cipher suite, group or signature scheme that both know.
    NothingShared = "nothing_shared",
    /// The peer speaks something else than HTTP/1.1.
    Protocol = "application_protocol",
    /// No client certificate, or one that is not trusted here.
    ClientCertificate = "client_certificate",
    /// The peer gave up, such as where it does not trust the certificate.
    Refused = "refused_by_client",
    /// More than a handshake may take.
    TooLarge = "handshake_too_large",
    /// The peer was gone before the handshake was over.
    HungUp = "handshake_hung_up",
    /// A record that is not what was sent, or out of place.
    BadRecord = "bad_record",
    /// The peer was gone without saying that it ends.
    Truncated = "truncated",
    /// Nothing that a peer did.
    Internal = "internal",
}

/// A failure with what is to be told about it in the log.
#[derive(Clone, Debug)]
pub struct Fault {
    pub failure: Failure,
    pub why: Cow<'static, str>,
}

impl Fault {
    pub fn new(failure: Failure, why: &'static str) -> Fault {
        Fault { failure, why: why.into() }
    }

    /// What the library found wrong, in or after the handshake.
    pub fn of(error: &Error, handshaking: bool) -> Fault {
        Fault { failure: failure(error, handshaking), why: error.to_string().into() }
    }
}

fn failure(error: &Error, handshaking: bool) -> Failure {
    match error {
        Error::PeerIncompatible(what) => incompatible(what),
        Error::NoApplicationProtocol => Failure::Protocol,
        Error::NoCertificatesPresented | Error::InvalidCertificate(_) => Failure::ClientCertificate,
        Error::AlertReceived(_) if handshaking => Failure::Refused,
        Error::InvalidMessage(_) if handshaking => Failure::NotTls,
        Error::General(_) | Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            Failure::Internal
        }
        _ => Failure::BadRecord,
    }
}

fn incompatible(what: &PeerIncompatible) -> Failure {
    match what {
        PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => Failure::Version,
        _ => Failure::NothingShared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unique_and_places_are_those_of_the_table() {
        for (place, one) in Failure::ALL.iter().enumerate() {
            assert_eq!(*one as usize, place);
            assert!(Failure::ALL[place + 1..].iter().all(|other| other.label() != one.label()));
        }
    }
}
