//! What the broker refuses each of its users, by `deploy/nats.conf`.

use std::time::Duration;

use async_nats::{Client, jetstream};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::installed::Installed;

const PATIENCE: Duration = Duration::from_secs(10);
/// For an answer that the broker will not give.
const SILENCE: Duration = Duration::from_millis(300);

/// Everything that JetStream's interface can do to a stream or its messages, beyond looking at its settings.
fn acts() -> Vec<(String, Value)> {
    let mut acts = vec![
        ("STREAM.NAMES".to_owned(), json!({})),
        ("STREAM.CREATE.OTHER".to_owned(), json!({ "name": "OTHER", "subjects": ["other"] })),
        ("SERVER.REMOVE".to_owned(), json!({})),
    ];
    for stream in ["PUSHES", "BUILDS", "DEPLOYS"] {
        acts.extend([
            (format!("STREAM.UPDATE.{stream}"), json!({ "name": stream })),
            (format!("STREAM.DELETE.{stream}"), json!({})),
            (format!("STREAM.PURGE.{stream}"), json!({})),
            (format!("STREAM.MSG.GET.{stream}"), json!({ "seq": 1 })),
            (format!("STREAM.MSG.DELETE.{stream}"), json!({ "seq": 1 })),
            (format!("STREAM.SNAPSHOT.{stream}"), json!({ "deliver_subject": "_INBOX.x" })),
            (format!("STREAM.RESTORE.{stream}"), json!({})),
            (format!("DIRECT.GET.{stream}"), json!({ "seq": 1 })),
            (
                format!("CONSUMER.CREATE.{stream}.spy"),
                json!({ "stream_name": stream, "config": { "name": "spy", "ack_policy": "none" } }),
            ),
            (
                format!("CONSUMER.DURABLE.CREATE.{stream}.spy"),
                json!({ "stream_name": stream, "config": { "durable_name": "spy" } }),
            ),
            (format!("CONSUMER.DELETE.{stream}.deployer"), json!({})),
            (
                format!("CONSUMER.PAUSE.{stream}.deployer"),
                json!({ "pause_until": "2100-01-01T00:00:00Z" }),
            ),
        ]);
    }
    acts
}

/// Whether JetStream answers the request at all; where a user may not ask, nobody does.
async fn is_answered(client: &Client, request: &str, body: &Value) -> bool {
    let asked = client.request(format!("$JS.API.{request}"), body.to_string().into());
    matches!(tokio::time::timeout(SILENCE, asked).await, Ok(Ok(_)))
}

#[tokio::test]
async fn neither_service_can_read_change_or_delete_a_stream_by_the_brokers_interface() {
    let installed = Installed::start().await.unwrap();
    let users = [("ingress", "_INBOX.ingress-svc"), ("deployer", "_INBOX.deployer-svc")];
    for (user, inbox) in users {
        let client = installed.broker(user, inbox).await.unwrap();
        assert!(is_answered(&client, "STREAM.INFO.PUSHES", &json!({})).await, "{user}");
        // A replay reads pushes by their number.
        let own = |request: &str| user == "deployer" && request == "STREAM.MSG.GET.PUSHES";
        for (request, body) in acts().into_iter().filter(|(request, _)| !own(request)) {
            assert!(!is_answered(&client, &request, &body).await, "{user} may {request}");
        }
    }
    // The requests are sound: to the admin the broker answers each.
    let admin = installed.broker("admin", "_INBOX.admin").await.unwrap();
    let harmless = |request: &str| request.contains("GET") || request.ends_with("NAMES");
    for (request, body) in acts().into_iter().filter(|(request, _)| harmless(request)) {
        let direct = request.starts_with("DIRECT");
        assert!(direct || is_answered(&admin, &request, &body).await, "admin may not {request}");
    }
}

#[tokio::test]
async fn the_ingress_can_take_no_message_from_the_deployers_consumer() {
    let installed = Installed::start().await.unwrap();
    let client = installed.broker("ingress", "_INBOX.ingress-svc").await.unwrap();
    for stream in ["PUSHES", "BUILDS"] {
        for request in [
            format!("CONSUMER.MSG.NEXT.{stream}.deployer"),
            format!("CONSUMER.INFO.{stream}.deployer"),
        ] {
            assert!(!is_answered(&client, &request, &json!({})).await, "{request}");
        }
    }
}

