//! Other ways in which deliveries come: GitHub's forms, and GitLab's signing tokens.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;

use super::{Delivery, github_signature, hmac};

impl Delivery {
    /// GitHub's delivery of another body, signed as that.
    #[must_use]
    pub fn with_signed_body(mut self, body: impl Into<Bytes>, secret: &str) -> Self {
        self.body = body.into();
        let signature = github_signature(secret, &self.body);
        self.with_header("x-hub-signature-256", &signature)
    }

    /// GitHub's delivery as a form with the JSON in `payload`; the signature covers the form.
    #[must_use]
    pub fn as_form(self, secret: &str) -> Self {
        let form = format!("payload={}", percent_encoded(&self.body));
        self.with_signed_body(form, secret)
            .with_header("content-type", "application/x-www-form-urlencoded")
    }

    /// GitLab's delivery under a signing token (`whsec_…`), without the secret.
    #[must_use]
    pub fn signed(self, token: &str, id: &str, at: Timestamp) -> Self {
        let signature = webhook_signature(token, id, at, &self.body);
        self.without_header("x-gitlab-token")
            .with_header("webhook-id", id)
            .with_header("webhook-timestamp", &at.as_second().to_string())
            .with_header("webhook-signature", &signature)
    }
}

/// The value of `webhook-signature`.
#[must_use]
pub fn webhook_signature(token: &str, id: &str, at: Timestamp, body: &[u8]) -> String {
    let key = token.strip_prefix("whsec_").unwrap_or(token);
    let key = STANDARD.decode(key).unwrap_or_default();
    let signed = format!("{id}.{}.", at.as_second());
    format!("v1,{}", STANDARD.encode(hmac(&key, &[signed.as_bytes(), body])))
}

fn percent_encoded(bytes: &[u8]) -> String {
    let encoded = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
        b' ' => "+".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliveries::github_event;

    #[test]
    fn the_webhook_signature_is_the_known_one() {
        let token = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
        let id = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";
        let at = Timestamp::from_second(1_769_000_000).unwrap();
        let signature = webhook_signature(token, id, at, br#"{"object_kind":"push"}"#);
        assert_eq!(signature, "v1,uBH+NwWW9b22x+VNHVa8p9foC8NLzHK/3+OxWP2Gpfw=");
    }

    #[test]
    fn the_signature_of_a_form_is_the_known_one() {
        let secret = "It's a Secret to Everybody";
        let json = serde_json::json!({ "ref": "refs/heads/main" });
        let form = github_event("push", &json, secret).as_form(secret);
        assert_eq!(form.body, "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D");
        assert_eq!(
            form.headers["x-hub-signature-256"],
            "sha256=720493f557150a271b7cfdd9904c5fe4697f30c44588f8b452d36abc47b8796c"
        );
    }
}
