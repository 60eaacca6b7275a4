//! GitLab: a delivery with `webhook-signature` must verify under the signing token, and never falls back; any other
//! carries the secret itself in `X-Gitlab-Token`.

use std::{fmt, str::FromStr};

use actix_web::http::header::HeaderMap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use constant_time_eq::constant_time_eq_32;
use hmac::Mac as _;
use jiff::Timestamp;

use super::{Header, Refusal, keyed};
use crate::token::TokenHash;

/// GitLab names no tolerance; this is that of the Standard Webhooks libraries.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// A GitLab signing token: `whsec_` and 32 bytes in base64.
#[derive(Clone)]
pub(crate) struct SigningToken([u8; 32]);

/// Text that is not a signing token.
#[derive(Debug, thiserror::Error)]
#[error("a signing token is `whsec_` and 32 bytes in base64")]
pub(crate) struct InvalidToken;

impl FromStr for SigningToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.strip_prefix("whsec_").ok_or(InvalidToken)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| InvalidToken)?;
        bytes.try_into().map(Self).map_err(|_| InvalidToken)
    }
}

impl fmt::Debug for SigningToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningToken(REDACTED)")
    }
}

/// What an app's deliveries are checked against.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The value of `X-Gitlab-Token`.
    pub(crate) secret: Vec<u8>,
    /// The key of signed deliveries.
    pub(crate) signing_token: Option<SigningToken>,
    /// Whether an unsigned delivery is refused.
    pub(crate) signing_required: bool,
}

/// What a delivery shows for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) token: Header<'a>,
    pub(crate) id: Header<'a>,
    pub(crate) timestamp: Header<'a>,
    pub(crate) signature: Header<'a>,
}

impl<'a> Presented<'a> {
    /// Reads the headers that count.
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        Self {
            token: Header::read(headers, "x-gitlab-token"),
            id: Header::read(headers, "webhook-id"),
            timestamp: Header::read(headers, "webhook-timestamp"),
            signature: Header::read(headers, "webhook-signature"),
        }
    }

    /// Id and timestamp come on every delivery: only the signature makes it a signed one.
    pub(crate) fn is_signed(&self) -> bool {
        self.signature != Header::Absent
    }
}

/// Whether a delivery that arrived `now` is the provider's.
pub(crate) fn verify(
    expected: &Expected,
    presented: Presented<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    if presented.is_signed() {
        let key = expected.signing_token.as_ref().ok_or(Refusal::InvalidWebhookSignature)?;
        return verify_signature(&key.0, presented, body, now);
    }
    if expected.signing_required {
        return Err(Refusal::InvalidWebhookSignature);
    }
    let token = presented.token.value().ok_or(Refusal::InvalidToken)?;
    let is_right = TokenHash::of(&expected.secret).matches(token.as_bytes());
    if is_right && !expected.secret.is_empty() { Ok(()) } else { Err(Refusal::InvalidToken) }
}

fn verify_signature(
    key: &[u8],
    presented: Presented<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let refused = Refusal::InvalidWebhookSignature;
    let id = presented.id.value().ok_or(refused)?;
    let timestamp = presented.timestamp.value().ok_or(refused)?;
    let signatures = presented.signature.value().ok_or(refused)?;
    let sent: i64 = timestamp.parse().map_err(|_| refused)?;
    if now.as_second().abs_diff(sent) > TOLERANCE_SECONDS {
        return Err(refused);
    }
    let mut mac = keyed(key).ok_or(refused)?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    // While a token is being changed there are several; every one is looked at, whichever fits.
    let fits = |fits, signature| is_tag(&tag, signature) | fits;
    if signatures.split(' ').fold(false, fits) { Ok(()) } else { Err(refused) }
}

