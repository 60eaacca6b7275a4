//! An ingress that dies between any two steps about a webhook, as in a power cut; then somebody asks for the same again.
//! Never are there two webhooks, never is a delivery of the one there refused.

use std::{collections::BTreeSet, os::unix::process::ExitStatusExt as _, path::Path};

use e2e::{harness::Platform, process::Signal};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{action, connected, hooks, push_arrives, put, repository, rotate, unlink, unlinked};

/// Boundaries of each act.
const LINK: &[&str] = &[
    "hooks::linked",
    "hooks::listed",
    "hooks::registering",
    "hooks::written",
    "hooks::read_back",
    "hooks::alone",
    "hooks::settled",
];
const RELINK: &[&str] = &["hooks::linked", "hooks::deleted", "hooks::removed", "hooks::written"];
const ROTATE: &[&str] = &[
    "hooks::rotated",
    "hooks::listed",
    "hooks::registering",
    "hooks::written",
    "hooks::read_back",
    "hooks::settled",
];
const UNLINK: &[&str] =
    &["hooks::to_be_removed", "hooks::deleted", "hooks::removed", "hooks::unlinked"];
/// Died at elsewhere: what is lost there costs a person a new connection, and no more.
const CONNECT: &[&str] =
    &["connections::granted", "connections::exchanged", "connections::revoked"];

/// Has the ingress die at a boundary while it does this, and start again.
async fn dies(platform: &mut Platform, boundary: &str, act: (Method, String, Option<Value>)) {
    platform.ingress[0].kill().await.unwrap();
    platform.ingress[0].start_with_failpoints(&format!("{boundary}=return")).await.unwrap();
    platform.ingress[0].ready().await.unwrap();
    let (method, path, body) = act;
    let answer = platform.api.call(method, &path, body).await;
    assert!(answer.as_ref().map_or(true, |answer| answer.status >= 500), "{boundary}: {answer:?}");
    let status = platform.ingress[0].ended().await.unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "{boundary}: {status}");
    platform.start_ingresses().await.unwrap();
}

fn source(app: Uuid) -> String {
    format!("/v1/apps/{app}/git/source")
}

#[tokio::test]
async fn a_link_that_was_cut_short_is_made_whole_by_the_same_request() {
    let mut platform = connected(&["github", "gitlab", "forgejo"]).await;
    for (number, boundary) in LINK.iter().enumerate() {
        let provider = super::PROVIDERS[number % 3];
        let (app, link) = unlinked(&platform, provider, &format!("app-{number}")).await;
        dies(&mut platform, boundary, (Method::PUT, source(app), Some(link.clone()))).await;
        let made = hooks(&platform, &link).await;
        assert!(made <= 1, "{boundary}");
        if made == 1 {
            push_arrives(&platform, &link).await;
        }
        assert_ne!(action(&put(&platform, app, &link).await), "pending");
        assert_eq!(hooks(&platform, &link).await, 1, "{boundary}");
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn a_link_elsewhere_that_was_cut_short_leaves_no_webhook_behind() {
    let mut platform = connected(&["github", "gitlab"]).await;
    for (number, boundary) in RELINK.iter().enumerate() {
        let (app, old) = unlinked(&platform, "github", &format!("old-{number}")).await;
        put(&platform, app, &old).await;
        let new = repository(&platform, "gitlab", &format!("new-{number}")).await;
        dies(&mut platform, boundary, (Method::PUT, source(app), Some(new.clone()))).await;
        put(&platform, app, &new).await;
        assert_eq!((hooks(&platform, &old).await, hooks(&platform, &new).await), (0, 1));
        push_arrives(&platform, &new).await;
    }
}

#[tokio::test]
async fn a_rotation_that_was_cut_short_refuses_nothing_and_is_finished() {
    let mut platform = connected(&["github"]).await;
    for (number, boundary) in ROTATE.iter().enumerate() {
        let (app, link) = unlinked(&platform, "github", &format!("app-{number}")).await;
        put(&platform, app, &link).await;
        let path = format!("/v1/apps/{app}/git/webhook-secret");
        let secret = json!({ "webhook_secret": format!("the secret of rotation {number}") });
        dies(&mut platform, boundary, (Method::PUT, path, Some(secret.clone()))).await;
        // Whichever of the two the provider has.
        push_arrives(&platform, &link).await;
        // Half of them the same again, half of them another one on top of it.
        let next = if number % 2 == 0 { secret } else { json!({}) };
        let rotated = rotate(&platform, app, next).await;
        assert!(["updated", "unchanged"].contains(&action(&rotated)), "{boundary}: {rotated:?}");
        assert_ne!(rotated.body["previous_valid_until"], Value::Null, "{boundary}");
        let repo = link["repo_full_name"].as_str().unwrap();
        let hook = platform.forge.hook("github", repo).await.unwrap();
        assert_eq!(hook.secret.as_deref(), rotated.body["webhook_secret"].as_str(), "{boundary}");
        push_arrives(&platform, &link).await;
        let retired = rotate(&platform, app, json!({ "retire_previous": true })).await;
        assert_eq!(retired.status, 200);
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn an_unlinking_that_was_cut_short_is_finished_by_the_same_request() {
    let mut platform = connected(&["github", "gitlab", "forgejo"]).await;
    for (number, boundary) in UNLINK.iter().enumerate() {
        let provider = super::PROVIDERS[number % 3];
        let (app, link) = unlinked(&platform, provider, &format!("app-{number}")).await;
        put(&platform, app, &link).await;
        dies(&mut platform, boundary, (Method::DELETE, source(app), None)).await;
        let again = unlink(&platform, app).await;
        assert!([200, 404].contains(&again.status), "{boundary}: {again:?}");
        assert_eq!(hooks(&platform, &link).await, 0, "{boundary}");
        assert_eq!(super::get(&platform, app).await.status, 404, "{boundary}");
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
    }
}

#[test]
fn every_boundary_in_the_code_is_in_a_list() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ingress-svc/src");
    let mut found = BTreeSet::new();
    read(&source, &mut found);
    let lists = [LINK, RELINK, ROTATE, UNLINK, CONNECT].concat();
    let listed: BTreeSet<String> = lists.into_iter().map(str::to_owned).collect();
    assert_eq!(found, listed);
}

fn read(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), found);
        }
        return;
    }
    let code = std::fs::read_to_string(path).unwrap();
    let rests = code.split("fail_point!(\"").skip(1);
    found.extend(rests.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
}
