//! `paas dead-letters`: found, shown, tried again, discarded.

use e2e::{harness::Platform, wait};
use paas_proto::events::Provider;
use serde_json::{Value, json};
use uuid::Uuid;

use super::paas;
use crate::{
    dead_letters::{create_app, publish, publish_push, push_of},
    identity::PATIENCE,
};

/// The dead letters that wait, once there are so many.
async fn waiting(platform: &Platform, count: usize) -> Vec<Value> {
    wait::until("the dead letters", PATIENCE, || async {
        let listed = paas(platform, &["dead-letters", "list", "--json"]).await.object();
        let letters = listed["dead_letters"].as_array().unwrap().clone();
        Ok((letters.len() == count).then_some(letters))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_push_that_came_too_early_goes_live_when_it_is_tried_again() {
    let platform = Platform::start().await.unwrap();
    let empty = paas(&platform, &["dead-letters", "list"]).await;
    assert_eq!((empty.code, empty.out.as_str()), (0, "No dead letters.\n"), "{empty:?}");

    let app = Uuid::new_v4();
    let push = push_of(app);
    publish_push(&platform, &push).await;
    let letter = waiting(&platform, 1).await.remove(0);
    let id = letter["id"].to_string();
    assert_eq!(letter["app_id"], json!(app));
    let listed = paas(&platform, &["dead-letters", "list", "--app", &app.to_string()]).await;
    assert!(listed.out.lines().nth(1).unwrap().starts_with(&id), "{listed:?}");

    let shown = paas(&platform, &["dead-letters", "show", &id]).await;
    for part in ["waiting", &push.after, "octo/late", letter["reason"].as_str().unwrap()] {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
    let opened = paas(&platform, &["dead-letters", "show", &id, "--json"]).await.object();
    assert_eq!((&opened["id"], &opened["reason"]), (&letter["id"], &letter["reason"]));
    assert!(opened["raw_base64"].as_str().is_some_and(|raw| !raw.is_empty()), "{opened}");

    let early = paas(&platform, &["dead-letters", "retry", &id]).await;
    assert_eq!(early.code, 6, "{early:?}");
    assert!(early.err.contains("still cannot be taken in: "), "{early:?}");
    create_app(&platform, app).await;
    let taken_in = paas(&platform, &["dead-letters", "retry", &id]).await;
    assert_eq!(taken_in.code, 0, "{taken_in:?}");
    assert!(taken_in.out.contains(&push.deploy_id), "{taken_in:?}");
    assert_eq!(paas(&platform, &["deploy", "watch", &push.deploy_id]).await.code, 0);

    let again = paas(&platform, &["dead-letters", "retry", &id, "--json"]).await.object();
    assert_eq!(again, json!({ "deploy_id": push.deploy_id, "outcome": "already_recorded" }));
    let kept = paas(&platform, &["dead-letters", "discard", &id]).await;
    assert_eq!(kept.code, 6, "{kept:?}");
    waiting(&platform, 0).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_shown_as_bytes_and_discarded() {
    let platform = Platform::start().await.unwrap();
    let subject = platform.prefix().unwrap().push_subject(Provider::Github, Uuid::new_v4());
    publish(&platform, subject, "poison", b"\xff\x1b[2Jpoison".to_vec()).await;
    let letter = waiting(&platform, 1).await.remove(0);
    let id = letter["id"].to_string();
    let shown = paas(&platform, &["dead-letters", "show", &id]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("11 bytes that cannot be read"), "{shown:?}");
    assert!(shown.out.contains("ff 1b 5b 32 4a") && !shown.out.contains('\x1b'), "{shown:?}");

    let discarded = paas(&platform, &["dead-letters", "discard", &id]).await;
    assert_eq!(discarded.code, 0, "{discarded:?}");
    waiting(&platform, 0).await;
    let state = ["dead-letters", "list", "--state", "discarded", "--json"];
    let listed = paas(&platform, &state).await.object();
    assert_eq!(listed["dead_letters"][0]["id"], letter["id"]);
    assert_eq!(listed["dead_letters"][0]["state"], "discarded");
}
