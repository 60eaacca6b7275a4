//! The name of a commit: 40 hex digits, or 64 in a SHA-256 repository.

use std::{fmt, str::FromStr};

/// A commit's hash, lowercase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sha(String);

/// Text that is no commit's hash.
#[derive(Debug, thiserror::Error)]
#[error("a commit is 40 or 64 lowercase hex digits")]
pub(crate) struct InvalidSha;

impl FromStr for Sha {
    type Err = InvalidSha;

    fn from_str(text: &str) -> Result<Self, InvalidSha> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if matches!(text.len(), 40 | 64) && text.bytes().all(is_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSha)
        }
    }
}

impl Sha {
    /// Whether it stands for no commit.
    pub(crate) fn is_zeros(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }

    /// No commit, in the same length.
    pub(crate) fn zeros(&self) -> Self {
        Self("0".repeat(self.0.len()))
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_40_or_64_hex_digits() {
        assert!("a".repeat(40).parse::<Sha>().is_ok());
        assert!("0".repeat(64).parse::<Sha>().unwrap().is_zeros());
        for bad in
            ["", "main", "--upload-pack=x", &"a".repeat(41), &"A".repeat(40), &"g".repeat(40)]
        {
            assert!(bad.parse::<Sha>().is_err(), "{bad}");
        }
    }
}
