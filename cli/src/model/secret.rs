//! Secrets that a person is shown once: nothing tells of them by the way.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret that the platform has just made, or is to be given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// It itself, for whoever asked for it.
    pub(crate) fn shown(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tells_of_a_secret_by_the_way() {
        assert_eq!(format!("{:?}", Secret::from("canary".to_owned())), "Secret(…)");
    }
}
