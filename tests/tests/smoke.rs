//! The spine: one push, through everything.

use e2e::harness::Platform;

#[tokio::test]
async fn one_push_goes_live() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();

    let answer = platform.push(&app, &push).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.deploy_id().unwrap();
    assert_eq!(answer.body["sha"], push.after);
    assert_eq!(answer.body["repo"], app.repo);

    let deploy = platform.live(id).await.unwrap();
    assert_eq!(deploy.sha, push.after);
    assert_eq!(deploy.source, format!("github_webhook:{}", push.after));
    assert!(deploy.image.unwrap().contains("@sha256:"));

    let audit = platform.audit().unwrap();
    let builds: Vec<_> = audit.iter().filter(|write| write.starts_a_build()).collect();
    assert_eq!(builds.len(), 1);
    assert_eq!(builds[0].deploy_id(), Some(id));

    let again = platform.push(&app, &push).await.unwrap();
    assert_eq!(again.body["status"], "sha unchanged, skipped");
}

#[tokio::test]
async fn a_push_from_gitlab_goes_live() {
    let platform = Platform::start().await.unwrap();
    let app = platform.linked_app("hello", "gitlab", serde_json::json!({})).await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    let deploy = platform.live(id).await.unwrap();
    assert_eq!(deploy.source, format!("gitlab_webhook:{}", push.after));
}
