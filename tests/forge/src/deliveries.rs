//! Deliveries as GitHub, GitLab and Forgejo send them: bodies with all the fields that theirs have, signed like theirs.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

mod body;
mod forgejo;
mod github;
mod gitlab;
mod signing;

pub use self::signing::webhook_signature;

/// The commit that stands for "none" in `before` and `after`.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// One request to a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// `github`, `gitlab` or `forgejo`.
    pub provider: String,
    /// Its headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, byte for byte.
    #[serde(with = "body")]
    pub body: Bytes,
}

impl Delivery {
    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }
}

/// A push, from which any provider's delivery is made.
#[derive(Debug, Clone)]
pub struct Push {
    /// `owner/name`.
    pub repo: String,
    /// The provider's number of the repository.
    pub repo_id: u64,
    /// The full reference.
    pub reference: String,
    /// The commit before.
    pub before: String,
    /// The commit after.
    pub after: String,
    /// Unix time in seconds; GitHub's `repository.pushed_at`.
    pub pushed_at: u64,
    /// The pushed commits: message and changed paths.
    pub commits: Vec<(String, Vec<String>)>,
    /// Delivery id and GitLab's idempotency key.
    pub delivery_id: Uuid,
}

impl Push {
    /// A push of one new commit to `main`.
    #[must_use]
    pub fn new(repo: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            repo_id: 186_853_002,
            reference: "refs/heads/main".to_owned(),
            before: random_sha(),
            after: random_sha(),
            pushed_at: u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default(),
            commits: vec![("Say hello".to_owned(), vec!["src/main.rs".to_owned()])],
            delivery_id: Uuid::new_v4(),
        }
    }

    /// The push that follows this one: its `before` is our `after`.
    #[must_use]
    pub fn then(&self, after: &str) -> Self {
        Self {
            before: self.after.clone(),
            after: after.to_owned(),
            pushed_at: self.pushed_at + 1,
            delivery_id: Uuid::new_v4(),
            ..self.clone()
        }
    }

    /// The same push to another branch.
    #[must_use]
    pub fn to_branch(mut self, branch: &str) -> Self {
        self.reference = format!("refs/heads/{branch}");
        self
    }

    /// The same push of this commit.
    #[must_use]
    pub fn of(mut self, after: &str) -> Self {
        after.clone_into(&mut self.after);
        self
    }

    /// The same push at this time, in Unix seconds.
    #[must_use]
    pub fn at(mut self, pushed_at: u64) -> Self {
        self.pushed_at = pushed_at;
        self
    }

    /// The body of GitHub's delivery.
    #[must_use]
    pub fn github_body(&self) -> Value {
        github::body(self)
    }

    /// The body of GitLab's delivery.
    #[must_use]
    pub fn gitlab_body(&self) -> Value {
        gitlab::body(self)
    }

    /// The body of Forgejo's delivery.
    #[must_use]
    pub fn forgejo_body(&self) -> Value {
        forgejo::body(self)
    }

    /// GitHub's delivery, signed.
    #[must_use]
    pub fn github(&self, secret: &str) -> Delivery {
        github_event("push", &self.github_body(), secret)
            .with_header("x-github-delivery", &self.delivery_id.to_string())
    }

    /// GitLab's delivery, with the token.
    #[must_use]
    pub fn gitlab(&self, secret: &str) -> Delivery {
        gitlab_event("Push Hook", &self.gitlab_body(), secret)
            .with_header("idempotency-key", &self.delivery_id.to_string())
    }

    /// Forgejo's delivery, signed.
    #[must_use]
    pub fn forgejo(&self, secret: &str) -> Delivery {
        forgejo_event("push", &self.forgejo_body(), secret, self.delivery_id)
    }
}

/// A random commit id.
#[must_use]
pub fn random_sha() -> String {
    hex::encode(rand::random::<[u8; 20]>())
}

/// Any GitHub event, signed.
#[must_use]
pub fn github_event(event: &str, body: &Value, secret: &str) -> Delivery {
    let body = Bytes::from(body.to_string());
    let headers = [
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("user-agent", "GitHub-Hookshot/8d8a2b1"),
        ("x-github-event", event),
        ("x-github-delivery", &Uuid::new_v4().to_string()),
        ("x-github-hook-id", "292430182"),
        ("x-github-hook-installation-target-id", "186853002"),
        ("x-github-hook-installation-target-type", "repository"),
        ("x-hub-signature-256", &github_signature(secret, &body)),
    ];
    Delivery { provider: "github".to_owned(), headers: owned(headers), body }
}

/// Any GitLab event, with the token.
#[must_use]
pub fn gitlab_event(event: &str, body: &Value, secret: &str) -> Delivery {
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "GitLab/18.5.0"),
        ("idempotency-key", &Uuid::new_v4().to_string()),
        ("x-gitlab-event", event),
        ("x-gitlab-event-uuid", &Uuid::new_v4().to_string()),
        ("x-gitlab-instance", "https://gitlab.example.com"),
        ("x-gitlab-token", secret),
        ("x-gitlab-webhook-uuid", &Uuid::new_v4().to_string()),
    ];
    let (provider, body) = ("gitlab".to_owned(), body.to_string().into());
    Delivery { provider, headers: owned(headers), body }
}

/// Any Forgejo event, signed: under its own names, Gitea's, and GitHub's.
#[must_use]
pub fn forgejo_event(event: &str, body: &Value, secret: &str, id: Uuid) -> Delivery {
    let body = Bytes::from(body.to_string());
    let signature = github_signature(secret, &body);
    let hex = signature.trim_start_matches("sha256=");
    let mut headers = owned([
        ("content-type", "application/json"),
        ("user-agent", "Go-http-client/1.1"),
        ("x-github-delivery", &id.to_string()),
        ("x-github-event", event),
        ("x-github-event-type", event),
        ("x-hub-signature-256", &signature),
    ]);
    for product in ["forgejo", "gitea", "gogs"] {
        headers.insert(format!("x-{product}-delivery"), id.to_string());
        headers.insert(format!("x-{product}-event"), event.to_owned());
        headers.insert(format!("x-{product}-event-type"), event.to_owned());
        headers.insert(format!("x-{product}-signature"), hex.to_owned());
    }
    Delivery { provider: "forgejo".to_owned(), headers, body }
}

/// GitHub's ping, signed.
#[must_use]
pub fn github_ping(secret: &str) -> Delivery {
    let body = json!({
        "zen": "Design for failure.",
        "hook_id": 292_430_182,
        "hook": { "type": "Repository", "id": 292_430_182, "active": true, "events": ["push"] },
    });
    github_event("ping", &body, secret)
}

/// The value of `X-Hub-Signature-256`.
#[must_use]
pub fn github_signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(secret.as_bytes(), &[body])))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length: only longer ones than a block are hashed first.
    let Ok(mut mac) = <Hmac<Sha256>>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn owned<const N: usize>(headers: [(&str, &str); N]) -> BTreeMap<String, String> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_github_publishes() {
        assert_eq!(
            github_signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn a_delivery_is_as_large_as_a_real_one() {
        let size = Push::new("octo/hello").github("secret").body.len();
        assert!((6_500..8_500).contains(&size), "{size} bytes");
    }
}
