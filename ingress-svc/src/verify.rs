//! Authenticity of a delivery, over its raw bytes and before anything is parsed. All comparisons take the same time
//! whatever differs, and an empty secret opens nothing.

pub(crate) mod forgejo;
pub(crate) mod github;
pub(crate) mod gitlab;
mod header;

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;

pub(crate) use header::Header;

/// Why a delivery is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// GitHub: no signature at all.
    #[error("missing X-Hub-Signature-256")]
    MissingSignature,
    /// Forgejo: no signature at all.
    #[error("missing X-Forgejo-Signature")]
    MissingForgejoSignature,
    /// GitHub and Forgejo: a signature that does not hold.
    #[error("invalid signature")]
    InvalidSignature,
    /// GitLab: no token, or another.
    #[error("invalid X-Gitlab-Token")]
    InvalidToken,
    /// GitLab: a signed delivery that does not verify, or an unsigned one where signatures are required.
    #[error("invalid webhook-signature")]
    InvalidWebhookSignature,
}

/// Does the work of a verification for an app that is not there, so that the time of a 404 says little.
pub(crate) fn pretend(body: &[u8]) {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(rand::random);
    if let Some(mut mac) = keyed(&*KEY) {
        mac.update(body);
        std::hint::black_box(mac.verify_slice(&[0; 32]).is_ok());
    }
}

/// Whether this is, in hex, what the secret makes of the text.
fn is_signed(secret: &[u8], hex: &str, text: &[u8]) -> bool {
    let mut presented = [0; 32];
    if hex::decode_to_slice(hex, &mut presented).is_err() {
        return false;
    }
    let Some(mut mac) = keyed(secret) else { return false };
    mac.update(text);
    mac.verify_slice(&presented).is_ok()
}

/// HMAC-SHA256 under a key of any length but zero.
fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    if key.is_empty() { None } else { Hmac::new_from_slice(key).ok() }
}
