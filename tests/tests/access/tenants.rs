//! Tenants: each sees what is its own, and nothing says that there is more.

use e2e::harness::Platform;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{Somebody, error, ingress_alone, poison};

#[tokio::test]
async fn the_operator_makes_tenants_and_acts_for_them() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let acme = operator.tenant("acme").await;
    assert_eq!(operator.post("/v1/tenants", json!({ "name": "acme" })).await.0, 409);
    for wrong in ["", "Acme", "a b", &"a".repeat(41)] {
        assert_eq!(operator.post("/v1/tenants", json!({ "name": wrong })).await.0, 422, "{wrong}");
    }
    let (_, listed) = operator.get("/v1/tenants").await;
    let names: Vec<_> =
        listed["tenants"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["acme", "default"]);

    let (_, me) = acme.get("/v1/whoami").await;
    assert_eq!((&me["tenant"]["name"], &me["actor"]), (&json!("acme"), &json!("operator")));
    let app = acme.app("shop").await;
    assert_eq!(operator.get("/v1/apps").await.1, json!({ "apps": [] }));
    assert_eq!(acme.get("/v1/apps").await.1["apps"][0]["id"], json!(app));
    let nobody = operator.of("nobody");
    assert_eq!(nobody.get("/v1/apps").await, (404, error("no such tenant")));
    let token = acme.token("ci", "admin").await;
    let elsewhere = operator.with(&token).of("default");
    assert_eq!(elsewhere.get("/v1/apps").await.0, 403);
}

#[tokio::test]
async fn a_name_that_another_tenant_has_is_taken() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    operator.tenant("acme").await.app("shop").await;
    let (status, body) = operator.post("/v1/apps", json!({ "name": "shop" })).await;
    assert_eq!((status, body), (409, error("an app of this name exists")));
}

#[tokio::test]
async fn what_is_put_aside_and_replayed_stays_within_its_tenant() {
    let platform = Platform::start().await.unwrap();
    let operator = Somebody::operator(&platform);
    let (acme, other) = (operator.tenant("acme").await, operator.tenant("other").await);
    let acme = operator.with(&acme.token("acme", "deploy").await);
    let other = operator.with(&other.token("other", "deploy").await);
    let app = acme.app("shop").await;

    poison(&platform, &Uuid::new_v4().to_string()).await;
    poison(&platform, &app).await;
    let all = e2e::wait::until("the letters", crate::identity::PATIENCE, || async {
        let (_, listed) = operator.get("/v1/dead-letters").await;
        let letters = listed["dead_letters"].as_array().cloned().unwrap_or_default();
        Ok((letters.len() == 2).then_some(letters))
    });
    let all = all.await.unwrap();
    let (_, own) = acme.get("/v1/dead-letters").await;
    assert_eq!(own["dead_letters"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(own["dead_letters"][0]["app_id"], json!(app));
    assert_eq!(other.get("/v1/dead-letters").await.1, json!({ "dead_letters": [] }));
    for path in [format!("/v1/dead-letters?app_id={app}"), format!("/v1/apps/{app}")] {
        assert_eq!(other.get(&path).await, (404, error("no such app")), "{path}");
    }
    for letter in all {
        let is_own = letter["app_id"] == json!(app);
        let path = format!("/v1/dead-letters/{}", letter["id"]);
        assert_eq!(acme.get(&path).await.0, if is_own { 200 } else { 404 });
        for act in ["retry", "discard"] {
            let path = format!("{path}/{act}");
            let gone = (404, error("no such dead letter"));
            assert_eq!(other.post(&path, json!({})).await, gone);
        }
        let path = format!("{path}/discard");
        assert_eq!(acme.post(&path, json!({})).await.0, if is_own { 200 } else { 404 });
    }

    let (status, body) = acme.post("/v1/replays", json!({})).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(other.post("/v1/replays", json!({ "app_id": app })).await.0, 404);
    let mine = acme.request(Method::POST, "/v1/replays").json(&json!({ "app_id": app }));
    assert_eq!(mine.send().await.unwrap().status(), 200);
}
