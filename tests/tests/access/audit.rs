//! The audit log: who, what, when, from where, and how it ended.

use serde_json::json;

use super::{Somebody, error, ingress_alone};

#[tokio::test]
async fn every_change_is_on_record_and_no_look_is() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let acme = operator.tenant("acme").await;
    let token = acme.token("ci of Ada", "admin").await;
    let ci = operator.with(&token);
    let app = ci.app("shop").await;
    assert_eq!(ci.post("/v1/apps", json!({ "name": "shop" })).await.0, 409);
    ci.get("/v1/apps").await;
    let link = format!("/v1/apps/{app}/git/source");
    assert_eq!(ci.call(reqwest::Method::PUT, &link, json!({})).await.0, 422);

    let (status, log) = ci.get("/v1/audit").await;
    assert_eq!(status, 200);
    let rows: Vec<_> = log["entries"].as_array().unwrap().iter().collect();
    let said = |row: &&serde_json::Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("actor"), text("action"), text("target"), row["status"].as_i64())
    };
    let row = |actor: &str, action: &str, target: &str, status| {
        (actor.to_owned(), action.to_owned(), target.to_owned(), Some(status))
    };
    let expected = [
        row("token ci of Ada", "PUT /v1/apps/{app_id}/git/source", &app, 422),
        row("token ci of Ada", "POST /v1/apps", "", 409),
        row("token ci of Ada", "POST /v1/apps", "", 201),
        row("operator", "POST /v1/tokens", "", 201),
    ];
    assert_eq!(rows.iter().map(said).collect::<Vec<_>>(), expected);
    assert!(rows.iter().all(|row| row["client"] == "127.0.0.1"), "{log}");
    assert!(!log.to_string().contains(&token));
    let (_, of_default) = operator.get("/v1/audit").await;
    assert_eq!(of_default["entries"].as_array().unwrap().len(), 1, "the tenant: {of_default}");
}

#[tokio::test]
async fn nothing_is_changed_without_its_row() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let database = platform.database().await.unwrap();
    let broken =
        "alter table audit_log add constraint none_more check (actor <> 'operator') not valid";
    database.execute(broken, &[]).await.unwrap();
    let refused = operator.post("/v1/apps", json!({ "name": "shop" })).await;
    assert_eq!(refused, (503, error("cannot answer now")));
    assert_eq!(operator.get("/v1/apps").await.1, json!({ "apps": [] }));
    database.execute("alter table audit_log drop constraint none_more", &[]).await.unwrap();
    operator.app("shop").await;
}

#[tokio::test]
async fn a_schema_without_an_audit_log_is_no_hindrance() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let database = platform.database().await.unwrap();
    let older = "drop table audit_log, idempotency_keys, api_tokens; alter table apps drop column deleted_at cascade";
    database.batch_execute(older).await.unwrap();
    let app = operator.app("shop").await;
    assert_eq!(operator.get("/v1/apps").await.1["apps"][0]["id"], json!(app));
    let with_key = operator.request(reqwest::Method::POST, "/v1/apps");
    let with_key = with_key.header("Idempotency-Key", "k").json(&json!({ "name": "other" }));
    assert_eq!(with_key.send().await.unwrap().status(), 201);
    let junk = operator.with("paas_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(junk.get("/v1/apps").await.0, 401);
}
