//! What is sent when somebody pushes, and what is remembered of it.

use forge_standin::deliveries::{github_signature, webhook_signature};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{World, receiver::Receiver};

const SIGNING_TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
const GITHUB: &str = "/github/api/repos/octo/hello/hooks";
const GITLAB: &str = "/gitlab/api/v4/projects/octo%2Fhello/hooks";
const FORGEJO: &str = "/forgejo/api/v1/repos/octo/hello/hooks";

impl World {
    /// A hook that sends to the receiver; its path.
    async fn hook(&self, provider: &str, token: &str, receiver: &Receiver) -> String {
        let url = &receiver.url;
        let config = json!({ "url": url, "content_type": "json", "secret": "secret" });
        let (path, body) = match provider {
            "github" => (GITHUB, json!({ "name": "web", "events": ["push"], "config": config })),
            "gitlab" => {
                (GITLAB, json!({ "url": url, "token": "secret", "signing_token": SIGNING_TOKEN }))
            }
            _ => (FORGEJO, json!({ "type": "gitea", "active": true, "config": config })),
        };
        let (status, made) = self.ask(Method::POST, path, token, body).await;
        assert_eq!(status, 201, "{made}");
        format!("{path}/{}", made["id"])
    }

    async fn push(&self, provider: &str) -> Value {
        let repo = json!({ "provider": provider, "repo": "octo/hello" });
        self.forge(Method::POST, "push", repo).await
    }
}

#[actix_web::test]
async fn a_new_github_hook_is_pinged_and_a_push_is_signed() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("github").await;
    let path = world.hook("github", &token, &receiver).await;
    let ping = receiver.taken(1).await.remove(0);
    assert_eq!(ping.0["x-github-event"], "ping");
    let pushed = world.push("github").await;
    let (headers, body) = receiver.taken(2).await.remove(1);
    assert_eq!(headers["x-github-event"], "push");
    assert_eq!(headers["x-hub-signature-256"], github_signature("secret", &body));
    assert_eq!(path, format!("{GITHUB}/{}", headers["x-github-hook-id"]));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["after"], pushed["after"]);

    let listed = world.ask(Method::GET, &format!("{path}/deliveries"), &token, Value::Null).await.1;
    assert_eq!(listed[0]["guid"].as_str(), Some(headers["x-github-delivery"].as_str()));
    assert_eq!((&listed[0]["status"], &listed[0]["status_code"]), (&json!("OK"), &json!(202)));
}

#[actix_web::test]
async fn a_failed_github_delivery_is_attempted_again_on_demand() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("github").await;
    let path = world.hook("github", &token, &receiver).await;
    receiver.taken(1).await;
    receiver.answer(500);
    world.push("github").await;
    let list = format!("{path}/deliveries");
    let failed = world.ask(Method::GET, &list, &token, Value::Null).await.1[0].take();
    assert_eq!(failed["status_code"], 500);
    receiver.answer(202);
    let again = format!("{list}/{}/attempts", failed["id"]);
    assert_eq!(world.ask(Method::POST, &again, &token, json!({})).await.0, 202);
    let taken = receiver.taken(3).await;
    assert_eq!(
        (&taken[1].1, &taken[1].0["x-github-delivery"]),
        (&taken[2].1, &taken[2].0["x-github-delivery"])
    );
}

#[actix_web::test]
async fn gitlab_signs_a_push_and_sends_its_token() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("gitlab").await;
    world.hook("gitlab", &token, &receiver).await;
    world.push("gitlab").await;
    let (headers, body) = receiver.taken(1).await.remove(0);
    let at = headers["webhook-timestamp"].parse().unwrap();
    let at = jiff::Timestamp::from_second(at).unwrap();
    let signature = webhook_signature(SIGNING_TOKEN, &headers["webhook-id"], at, &body);
    assert_eq!(headers["webhook-signature"], signature);
    assert_eq!(headers["webhook-id"], headers["idempotency-key"]);
    assert_eq!((&*headers["x-gitlab-token"], &*headers["x-gitlab-event"]), ("secret", "Push Hook"));
}

#[actix_web::test]
async fn gitlab_switches_a_failing_hook_off_and_a_test_that_is_answered_on_again() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("gitlab").await;
    let path = world.hook("gitlab", &token, &receiver).await;
    receiver.answer(503);
    for _ in 0..4 {
        world.push("gitlab").await;
    }
    let hook = world.ask(Method::GET, &path, &token, Value::Null).await.1;
    assert_eq!(hook["alert_status"], "temporarily_disabled");
    assert!(hook["disabled_until"].is_string());
    world.push("gitlab").await;
    assert_eq!(receiver.taken(4).await.len(), 4, "a hook that is off is sent nothing");

    let test = format!("{path}/test/push_events");
    assert_eq!(world.ask(Method::POST, &test, &token, Value::Null).await.0, 422);
    receiver.answer(202);
    assert_eq!(world.ask(Method::POST, &test, &token, Value::Null).await.0, 201);
    let hook = world.ask(Method::GET, &path, &token, Value::Null).await.1;
    assert_eq!(hook["alert_status"], "executable");
}

#[actix_web::test]
async fn forgejo_signs_under_all_its_names() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("forgejo").await;
    world.hook("forgejo", &token, &receiver).await;
    world.push("forgejo").await;
    let (headers, body) = receiver.taken(1).await.remove(0);
    let signature = github_signature("secret", &body);
    assert_eq!(headers["x-hub-signature-256"], signature);
    for name in ["x-forgejo-signature", "x-gitea-signature"] {
        assert_eq!(format!("sha256={}", headers[name]), signature);
    }
}

#[actix_web::test]
async fn deliveries_can_be_dropped_or_fail() {
    let (world, receiver) = (World::new(), Receiver::start());
    let token = world.repository("forgejo").await;
    world.hook("forgejo", &token, &receiver).await;
    world.switch(json!({ "forgejo": { "deliveries": "dropped" } })).await;
    assert_eq!(world.push("forgejo").await["attempts"], json!([]));
    world.switch(json!({ "forgejo": { "deliveries": "failed" } })).await;
    assert_eq!(world.push("forgejo").await["attempts"][0]["status_code"], 0);
    world.switch(json!({ "forgejo": { "deliveries": "sent" } })).await;
    assert_eq!(world.push("forgejo").await["attempts"][0]["status_code"], 202);
    assert_eq!(receiver.taken(1).await.len(), 1);
}
