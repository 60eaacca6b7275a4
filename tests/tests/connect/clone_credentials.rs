//! The credential with which a build clones: for the deployer alone, and for private repositories alone.

use e2e::{
    api::Answer,
    harness::{Options, Platform},
};
use paas_proto::callback::{CREDENTIAL_TOKEN_HEADER, CallbackKey};
use serde_json::json;
use uuid::Uuid;

async fn ask(platform: &Platform, deploy: &str, token: &str) -> (u16, serde_json::Value) {
    let address = platform.ingress[0].address();
    let url = format!("http://{address}/internal/v1/clone-credentials/{deploy}");
    let request = e2e::api::http_client().unwrap().post(url).header(CREDENTIAL_TOKEN_HEADER, token);
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// A deploy of a push to a repository.
async fn deploy(platform: &Platform, name: &str, settings: serde_json::Value) -> Uuid {
    let repo = format!("octo/{name}");
    platform.forge.create_repo_with("github", &repo, settings).await.unwrap();
    let app = platform.api.create_app(name).await.unwrap().id;
    let link = json!({ "provider": "github", "repo_full_name": repo });
    platform.api.link(app, link).await.unwrap();
    let pushed = platform.forge.push("github", &repo).await.unwrap();
    let deploy = pushed.deploy_id().unwrap_or_else(|| panic!("{pushed:?}"));
    platform.ended(deploy).await.unwrap();
    deploy
}

#[tokio::test]
async fn a_private_repository_is_cloned_with_the_tenants_credential() {
    let options = Options { forge: true, ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    platform.connect("github").await.unwrap();
    let key: CallbackKey = platform.wiring().keys.callback_key.parse().unwrap();
    let private = deploy(&platform, "private", json!({ "private": true })).await;
    let (id, token) = (private.to_string(), key.credential_token(private));

    let (status, credential) = ask(&platform, &id, &token).await;
    assert_eq!((status, &credential["username"]), (200, &json!("x-access-token")));
    let password = credential["password"].as_str().unwrap().to_owned();
    assert!(!platform.ingress[0].log().contains(&password));
    // What stands on the PipelineRun opens nothing here.
    for wrong in ["", "00", &key.token(private), &key.credential_token(Uuid::nil())] {
        assert_eq!(ask(&platform, &id, wrong).await.0, 401, "{wrong}");
    }
    let nobody = Uuid::new_v4();
    let token_of_nobody = key.credential_token(nobody);
    assert_eq!(ask(&platform, &nobody.to_string(), &token_of_nobody).await.0, 404);
    assert_eq!(ask(&platform, "nothing", &token).await.0, 404);

    let public = deploy(&platform, "public", json!({})).await;
    let token_of_public = key.credential_token(public);
    assert_eq!(ask(&platform, &public.to_string(), &token_of_public).await.0, 204);
    let answer = platform.api.call(reqwest::Method::DELETE, "/v1/auth/github", None).await;
    assert!(matches!(answer, Ok(Answer { status: 204, .. })));
    assert_eq!(ask(&platform, &id, &token).await.0, 204);
}
