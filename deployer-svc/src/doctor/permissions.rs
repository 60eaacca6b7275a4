//! Whether the broker lets this user do what the deployer does. The broker itself says what a user may.

use std::time::Duration;

use async_nats::Client;
use paas_proto::streams::{DEPLOYER, Prefix};
use serde::Deserialize;
use uuid::Uuid;

use super::{Area, Finding};
use crate::broker;

/// Where a user may ask about itself.
const ABOUT_ME: &str = "$SYS.REQ.USER.INFO";
const PATIENCE: Duration = Duration::from_secs(2);
const HERE: Area = Area::Broker;

#[derive(Debug, Deserialize)]
struct Answer {
    data: Option<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    permissions: Option<Permissions>,
}

#[derive(Debug, Default, Deserialize)]
struct Permissions {
    publish: Option<Subjects>,
    subscribe: Option<Subjects>,
}

#[derive(Debug, Default, Deserialize)]
struct Subjects {
    #[serde(default)]
    allow: Option<Vec<String>>,
    #[serde(default)]
    deny: Option<Vec<String>>,
}

pub(super) async fn check(client: &Client, prefix: &Prefix) -> Finding {
    let asked = tokio::time::timeout(PATIENCE, client.request(ABOUT_ME, "".into())).await;
    let answer = asked.ok().and_then(Result::ok);
    let user = answer.and_then(|answer| serde_json::from_slice::<Answer>(&answer.payload).ok());
    let Some(user) = user.and_then(|answer| answer.data) else {
        return HERE.warn(
            "unknown what this user may do on it",
            format!("let the user publish to {ABOUT_ME}"),
        );
    };
    judge(&user.permissions.unwrap_or_default(), prefix)
}

fn judge(permissions: &Permissions, prefix: &Prefix) -> Finding {
    let (publish, subscribe) = needed(prefix);
    let denied = |subjects: &Option<Subjects>, verb: &str, needed: Vec<String>| -> Vec<String> {
        let may = |subject: &String| subjects.as_ref().is_none_or(|all| all.allow(subject));
        needed.iter().filter(|subject| !may(subject)).map(|s| format!("{verb} {s}")).collect()
    };
    let denied = [
        denied(&permissions.publish, "publish to", publish),
        denied(&permissions.subscribe, "subscribe to", subscribe),
    ]
    .concat();
    if denied.is_empty() {
        return HERE.ok("the user may do what the deployer does");
    }
    HERE.fail(
        format!("the user may not {}", denied.join(", ")),
        "add these subjects to the user's permissions in the broker's configuration",
    )
}

/// Subjects as they are used, and nothing wider: to publish to, and to subscribe to.
fn needed(prefix: &Prefix) -> (Vec<String>, Vec<String>) {
    let mut publish = vec!["$JS.API.INFO".to_owned(), prefix.deploy_subject(Uuid::nil())];
    for stream in [prefix.pushes(), prefix.builds()] {
        publish.push(format!("$JS.API.STREAM.INFO.{stream}"));
        publish.push(format!("$JS.API.CONSUMER.INFO.{stream}.{DEPLOYER}"));
        publish.push(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{DEPLOYER}"));
        publish.push(format!("$JS.ACK.{stream}.{DEPLOYER}.1.1.1.1.1"));
    }
    publish.push(format!("$JS.API.STREAM.INFO.{}", prefix.deploys()));
    (publish, vec![format!("{}.answer", broker::INBOX)])
}

impl Subjects {
    /// No list of what is allowed allows everything; what is denied is denied.
    fn allow(&self, subject: &str) -> bool {
        let any = |patterns: &Option<Vec<String>>| {
            patterns.iter().flatten().any(|pattern| matches(pattern, subject))
        };
        let allowed = self.allow.as_ref().is_none_or(Vec::is_empty) || any(&self.allow);
        allowed && !any(&self.deny)
    }
}

/// Whether a subject is within a pattern: `*` is one word, `>` all that follow. A queue's name after a space is no part.
fn matches(pattern: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for part in pattern.split(' ').next().unwrap_or_default().split('.') {
        match (part, words.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(word)) if part == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn permissions(json: &str) -> Permissions {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_pattern_takes_in_what_it_says() {
        assert!(matches("$JS.API.>", "$JS.API.STREAM.INFO.PUSHES"));
        assert!(matches("deploy.v1.*", "deploy.v1.x"));
        assert!(!matches("deploy.v1.*", "deploy.v1.x.y"));
        assert!(!matches("deploy.>", "deploy"));
        assert!(!matches("deploy.v1", "deploy.v1.x"));
    }

    #[test]
    fn a_user_without_limits_may_everything() {
        assert_eq!(judge(&Permissions::default(), &Prefix::default()).verdict, Verdict::Ok);
    }

    #[test]
    fn each_subject_that_is_denied_is_named() {
        let few = r#"{"publish":{"allow":["$JS.API.>","$JS.ACK.>"]},"subscribe":{"deny":[">"]}}"#;
        let finding = judge(&permissions(few), &Prefix::default());
        assert_eq!(finding.verdict, Verdict::Fail);
        for denied in ["publish to deploy.v1.", "subscribe to _INBOX."] {
            assert!(finding.text.contains(denied), "{finding}");
        }
        assert!(!finding.text.contains("$JS"), "{finding}");
    }
}
