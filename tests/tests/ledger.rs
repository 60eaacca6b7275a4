//! The ledger of deliveries: every authentic one is in it with what became of it, and nothing waits for it.

use std::time::Duration;

use e2e::{
    deliveries::{NO_COMMIT, Push, github_event, github_ping},
    harness::{LinkedApp, Options, Platform},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

async fn ingress_alone() -> Platform {
    let options = Options { deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

async fn get(platform: &Platform, app: &LinkedApp, query: &str) -> Value {
    let path = format!("/v1/apps/{}/deliveries{query}", app.id);
    let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// The ledger once it has so many rows, newest first.
async fn rows(platform: &Platform, app: &LinkedApp, count: usize) -> Vec<Value> {
    wait::until(&format!("{count} rows in the ledger"), PATIENCE, || async {
        let page = get(platform, app, "?page_size=200").await;
        let rows = page["deliveries"].as_array().unwrap().clone();
        assert!(rows.len() <= count, "{rows:?}");
        Ok((rows.len() == count).then_some(rows))
    })
    .await
    .unwrap()
}

fn verdicts(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["verdict"].as_str().unwrap()).collect()
}

fn saying(app: &LinkedApp, message: &str) -> Push {
    Push { commits: vec![(message.to_owned(), vec!["docs/a".to_owned()])], ..app.push() }
}

#[tokio::test]
async fn every_authentic_delivery_is_noted_with_what_became_of_it() {
    let platform = ingress_alone().await;
    let app = platform.linked_app("shop", "github", json!({ "watch_paths": ["src/**"] })).await;
    let app = app.unwrap();
    let queued = app.push();
    let mut other = app.push();
    "octo/other".clone_into(&mut other.repo);
    other.repo_id += 1;
    let push = app.delivery(&app.push());
    let deliveries = [
        ("ping", github_ping(&app.secret)),
        ("ignored_event", github_event("issues", &json!({}), &app.secret)),
        ("queued", app.delivery(&queued)),
        ("duplicate", app.delivery(&queued)),
        ("branch_mismatch", app.delivery(&app.push().to_branch("dev"))),
        ("branch_deleted", app.delivery(&app.push().of(NO_COMMIT))),
        ("repository_mismatch", app.delivery(&other)),
        ("skipped_by_message", app.delivery(&saying(&app, "a [skip ci]"))),
        ("no_watched_path", app.delivery(&saying(&app, "a"))),
        ("malformed", push.clone().with_signed_body("{", &app.secret)),
        ("malformed", push.with_header("content-type", "text/plain")),
    ];
    for (_, delivery) in &deliveries {
        platform.api.deliver(app.id, delivery).await.unwrap();
    }
    let mut rows = rows(&platform, &app, deliveries.len()).await;
    rows.reverse();
    let expected: Vec<_> = deliveries.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts(&rows), expected);
    for (row, (_, delivery)) in rows.iter().zip(&deliveries) {
        assert_eq!(row["provider"], "github");
        assert_eq!(row["origin"], "webhook");
        assert_eq!(row["secret"], "current");
        assert_eq!(row["delivery_id"], delivery.headers["x-github-delivery"]);
        assert_eq!(row["event"], delivery.headers["x-github-event"]);
        assert!(row["received_at"].is_string() && row["id"].is_number(), "{row}");
    }
    let (first, again) = (&rows[2], &rows[3]);
    assert_eq!((&first["sha"], &first["branch"]), (&json!(queued.after), &json!("main")));
    assert!(first["deploy_id"].is_string());
    assert_eq!(first["deploy_id"], again["deploy_id"]);
    assert_eq!(rows[4]["branch"], "dev");
    assert!(rows[4].get("deploy_id").is_none(), "{}", rows[4]);
}

#[tokio::test]
async fn what_is_live_is_unchanged_and_what_is_off_says_so() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    platform.live(platform.accepted(&app, &push).await.unwrap()).await.unwrap();
    platform.push(&app, &push.then(&push.after)).await.unwrap();
    let off =
        json!({ "provider": "github", "repo_full_name": app.repo, "auto_deploy_enabled": false });
    platform.api.link(app.id, off).await.unwrap();
    platform.push(&app, &app.push()).await.unwrap();
    let rows = rows(&platform, &app, 3).await;
    assert_eq!(verdicts(&rows), ["auto_deploy_disabled", "unchanged", "queued"]);
}

#[tokio::test]
async fn what_is_not_authentic_is_not_noted() {
    let platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    let delivery = app.delivery(&app.push());
    let forged = delivery.clone().with_header("x-hub-signature-256", "sha256=00");
    assert_eq!(platform.api.deliver(app.id, &forged).await.unwrap().status, 401);
    platform.api.deliver(app.id, &delivery).await.unwrap();
    assert_eq!(verdicts(&rows(&platform, &app, 1).await), ["queued"]);
}

#[tokio::test]
async fn the_list_is_filtered_and_comes_in_pages() {
    let platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    for index in 0..5 {
        let branch = if index % 2 == 0 { "main" } else { "dev" };
        platform.push(&app, &app.push().to_branch(branch)).await.unwrap();
    }
    let all = rows(&platform, &app, 5).await;
    let (mut seen, mut query) = (Vec::new(), "?page_size=2".to_owned());
    for expected in [2, 2, 1] {
        let page = get(&platform, &app, &query).await;
        let rows = page["deliveries"].as_array().unwrap();
        assert_eq!(rows.len(), expected, "{page}");
        seen.extend(rows.clone());
        let next = page["next_page_token"].as_str().unwrap_or_default();
        assert_eq!(next.is_empty(), seen.len() == 5, "{page}");
        query = format!("?page_size=2&page_token={next}");
    }
    assert_eq!(seen, all);
    let queued = get(&platform, &app, "?verdict=queued").await;
    assert_eq!(queued["deliveries"].as_array().unwrap().len(), 3);
    for bad in ["?verdict=lost", "?page_token=x", "?page_size=many", "?colour=red"] {
        let path = format!("/v1/apps/{}/deliveries{bad}", app.id);
        let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
        assert_eq!(answer.status, 422, "{bad}: {answer:?}");
    }
}

#[tokio::test]
async fn a_delivery_that_could_not_be_stored_is_noted_as_well() {
    let platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    platform.links.ingress_to_nats.refuse();
    let push = app.push();
    assert_eq!(platform.push(&app, &push).await.unwrap().status, 503);
    let rows = rows(&platform, &app, 1).await;
    assert_eq!(verdicts(&rows), ["unavailable"]);
    assert_eq!(rows[0]["sha"], json!(push.after));
}

#[tokio::test]
async fn what_waits_is_written_before_the_service_ends() {
    let mut platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    for _ in 0..10 {
        platform.accepted(&app, &app.push()).await.unwrap();
    }
    // Well within the moment for which rows are gathered.
    platform.ingress[0].terminate().await.unwrap();
    let count = "select count(*) from deliveries";
    let database = platform.database().await.unwrap();
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 10);
}

