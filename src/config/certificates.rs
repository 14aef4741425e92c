//! The files of `server.tls`: read and checked, what is wrong told at the option's place.
//!
//! Invariants: called where they are to be served or were asked about (`serve`, `check`, a reload),
//! never by `compile`, which reads no clock. Called by `cli::load`.

use std::path::Path;

use super::codes::Code;
use super::diagnostic::{Diagnostic, Place};
use super::settings::Chosen;
use crate::limits::CERTIFICATE_WARNING_DAYS;
use crate::settings::Tls;
use crate::tls::{self, Expiry, Identity, Part, Problem, Wrong};

const SECONDS_PER_DAY: u64 = 86_400;

/// Where the options were set.
#[derive(Clone, Debug, Default)]
pub struct TlsPlaces {
    cert: Option<Place>,
    key: Option<Place>,
    client_ca: Option<Place>,
}

impl TlsPlaces {
    pub(super) fn of(chosen: &Chosen) -> TlsPlaces {
        let place = |path: &str| chosen.get(path).map(|(_, place)| place.clone());
        TlsPlaces {
            cert: place("server.tls.cert"),
            key: place("server.tls.key"),
            client_ca: place("server.tls.clientCa"),
        }
    }

    fn of_part(&self, part: Part) -> Option<&Place> {
        match part {
            Part::Cert => self.cert.as_ref(),
            Part::Key => self.key.as_ref(),
            Part::ClientCa => self.client_ca.as_ref(),
        }
    }
}

/// Reads the files, relative to a folder; `None` where there is no TLS, or it is wrong.
pub fn certificates(
    tls: &Tls,
    places: &TlsPlaces,
    folder: &Path,
    now_unix_s: u64,
) -> (Option<Identity>, Vec<Diagnostic>) {
    if !tls.is_on() {
        return (None, Vec::new());
    }
    match tls::read(tls, folder, now_unix_s) {
        Ok(identity) => {
            let warning = expiry_warning(&identity.expiry, now_unix_s);
            let finding = warning.map(|text| Diagnostic::new(Code::CertificateExpires, text));
            let finding = finding.map(|finding| at(finding, places, Part::Cert));
            (Some(identity), finding.into_iter().collect())
        }
        Err(problems) => (None, problems.iter().map(|one| diagnose(one, places)).collect()),
    }
}

/// What to say of a certificate that expires soon.
pub fn expiry_warning(expiry: &Expiry, now_unix_s: u64) -> Option<String> {
    let days = expiry.unix_s.saturating_sub(now_unix_s) / SECONDS_PER_DAY;
    let file = expiry.file.display();
    let date = tls::date(expiry.unix_s);
    match days {
        _ if now_unix_s > expiry.unix_s => Some(format!("{file} expired on {date}")),
        CERTIFICATE_WARNING_DAYS.. => None,
        1 => Some(format!("{file} expires in a day, on {date}")),
        days => Some(format!("{file} expires in {days} days, on {date}")),
    }
}

fn diagnose(problem: &Problem, places: &TlsPlaces) -> Diagnostic {
    let code = match problem.wrong {
        Wrong::Unreadable => Code::CertificateUnreadable,
        Wrong::NotPem => Code::CertificateNotPem,
        Wrong::Encrypted => Code::KeyEncrypted,
        Wrong::Mismatch => Code::CertificateMismatch,
        Wrong::OutOfTime => Code::CertificateOutOfTime,
        Wrong::Chain => Code::CertificateChain,
    };
    let finding = at(Diagnostic::new(code, problem.message.clone()), places, problem.part);
    match problem.help.is_empty() {
        true => finding,
        false => finding.help(problem.help.clone()),
    }
}

fn at(finding: Diagnostic, places: &TlsPlaces, part: Part) -> Diagnostic {
    match places.of_part(part) {
        Some(place) => finding.at(place, ""),
        None => finding,
    }
}
