//! The access log.

use e2e::{api::http_client, harness::Platform, wait};

use super::{PATIENCE, ingress_with};

const CLIENT: &str = "203.0.113.9";

/// A call of the management API as it comes through a proxy, with what must not be logged.
async fn call(platform: &Platform, token: &str) -> u16 {
    let url = format!("http://{}/v1/apps?secret=in-the-query", platform.ingress[0].address());
    let request = http_client().unwrap().get(url).bearer_auth(token);
    let request = request.header("x-forwarded-for", CLIENT).header("user-agent", "u".repeat(300));
    request.send().await.unwrap().status().as_u16()
}

/// The lines so far, once a last call has one.
async fn lines(platform: &Platform) -> Vec<String> {
    let last = format!("http://{}/v1/deploys/nothing", platform.ingress[0].address());
    let token = &platform.wiring().keys.api_token;
    let log = || async {
        http_client()?.get(&last).bearer_auth(token).send().await?;
        let log = platform.ingress[0].log();
        let lines = log.lines().filter(|line| line.contains(" access: ")).map(str::to_owned);
        let lines: Vec<_> = lines.collect();
        Ok(lines.iter().any(|line| line.contains("{deploy_id} 404")).then_some(lines))
    };
    wait::until("a line in the access log", PATIENCE, log).await.unwrap()
}

#[tokio::test]
async fn each_request_of_somebody_known_has_a_line_with_the_real_client() {
    let platform = ingress_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let app = platform.app("hello").await.unwrap();
    platform.accepted(&app, &app.push()).await.unwrap();
    // The API knows no such parameter, and its log does not repeat it.
    assert_eq!(call(&platform, &platform.wiring().keys.api_token).await, 422);
    let lines = lines(&platform).await;
    let delivery: Vec<_> = lines.iter().filter(|line| line.contains("/webhooks/")).collect();
    assert_eq!(delivery.len(), 1, "{lines:?}");
    for part in [
        "POST /v1/webhooks/github/{app_id} 202",
        "http.request.method=\"POST\"",
        "http.route=\"/v1/webhooks/github/{app_id}\"",
        "http.response.status_code=202",
        "duration_ms=",
        "bytes=",
        "client.address=127.0.0.1",
    ] {
        assert!(delivery[0].contains(part), "{part}: {delivery:?}");
    }
    let call = lines.iter().find(|line| line.contains("GET /v1/apps 422")).unwrap();
    assert!(call.contains(&format!("client.address={CLIENT}")), "{call}");
    assert!(call.contains(&"u".repeat(128)) && !call.contains(&"u".repeat(129)), "{call}");
    for secret in ["in-the-query", &platform.wiring().keys.api_token, &app.secret] {
        assert!(!platform.ingress[0].log().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_is_not_authentic_and_probes_have_none() {
    let platform = ingress_with(&[]).await;
    let app = platform.app("hello").await.unwrap();
    let forged = app.push().github("not the secret");
    assert_eq!(platform.api.deliver(app.id, &forged).await.unwrap().status, 401);
    assert_eq!(call(&platform, "not the token").await, 401);
    let lines = lines(&platform).await;
    for unknown in [" 401", "/readyz", "/healthz", "/metrics"] {
        assert!(!lines.iter().any(|line| line.contains(unknown)), "{unknown}: {lines:?}");
    }
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let platform = ingress_with(&[("ACCESS_LOG", "false")]).await;
    let app = platform.app("hello").await.unwrap();
    platform.accepted(&app, &app.push()).await.unwrap();
    let log = platform.ingress[0].log();
    assert!(log.contains("push published"), "{log}");
    assert!(!log.contains(" access: "), "{log}");
}
