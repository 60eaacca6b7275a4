//! `paas replay`: a dry run first, and then what it said.

use e2e::harness::Platform;
use serde_json::Value;

use super::paas;
use crate::{identity::PATIENCE, replay::lose_the_database};

#[tokio::test]
async fn what_is_on_record_is_not_taken_in_again_and_what_was_lost_is() {
    let mut platform = Platform::start().await.unwrap();
    let (shop, blog) = (platform.app("shop").await.unwrap(), platform.app("blog").await.unwrap());
    let mut ids = Vec::new();
    for app in [&shop, &blog] {
        ids.push(platform.accepted(app, &app.push()).await.unwrap());
    }
    platform.at_rest(&ids, PATIENCE).await.unwrap();
    let nothing = paas(&platform, &["replay"]).await;
    assert_eq!(nothing.code, 0, "{nothing:?}");
    assert_eq!(nothing.out, "2 pushes examined: 0 would be taken in, 2 on record already.\n");

    lose_the_database(&mut platform).await;
    // Nobody is there to be asked.
    let shown = paas(&platform, &["replay"]).await;
    assert_eq!(shown.code, 2, "{shown:?}");
    assert_eq!(shown.out.matches("would take in").count(), 2, "{shown:?}");
    assert!(shown.err.contains("--yes"), "{shown:?}");
    assert_eq!(deploys(&platform, "shop").await, 0, "it was a dry run");

    let one = paas(&platform, &["replay", "--app", "shop", "--since", "1h", "--yes"]).await;
    assert_eq!(one.code, 0, "{one:?}");
    assert!(one.out.ends_with("1 push examined: 1 taken in, 0 on record already.\n"), "{one:?}");
    assert_eq!((deploys(&platform, "shop").await, deploys(&platform, "blog").await), (1, 0));

    let rest = paas(&platform, &["replay", "--from-seq", "1", "--yes", "--json"]).await;
    let outcomes: Vec<Value> = rest.objects().iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, [Value::from("already_recorded"), "taken_in".into(), Value::Null]);
    assert_eq!(rest.objects()[2]["summary"]["taken_in"], 1);
    for id in ids {
        let watched = paas(&platform, &["deploy", "watch", &id.to_string()]).await;
        assert_eq!(watched.code, 0, "{watched:?}");
    }
}

async fn deploys(platform: &Platform, app: &str) -> usize {
    let listed = paas(platform, &["deploys", app, "--json"]).await.object();
    listed["deploys"].as_array().unwrap().len()
}
