//! A user's tokens for the inbox: short-lived, signed with a secret of the tenant, kept nowhere. Pure:
//! secrets and the time are given.
//!
//! A token is `nu_<claims>.<code>`: claims in JSON and their HMAC-SHA256, both in base64url. Whoever has
//! one can read who it is for; nobody without the secret can make one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const PREFIX: &str = "nu_";

/// Bytes of the longest token that is looked at: it fits into a header, and a user's name of more than
/// 400 characters fits into it, whatever they are.
const MOST_BYTES: usize = 4_096;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Who a token is for, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    /// The tenant.
    #[serde(rename = "t")]
    pub(super) tenant: String,
    /// The tenant's user.
    #[serde(rename = "u")]
    pub(super) user: String,
    /// The first instant at which it is good no more, in milliseconds since 1970 UTC.
    #[serde(rename = "x")]
    pub(super) until: i64,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// It is none.
    #[error("this is no user token")]
    Malformed,
    /// Nobody here made it. So it is with a tenant that there is not: which there are is nobody's business.
    #[error("this user token was not made here")]
    Forged,
    /// Its time is over.
    #[error("this user token has expired: ask for a new one")]
    Expired,
}

/// User tokens.
#[derive(Debug)]
pub(super) enum Token {}

impl Token {
    /// Makes a token that is good until an instant in milliseconds since 1970 UTC.
    #[must_use]
    pub(super) fn issue(secret: &[u8; 32], tenant: &str, user: &str, until: i64) -> String {
        let claims = Claims { tenant: tenant.to_owned(), user: user.to_owned(), until };
        // Two texts and a number are always JSON.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let code = code(secret, &signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(code))
    }

