//! Commit statuses, and what each provider does not take.

use reqwest::Method;
use serde_json::{Value, json};

use crate::World;

impl World {
    async fn head(&self, provider: &str) -> String {
        let repo = json!({ "provider": provider, "repo": "octo/hello" });
        self.forge(Method::POST, "push", repo).await["after"].as_str().unwrap().to_owned()
    }
}

#[actix_web::test]
async fn github_takes_140_characters_and_known_commits() {
    let world = World::new();
    let token = world.repository("github").await;
    let path = format!("/github/api/repos/octo/hello/statuses/{}", world.head("github").await);
    let status = |description: String| json!({ "state": "success", "context": "paas/hello", "description": description });
    let long = world.ask(Method::POST, &path, &token, status("ä".repeat(141))).await;
    assert_eq!(long.0, 422);
    assert_eq!(world.ask(Method::POST, &path, &token, status("ä".repeat(140))).await.0, 201);
    let unknown = "/github/api/repos/octo/hello/statuses/0123456789012345678901234567890123456789";
    assert_eq!(world.ask(Method::POST, unknown, &token, status(String::new())).await.0, 422);
}

#[actix_web::test]
async fn gitlab_does_not_repeat_a_transition() {
    let world = World::new();
    let token = world.repository("gitlab").await;
    let head = world.head("gitlab").await;
    let path = format!("/gitlab/api/v4/projects/octo%2Fhello/statuses/{head}");
    let set = async |state: &str| {
        let body = json!({ "state": state, "name": "paas/hello" });
        let (status, answer) = world.ask(Method::POST, &path, &token, body).await;
        (status, answer["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(set("pending").await.0, 201);
    let (status, words) = set("pending").await;
    assert_eq!(status, 400);
    assert!(words.starts_with("Cannot transition status via :enqueue from :pending"), "{words}");
    assert_eq!(set("running").await.0, 201);
    assert_eq!(set("running").await.0, 400);
    assert_eq!(set("success").await.0, 201);
    assert_eq!(set("success").await.0, 201, "after the end another one begins");
}

#[actix_web::test]
async fn a_branch_with_a_slash_is_found_either_way() {
    let world = World::new();
    let token = world.repository("github").await;
    let push = json!({ "provider": "github", "repo": "octo/hello", "branch": "feature/one" });
    let head = world.forge(Method::POST, "push", push).await["after"].take();
    for name in ["feature/one", "feature%2Fone"] {
        let path = format!("/github/api/repos/octo/hello/branches/{name}");
        let branch = world.ask(Method::GET, &path, &token, Value::Null).await.1;
        assert_eq!(branch["commit"]["sha"], head);
    }
}
