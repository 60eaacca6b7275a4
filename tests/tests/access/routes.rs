//! Every route × everybody who might come: one table, which a route that it does not know fails.

use std::collections::BTreeSet;

use e2e::{
    binaries,
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Somebody, poison};

/// Who may, as `ingress-svc routes` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nobody's token: the answer is the same for all, and whoever the route is for shows something else.
    Nothing(&'static str),
    Read,
    Deploy,
    Admin,
    Operator,
}
use Needs::{Admin, Deploy, Nothing, Operator, Read};

impl Needs {
    fn name(self) -> &'static str {
        match self {
            Nothing(name) => name,
            Read => "read",
            Deploy => "deploy",
            Admin => "admin",
            Operator => "operator",
        }
    }
}

/// Method, pattern, who may; the status for another tenant's admin, and for whoever may.
type Row = (&'static str, &'static str, Needs, u16, u16);

const TABLE: &[Row] = &[
    ("GET", "/healthz", Nothing("open"), 200, 200),
    ("GET", "/readyz", Nothing("open"), 200, 200),
    ("GET", "/metrics", Nothing("open"), 200, 200),
    ("GET", "/v1/openapi.json", Nothing("open"), 200, 200),
    ("POST", "/v1/webhooks/github/{app_id}", Nothing("provider"), 401, 401),
    ("POST", "/v1/webhooks/gitlab/{app_id}", Nothing("provider"), 404, 404),
    ("POST", "/v1/webhooks/forgejo/{app_id}", Nothing("provider"), 404, 404),
    ("POST", "/v1/callbacks/builds/{deploy_id}", Nothing("callback"), 401, 401),
    ("POST", "/v1/callbacks/tekton", Nothing("callback"), 401, 401),
    ("GET", "/v1/auth/{provider}/callback", Nothing("oauth state"), 400, 400),
    ("POST", "/internal/v1/clone-credentials/{deploy_id}", Nothing("deployer"), 401, 401),
    ("GET", "/v1/whoami", Read, 200, 200),
    ("GET", "/v1/tenants", Operator, 403, 200),
    ("POST", "/v1/tenants", Operator, 403, 201),
    ("GET", "/v1/tokens", Admin, 200, 200),
    ("POST", "/v1/tokens", Admin, 201, 201),
    ("DELETE", "/v1/tokens/{token_id}", Admin, 404, 204),
    ("GET", "/v1/audit", Admin, 200, 200),
    ("GET", "/v1/auth", Read, 200, 200),
    ("GET", "/v1/auth/{provider}/connect", Admin, 200, 200),
    ("PUT", "/v1/auth/{provider}/credential", Admin, 422, 422),
    ("DELETE", "/v1/auth/{provider}", Admin, 204, 204),
    ("GET", "/v1/apps", Read, 200, 200),
    // One name for both: the first has it.
    ("POST", "/v1/apps", Deploy, 201, 409),
    ("GET", "/v1/apps/{app_id}", Read, 404, 200),
    ("GET", "/v1/apps/{app_id}/git/source", Read, 404, 200),
    ("PUT", "/v1/apps/{app_id}/git/source", Deploy, 404, 200),
    ("PUT", "/v1/apps/{app_id}/git/webhook-secret", Deploy, 404, 200),
    ("GET", "/v1/apps/{app_id}/git/health", Read, 404, 200),
    ("GET", "/v1/apps/{app_id}/deliveries", Read, 404, 200),
    ("GET", "/v1/apps/{app_id}/deploys", Read, 404, 200),
    ("GET", "/v1/apps/{app_id}/releases", Read, 404, 200),
    ("GET", "/v1/apps/{app_id}/logs", Read, 404, 200),
    ("GET", "/v1/deploys/{deploy_id}", Read, 404, 200),
    ("GET", "/v1/deploys/{deploy_id}/watch", Read, 404, 200),
    // It has ended; there is no release before. What is not paused goes on.
    ("POST", "/v1/deploys/{deploy_id}/cancel", Deploy, 404, 409),
    ("POST", "/v1/apps/{app_id}/rollback", Deploy, 404, 409),
    ("POST", "/v1/apps/{app_id}/resume", Deploy, 404, 200),
    ("POST", "/v1/apps/{app_id}/redeploy", Deploy, 404, 202),
    ("POST", "/v1/replays", Deploy, 404, 200),
    ("GET", "/v1/dead-letters", Read, 200, 200),
    ("GET", "/v1/dead-letters/{letter_id}", Read, 404, 200),
    // What it lacked it lacks still.
    ("POST", "/v1/dead-letters/{letter_id}/retry", Deploy, 404, 409),
    ("POST", "/v1/dead-letters/{letter_id}/discard", Deploy, 404, 200),
    ("DELETE", "/v1/apps/{app_id}/git/source", Deploy, 404, 200),
    ("DELETE", "/v1/apps/{app_id}", Admin, 404, 200),
];

/// Whom the routes are asked by, and what their paths name.
struct World {
    platform: Platform,
    operator: Somebody,
    app: String,
    /// Without a link, and without deploys.
    spare_app: String,
    deploy: String,
    letter: String,
    token: String,
    /// Of the tenant, by scope.
    read: Somebody,
    deploys: Somebody,
    admin: Somebody,
    expired: Somebody,
    revoked: Somebody,
    other: Somebody,
}

