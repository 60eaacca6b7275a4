//! Secrets at rest: XChaCha20-Poly1305 under a sub-key of each purpose. The key's id comes first, so that keys can be
//! rotated; the row and column are the associated data, so that a sealed value moved elsewhere does not open.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hkdf::Hkdf;
use paas_proto::events::Provider;
use secrecy::SecretString;
use sha2::Sha256;
use uuid::Uuid;

const NONCE_BYTES: usize = 24;

/// What a secret is for: the column that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The secret that deliveries are signed with, or carry; also the one before it.
    WebhookSecret,
    /// GitLab's signing token.
    SigningToken,
    /// With which a provider is asked for a tenant.
    AccessToken,
    /// With which the next access token is had.
    RefreshToken,
    /// The secret half of PKCE while a tenant connects.
    PkceVerifier,
    /// An answer that is given again to the same request.
    Answer,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::WebhookSecret,
        Self::SigningToken,
        Self::AccessToken,
        Self::RefreshToken,
        Self::PkceVerifier,
        Self::Answer,
    ];

    fn column(self) -> &'static str {
        match self {
            Self::WebhookSecret => "webhook_secret",
            Self::SigningToken => "signing_token",
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::PkceVerifier => "verifier",
            Self::Answer => "answer",
        }
    }
}

/// The row that a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// An app's source.
    App(Uuid),
    /// A tenant's connection to a provider.
    Connection(Uuid, Provider),
    /// A connection that was begun, by the hash of its state.
    State(&'a [u8; 32]),
    /// A request with an `Idempotency-Key`, by its hash.
    Request(&'a [u8; 32]),
}

impl From<Uuid> for Owner<'_> {
    fn from(app: Uuid) -> Self {
        Self::App(app)
    }
}

impl Owner<'_> {
    fn associated_data(self, purpose: Purpose) -> Vec<u8> {
        let column = purpose.column().as_bytes();
        match self {
            Self::App(app) => [app.as_bytes(), column].concat(),
            Self::Connection(tenant, provider) => {
                [tenant.as_bytes(), provider.name().as_bytes(), b".", column].concat()
            }
            Self::State(hash) | Self::Request(hash) => [hash.as_slice(), column].concat(),
        }
    }
}

/// The keys that are in use: the first seals, all open.
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    id: u8,
    /// In the order of [`Purpose::ALL`].
    ciphers: Vec<XChaCha20Poly1305>,
}

/// Text that is not a list of keys.
#[derive(Debug, thiserror::Error)]
#[error(
    "keys are `id:64hex[,id:64hex…]` with different ids from 1 to 255, \
     for instance `1:` and the output of `openssl rand -hex 32`"
)]
pub(crate) struct InvalidKeys;

/// A sealed value that cannot be opened, or a value that cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Too short to be one.
    #[error("a sealed secret is damaged")]
    Damaged,
    /// Sealed with a key that is not among ours.
    #[error("a secret is sealed with key {0}, which is not in SECRETS_KEYS")]
    UnknownKey(u8),
    /// Wrong key, other row or column, or changed bytes.
    #[error("a sealed secret does not open")]
    Rejected,
    /// The cipher refused.
    #[error("a secret could not be sealed")]
    NotSealed,
}

impl FromStr for Keyring {
    type Err = InvalidKeys;

    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let keys = text.trim().split(',').map(Key::parse).collect::<Result<Vec<_>, _>>()?;
        let is_repeated = |key: &Key| keys.iter().filter(|other| other.id == key.id).count() > 1;
        if keys.iter().any(is_repeated) { Err(InvalidKeys) } else { Ok(Self { keys }) }
    }
}

impl Key {
    fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let (id, key) = text.trim().split_once(':').ok_or(InvalidKeys)?;
        let id = id.parse().ok().filter(|id| *id != 0).ok_or(InvalidKeys)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(key, &mut bytes).map_err(|_| InvalidKeys)?;
        let ciphers = Purpose::ALL.iter().map(|purpose| cipher(&bytes, *purpose));
        Ok(Self { id, ciphers: ciphers.collect::<Result<_, _>>()? })
    }

    fn cipher(&self, purpose: Purpose) -> Option<&XChaCha20Poly1305> {
        let place = Purpose::ALL.iter().position(|known| *known == purpose)?;
        self.ciphers.get(place)
    }
}

/// A sub-key for each purpose: what is learnt about one helps with no other.
fn cipher(key: &[u8; 32], purpose: Purpose) -> Result<XChaCha20Poly1305, InvalidKeys> {
    let info = format!("paas sealed {} v1", purpose.column());
    let mut sub_key = [0; 32];
    Hkdf::<Sha256>::new(None, key)
        .expand(info.as_bytes(), &mut sub_key)
        .map_err(|_| InvalidKeys)?;
    Ok(XChaCha20Poly1305::new(&sub_key.into()))
}

