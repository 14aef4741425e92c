//! Verification keys: every algorithm with its material, weak secrets refused.
//!
//! Invariants: an HMAC algorithm never gets a public key (anybody could sign with it); no message
//! holds a secret.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::draft::{Draft, KeyDraft, Material};
use crate::limits::SECRET_BYTES_MIN;
use crate::settings::{AuthKey, AuthMode, JwtAlgorithm};

/// What is asked of the secret.
#[derive(Clone, Default)]
pub enum SecretPolicy {
    /// It must be there and be strong (`serve`).
    #[default]
    Demand,
    /// It may be missing (`check`).
    Ignore,
    /// Take this one where the configuration has none (`serve --dev`, tests).
    Given(Vec<u8>),
}

/// Secrets that everybody can look up.
const KNOWN_SECRETS: [&str; 10] = [
    "a-very-secret-key",
    "default-secret-key-change-me",
    "change-me",
    "changeme",
    "secret",
    "your-secret-key",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "super-secret-key",
    "supersecret",
];

const REMEDY: &str =
    "set SHARDWIRE_AUTH_SECRET to a random text: `openssl rand -base64 48` makes one";

/// Fills `settings.auth.keys`.
pub fn resolve(draft: &mut Draft, policy: &SecretPolicy, findings: &mut Findings) {
    if draft.settings.auth.mode != AuthMode::Jwt {
        return;
    }
    let mut keys = Vec::new();
    for entry in entries(draft) {
        keys.extend(auth_key(entry, policy, findings));
    }
    if keys.is_empty() && !given_any(draft) {
        match policy {
            SecretPolicy::Given(secret) => keys.push(hmac(secret.clone())),
            SecretPolicy::Demand => findings.push(missing(Code::NoSecret)),
            SecretPolicy::Ignore => findings.push(missing(Code::SecretLater)),
        }
    }
    draft.settings.auth.keys = keys;
}

fn hmac(material: Vec<u8>) -> AuthKey {
    AuthKey { algorithm: JwtAlgorithm::Hs256, material, kid: None }
}

fn missing(code: Code) -> Diagnostic {
    let message = "there is no key to verify tokens with (`auth.mode` is `jwt`)";
    Diagnostic::new(code, message).help(REMEDY)
}

fn given_any(draft: &Draft) -> bool {
    draft.secret.is_some() || draft.public_key.is_some() || !draft.keys.is_empty()
}

/// One entry per algorithm and key: the single secret or public key, then the list.
fn entries(draft: &Draft) -> Vec<KeyDraft> {
    let single = KeyDraft {
        algorithm: None,
        secret: draft.secret.clone(),
        public_key: draft.public_key.clone(),
        kid: None,
    };
    let mut all: Vec<KeyDraft> = Vec::new();
    if draft.secret.is_some() || draft.public_key.is_some() {
        let algorithms: &[JwtAlgorithm] = match draft.algorithms.as_slice() {
            [] => &[JwtAlgorithm::Hs256],
            some => some,
        };
        for algorithm in algorithms {
            all.push(KeyDraft { algorithm: Some(*algorithm), ..single.clone() });
        }
    }
    all.extend(draft.keys.iter().cloned());
    all
}

fn auth_key(entry: KeyDraft, policy: &SecretPolicy, findings: &mut Findings) -> Option<AuthKey> {
    let algorithm = entry.algorithm.unwrap_or(JwtAlgorithm::Hs256);
    let material = match (hash_bytes(algorithm), entry.secret, entry.public_key) {
        (Some(bytes_min), Some(secret), _) => {
            check_secret(&secret, bytes_min, policy, findings);
            secret
        }
        (None, _, Some(key)) => {
            check_pem(&key, findings);
            key
        }
        (Some(_), None, Some(key)) => {
            findings.push(mismatch(&key, "an HMAC algorithm needs a secret, not a public key"));
            return None;
        }
        (None, Some(secret), None) => {
            findings.push(mismatch(&secret, "this algorithm needs a public key, not a secret"));
            return None;
        }
        (_, None, None) => {
            findings.push(missing(Code::NoSecret));
            return None;
        }
    };
    Some(AuthKey { algorithm, material: material.text.into_bytes(), kid: entry.kid })
}

fn mismatch(material: &Material, message: &str) -> Diagnostic {
    Diagnostic::new(Code::KeyMismatch, message)
        .at(&material.place, "this key")
        .help("fit `auth.algorithms` to the key")
}