    /// Who a token is for. `secret_of` finds a tenant's secret by the name that the token claims; the name
    /// may be anything.
    ///
    /// # Errors
    ///
    /// If it is no token, was not made with the tenant's secret, or is no longer good at `now`.
    pub(super) fn verify(
        secret_of: impl Fn(&str) -> Option<[u8; 32]>,
        token: &str,
        now: i64,
    ) -> Result<Claims, TokenError> {
        let (signed, claims, given) = take_apart(token).ok_or(TokenError::Malformed)?;
        let secret = secret_of(&claims.tenant).ok_or(TokenError::Forged)?;
        // It compares in constant time.
        code(&secret, signed).verify_slice(&given).map_err(|_| TokenError::Forged)?;
        // Last, so that only the maker's own tokens are told anything.
        if now >= claims.until {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// What was signed, what it says, and the code that came with it.
fn take_apart(token: &str) -> Option<(&str, Claims, Vec<u8>)> {
    if token.len() > MOST_BYTES {
        return None;
    }
    let (signed, code) = token.split_once('.')?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.strip_prefix(PREFIX)?).ok()?;
    let code = BASE64_URL_SAFE_NO_PAD.decode(code).ok()?;
    Some((signed, serde_json::from_slice(&claims).ok()?, code))
}

/// The code of a text. The prefix is signed too, so that no other use of the secret makes a token.
fn code(secret: &[u8; 32], signed: &str) -> Hmac<Sha256> {
    // HMAC fills its key up to a block with zeros; done here, there is no length that could be wrong.
    let mut block = [0; BLOCK];
    block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    let mut code = Hmac::<Sha256>::new(&block.into());
    code.update(signed.as_bytes());
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    fn secret_of(tenant: &str) -> Option<[u8; 32]> {
        match tenant {
            "acme" => Some(SECRET),
            "other" => Some([8; 32]),
            _ => None,
        }
    }

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn sign(payload: &str) -> String {
        let signed = format!("{PREFIX}{}", encode(payload));
        let code = code(&SECRET, &signed).finalize().into_bytes();
        format!("{signed}.{}", encode(code))
    }

    #[test]
    fn a_token_is_good_until_its_end() {
        let token = Token::issue(&SECRET, "acme", "ann \"é\" 🦀", 1_000);
        let claims = Token::verify(secret_of, &token, 999).unwrap();
        assert_eq!(claims.tenant, "acme");
        assert_eq!(claims.user, "ann \"é\" 🦀");
        assert_eq!(claims.until, 1_000);
        for now in [1_000, 1_001, i64::MAX] {
            assert_eq!(Token::verify(secret_of, &token, now), Err(TokenError::Expired));
        }
        let url_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        assert!(token.chars().all(url_safe), "{token}");
    }

    #[test]
    fn the_code_is_plain_hmac() {
        let ours = code(&SECRET, "nu_e30").finalize().into_bytes();
        let mut theirs = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
        theirs.update(b"nu_e30");
        assert_eq!(ours, theirs.finalize().into_bytes());
    }

    #[test]
    fn another_secret_another_tenant_or_none() {
        let stolen = Token::issue(&SECRET, "other", "ann", 1_000);
        assert_eq!(Token::verify(secret_of, &stolen, 0), Err(TokenError::Forged));
        let nobody = Token::issue(&SECRET, "nobody", "ann", 1_000);
        assert_eq!(Token::verify(secret_of, &nobody, 0), Err(TokenError::Forged));
        // Not even that it has expired is said to somebody who did not get it from here.
        assert_eq!(Token::verify(secret_of, &stolen, 2_000), Err(TokenError::Forged));
    }

    #[test]
    fn every_changed_letter_is_noticed() {
        let token = Token::issue(&SECRET, "acme", "ann", 1_000);
        for at in 0..token.len() {
            for letter in ['A', 'z', '.', '='] {
                let mut changed: Vec<char> = token.chars().collect();
                if changed[at] == letter {
                    continue;
                }
                changed[at] = letter;
                let changed: String = changed.into_iter().collect();
                let error = Token::verify(secret_of, &changed, 0).unwrap_err();
                assert_ne!(error, TokenError::Expired, "{changed}");
            }
        }
    }

    #[test]
    fn claims_cannot_be_exchanged() {
        let token = Token::issue(&SECRET, "acme", "ann", 1_000);
        let (_, code) = token.split_once('.').unwrap();
        let claims = encode(r#"{"t":"acme","u":"bob","x":1000}"#);
        let forged = format!("nu_{claims}.{code}");
        assert_eq!(Token::verify(secret_of, &forged, 0), Err(TokenError::Forged));
        for code in ["", "AAAA", &code[..40]] {
            let cut = format!("nu_{claims}.{code}");
            assert_eq!(Token::verify(secret_of, &cut, 0), Err(TokenError::Forged), "{code:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = Token::issue(&SECRET, "acme", "ann", 1_000);
        assert!(Token::verify(secret_of, &sign(r#"{"t":"acme","u":"ann","x":1000}"#), 0).is_ok());
        for token in [
            String::new(),
            "nu_".to_owned(),
            "nu_.".to_owned(),
            "nu_e30.e30".to_owned(),
            token.replace("nu_", ""),
            token.replace("nu_", "nk_"),
            token.replace('.', ""),
            format!("{token}."),
            format!("{token}="),
            format!(" {token}"),
            sign("[]"),
            sign(r#"{"t":"acme","u":"ann"}"#),
            sign(r#"{"t":"acme","u":"ann","x":"1000"}"#),
            sign(r#"{"t":"acme","u":"ann","x":1e99}"#),
            sign(r#"{"t":"acme","u":"ann","x":1000,"y":1}"#),
            sign(&"[".repeat(2_000)),
            Token::issue(&SECRET, "acme", &"a".repeat(MOST_BYTES), 1_000),
        ] {
            let error = Token::verify(secret_of, &token, 0).unwrap_err();
            assert_eq!(error, TokenError::Malformed, "{token}");
        }
    }

    #[test]
    fn long_names_fit() {
        for letter in ["a", "\u{1}", "🦀"] {
            let user = letter.repeat(400);
            let token = Token::issue(&SECRET, "acme", &user, 1_000);
            assert_eq!(Token::verify(secret_of, &token, 0).unwrap().user, user);
        }
    }
}