impl Keyring {
    /// Seals a secret of a row: key id, nonce, ciphertext.
    pub(crate) fn seal<'a>(
        &self,
        purpose: Purpose,
        owner: impl Into<Owner<'a>>,
        secret: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let key = self.keys.first().ok_or(Error::NotSealed)?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = owner.into().associated_data(purpose);
        let ciphertext = key
            .cipher(purpose)
            .ok_or(Error::NotSealed)?
            .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &aad })
            .map_err(|_| Error::NotSealed)?;
        Ok([&[key.id], nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens what [`Keyring::seal`] made for the same row and purpose.
    pub(crate) fn open<'a>(
        &self,
        purpose: Purpose,
        owner: impl Into<Owner<'a>>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (&id, rest) = sealed.split_first().ok_or(Error::Damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Damaged)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(Error::UnknownKey(id))?;
        let aad = owner.into().associated_data(purpose);
        key.cipher(purpose)
            .ok_or(Error::Rejected)?
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| Error::Rejected)
    }

    /// Opens a secret that is text, as all of ours are.
    pub(crate) fn open_text<'a>(
        &self,
        purpose: Purpose,
        owner: impl Into<Owner<'a>>,
        sealed: &[u8],
    ) -> Result<SecretString, Error> {
        let opened = self.open(purpose, owner, sealed)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| Error::Damaged)
    }

    /// The id of the key that seals.
    pub(crate) fn sealing_key(&self) -> Option<u8> {
        self.keys.first().map(|key| key.id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.id)).finish()
    }
}

/// A new 256-bit webhook secret, in hex.
pub(crate) fn generate() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// A new signing token, as GitLab wants it.
pub(crate) fn generate_signing_token() -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Uuid = Uuid::from_u128(1);

    fn ring(keys: &[(u8, &str)]) -> Keyring {
        let keys: Vec<_> =
            keys.iter().map(|(id, key)| format!("{id}:{}", key.repeat(32))).collect();
        keys.join(",").parse().unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_again() {
        let ring = ring(&[(1, "0a")]);
        let sealed = ring.seal(Purpose::WebhookSecret, APP, b"secret").unwrap();
        assert_eq!(ring.open(Purpose::WebhookSecret, APP, &sealed).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert_ne!(
            sealed,
            ring.seal(Purpose::WebhookSecret, APP, b"secret").unwrap(),
            "a new nonce"
        );
    }

    #[test]
    fn a_sealed_secret_opens_only_where_it_belongs() {
        let ring = ring(&[(1, "0a")]);
        let sealed = ring.seal(Purpose::WebhookSecret, APP, b"secret").unwrap();
        assert!(ring.open(Purpose::WebhookSecret, Uuid::from_u128(2), &sealed).is_err());
        assert!(ring.open(Purpose::SigningToken, APP, &sealed).is_err());
        let owner = Owner::Connection(APP, Provider::Github);
        let sealed = ring.seal(Purpose::AccessToken, owner, b"token").unwrap();
        assert_eq!(ring.open(Purpose::AccessToken, owner, &sealed).unwrap(), b"token");
        let others = [
            Owner::Connection(APP, Provider::Gitlab),
            Owner::Connection(Uuid::from_u128(2), Provider::Github),
            Owner::App(APP),
            Owner::State(&[0; 32]),
        ];
        for other in others {
            assert!(ring.open(Purpose::AccessToken, other, &sealed).is_err(), "{other:?}");
        }
        assert!(ring.open(Purpose::RefreshToken, owner, &sealed).is_err());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let ring = ring(&[(1, "0a")]);
        let sealed = ring.seal(Purpose::WebhookSecret, APP, b"secret").unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(ring.open(Purpose::WebhookSecret, APP, &changed).is_err(), "byte {position}");
        }
        assert!(ring.open(Purpose::WebhookSecret, APP, &sealed[..20]).is_err());
        assert!(ring.open(Purpose::WebhookSecret, APP, b"").is_err());
    }

    #[test]
    fn an_older_key_opens_after_a_rotation() {
        let sealed = ring(&[(1, "0a")]).seal(Purpose::WebhookSecret, APP, b"secret").unwrap();
        let rotated = ring(&[(2, "0b"), (1, "0a")]);
        assert_eq!(rotated.open(Purpose::WebhookSecret, APP, &sealed).unwrap(), b"secret");
        assert_eq!(rotated.seal(Purpose::WebhookSecret, APP, b"secret").unwrap()[0], 2);
        assert!(ring(&[(2, "0b")]).open(Purpose::WebhookSecret, APP, &sealed).is_err());
    }

    #[test]
    fn there_is_no_keyring_without_a_good_key() {
        let key = "0a".repeat(32);
        for bad in ["", ",", "1:", "1:0a", &key, &format!("0:{key}"), &format!("256:{key}")] {
            assert!(bad.parse::<Keyring>().is_err(), "{bad:?}");
        }
        assert!(format!("1:{key},1:{key}").parse::<Keyring>().is_err(), "an id twice");
        assert!(!format!("{:?}", ring(&[(1, "0a")])).contains("0a0a"));
    }
}
