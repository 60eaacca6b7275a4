//! Webhooks that broke, and deliveries that failed.

use e2e::{harness::Platform, wait};
use serde_json::json;

use super::{PROVIDERS, deploys_of, is_live, ledger, swept, with_apps};
use crate::aftermath::PATIENCE;

/// Waits until the app's only webhook brings pushes to `url` again.
async fn is_repaired(platform: &Platform, provider: &str, repo: &str, url: &str) {
    wait::until(&format!("the webhook at {provider} to be repaired"), PATIENCE, || async {
        let hook = platform.forge.hook(provider, repo).await?;
        let is_enabled = hook.active && !hook.disabled && hook.disabled_until.is_none();
        Ok((is_enabled && hook.url == url && hook.is_sent("push")).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_registered_again() {
    let (platform, apps) = with_apps(&PROVIDERS).await;
    for app in &apps {
        let url = platform.forge.hook(app.provider, &app.repo).await.unwrap().url;
        platform.forge.remove_hooks(app.provider, &app.repo).await.unwrap();
        is_repaired(&platform, app.provider, &app.repo, &url).await;
        let pushed = platform.forge.push(app.provider, &app.repo).await.unwrap();
        assert_eq!(pushed.attempts.len(), 1);
        is_live(&platform, app, &pushed.after).await;
    }
}

#[tokio::test]
async fn a_webhook_that_was_changed_by_hand_is_put_right() {
    let (platform, apps) = with_apps(&["github"]).await;
    let app = &apps[0];
    let url = platform.forge.hook("github", &app.repo).await.unwrap().url;
    for change in [
        json!({ "active": false }),
        json!({ "events": ["issues"] }),
        json!({ "url": "http://127.0.0.1:1/elsewhere" }),
    ] {
        platform.forge.change_hooks("github", &app.repo, change).await.unwrap();
        is_repaired(&platform, "github", &app.repo, &url).await;
    }
    let pushed = platform.forge.push("github", &app.repo).await.unwrap();
    is_live(&platform, app, &pushed.after).await;
}

#[tokio::test]
async fn a_webhook_that_gitlab_disabled_is_enabled() {
    let (platform, apps) = with_apps(&["gitlab"]).await;
    let app = &apps[0];
    let url = platform.forge.hook("gitlab", &app.repo).await.unwrap().url;
    for change in [json!({ "disabled": true }), json!({ "disabled_for_seconds": 3600 })] {
        platform.forge.change_hooks("gitlab", &app.repo, change).await.unwrap();
        is_repaired(&platform, "gitlab", &app.repo, &url).await;
    }
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_and_deployed_once() {
    let (platform, apps) = with_apps(&["github"]).await;
    let app = &apps[0];
    platform.forge.switch("github", json!({ "deliveries": "failed" })).await.unwrap();
    let pushed = platform.forge.push("github", &app.repo).await.unwrap();
    assert!(pushed.attempts.iter().all(|attempt| attempt.status_code == 0), "{pushed:?}");
    platform.forge.switch("github", json!({ "deliveries": "sent" })).await.unwrap();
    is_live(&platform, app, &pushed.after).await;
    wait::until("the delivery to be repeated", PATIENCE, || async {
        let hook = platform.forge.hook("github", &app.repo).await?;
        Ok(hook.attempts.iter().any(|one| one.redelivery && one.status_code == 202).then_some(()))
    })
    .await
    .unwrap();
    swept(&platform, 2).await;
    assert_eq!(deploys_of(&platform, app, &pushed.after).await, 1);
}

#[tokio::test]
async fn a_delivery_that_was_taken_in_is_not_repeated() {
    let (platform, apps) = with_apps(&["github"]).await;
    let app = &apps[0];
    let pushed = platform.forge.push("github", &app.repo).await.unwrap();
    is_live(&platform, app, &pushed.after).await;
    swept(&platform, 2).await;
    let hook = platform.forge.hook("github", &app.repo).await.unwrap();
    assert!(hook.attempts.iter().all(|attempt| !attempt.redelivery));
    assert_eq!(ledger(&platform, app, &pushed.after).await.len(), 1);
}

#[tokio::test]
async fn another_replica_takes_the_duty_over() {
    let options = e2e::harness::Options {
        forge: true,
        ingress: 2,
        ingress_env: vec![("SWEEP_SECONDS", "1".to_owned())],
        ..Default::default()
    };
    let mut platform = Platform::start_with(options).await.unwrap();
    platform.connect("github").await.unwrap();
    let app = platform.connected_app("hello", "github", json!({})).await.unwrap();
    let holder = holder(&platform).await;
    // Whichever holds it is asked to stop, or is not: then it goes on.
    platform.ingress[0].terminate().await.unwrap();
    let undelivered = json!({ "deliver": false });
    let pushed = platform.forge.push_with("github", &app.repo, undelivered).await.unwrap();
    is_live(&platform, &app, &pushed.after).await;
    platform.ingress[0].start().await.unwrap();
    platform.ingress[0].ready().await.unwrap();
    platform.ingress[1].terminate().await.unwrap();
    let undelivered = json!({ "deliver": false });
    let pushed = platform.forge.push_with("github", &app.repo, undelivered).await.unwrap();
    is_live(&platform, &app, &pushed.after).await;
    assert_ne!(self::holder(&platform).await, holder, "nobody took over");
}

async fn holder(platform: &Platform) -> uuid::Uuid {
    let database = platform.database().await.unwrap();
    wait::until("somebody to sweep", PATIENCE, || async {
        let row = database.query_opt("select holder from duties where name = 'sweep'", &[]).await?;
        Ok(row.map(|row| row.get(0)))
    })
    .await
    .unwrap()
}
