//! Commit statuses: what becomes of a deploy is shown beside its commit, whatever the provider does meanwhile.

use std::time::Duration;

use e2e::{
    deliveries::Push,
    harness::{LinkedApp, Options, Platform},
    wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);
const PROVIDERS: [&str; 3] = ["github", "gitlab", "forgejo"];

async fn platform() -> Platform {
    started(Duration::from_millis(100)).await
}

/// Whose builds take so long.
async fn started(build: Duration) -> Platform {
    let options = Options { forge: true, build, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

async fn connected(platform: &Platform, provider: &'static str) -> LinkedApp {
    platform.connect(provider).await.unwrap();
    platform.connected_app(&format!("on-{provider}"), provider, json!({})).await.unwrap()
}

/// The commit of a new push.
async fn pushed(platform: &Platform, app: &LinkedApp) -> String {
    platform.forge.push(app.provider, &app.repo).await.unwrap().after
}

/// The states that a commit was given, in order, as the provider calls them.
async fn states(platform: &Platform, app: &LinkedApp, sha: &str) -> Vec<String> {
    let all = platform.forge.statuses(app.provider, &app.repo).await.unwrap();
    all.into_iter().filter(|status| status.sha == sha).map(|status| status.state).collect()
}

/// Waits until the newest status of a commit is this one.
async fn shows(platform: &Platform, app: &LinkedApp, sha: &str, state: &str) {
    wait::until(&format!("{state} beside {sha} at {}", app.provider), PATIENCE, || async {
        let last = states(platform, app, sha).await.pop();
        Ok((last.as_deref() == Some(state)).then_some(()))
    })
    .await
    .unwrap();
}

/// How many events of this outcome the ingress counted.
async fn counted(platform: &Platform, outcome: &str) -> u64 {
    let url = format!("http://{}/metrics", platform.ingress[0].address());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let name = format!("paas_ingress_commit_statuses_total{{outcome=\"{outcome}\"");
    let line = text.lines().find(|line| line.starts_with(&name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_commit_is_pending_and_then_it_is_live() {
    let platform = started(Duration::from_secs(2)).await;
    for provider in PROVIDERS {
        let app = connected(&platform, provider).await;
        let sha = pushed(&platform, &app).await;
        let (underway, live) = ("pending", "success");
        shows(&platform, &app, &sha, underway).await;
        shows(&platform, &app, &sha, live).await;
        // GitLab has one status of a name, which changes.
        let kept = if provider == "gitlab" { &[live][..] } else { &[underway, live] };
        assert_eq!(states(&platform, &app, &sha).await, kept, "{provider}");
        let status = platform.forge.statuses(provider, &app.repo).await.unwrap().pop().unwrap();
        assert_eq!(status.context, format!("paas/{}", app.name));
        assert_eq!(status.description.as_deref(), Some("Live"));
        let deploys = platform.api.deploys(app.id).await.unwrap();
        let deploy = deploys["deploys"][0]["deploy_id"].as_str().unwrap();
        let link = format!("{}/v1/deploys/{deploy}", platform.api.url());
        assert_eq!(status.target_url, Some(link));
    }
}

#[tokio::test]
async fn a_build_that_fails_is_a_failure_and_says_no_more_than_that() {
    let platform = platform().await;
    platform.switch(json!({ "all": { "build": "fail" } })).await.unwrap();
    for provider in PROVIDERS {
        let app = connected(&platform, provider).await;
        let sha = pushed(&platform, &app).await;
        let failed = if provider == "gitlab" { "failed" } else { "failure" };
        shows(&platform, &app, &sha, failed).await;
        let status = platform.forge.statuses(provider, &app.repo).await.unwrap().pop().unwrap();
        assert_eq!(status.description.as_deref(), Some("The build failed"));
    }
}

#[tokio::test]
async fn gitlab_may_show_the_state_already() {
    let platform = platform().await;
    let app = connected(&platform, "gitlab").await;
    // It takes the state, and the answer is lost: told again, it "cannot transition".
    let lost = json!({ "path": "/statuses/", "status": 0, "after_effect": true });
    platform.forge.switch("gitlab", json!({ "fail_next": [lost] })).await.unwrap();
    let sha = pushed(&platform, &app).await;
    shows(&platform, &app, &sha, "success").await;
    assert_eq!(counted(&platform, "refused").await, 0);
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_when_it_is_back_and_holds_no_deploy_up() {
    let platform = platform().await;
    let app = connected(&platform, "github").await;
    platform.forge.switch("github", json!({ "down": true })).await.unwrap();
    let sha = live_while_down(&platform, &app).await;
    wait::until("a status that has to wait", PATIENCE, || async {
        Ok((counted(&platform, "retried").await > 0).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(states(&platform, &app, &sha).await, Vec::<String>::new());
    platform.forge.switch("github", json!({ "down": false })).await.unwrap();
    shows(&platform, &app, &sha, "success").await;
}

/// A commit that the provider knows, delivered by hand and live while the provider is away.
async fn live_while_down(platform: &Platform, app: &LinkedApp) -> String {
    let pushed = platform
        .forge
        .push_with(app.provider, &app.repo, json!({ "deliver": false }))
        .await
        .unwrap();
    let push = Push { before: pushed.before, ..app.push().of(&pushed.after) };
    let repo = platform.forge.repo(app.provider, &app.repo).await.unwrap();
    let push = Push { repo_id: repo.id, ..push };
    platform.live(platform.accepted(app, &push).await.unwrap()).await.unwrap();
    pushed.after
}

#[tokio::test]
async fn a_limit_is_waited_for() {
    let platform = platform().await;
    let app = connected(&platform, "github").await;
    let limited = json!({ "rate_limited_seconds": 3, "secondary_limit": true });
    platform.forge.switch("github", limited).await.unwrap();
    let sha = pushed(&platform, &app).await;
    shows(&platform, &app, &sha, "success").await;
    assert!(counted(&platform, "retried").await > 0);
}

#[tokio::test]
async fn a_replica_that_dies_in_the_middle_leaves_no_status_behind() {
    let mut platform = platform().await;
    let app = connected(&platform, "github").await;
    platform.forge.switch("github", json!({ "slow_ms": 1500 })).await.unwrap();
    let sha = pushed(&platform, &app).await;
    wait::until("a status to be on its way", PATIENCE, || async {
        let journal = platform.forge.journal().await?;
        Ok(journal.iter().any(|entry| entry.path.contains("/statuses/")).then_some(()))
    })
    .await
    .unwrap();
    platform.ingress[0].kill().await.unwrap();
    platform.forge.switch("github", json!({ "slow_ms": 0 })).await.unwrap();
    platform.start_ingresses().await.unwrap();
    shows(&platform, &app, &sha, "success").await;
}

#[tokio::test]
async fn an_app_that_nobody_connected_is_deployed_without_a_status() {
    let platform = platform().await;
    let app = platform.app("by-hand").await.unwrap();
    platform.live(platform.accepted(&app, &app.push()).await.unwrap()).await.unwrap();
    wait::until("its events to be passed over", PATIENCE, || async {
        Ok((counted(&platform, "not_connected").await > 0).then_some(()))
    })
    .await
    .unwrap();
}
