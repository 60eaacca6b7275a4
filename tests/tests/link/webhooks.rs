//! What becomes of the webhook when all is well.

use serde_json::{Value, json};

use super::{
    PROVIDERS, action, connected, get, hooks, push_arrives, put, repository, unlink, unlinked,
};

#[tokio::test]
async fn a_link_registers_its_webhook_and_pushes_arrive() {
    let platform = connected(&PROVIDERS).await;
    for provider in PROVIDERS {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        let put_once = put(&platform, app, &link).await;
        assert_eq!(action(&put_once), "registered");
        let webhook = &put_once.body["webhook"];
        assert_eq!(webhook["managed"], json!(true));
        let repo = platform.forge.repo(provider, &format!("octo/by-{provider}")).await.unwrap();
        assert_eq!(webhook["hook_id"], json!(repo.hooks[0].id.to_string()));
        assert_eq!(put_once.body["repo_id"], json!(repo.id));
        assert_eq!(put_once.body["webhook_url"], json!(repo.hooks[0].url));
        push_arrives(&platform, &link).await;
        for _ in 0..2 {
            assert_eq!(action(&put(&platform, app, &link).await), "unchanged");
        }
        assert_eq!(action(&get(&platform, app).await), "unchanged");
        assert_eq!(hooks(&platform, &link).await, 1);
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn without_a_connection_there_are_the_settings_to_enter() {
    let platform = connected(&[]).await;
    for provider in PROVIDERS {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        let made = put(&platform, app, &link).await;
        assert_eq!(action(&made), "manual");
        let settings = &made.body["webhook"]["settings"];
        assert_eq!(settings["url"], made.body["webhook_url"]);
        assert_eq!(settings["content_type"], "application/json");
        assert_eq!(settings["events"], json!(["push"]));
        assert_eq!(settings["secret"], made.body["webhook_secret"]);
        assert!(settings["where"].as_str().unwrap().contains(&format!("octo/by-{provider}")));
        let again = put(&platform, app, &link).await;
        assert_eq!(again.body["webhook"]["settings"]["secret"], Value::Null);
        assert_eq!(hooks(&platform, &link).await, 0);
        // Connected later, the same request does the rest.
        platform.connect(provider).await.unwrap();
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn a_link_follows_the_default_branch_unless_another_is_named() {
    let platform = connected(&["github"]).await;
    let branch = json!({ "default_branch": "trunk" });
    platform.forge.create_repo_with("github", "octo/hello", branch).await.unwrap();
    let app = platform.api.create_app("hello").await.unwrap().id;
    let link = json!({ "provider": "github", "repo_full_name": "Octo/Hello" });
    let made = put(&platform, app, &link).await;
    assert_eq!((&made.body["branch"], action(&made)), (&json!("trunk"), "registered"));
    let named = json!({ "provider": "github", "repo_full_name": "octo/hello", "branch": "main",
                        "watch_paths": ["web/**"] });
    let changed = put(&platform, app, &named).await;
    assert_eq!((&changed.body["branch"], action(&changed)), (&json!("main"), "unchanged"));
    assert_eq!(changed.body["watch_paths"], json!(["web/**"]));
    assert_eq!(get(&platform, app).await.body["watch_paths"], json!(["web/**"]));
    let wrong =
        json!({ "provider": "github", "repo_full_name": "octo/hello", "watch_paths": ["["] });
    assert_eq!(put(&platform, app, &wrong).await.status, 422);
}

#[tokio::test]
async fn a_webhook_that_somebody_broke_is_mended_in_place() {
    let platform = connected(&PROVIDERS).await;
    for provider in PROVIDERS {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        put(&platform, app, &link).await;
        let repo = link["repo_full_name"].as_str().unwrap();
        // GitLab's webhooks have no switch: it disables them after failures, and tries them out on a commit.
        push_arrives(&platform, &link).await;
        let off = if provider == "gitlab" { "disabled" } else { "active" };
        let off = json!({ off: provider == "gitlab" });
        for change in [off, json!({ "url": "https://elsewhere.example/" })] {
            platform.forge.change_hooks(provider, repo, change.clone()).await.unwrap();
            assert_eq!(action(&put(&platform, app, &link).await), "updated", "{change}");
            assert_eq!(hooks(&platform, &link).await, 1);
            push_arrives(&platform, &link).await;
        }
        platform.forge.remove_hooks(provider, repo).await.unwrap();
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn linking_elsewhere_takes_the_webhook_along() {
    let platform = connected(&PROVIDERS).await;
    let (app, first) = unlinked(&platform, "github", "first").await;
    assert_eq!(action(&put(&platform, app, &first).await), "registered");
    for (provider, name) in [("github", "second"), ("gitlab", "third"), ("forgejo", "fourth")] {
        let other = repository(&platform, provider, name).await;
        assert_eq!(action(&put(&platform, app, &other).await), "registered");
        assert_eq!(hooks(&platform, &other).await, 1);
        push_arrives(&platform, &other).await;
    }
    assert_eq!(hooks(&platform, &first).await, 0);
    let row = "select count(*) from app_hooks";
    let database = platform.database().await.unwrap();
    assert_eq!(database.query_one(row, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn the_webhook_goes_with_its_link() {
    let platform = connected(&PROVIDERS).await;
    for provider in PROVIDERS {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        put(&platform, app, &link).await;
        let answer = unlink(&platform, app).await;
        assert_eq!((&answer.body["status"], action(&answer)), (&json!("unlinked"), "removed"));
        assert_eq!(hooks(&platform, &link).await, 0);
        assert_eq!(get(&platform, app).await.status, 404);
        assert_eq!(unlink(&platform, app).await.status, 404);
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
        platform
            .forge
            .remove_hooks(provider, link["repo_full_name"].as_str().unwrap())
            .await
            .unwrap();
        assert_eq!(action(&unlink(&platform, app).await), "none");
    }
}

#[tokio::test]
async fn gitlab_signs_where_it_can_and_sends_its_token_where_it_cannot() {
    let platform = connected(&["gitlab"]).await;
    for signs in [true, false] {
        platform.forge.switch("gitlab", json!({ "signing_tokens": signs })).await.unwrap();
        let (app, link) = unlinked(&platform, "gitlab", &format!("signs-{signs}")).await;
        let made = put(&platform, app, &link).await;
        assert_eq!((action(&made), &made.body["signing_required"]), ("registered", &json!(signs)));
        push_arrives(&platform, &link).await;
        assert_eq!(action(&put(&platform, app, &link).await), "unchanged");
        push_arrives(&platform, &link).await;
    }
}