#[tokio::test]
async fn without_its_table_deliveries_are_answered_as_ever() {
    let platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    let database = platform.database().await.unwrap();
    database.batch_execute("alter table deliveries rename to elsewhere").await.unwrap();
    platform.accepted(&app, &app.push()).await.unwrap();
    wait::until("a warning", PATIENCE, || async {
        Ok(platform.ingress[0].log().contains("the ledger cannot be written").then_some(()))
    })
    .await
    .unwrap();
    platform.accepted(&app, &app.push()).await.unwrap();
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let mut platform = ingress_alone().await;
    let app = platform.app("shop").await.unwrap();
    for _ in 0..2 {
        platform.accepted(&app, &app.push()).await.unwrap();
    }
    rows(&platform, &app, 2).await;
    let database = platform.database().await.unwrap();
    let age = "update deliveries set received_at = now() - interval '31 days' \
               where delivery_no = (select min(delivery_no) from deliveries)";
    assert_eq!(database.execute(age, &[]).await.unwrap(), 1);
    platform.ingress[0].kill().await.unwrap();
    platform.start_ingresses().await.unwrap();
    let left = wait::until("the old row to go", PATIENCE, || async {
        let page = get(&platform, &app, "").await;
        let rows = page["deliveries"].as_array().unwrap().clone();
        Ok((rows.len() == 1).then_some(rows))
    });
    assert_eq!(verdicts(&left.await.unwrap()), ["queued"]);
}
