//! Canaries: every secret there is goes through everything that the platform does, well and badly, and is found nowhere
//! that anybody looks: no log, span, metric, error, event, row in the clear, Kubernetes object, or word of `paas`.

mod secrets;
mod seen;

use e2e::{
    collector::Collector,
    deliveries::Push,
    harness::{LinkedApp, Options, Platform},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aftermath::PATIENCE;
use secrets::Secrets;
use seen::Seen;

/// The person's own words for a secret.
const WEBHOOK_SECRET: &str = "canary of a webhook secret +/%";
const SIGNING_TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";

/// A platform that is told all secrets, and a person who looks at all it says.
struct Story {
    platform: Platform,
    secrets: Secrets,
    seen: Seen,
}

#[tokio::test]
async fn no_secret_is_found_where_anybody_looks() {
    let collector = Collector::start().await.unwrap();
    let options = Options {
        forge: true,
        ingress_env: collector.settings(),
        deployer_env: collector.settings(),
        ..Options::default()
    };
    let platform = Platform::start_with(options).await.unwrap();
    let secrets = Secrets::of(&platform);
    let mut story = Story { platform, secrets, seen: Seen::default() };

    let private = story.connect_and_link().await;
    let deploys = story.deploy(&private).await;
    story.ask_wrongly(&private).await;
    story.look_at_everything(&private, &deploys).await;
    story.let_things_break(&private).await;

    let Story { platform, mut secrets, mut seen } = story;
    secrets.add_those_of_the_providers(&platform);
    for deploy in deploys {
        secrets.add_that_of_a_clone(&platform, deploy);
    }
    assert!(secrets.count() >= 20, "{} secrets", secrets.count());
    seen.gather(&platform, &collector).await;
    assert_eq!(seen.leaks(&secrets), Vec::<String>::new());
    // It would have been seen.
    assert!(seen.places() >= 8, "there is not much to look at");
}

impl Story {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.platform.api.call(method.clone(), path, body).await.unwrap();
        self.seen.note("answers", &format!("{method} {path}: {answer:?}"));
        answer.body
    }

    /// Where an answer is to show a secret once.
    async fn told(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.platform.api.call(method, path, body).await.unwrap();
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        answer.body
    }

    /// By consent, by a token, and by hand; the app of a private repository.
    async fn connect_and_link(&mut self) -> LinkedApp {
        let begun = self.told(Method::GET, "/v1/auth/github/connect", None).await;
        let authorize = begun["authorize_url"].as_str().unwrap();
        let back = self.platform.forge.consent(authorize).await.unwrap();
        self.secrets.add_those_of_a_url("state or code", &back);
        let connected = e2e::api::get(&e2e::api::http_client().unwrap(), &back).await.unwrap();
        self.seen.note("answers", &format!("{connected:?}"));
        let again = e2e::api::get(&e2e::api::http_client().unwrap(), &back).await.unwrap();
        self.seen.note("answers", &format!("{again:?}"));

        let token = self.platform.forge.personal_token("forgejo").await.unwrap();
        self.secrets.add("personal access token", &token);
        let path = "/v1/auth/forgejo/credential";
        self.call(Method::PUT, path, Some(json!({ "token": token }))).await;
        self.call(Method::PUT, path, Some(json!({ "token": token, "junk": token }))).await;

        for scope in ["read", "deploy", "admin"] {
            let new = json!({ "name": scope, "scope": scope });
            let made = self.told(Method::POST, "/v1/tokens", Some(new)).await;
            self.secrets.add("API token", made["token"].as_str().unwrap());
        }

        let by_hand = self.platform.linked_app("by-hand", "gitlab", json!({})).await.unwrap();
        self.secrets.add("webhook secret that was made", &by_hand.secret);
        let path = format!("/v1/apps/{}/git/webhook-secret", by_hand.id);
        self.secrets.add("webhook secret of a person", WEBHOOK_SECRET);
        let chosen = json!({ "webhook_secret": WEBHOOK_SECRET });
        self.told(Method::PUT, &path, Some(chosen)).await;
        self.secrets.add("signing token", SIGNING_TOKEN);
        let signed = json!({ "signing_token": SIGNING_TOKEN });
        let signed = self.platform.linked_app("signed", "gitlab", signed).await.unwrap();
        self.secrets.add("webhook secret of GitLab", &signed.secret);
        self.platform.push(&signed, &signed.push()).await.unwrap();

        let settings = json!({ "private": true });
        let repo = "octo/private";
        self.platform.forge.create_repo_with("github", repo, settings).await.unwrap();
        let id = self.platform.api.create_app("private").await.unwrap().id;
        let link = json!({ "provider": "github", "repo_full_name": repo });
        self.call(Method::PUT, &format!("/v1/apps/{id}/git/source"), Some(link)).await;
        let hook = self.platform.forge.hook("github", repo).await.unwrap();
        let secret = hook.secret.unwrap();
        self.secrets.add("webhook secret that was registered", &secret);
        LinkedApp {
            id,
            name: "private".to_owned(),
            provider: "github",
            repo: repo.to_owned(),
            secret,
        }
    }

    /// Live, failed in its build, failed in its rollout, and live again by a rollback.
    async fn deploy(&mut self, app: &LinkedApp) -> Vec<Uuid> {
        let mut deploys = Vec::new();
        for (build, rollout) in [
            ("succeed", "succeed"),
            ("fail", "succeed"),
            ("succeed", "fail"),
            ("succeed", "succeed"),
        ] {
            let course = json!({ "build": build, "rollout": rollout });
            self.platform.switch(json!({ "all": course })).await.unwrap();
            let pushed = self.platform.forge.push("github", &app.repo).await.unwrap();
            self.seen.note("answers", &format!("{pushed:?}").replace(&app.secret, "its signature"));
            let deploy = pushed.deploy_id().unwrap();
            let ended = self.platform.ended(deploy).await.unwrap();
            self.seen.note("answers", &format!("{ended:?}"));
            deploys.push(deploy);
        }
        let path = format!("/v1/apps/{}/rollback", app.id);
        let back = self.call(Method::POST, &path, Some(json!({ "deploy_id": deploys[0] }))).await;
        let back: Uuid = serde_json::from_value(back["deploy_id"].clone()).unwrap();
        self.platform.ended(back).await.unwrap();
        self.call(Method::POST, &format!("/v1/apps/{}/resume", app.id), Some(json!({}))).await;
        deploys.push(back);
        deploys
    }

    /// Requests that are refused, with secrets where they do not belong.
    async fn ask_wrongly(&mut self, app: &LinkedApp) {
        let http = e2e::api::http_client().unwrap();
        for secret in self.secrets.texts() {
            let header = reqwest::header::HeaderValue::from_str(&format!("Bearer {secret}!"));
            let Ok(header) = header else { continue };
            let url = format!("{}/v1/whoami", self.platform.api.url());
            let answer = http.get(url).header("authorization", header).send().await.unwrap();
            self.seen.note("answers", &answer.text().await.unwrap());
            let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
            self.call(Method::PUT, &path, Some(json!({ "webhook_secret": [&secret] }))).await;
        }
        let forged = LinkedApp { secret: WEBHOOK_SECRET.to_owned(), ..app.clone() };
        let refused = self.platform.push(&forged, &Push::new(&app.repo)).await.unwrap();
        assert_eq!(refused.status, 401);
        self.seen.note("answers", &format!("{refused:?}"));
        let malformed = app.delivery(&app.push()).with_signed_body("{", &app.secret);
        let refused = self.platform.api.deliver(app.id, &malformed).await.unwrap();
        self.seen.note("answers", &format!("{refused:?}"));
    }

    /// Every list there is, over the API and by `paas`.
    async fn look_at_everything(&mut self, app: &LinkedApp, deploys: &[Uuid]) {
        let of_app = format!("/v1/apps/{}", app.id);
        let paths = ["", "/git/source", "/git/health", "/deliveries", "/deploys", "/releases"]
            .map(|path| format!("{of_app}{path}"));
        let others =
            ["/v1/auth", "/v1/tokens", "/v1/audit", "/v1/apps", "/v1/whoami", "/v1/dead-letters"];
        for path in paths.iter().map(String::as_str).chain(others) {
            self.call(Method::GET, path, None).await;
        }
        let deploy = deploys[0].to_string();
        let app = app.id.to_string();
        for arguments in [
            &["whoami"][..],
            &["apps", "list"],
            &["apps", "show", &app],
            &["git", "health", &app],
            &["git", "deliveries", &app],
            &["deploys", &app],
            &["deploy", "show", &deploy],
            &["releases", &app],
            &["logs", &app],
            &["tokens", "list"],
            &["--json", "apps", "list"],
            &["apps", "show", "nothing"],
        ] {
            let said = seen::paas(&self.platform, arguments).await;
            self.seen.note("what paas says", &said);
        }
    }

    /// A provider that is away, access that is revoked there, a broker and a database that do not answer.
    async fn let_things_break(&mut self, app: &LinkedApp) {
        self.platform.forge.switch("github", json!({ "down": true })).await.unwrap();
        let rotated = json!({ "webhook_secret": WEBHOOK_SECRET });
        let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
        // Answered with the secret, whether or not the provider could be told.
        self.platform.api.call(Method::PUT, &path, Some(rotated)).await.unwrap();
        self.call(Method::GET, &format!("/v1/apps/{}/git/health", app.id), None).await;
        self.platform.forge.switch("github", json!({ "down": false })).await.unwrap();
        self.platform.forge.revoke("github").await.unwrap();
        self.call(Method::GET, &format!("/v1/apps/{}/git/health", app.id), None).await;
        let deploy = self.platform.accepted(app, &self.next_push(app).await).await.unwrap();
        self.platform.ended(deploy).await.unwrap();
        self.call(Method::DELETE, "/v1/auth/github", None).await;

        self.platform.links.ingress_to_nats.refuse();
        let refused = self.platform.push(app, &self.next_push(app).await).await.unwrap();
        self.seen.note("answers", &format!("{refused:?}"));
        self.platform.links.ingress_to_nats.restore();
        self.platform.links.ingress_to_postgres.refuse();
        let refused = self.platform.push(app, &app.push()).await.unwrap();
        self.seen.note("answers", &format!("{refused:?}"));
        self.call(Method::GET, "/v1/apps", None).await;
        self.platform.links.ingress_to_postgres.restore();
        wait::until("the ingress to be itself again", PATIENCE, || async {
            let answer = self.platform.api.call(Method::GET, "/v1/apps", None).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await
        .unwrap();
    }

    /// A push to the repository as the provider numbers it.
    async fn next_push(&self, app: &LinkedApp) -> Push {
        let repo = self.platform.forge.repo("github", &app.repo).await.unwrap();
        Push { repo_id: repo.id, ..app.push() }
    }
}
