//! Forgejo and Gitea: HMAC-SHA256 of the JSON, hex, in `X-Forgejo-Signature`, in `X-Gitea-Signature`, and, as GitHub
//! writes it, in `X-Hub-Signature-256`. The first of them that is there counts, and nothing falls back from it.

use actix_web::http::header::HeaderMap;

use super::{Header, Refusal, github, is_signed};

const SIGNATURES: [&str; 2] = ["x-forgejo-signature", "x-gitea-signature"];

/// Whether the secret signed any of these texts. (There are two for a form: they sign the JSON in it, GitHub the form.)
pub(crate) fn verify(secret: &[u8], headers: &HeaderMap, texts: &[&[u8]]) -> Result<(), Refusal> {
    let holds = match signature(headers)? {
        Signature::Hex(hex) => texts.iter().any(|text| is_signed(secret, hex, text)),
        Signature::LikeGithub(header) => {
            texts.iter().any(|text| github::verify(secret, header, text).is_ok())
        }
    };
    if holds { Ok(()) } else { Err(Refusal::InvalidSignature) }
}

enum Signature<'a> {
    Hex(&'a str),
    LikeGithub(Header<'a>),
}

/// One that is empty is as good as none: that is what they send without a secret.
fn signature(headers: &HeaderMap) -> Result<Signature<'_>, Refusal> {
    for name in SIGNATURES {
        match Header::read(headers, name) {
            Header::Absent | Header::Once("") => {}
            Header::Once(hex) => return Ok(Signature::Hex(hex)),
            Header::Unusable => return Err(Refusal::InvalidSignature),
        }
    }
    match Header::read(headers, github::SIGNATURE) {
        Header::Absent | Header::Once("") => Err(Refusal::MissingForgejoSignature),
        header @ (Header::Once(_) | Header::Unusable) => Ok(Signature::LikeGithub(header)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    /// GitHub's published vector; the algorithm is the same.
    const HEX: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn verified(all: &[(&'static str, &str)]) -> Result<(), Refusal> {
        verify(SECRET, &headers(all), &[BODY])
    }

    #[test]
    fn each_of_the_three_headers_is_enough() {
        let prefixed = format!("sha256={HEX}");
        assert_eq!(verified(&[("x-forgejo-signature", HEX)]), Ok(()));
        assert_eq!(verified(&[("x-gitea-signature", HEX)]), Ok(()));
        assert_eq!(verified(&[("x-hub-signature-256", &prefixed)]), Ok(()));
        let all = [("x-forgejo-signature", HEX), ("x-hub-signature-256", &*prefixed)];
        assert_eq!(verified(&all), Ok(()));
    }

    #[test]
    fn one_of_two_texts_may_be_the_signed_one() {
        let headers = headers(&[("x-forgejo-signature", HEX)]);
        assert_eq!(verify(SECRET, &headers, &[b"a form", BODY]), Ok(()));
        assert_eq!(verify(SECRET, &headers, &[]), Err(Refusal::InvalidSignature));
    }

    #[test]
    fn without_a_signature_it_is_missing() {
        for none in [&[][..], &[("x-forgejo-signature", "")], &[("x-hub-signature-256", "")]] {
            assert_eq!(verified(none), Err(Refusal::MissingForgejoSignature));
        }
        let legacy = [("x-hub-signature", "sha1=00"), ("x-gogs-signature", HEX)];
        assert_eq!(verified(&legacy), Err(Refusal::MissingForgejoSignature));
    }

    #[test]
    fn anything_but_the_signature_is_invalid_and_nothing_falls_back() {
        let good = ("x-gitea-signature", HEX);
        let wrong = HEX.replace("7571", "7572");
        let prefixed = format!("sha256={HEX}");
        for bad in [&*wrong, &HEX[2..], "zz", &prefixed] {
            let refused = verified(&[("x-forgejo-signature", bad), good]);
            assert_eq!(refused, Err(Refusal::InvalidSignature), "{bad}");
        }
        let twice = [("x-forgejo-signature", HEX), ("x-forgejo-signature", HEX)];
        assert_eq!(verified(&twice), Err(Refusal::InvalidSignature));
        assert_eq!(verified(&[("x-hub-signature-256", HEX)]), Err(Refusal::InvalidSignature));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        let empty = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"").unwrap();
        let signature = hex::encode(empty.chain_update(BODY).finalize().into_bytes());
        let refused = verify(b"", &headers(&[("x-forgejo-signature", &signature)]), &[BODY]);
        assert_eq!(refused, Err(Refusal::InvalidSignature));
    }

    use hmac::{KeyInit as _, Mac as _};
}
