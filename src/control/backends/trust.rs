//! Whose certificates are believed: the well-known authorities, and those of `caFile`.
//!
//! Invariants: a certificate is always checked; there is no way to switch that off. Called by
//! `live`.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// With HTTP/2 offered before 1.1. What is wrong with the PEM text where something is.
pub(super) fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(authorities)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(pem) = authorities else { return Ok(roots) };
    let known = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.len() > known {
        true => Ok(roots),
        false => Err("it holds no PEM certificate".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_authorities_are_enough() {
        let config = tls(None).expect("roots");
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }

    #[test]
    fn a_file_of_authorities_must_hold_some() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "hello", broken, "-----BEGIN CERTIFICATE-----\n"] {
            assert!(tls(Some(text.as_bytes())).is_err(), "{text:?}");
        }
    }

    #[test]
    fn authorities_come_beside_the_well_known() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let all = roots(Some(pem.as_bytes())).expect("roots");
        assert_eq!(all.len(), webpki_roots::TLS_SERVER_ROOTS.len() + 1);
    }
}
