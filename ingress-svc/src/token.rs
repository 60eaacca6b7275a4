//! Tokens that are compared by their hashes: neither the content nor the length of what is expected shows in the time.

use std::{fmt, str::FromStr};

use constant_time_eq::constant_time_eq_32;
use sha2::{Digest as _, Sha256};

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
    use super::*;

    #[test]
    fn only_the_token_itself_matches() {
        let hash: TokenHash = hex::encode(Sha256::digest(b"token")).parse().unwrap();
        assert!(hash.matches(b"token"));
        assert!(!hash.matches(b"token "));
        assert!(!hash.matches(b""));
    }

    #[test]
    fn a_hash_is_64_hex_digits() {
        assert!("token".parse::<TokenHash>().is_err());
        assert!("".parse::<TokenHash>().is_err());
    }
}
