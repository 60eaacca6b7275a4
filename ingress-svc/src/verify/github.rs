//! GitHub: HMAC-SHA256 of the raw body in `X-Hub-Signature-256`. The SHA-1 header of old does not count.

use super::{Header, Refusal, is_signed};

/// Header of the signature.
pub(crate) const SIGNATURE: &str = "x-hub-signature-256";

/// Whether the app's secret signed these bytes.
pub(crate) fn verify(secret: &[u8], signature: Header<'_>, body: &[u8]) -> Result<(), Refusal> {
    let signature = match signature {
        Header::Absent | Header::Once("") => return Err(Refusal::MissingSignature),
        Header::Unusable => return Err(Refusal::InvalidSignature),
        Header::Once(signature) => signature,
    };
    let hex = signature.strip_prefix("sha256=").ok_or(Refusal::InvalidSignature)?;
    if is_signed(secret, hex, body) { Ok(()) } else { Err(Refusal::InvalidSignature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const HELLO: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const FORM: &str = "sha256=720493f557150a271b7cfdd9904c5fe4697f30c44588f8b452d36abc47b8796c";

    #[test]
    fn the_published_vector_holds() {
        assert_eq!(verify(SECRET, Header::Once(HELLO), b"Hello, World!"), Ok(()));
    }

    #[test]
    fn a_form_is_signed_as_it_was_sent() {
        let form = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D";
        assert_eq!(verify(SECRET, Header::Once(FORM), form), Ok(()));
        let decoded = br#"payload={"ref":"refs/heads/main"}"#;
        assert_eq!(verify(SECRET, Header::Once(FORM), decoded), Err(Refusal::InvalidSignature));
    }

    #[test]
    fn an_absent_or_empty_signature_is_missing() {
        assert_eq!(verify(SECRET, Header::Absent, b""), Err(Refusal::MissingSignature));
        assert_eq!(verify(SECRET, Header::Once(""), b""), Err(Refusal::MissingSignature));
    }

    #[test]
    fn anything_but_the_signature_is_invalid() {
        let too_long = format!("{HELLO}00");
        let other = HELLO.replace("7571", "7572");
        let bad = [&HELLO[..70], &too_long, &other, "sha256=", "sha256=zz", &HELLO[7..], "sha1=00"];
        for signature in bad {
            let refused = verify(SECRET, Header::Once(signature), b"Hello, World!");
            assert_eq!(refused, Err(Refusal::InvalidSignature), "{signature}");
        }
        let refused = verify(SECRET, Header::Unusable, b"Hello, World!");
        assert_eq!(refused, Err(Refusal::InvalidSignature));
        let refused = verify(SECRET, Header::Once(HELLO), b"Hello, World?");
        assert_eq!(refused, Err(Refusal::InvalidSignature));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"").unwrap();
        mac.update(b"body");
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let refused = verify(b"", Header::Once(&signature), b"body");
        assert_eq!(refused, Err(Refusal::InvalidSignature));
    }

    use hmac::{KeyInit as _, Mac as _};
}
