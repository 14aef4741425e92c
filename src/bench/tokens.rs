//! The tokens connections show: none, one for all, or one signed for each user as it connects.

use crate::auth::{self, TokenRequest};
use crate::clock::Now;
use crate::settings::{Auth, AuthKey, JwtAlgorithm};

/// Longer than any run.
const TTL_S: u64 = 24 * 3_600;

/// Where tokens come from.
#[derive(Clone, Debug, Default)]
pub enum Tokens {
    #[default]
    None,
    One(String),
    Signed(Box<Auth>),
}

impl Tokens {
    /// HS256 tokens of this secret.
    pub fn signed_with(secret: &str) -> Tokens {
        let key = AuthKey {
            algorithm: JwtAlgorithm::Hs256,
            material: secret.as_bytes().to_vec(),
            kid: None,
        };
        Tokens::Signed(Box::new(Auth { keys: vec![key], ..Auth::default() }))
    }

    /// The token of a user.
    pub fn of(&self, user: &[u8], now: Now) -> Result<String, String> {
        match self {
            Tokens::None => Ok(String::new()),
            Tokens::One(token) => Ok(token.clone()),
            Tokens::Signed(auth) => {
                let subject = String::from_utf8_lossy(user).into_owned();
                let request = TokenRequest { subject, permissions: Vec::new(), ttl_s: TTL_S };
                auth::sign(auth, &request, now).map_err(|error| error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Verifier;

    #[test]
    fn each_user_gets_a_token_that_says_who_it_is() {
        let secret = "0123456789abcdef0123456789abcdef";
        let tokens = Tokens::signed_with(secret);
        let now = Now { mono_ns: 0, unix_ms: 1_800_000_000_000 };
        let token = tokens.of(b"u0000007", now).unwrap();
        let Tokens::Signed(auth) = tokens else { panic!("signed") };
        let claims = Verifier::new(&auth).unwrap().verify(&token, now).unwrap();
        assert!(String::from_utf8_lossy(&claims.json).contains(r#""sub":"u0000007""#));
        assert_eq!(Tokens::One("x".into()).of(b"a", now).unwrap(), "x");
        assert_eq!(Tokens::None.of(b"a", now).unwrap(), "");
    }
}
