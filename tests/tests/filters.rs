//! What people filter pushes by: words in the head commit's message, and watched paths.

use e2e::{
    deliveries::{NO_COMMIT, Push},
    harness::{LinkedApp, Options, Platform},
};
use serde_json::{Value, json};

const PROVIDERS: [&str; 3] = ["github", "gitlab", "forgejo"];
const SKIPPED: &str = "skipped by commit message";
const UNWATCHED: &str = "no watched path changed";

async fn ingress_alone() -> Platform {
    let options = Options { deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

async fn app(platform: &Platform, provider: &'static str, mut settings: Value) -> LinkedApp {
    settings["clone_url"] = format!("https://code.example.com/octo/on-{provider}.git").into();
    platform.linked_app(&format!("on-{provider}"), provider, settings).await.unwrap()
}

/// The push that says so, or changes these paths, in one commit.
fn push(app: &LinkedApp, message: &str, paths: &[&str]) -> Push {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    Push { commits: vec![(message.to_owned(), paths)], ..app.push() }
}

/// The answer's `status`; none when the push is queued.
async fn status(platform: &Platform, app: &LinkedApp, push: &Push) -> Option<String> {
    let answer = platform.push(app, push).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["status"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn the_head_commits_message_may_ask_to_be_skipped() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app(&platform, provider, json!({})).await;
        for message in ["[skip ci]", "Fix the docs [CI Skip]", "Fix\n\nnot now [skip Deploy]"] {
            let status = status(&platform, &app, &push(&app, message, &["a"])).await;
            assert_eq!(status.as_deref(), Some(SKIPPED), "{provider}: {message}");
        }
        for message in ["skip ci", "[skip-ci]", "Fix"] {
            let status = status(&platform, &app, &push(&app, message, &["a"])).await;
            assert_eq!(status, None, "{provider}: {message}");
        }
    }
}

#[tokio::test]
async fn only_the_head_commit_is_asked() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app(&platform, provider, json!({})).await;
        let commit = |message: &str| (message.to_owned(), vec!["a".to_owned()]);
        let earlier = Push { commits: vec![commit("a [skip ci]"), commit("b")], ..app.push() };
        assert_eq!(status(&platform, &app, &earlier).await, None, "{provider}");
        let head = Push { commits: vec![commit("a"), commit("b [skip ci]")], ..app.push() };
        let skipped = status(&platform, &app, &head).await;
        assert_eq!(skipped.as_deref(), Some(SKIPPED), "{provider}");
    }
}

#[tokio::test]
async fn a_push_counts_when_it_changes_a_watched_path() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let watching = json!({ "watch_paths": ["services/api/**", "*.lock"] });
        let app = app(&platform, provider, watching).await;
        let elsewhere = push(&app, "a", &["README.md", "services/web/a.ts", "deep/x.lock"]);
        let unwatched = status(&platform, &app, &elsewhere).await;
        assert_eq!(unwatched.as_deref(), Some(UNWATCHED), "{provider}");
        for path in ["services/api/src/main.rs", "Cargo.lock"] {
            let touching = push(&app, "a", &["README.md", path]);
            assert_eq!(status(&platform, &app, &touching).await, None, "{provider}: {path}");
        }
    }
}

#[tokio::test]
async fn where_not_all_paths_are_known_the_push_counts() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app(&platform, provider, json!({ "watch_paths": ["services/**"] })).await;
        let new_branch = Push { before: NO_COMMIT.to_owned(), ..push(&app, "a", &["README.md"]) };
        assert_eq!(status(&platform, &app, &new_branch).await, None, "{provider}: a new branch");
        let none = Push { commits: Vec::new(), ..app.push() };
        assert_eq!(status(&platform, &app, &none).await, None, "{provider}: no commits");
        let many: Vec<_> = (0..600).map(|n| format!("docs/{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let big = push(&app, "a", &many);
        assert_eq!(status(&platform, &app, &big).await, None, "{provider}: more than are kept");
    }
}

#[tokio::test]
async fn the_switch_comes_before_the_message_and_the_message_before_the_paths() {
    let platform = ingress_alone().await;
    let watching = json!({ "watch_paths": ["src/**"] });
    let app = app(&platform, "github", watching.clone()).await;
    let both = push(&app, "[skip ci]", &["README.md"]);
    assert_eq!(status(&platform, &app, &both).await.as_deref(), Some(SKIPPED));
    let off = json!({
        "provider": "github", "repo_full_name": app.repo, "watch_paths": ["src/**"],
        "clone_url": "https://code.example.com/octo/on-github.git", "auto_deploy_enabled": false,
    });
    platform.api.link(app.id, off).await.unwrap();
    let both = push(&app, "[skip ci]", &["README.md"]);
    assert_eq!(status(&platform, &app, &both).await.as_deref(), Some("auto_deploy disabled"));
}

#[tokio::test]
async fn a_push_that_was_skipped_deploys_nothing_and_the_next_one_does() {
    let platform = Platform::start().await.unwrap();
    let app = app(&platform, "github", json!({ "watch_paths": ["src/**"] })).await;
    let first = push(&app, "a", &["src/main.rs"]);
    platform.live(platform.accepted(&app, &first).await.unwrap()).await.unwrap();
    let skipped = Push {
        commits: vec![("b [skip ci]".to_owned(), vec!["src/b".to_owned()])],
        ..first.then(&e2e::deliveries::random_sha())
    };
    assert_eq!(status(&platform, &app, &skipped).await.as_deref(), Some(SKIPPED));
    let last = Push {
        commits: vec![("c".to_owned(), vec!["src/c".to_owned()])],
        ..skipped.then(&e2e::deliveries::random_sha())
    };
    let live = platform.live(platform.accepted(&app, &last).await.unwrap()).await.unwrap();
    assert_eq!(live.sha, last.after);
    let known = platform.api.deploys(app.id).await.unwrap();
    assert_eq!(known["deploys"].as_array().unwrap().len(), 2, "{known}");
}
