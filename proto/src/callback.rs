//! Tokens that are good for one deploy: HMACs of its id under a service key.
//!
//! The one of its build's callback opens nothing but a re-check of that one run, so it may stand on the PipelineRun; the
//! one for its clone credential never leaves the deployer, save to the ingress.

use std::fmt;

use constant_time_eq::constant_time_eq_32;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

/// Header in which the pipeline's `finally` task sends the token.
pub const TOKEN_HEADER: &str = "x-paas-callback-token";

/// Header in which the deployer shows that it may have the credential with which a deploy's repository is cloned.
pub const CREDENTIAL_TOKEN_HEADER: &str = "x-paas-credential-token";

const CALLBACK: &[u8] = b"paas build callback v1";
const CREDENTIAL: &[u8] = b"paas clone credential v1";

/// The key under which such tokens are made: the deployer makes them, the ingress checks them.
#[derive(Clone)]
pub struct CallbackKey([u8; 64]);

/// A key that is not 64 hex digits.
#[derive(Debug, thiserror::Error)]
#[error("a callback key is 32 bytes as 64 hex digits, for instance from `openssl rand -hex 32`")]
pub struct InvalidKey;

impl std::str::FromStr for CallbackKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        // RFC 2104 fills a key up with zeros to SHA-256's block of 64 bytes.
        let mut block = [0; 64];
        hex::decode_to_slice(text.trim(), &mut block[..32]).map_err(|_| InvalidKey)?;
        Ok(Self(block))
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKey(REDACTED)")
    }
}

impl CallbackKey {
    /// The callback token of one deploy, in hex.
    #[must_use]
    pub fn token(&self, deploy: Uuid) -> String {
        hex::encode(self.tag(CALLBACK, deploy))
    }

    /// Whether this is the deploy's callback token, in constant time.
    #[must_use]
    pub fn verify(&self, deploy: Uuid, token: &str) -> bool {
        self.is_tag(CALLBACK, deploy, token)
    }

    /// The token for the clone credential of one deploy, in hex.
    #[must_use]
    pub fn credential_token(&self, deploy: Uuid) -> String {
        hex::encode(self.tag(CREDENTIAL, deploy))
    }

    /// Whether this is the token for the deploy's clone credential, in constant time.
    #[must_use]
    pub fn verify_credential(&self, deploy: Uuid, token: &str) -> bool {
        self.is_tag(CREDENTIAL, deploy, token)
    }

    fn is_tag(&self, domain: &[u8], deploy: Uuid, token: &str) -> bool {
        let mut presented = [0; 32];
        hex::decode_to_slice(token, &mut presented).is_ok()
            && constant_time_eq_32(&self.tag(domain, deploy), &presented)
    }

    fn tag(&self, domain: &[u8], deploy: Uuid) -> [u8; 32] {
        let mut mac = <Hmac<Sha256>>::new(&self.0.into());
        mac.update(domain);
        mac.update(deploy.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_deploy_only() {
        let key: CallbackKey = "07".repeat(32).parse().unwrap();
        let token = key.token(Uuid::from_u128(1));
        assert!(key.verify(Uuid::from_u128(1), &token));
        assert!(!key.verify(Uuid::from_u128(2), &token));
        assert!(!key.verify(Uuid::from_u128(1), ""));
        assert!(!key.verify(Uuid::from_u128(1), &token[1..]));
    }

    /// The callback token stands on the PipelineRun, where builds can read it.
    #[test]
    fn a_callback_token_gets_no_credential() {
        let key: CallbackKey = "07".repeat(32).parse().unwrap();
        let deploy = Uuid::from_u128(1);
        assert!(key.verify_credential(deploy, &key.credential_token(deploy)));
        assert!(!key.verify_credential(deploy, &key.token(deploy)));
        assert!(!key.verify(deploy, &key.credential_token(deploy)));
        assert!(!key.verify_credential(Uuid::from_u128(2), &key.credential_token(deploy)));
    }

    #[test]
    fn a_key_never_shows_itself() {
        let key: CallbackKey = "07".repeat(32).parse().unwrap();
        assert!(!format!("{key:?}").contains("07"));
        assert!("short".parse::<CallbackKey>().is_err());
    }
}