fn is_tag(tag: &[u8; 32], signature: &str) -> bool {
    signature
        .strip_prefix("v1,")
        .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok())
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .is_some_and(|presented| constant_time_eq_32(tag, &presented))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    const SIGNATURE: &str = "v1,uBH+NwWW9b22x+VNHVa8p9foC8NLzHK/3+OxWP2Gpfw=";
    const BODY: &[u8] = br#"{"object_kind":"push"}"#;
    const SENT: i64 = 1_769_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn expected() -> Expected {
        Expected {
            secret: b"a webhook secret".to_vec(),
            signing_token: Some(TOKEN.parse().unwrap()),
            signing_required: false,
        }
    }

    fn signed(signature: &str) -> Presented<'_> {
        Presented {
            token: Header::Absent,
            id: Header::Once("f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
            timestamp: Header::Once("1769000000"),
            signature: Header::Once(signature),
        }
    }

    fn with_token(token: &str) -> Presented<'_> {
        Presented { token: Header::Once(token), signature: Header::Absent, ..signed("") }
    }

    #[test]
    fn the_vector_of_standard_webhooks_holds() {
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let presented = Presented {
            token: Header::Absent,
            id: Header::Once("msg_p5jXN8AQM9LWM0D4loKWxJek"),
            timestamp: Header::Once("1614265330"),
            signature: Header::Once("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        };
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(verify_signature(&key, presented, body, at(1_614_265_330)), Ok(()));
    }

    #[test]
    fn the_vector_of_gitlab_holds() {
        assert_eq!(verify(&expected(), signed(SIGNATURE), BODY, at(SENT)), Ok(()));
    }

    #[test]
    fn one_good_signature_of_several_is_enough() {
        let several = format!("v1a,x v1,AAAA {SIGNATURE} v2,zz");
        assert_eq!(verify(&expected(), signed(&several), BODY, at(SENT)), Ok(()));
    }

    #[test]
    fn the_time_may_be_off_by_five_minutes() {
        for (now, holds) in [(-300, true), (300, true), (-301, false), (301, false)] {
            let verified = verify(&expected(), signed(SIGNATURE), BODY, at(SENT + now));
            assert_eq!(verified.is_ok(), holds, "{now} seconds");
        }
    }

    #[test]
    fn a_signed_delivery_never_falls_back_to_the_token() {
        let both = Presented { token: Header::Once("a webhook secret"), ..signed("v1,AAAA") };
        let refused = Err(Refusal::InvalidWebhookSignature);
        assert_eq!(verify(&expected(), both, BODY, at(SENT)), refused);
        let empty = Presented { signature: Header::Once(""), ..both };
        assert_eq!(verify(&expected(), empty, BODY, at(SENT)), refused);
        let twice = Presented { signature: Header::Unusable, ..both };
        assert_eq!(verify(&expected(), twice, BODY, at(SENT)), refused);
        let unknown = Expected { signing_token: None, ..expected() };
        let good = Presented { signature: Header::Once(SIGNATURE), ..both };
        assert_eq!(verify(&unknown, good, BODY, at(SENT)), refused);
    }

    #[test]
    fn a_signature_covers_id_time_and_body() {
        let good = signed(SIGNATURE);
        for changed in [
            Presented { id: Header::Once("another"), ..good },
            Presented { id: Header::Absent, ..good },
            Presented { timestamp: Header::Once("1769000001"), ..good },
            Presented { timestamp: Header::Once("soon"), ..good },
        ] {
            assert!(verify(&expected(), changed, BODY, at(SENT)).is_err(), "{changed:?}");
        }
        assert!(verify(&expected(), good, b"{}", at(SENT)).is_err());
    }

    #[test]
    fn an_unsigned_delivery_carries_the_secret() {
        assert_eq!(verify(&expected(), with_token("a webhook secret"), BODY, at(SENT)), Ok(()));
        for wrong in [with_token("a webhook secre"), with_token(""), with_token("A webhook secret")]
        {
            assert_eq!(verify(&expected(), wrong, BODY, at(SENT)), Err(Refusal::InvalidToken));
        }
        let twice = Presented { token: Header::Unusable, ..with_token("") };
        assert_eq!(verify(&expected(), twice, BODY, at(SENT)), Err(Refusal::InvalidToken));
    }

    #[test]
    fn an_unsigned_delivery_is_refused_where_signatures_are_required() {
        let strict = Expected { signing_required: true, ..expected() };
        let refused = verify(&strict, with_token("a webhook secret"), BODY, at(SENT));
        assert_eq!(refused, Err(Refusal::InvalidWebhookSignature));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        let unset = Expected { secret: Vec::new(), ..expected() };
        for token in [with_token(""), Presented { token: Header::Absent, ..with_token("") }] {
            assert_eq!(verify(&unset, token, BODY, at(SENT)), Err(Refusal::InvalidToken));
        }
    }

    #[test]
    fn a_signing_token_is_32_bytes() {
        for bad in ["", "whsec_", "whsec_AAAA", "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="] {
            assert!(bad.parse::<SigningToken>().is_err(), "{bad}");
        }
    }
}
