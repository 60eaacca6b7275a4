//! Names that the rules compare: parsed once, never looked into again.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}: {found:?}")]
pub struct InvalidName {
    expected: &'static str,
    found: String,
}

/// Identifies a deploy for ever: the same push always means the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeployId(pub Uuid);

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A commit, in 40 or 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha(String);

impl Sha {
    /// The commit as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is all zeros: the providers' way to say "no commit".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }
}

impl TryFrom<String> for Sha {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if matches!(text.len(), 40 | 64) && is_lower_hex(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidName { expected: "a commit of 40 or 64 hex digits", found: text })
        }
    }
}

impl From<Sha> for String {
    fn from(sha: Sha) -> Self {
        sha.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container image by digest: a tag can be moved, a digest cannot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Image(String);

impl Image {
    /// `<repository>@sha256:<digest>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Image {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.split_once("@sha256:") {
            Some((repository, digest))
                if !repository.is_empty() && digest.len() == 64 && is_lower_hex(digest) =>
            {
                Ok(Self(text))
            }
            _ => Err(InvalidName { expected: "an image by its sha256 digest", found: text }),
        }
    }
}

impl From<Image> for String {
    fn from(image: Image) -> Self {
        image.0
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// What asked for a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A push to GitHub.
    GithubWebhook,
    /// A push to GitLab.
    GitlabWebhook,
    /// A push to Forgejo or Gitea.
    ForgejoWebhook,
    /// A person: build and deploy the newest push's commit once more.
    Manual,
    /// A person: put this release's image live again.
    Rollback(u64),
}

impl Source {
    /// The tag that people see: `github_webhook:<sha>`, `gitlab_webhook:<sha>`, `forgejo_webhook:<sha>`, `manual:<sha>` or `rollback:<release>`.
    #[must_use]
    pub fn tag(self, sha: &Sha) -> String {
        match self {
            Self::GithubWebhook => format!("github_webhook:{sha}"),
            Self::GitlabWebhook => format!("gitlab_webhook:{sha}"),
            Self::ForgejoWebhook => format!("forgejo_webhook:{sha}"),
            Self::Manual => format!("manual:{sha}"),
            Self::Rollback(release) => format!("rollback:{release}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_40_or_64_lower_case_hex_digits() {
        assert!(Sha::try_from("a".repeat(40)).is_ok());
        assert!(Sha::try_from("0".repeat(64)).is_ok_and(|sha| sha.is_zero()));
        for wrong in ["", "main", &"A".repeat(40), &"a".repeat(41), &"g".repeat(40)] {
            assert!(Sha::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_image_is_named_by_its_digest() {
        let digest = "1".repeat(64);
        assert!(Image::try_from(format!("registry/app@sha256:{digest}")).is_ok());
        for wrong in ["registry/app:latest".to_owned(), format!("@sha256:{digest}")] {
            assert!(Image::try_from(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
