//! Releases: what was live, and going back to it by number.

use std::time::Duration;

use e2e::{
    api::Answer,
    deliveries::random_sha,
    harness::{LinkedApp, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

async fn get(platform: &Platform, path: &str) -> Answer {
    platform.api.call(Method::GET, path, None).await.unwrap()
}

async fn roll_back(platform: &Platform, app: &LinkedApp, to: Value) -> Answer {
    let path = format!("/v1/apps/{}/rollback", app.id);
    platform.api.call(Method::POST, &path, Some(to)).await.unwrap()
}

/// An app with so many releases: their deploys and commits, oldest first.
async fn released(platform: &Platform, count: usize) -> (LinkedApp, Vec<(Uuid, String)>) {
    let app = platform.app("hello").await.unwrap();
    let mut push = app.push();
    let mut releases = Vec::new();
    for _ in 0..count {
        let id = platform.accepted(&app, &push).await.unwrap();
        platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        releases.push((id, push.after.clone()));
        push = push.then(&random_sha());
    }
    (app, releases)
}

#[tokio::test]
async fn releases_are_listed_newest_first_with_what_they_are_and_in_pages() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("empty").await.unwrap();
    let empty = get(&platform, &format!("/v1/apps/{}/releases", app.id)).await;
    assert_eq!((empty.status, empty.body), (200, json!({ "releases": [] })));

    let (app, releases) = released(&platform, 12).await;
    let path = format!("/v1/apps/{}/releases", app.id);
    let all = get(&platform, &path).await.body;
    let listed = all["releases"].as_array().unwrap();
    assert_eq!(listed.len(), 12);
    for (release, (number, (deploy, sha))) in listed.iter().zip((1..13).zip(&releases).rev()) {
        let image = platform.api.deploy(*deploy).await.unwrap().image;
        let expected = json!({
            "release": format!("v{number}"), "number": number, "deploy_id": deploy, "sha": sha, "image": image,
            "released_at": release["released_at"], "source": format!("github_webhook:{sha}"),
            "is_live": number == 12, "is_available": number > 2,
        });
        assert_eq!(*release, expected);
        assert!(release["released_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
    let first = get(&platform, &format!("{path}?page_size=7")).await.body;
    assert_eq!(first["releases"].as_array().unwrap()[..], listed[..7]);
    let token = first["next_page_token"].as_str().unwrap();
    let rest = get(&platform, &format!("{path}?page_size=7&page_token={token}")).await.body;
    assert_eq!(rest, json!({ "releases": listed[7..] }));
    for wrong in ["page_size=many", "page_token=junk", "pages=2"] {
        assert_eq!(get(&platform, &format!("{path}?{wrong}")).await.status, 422, "{wrong}");
    }
    let nobodys = format!("/v1/apps/{}/releases", Uuid::new_v4());
    assert_eq!(get(&platform, &nobodys).await.status, 404);
}

#[tokio::test]
async fn each_of_the_last_ten_releases_can_be_put_back_by_its_number() {
    let platform = Platform::start().await.unwrap();
    let (app, releases) = released(&platform, 12).await;
    for (to, status) in [
        (json!({ "release": "v2" }), 409),
        (json!({ "release": "v12" }), 409),
        (json!({ "release": "v99" }), 409),
        (json!({ "release": "latest" }), 422),
        (json!({ "release": "v0" }), 422),
        (json!({ "release": "v3", "deploy_id": releases[2].0 }), 422),
    ] {
        let answer = roll_back(&platform, &app, to.clone()).await;
        assert_eq!(answer.status, status, "{to}: {answer:?}");
    }
    // Each is a release of its own: so the oldest that can be put back is always the next.
    for number in 3..=12_usize {
        let answer = roll_back(&platform, &app, json!({ "release": format!("v{number}") })).await;
        assert_eq!(answer.status, 202, "v{number}: {answer:?}");
        let live = platform.live(answer.deploy_id().unwrap()).await.unwrap();
        let (deploy, sha) = &releases[number - 1];
        let image = platform.api.deploy(*deploy).await.unwrap().image;
        assert_eq!((&live.sha, &live.image), (sha, &image));
        assert_eq!(live.source, format!("rollback:{number}"));
    }
    let path = format!("/v1/apps/{}/releases?page_size=1", app.id);
    let newest = get(&platform, &path).await.body["releases"][0].clone();
    assert_eq!((&newest["release"], &newest["is_live"]), (&json!("v22"), &json!(true)));
    assert_eq!(newest["requested_by"], "operator");
}
