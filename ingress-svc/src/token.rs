//! Tokens that are compared by their hashes: neither the content nor the length of what is expected shows in the time.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq_32;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

/// By which a token of ours is recognised, by people and by scanners for leaked secrets.
const PREFIX: &str = "paas_";
/// How much of a token is shown: enough to tell tokens apart, and nothing of use.
const SHOWN_CHARACTERS: usize = 11;
/// 256 bits.
const TOKEN_BYTES: usize = 32;

/// A new API token.
pub(crate) struct Generated {
    /// The whole.
    pub(crate) token: SecretString,
    /// By which people recognise it.
    pub(crate) prefix: String,
    /// By which it is found again.
    pub(crate) hash: TokenHash,
}

/// Makes an API token.
pub(crate) fn generate() -> Generated {
    let random: [u8; TOKEN_BYTES] = rand::random();
    let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    Generated {
        prefix: token.chars().take(SHOWN_CHARACTERS).collect(),
        hash: TokenHash::of(token.as_bytes()),
        token: token.into(),
    }
}

/// Whether a text could be such a token, so that the database is asked for no others.
pub(crate) fn is_possible(text: &str) -> bool {
    let random = text.strip_prefix(PREFIX).map(|text| BASE64_URL_SAFE_NO_PAD.decode(text));
    matches!(random, Some(Ok(random)) if random.len() == TOKEN_BYTES)
}

/// The SHA-256 of a token.
#[derive(Clone, Copy)]
pub(crate) struct TokenHash([u8; 32]);

/// Text that is not a SHA-256 in hex.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a SHA-256 as 64 hex digits, for instance from `printf %s \"$TOKEN\" | sha256sum`"
)]
pub(crate) struct InvalidHash;

impl FromStr for TokenHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text.trim(), &mut hash).map_err(|_| InvalidHash)?;
        Ok(Self(hash))
    }
}

impl TokenHash {
    /// The hash of a token that is known in clear.
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// As it is stored.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the hash of the presented token.
    pub(crate) fn matches(&self, presented: &[u8]) -> bool {
        constant_time_eq_32(&self.0, &Self::of(presented).0)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn only_the_token_itself_matches() {
        let hash: TokenHash = hex::encode(Sha256::digest(b"token")).parse().unwrap();
        assert!(hash.matches(b"token"));
        assert!(!hash.matches(b"token "));
        assert!(!hash.matches(b""));
    }

    #[test]
    fn a_new_token_is_recognised_and_shows_little_of_itself() {
        let (one, other) = (generate(), generate());
        let text = one.token.expose_secret();
        assert!(is_possible(text) && text.starts_with(&one.prefix));
        assert_eq!((text.len(), one.prefix.len()), (48, 11));
        assert!(one.hash.matches(text.as_bytes()));
        assert_ne!(text, other.token.expose_secret());
        for junk in ["", "paas_", "token", &text[..47], &text.replace("paas_", "PAAS_")] {
            assert!(!is_possible(junk), "{junk}");
        }
    }

    #[test]
    fn a_hash_is_64_hex_digits() {
        assert!("token".parse::<TokenHash>().is_err());
        assert!("".parse::<TokenHash>().is_err());
    }
}
