//! Everything that people and providers do works for services that have no more than their own rights.

use std::time::Duration;

use e2e::{
    api::Answer,
    deliveries::Push,
    harness::{LinkedApp, set_switches},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::installed::Installed;

const PATIENCE: Duration = Duration::from_secs(30);

async fn linked(installed: &Installed, provider: &'static str) -> LinkedApp {
    let app = installed.api.create_app(&format!("hello-{provider}")).await.unwrap();
    let repo = format!("octo/{}", app.name);
    let link = json!({ "provider": provider, "repo_full_name": repo });
    let source = installed.api.link(app.id, link).await.unwrap();
    let secret = source.webhook_secret.unwrap();
    LinkedApp { id: app.id, name: app.name, provider, repo, secret }
}

async fn pushed(installed: &Installed, app: &LinkedApp, push: &Push) -> Uuid {
    let answer = installed.api.deliver(app.id, &app.delivery(push)).await.unwrap();
    answer.deploy_id().unwrap_or_else(|| panic!("{answer:?}"))
}

async fn called(installed: &Installed, path: &str, body: Value) -> Answer {
    let answer = installed.api.call(Method::POST, path, Some(body)).await.unwrap();
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer
}

#[tokio::test]
async fn every_act_works_for_services_with_their_own_rights_only() {
    let installed = Installed::start().await.unwrap();
    let api = &installed.api;
    let app = linked(&installed, "github").await;
    let first = pushed(&installed, &app, &app.push()).await;
    api.wait_for_state(first, "live", PATIENCE).await.unwrap();
    let second = pushed(&installed, &app, &app.push()).await;
    api.wait_for_state(second, "live", PATIENCE).await.unwrap();

    let rolled_back =
        called(&installed, &format!("/v1/apps/{}/rollback", app.id), json!({ "deploy_id": first }))
            .await;
    let id: Uuid = serde_json::from_value(rolled_back.body["deploy_id"].clone()).unwrap();
    api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    called(&installed, &format!("/v1/apps/{}/resume", app.id), json!({})).await;

    let failing = json!({ "apps": { &app.name: { "build": "fail" } } });
    set_switches(&installed.standin, failing).await.unwrap();
    let failed = pushed(&installed, &app, &app.push()).await;
    api.wait_for_state(failed, "failed", PATIENCE).await.unwrap();

    let gitlab = linked(&installed, "gitlab").await;
    let third = pushed(&installed, &gitlab, &gitlab.push()).await;
    api.wait_for_state(third, "live", PATIENCE).await.unwrap();
    let hanging = json!({ "apps": { &gitlab.name: { "build": "hang" } } });
    set_switches(&installed.standin, hanging).await.unwrap();
    let stuck = pushed(&installed, &gitlab, &gitlab.push()).await;
    api.wait_for_state(stuck, "building", PATIENCE).await.unwrap();
    called(&installed, &format!("/v1/deploys/{stuck}/cancel"), json!({})).await;
    api.wait_for_state(stuck, "cancelled", PATIENCE).await.unwrap();

    let replay = installed.replay().await.unwrap();
    assert!(replay.contains("summary") && !replay.contains("error"), "{replay}");
    assert_eq!(installed.told_passwords(), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_taken_in_is_put_aside_with_the_deployers_own_rights() {
    let installed = Installed::start().await.unwrap();
    let ingress = installed.broker("ingress", "_INBOX.ingress-svc").await.unwrap();
    let subject = format!("push.v1.github.{}", Uuid::new_v4());
    let jetstream = async_nats::jetstream::new(ingress);
    jetstream.publish(subject, "no push at all".into()).await.unwrap().await.unwrap();
    let database = installed.database("deployer").await.unwrap();
    wait::until("the dead letter", PATIENCE, || async {
        let count = "select count(*) from dead_letters";
        Ok((database.query_one(count, &[]).await?.get::<_, i64>(0) == 1).then_some(()))
    })
    .await
    .unwrap();
    let list = installed.api.call(Method::GET, "/v1/dead-letters", None).await.unwrap();
    let id = &list.body["dead_letters"][0]["id"];
    let discard = format!("/v1/dead-letters/{}/discard", id.to_string().trim_matches('"'));
    called(&installed, &discard, json!({})).await;
}

#[tokio::test]
async fn the_deployers_other_commands_work_with_its_own_rights() {
    let installed = Installed::start().await.unwrap();
    let app = linked(&installed, "github").await;
    let id = pushed(&installed, &app, &app.push()).await;
    installed.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    let wiring = installed.as_user("deployer");
    wiring.rebuild().unwrap().run(PATIENCE).await.unwrap();
    let mut doctor = wiring.deployer("doctor", &installed.deployer).unwrap();
    doctor.args = vec!["doctor".into()];
    doctor.run(PATIENCE).await.unwrap();
    // As before an upgrade; nothing is taken from anybody.
    installed.migrate().await.unwrap();
    let again = pushed(&installed, &app, &app.push()).await;
    installed.api.wait_for_state(again, "live", PATIENCE).await.unwrap();
}
