//! Connecting by OAuth 2 (RFC 6749) with PKCE (RFC 7636), and what comes of it.

mod endpoint;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

pub(crate) use endpoint::Endpoint;

/// The secret half of PKCE, kept until the code is exchanged.
#[derive(Debug, Clone)]
pub struct Verifier(SecretString);

/// The public half, which goes with the browser: `S256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(String);

impl Verifier {
    /// A new one of 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into())
    }

    /// One that was kept.
    #[must_use]
    pub fn of(text: SecretString) -> Self {
        Self(text)
    }

    /// To be kept, sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What the provider is shown first.
    #[must_use]
    pub fn challenge(&self) -> Challenge {
        Challenge(URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose())))
    }
}

impl Challenge {
    /// The value of `code_challenge`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Access that a provider granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// With which the API is asked.
    pub access_token: SecretString,
    /// With which the next access token is had, once; none where tokens do not expire.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// What it is good for, as the provider says, separated by spaces.
    pub scopes: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_rfc_7636_appendix_b_is_made() {
        let verifier = Verifier::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(verifier.challenge().as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