impl World {
    async fn make() -> Self {
        let options = Options { forge: true, ..Options::default() };
        let platform = Platform::start_with(options).await.unwrap();
        let operator = Somebody::operator(&platform);
        let linked = platform.app("shop").await.unwrap();
        let deploy = platform.accepted(&linked, &linked.push()).await.unwrap();
        platform.live(deploy).await.unwrap();
        let spare_app = operator.app("spare").await;
        poison(&platform, &spare_app).await;
        let letter = e2e::wait::until("the letter", crate::identity::PATIENCE, || async {
            let (_, listed) = operator.get("/v1/dead-letters").await;
            Ok(listed["dead_letters"][0]["id"].as_u64().map(|id| id.to_string()))
        });
        let letter = letter.await.unwrap();
        let (_, made) =
            operator.post("/v1/tokens", json!({ "name": "spare", "scope": "read" })).await;
        let database = platform.database().await.unwrap();
        let of = async |scope: &str| operator.with(&operator.token(scope, scope).await);
        let (expired, revoked) = (
            operator.with(&operator.token("expired", "admin").await),
            operator.with(&operator.token("revoked", "admin").await),
        );
        for (name, column) in [("expired", "expires_at"), ("revoked", "revoked_at")] {
            let end = format!("update api_tokens set {column} = now() where name = $1");
            assert_eq!(database.execute(&end, &[&name]).await.unwrap(), 1);
        }
        let other = operator.tenant("other").await;
        let other = operator.with(&other.token("other", "admin").await);
        Self {
            app: linked.id.to_string(),
            spare_app,
            deploy: deploy.to_string(),
            letter,
            token: made["id"].as_str().unwrap().to_owned(),
            read: of("read").await,
            deploys: of("deploy").await,
            admin: of("admin").await,
            expired,
            revoked,
            other,
            operator,
            platform,
        }
    }

    fn path(&self, method: &str, pattern: &str) -> String {
        let is_deletion = (method, pattern) == ("DELETE", "/v1/apps/{app_id}");
        let app = if is_deletion { &self.spare_app } else { &self.app };
        let path = pattern.replace("{app_id}", app).replace("{deploy_id}", &self.deploy);
        let path = path.replace("{letter_id}", &self.letter).replace("{provider}", "github");
        path.replace("{token_id}", &self.token)
    }

    fn body(&self, method: &str, pattern: &str) -> Option<Value> {
        match (method, pattern) {
            ("POST", "/v1/tenants") => Some(json!({ "name": "third" })),
            ("POST", "/v1/tokens") => Some(json!({ "name": "more", "scope": "read" })),
            ("POST", "/v1/apps") => Some(json!({ "name": "more" })),
            ("POST", "/v1/replays") => Some(json!({ "app_id": self.app })),
            ("PUT", "/v1/apps/{app_id}/git/source") => {
                Some(json!({ "provider": "github", "repo_full_name": "octo/shop" }))
            }
            ("GET" | "DELETE", _) => None,
            _ => Some(json!({})),
        }
    }

    /// The one with the next smaller scope, and the one who has just enough.
    fn callers(&self, needs: Needs) -> (Option<&Somebody>, &Somebody) {
        match needs {
            Nothing(_) | Read => (None, &self.read),
            Deploy => (Some(&self.read), &self.deploys),
            Admin => (Some(&self.deploys), &self.admin),
            Operator => (Some(&self.admin), &self.operator),
        }
    }

    async fn status(&self, by: Option<&Somebody>, row: &Row) -> (u16, Option<String>) {
        let (method, pattern, ..) = *row;
        let path = self.path(method, pattern);
        let method: Method = method.parse().unwrap();
        let request = if let Some(by) = by {
            by.request(method.clone(), &path)
        } else {
            let url = format!("{}{path}", self.platform.api.url());
            e2e::api::http_client().unwrap().request(method.clone(), url)
        };
        let request = match self.body(row.0, pattern) {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if status < 400 {
            return (status, None);
        }
        let body: Value = answer.json().await.unwrap();
        (status, Some(body["error"].as_str().unwrap().to_owned()))
    }
}

#[tokio::test]
async fn every_route_answers_everybody_as_the_table_says() {
    let world = World::make().await;
    let junk = world.operator.with("paas_junk");
    let nobody = [None, Some(&junk), Some(&world.expired), Some(&world.revoked)];
    for row in TABLE {
        let (method, pattern, needs, of_other, right) = *row;
        let name = format!("{method} {pattern}");
        let (smaller, enough) = world.callers(needs);
        if matches!(needs, Nothing(_)) {
            for by in nobody.into_iter().chain([Some(&world.other), Some(enough)]) {
                assert_eq!(world.status(by, row).await.0, right, "{name}");
            }
            continue;
        }
        for by in nobody {
            let refused = (401, Some("missing or invalid API token".to_owned()));
            assert_eq!(world.status(by, row).await, refused, "{name}");
        }
        if let Some(smaller) = smaller {
            let (status, why) = world.status(Some(smaller), row).await;
            assert_eq!(status, 403, "{name}: {why:?}");
            assert!(why.unwrap().starts_with("this needs the "), "{name}");
        }
        let answer = world.status(Some(&world.other), row).await;
        assert_eq!(answer.0, of_other, "{name} for another tenant: {answer:?}");
        let answer = world.status(Some(enough), row).await;
        assert_eq!(answer.0, right, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn no_route_is_missing_in_the_table() {
    let program = binaries::ours("ingress-svc").unwrap();
    let listed = std::process::Command::new(program).args(["routes", "--json"]).output().unwrap();
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let text = |route: &Value, name: &str| route[name].as_str().unwrap().to_owned();
    let route = |route| (text(route, "method"), text(route, "pattern"), text(route, "access"));
    let listed: BTreeSet<_> = listed.iter().map(route).collect();
    let row = |row: &Row| (row.0.to_owned(), row.1.to_owned(), row.2.name().to_owned());
    let table: BTreeSet<_> = TABLE.iter().map(row).collect();
    assert_eq!(listed, table);
}