/// Bytes an HMAC secret must have at least; `None` for the other algorithms.
fn hash_bytes(algorithm: JwtAlgorithm) -> Option<usize> {
    match algorithm {
        JwtAlgorithm::Hs256 => Some(SECRET_BYTES_MIN),
        JwtAlgorithm::Hs384 => Some(48),
        JwtAlgorithm::Hs512 => Some(64),
        _ => None,
    }
}

fn check_secret(
    secret: &Material,
    bytes_min: usize,
    policy: &SecretPolicy,
    findings: &mut Findings,
) {
    let known = KNOWN_SECRETS.contains(&secret.text.to_ascii_lowercase().as_str());
    let short = secret.text.len() < bytes_min;
    let (code, message) = match (known, short) {
        (true, _) => (Code::SecretKnown, "the secret is a publicly known example".into()),
        (false, true) => {
            let len = secret.text.len();
            (
                Code::SecretTooShort,
                format!("the secret has {len} bytes, at least {bytes_min} are needed"),
            )
        }
        (false, false) => return,
    };
    let code = if matches!(policy, SecretPolicy::Ignore) { Code::WeakSecret } else { code };
    findings.push(Diagnostic::new(code, message).at(&secret.place, "not safe").help(REMEDY));
}

fn check_pem(key: &Material, findings: &mut Findings) {
    let text = key.text.trim_start();
    let message = match (text.starts_with("-----BEGIN "), text.contains("PRIVATE KEY")) {
        (true, false) => return,
        (_, true) => "this is a private key; the server needs the public one",
        (false, false) => {
            "this is not a PEM public key (it begins with `-----BEGIN PUBLIC KEY-----`)"
        }
    };
    findings.push(mismatch(key, message));
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnostic::Place;
    use super::*;

    const STRONG: &str = "0123456789abcdef0123456789abcdef";

    fn material(text: &str) -> Option<Material> {
        Some(Material { text: text.into(), place: Place::Variable("S".into()) })
    }

    fn resolved(mut draft: Draft, policy: &SecretPolicy) -> (usize, Vec<Code>) {
        let mut findings = Findings::default();
        resolve(&mut draft, policy, &mut findings);
        let list = findings.sorted();
        assert!(!format!("{list:?}").contains("hunter2"));
        (draft.settings.auth.keys.len(), list.into_iter().map(|one| one.code).collect())
    }

    #[test]
    fn the_secret_is_demanded_only_where_it_is_used() {
        let with = |text: &str| Draft { secret: material(text), ..Draft::default() };
        let given = SecretPolicy::Given(STRONG.into());
        assert_eq!(resolved(Draft::default(), &SecretPolicy::Demand), (0, vec![Code::NoSecret]));
        assert_eq!(resolved(Draft::default(), &SecretPolicy::Ignore), (0, vec![Code::SecretLater]));
        assert_eq!(resolved(Draft::default(), &given), (1, vec![]));
        assert_eq!(resolved(with(STRONG), &SecretPolicy::Demand), (1, vec![]));
        assert_eq!(resolved(with(&STRONG[1..]), &SecretPolicy::Demand).1, [Code::SecretTooShort]);
        assert_eq!(resolved(with("hunter2"), &SecretPolicy::Ignore).1, [Code::WeakSecret]);
        assert_eq!(resolved(with("hunter2"), &given).1, [Code::SecretTooShort]);
        for known in KNOWN_SECRETS {
            assert_eq!(resolved(with(known), &SecretPolicy::Demand).1, [Code::SecretKnown]);
        }
        let mut open = Draft::default();
        open.settings.auth.mode = AuthMode::None;
        assert_eq!(resolved(open, &SecretPolicy::Demand), (0, vec![]));
    }

    #[test]
    fn keys_and_algorithms_must_fit() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMC==\n-----END PUBLIC KEY-----\n";
        let private = pem.replace("PUBLIC", "PRIVATE");
        use JwtAlgorithm::{Es256, Hs256, Hs512, Rs256};
        for (algorithms, secret, public_key, wanted) in [
            (vec![Rs256], None, material(pem), (1, vec![])),
            (vec![Hs256, Rs256], material(STRONG), material(pem), (2, vec![])),
            (vec![Hs256], None, material(pem), (0, vec![Code::KeyMismatch])),
            (vec![Es256], material(STRONG), None, (0, vec![Code::KeyMismatch])),
            (vec![Rs256], None, material(&private), (1, vec![Code::KeyMismatch])),
            (vec![Hs512], material(STRONG), None, (1, vec![Code::SecretTooShort])),
        ] {
            let draft = Draft { algorithms, secret, public_key, ..Draft::default() };
            assert_eq!(resolved(draft, &SecretPolicy::Demand), wanted);
        }
    }
}