#[tokio::test]
async fn the_ingress_alone_takes_the_events_that_commit_statuses_are_made_from() {
    let installed = Installed::start().await.unwrap();
    let ingress = installed.broker("ingress", "_INBOX.ingress-svc").await.unwrap();
    let deployer = installed.broker("deployer", "_INBOX.deployer-svc").await.unwrap();
    let (info, next) = ("CONSUMER.INFO.DEPLOYS.statuses", "CONSUMER.MSG.NEXT.DEPLOYS.statuses");
    let nothing_waits = json!({ "batch": 1, "no_wait": true });
    assert!(is_answered(&ingress, info, &json!({})).await);
    assert!(is_answered(&ingress, next, &nothing_waits).await);
    assert!(is_answered(&deployer, info, &json!({})).await);
    assert!(!is_answered(&deployer, next, &nothing_waits).await);
}

#[tokio::test]
async fn each_service_publishes_to_its_own_subjects_only() {
    let installed = Installed::start().await.unwrap();
    let app = uuid::Uuid::new_v4();
    for (user, inbox, allowed, denied) in [
        (
            "ingress",
            "_INBOX.ingress-svc",
            vec![format!("push.v1.github.{app}"), format!("build.v1.{app}")],
            vec![format!("deploy.v1.{app}")],
        ),
        (
            "deployer",
            "_INBOX.deployer-svc",
            vec![format!("deploy.v1.{app}")],
            vec![format!("push.v1.github.{app}"), format!("build.v1.{app}")],
        ),
    ] {
        let client = installed.broker(user, inbox).await.unwrap();
        let jetstream = jetstream::new(client);
        for subject in allowed {
            let stored = jetstream.publish(subject, "x".into()).await.unwrap().await;
            assert!(stored.is_ok(), "{user}: {stored:?}");
        }
        for subject in denied {
            let ack = jetstream.publish(subject.clone(), "x".into()).await.unwrap();
            let stored = tokio::time::timeout(SILENCE, ack.into_future()).await;
            assert!(!matches!(stored, Ok(Ok(_))), "{user} may publish to {subject}");
        }
    }
}

#[tokio::test]
async fn nobody_listens_to_what_another_one_is_sent() {
    let installed = Installed::start().await.unwrap();
    let ingress = installed.broker("ingress", "_INBOX.ingress-svc").await.unwrap();
    let deployer = installed.broker("deployer", "_INBOX.deployer-svc").await.unwrap();
    let mut heard = Vec::new();
    for subject in ["_INBOX.>", "_INBOX.deployer-svc.>", "push.v1.>", "build.v1.>", "$JS.>", ">"] {
        heard.push(ingress.subscribe(subject).await.unwrap());
    }
    for subject in ["_INBOX.>", "_INBOX.ingress-svc.>", "push.v1.>", "$JS.>", ">"] {
        heard.push(deployer.subscribe(subject).await.unwrap());
    }
    // The control: a subscription that is allowed hears the same.
    let mut own = deployer.subscribe("_INBOX.deployer-svc.>").await.unwrap();
    for client in [&ingress, &deployer] {
        client.flush().await.unwrap();
    }
    let push = format!("push.v1.github.{}", uuid::Uuid::new_v4());
    jetstream::new(ingress.clone()).publish(push, "x".into()).await.unwrap().await.unwrap();
    assert!(is_answered(&deployer, "INFO", &json!({})).await);
    assert!(tokio::time::timeout(PATIENCE, own.next()).await.unwrap().is_some());
    for mut subscription in heard {
        let message = tokio::time::timeout(SILENCE, subscription.next()).await;
        assert!(!matches!(message, Ok(Some(_))), "{message:?}");
    }
}

#[tokio::test]
async fn who_has_no_password_is_not_let_in() {
    let installed = Installed::start().await.unwrap();
    let anonymous = async_nats::connect(format!("nats://{}", installed.broker)).await;
    assert!(anonymous.is_err());
    let guessed = format!("nats://admin:admin@{}", installed.broker);
    assert!(async_nats::connect(guessed).await.is_err());
}
