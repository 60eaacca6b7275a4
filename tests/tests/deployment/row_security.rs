//! The second wall: a session that says whose it is sees and writes nothing of another tenant's, whatever a query
//! forgets to ask.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{Client, error::SqlState};

use super::installed::Installed;

/// A row of the given tenant's app in each table with a policy, apart from those that the API makes.
const ROWS: &[&str] = &[
    "insert into app_hooks (app_id, provider, repo_full_name, state) values ($1, 'github', 'octo/x', 'settled')",
    "insert into deliveries (app_id, provider, verdict, received_at) values ($1, 'github', 'queued', now())",
    "insert into deploys (deploy_id, app_id, sha, source, state) values (gen_random_uuid(), $1, 'x', 'manual:x', 'live')",
    "insert into releases (app_id, number, deploy_id, sha, image)
     select $1, 1, deploy_id, 'x', 'x' from deploys where app_id = $1",
    "insert into build_logs (deploy_id, app_id) select deploy_id, $1 from deploys where app_id = $1",
    "insert into idempotency_keys (tenant_id, key, request_hash)
     select tenant_id, 'k', decode(repeat('00', 32), 'hex') from apps where app_id = $1",
    "insert into oauth_states (state_hash, tenant_id, provider, verifier, actor, expires_at)
     select sha256(tenant_id::text::bytea), tenant_id, 'github', '\\x00', 'x', now() from apps where app_id = $1",
    "insert into tenant_git_credentials (tenant_id, provider, kind, connected_by)
     select tenant_id, 'github', 'token', 'x' from apps where app_id = $1",
];

async fn call(installed: &Installed, tenant: &str, path: &str, body: Value) -> Value {
    let request = e2e::api::http_client()
        .unwrap()
        .request(Method::POST, format!("{}{path}", installed.api.url()));
    let request = request.bearer_auth(installed.operators_token()).header("X-Paas-Tenant", tenant);
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{path}");
    answer.json().await.unwrap()
}

/// A tenant with an app and a row in every table that has a policy.
async fn tenant(installed: &Installed, owner: &Client, name: &str) -> (String, uuid::Uuid) {
    let made = call(installed, "default", "/v1/tenants", json!({ "name": name })).await;
    call(installed, name, "/v1/tokens", json!({ "name": "ci", "scope": "read" })).await;
    let app = call(installed, name, "/v1/apps", json!({ "name": format!("app-{name}") })).await;
    let app = app["id"].as_str().unwrap().parse().unwrap();
    let source = "insert into app_git_sources (app_id, provider, repo_full_name, clone_url, branch, webhook_secret)
                  values ($1, 'github', 'octo/x', 'https://github.com/octo/x.git', 'main', decode(repeat('00', 64), 'hex'))";
    for sql in std::iter::once(&source).chain(ROWS) {
        assert_eq!(owner.execute(*sql, &[&app]).await.unwrap(), 1, "{sql}");
    }
    (made["id"].as_str().unwrap().to_owned(), app)
}

/// Every table that has a policy, and whether its rows name their tenant or their app.
async fn tables(owner: &Client) -> BTreeSet<(String, &'static str)> {
    let with =
        "select tablename::text, policyname::text from pg_policies where schemaname = 'public'";
    let table = |row: &tokio_postgres::Row| {
        let by = if row.get::<_, String>(1) == "of_tenant" { "tenant_id" } else { "app_id" };
        (row.get(0), by)
    };
    owner.query(with, &[]).await.unwrap().iter().map(table).collect()
}

#[tokio::test]
async fn a_session_sees_and_writes_its_tenants_rows_alone() {
    let installed = Installed::start().await.unwrap();
    let owner = installed.database("owner").await.unwrap();
    let (acme, own_app) = tenant(&installed, &owner, "acme").await;
    let (_, other_app) = tenant(&installed, &owner, "other").await;
    let tables = tables(&owner).await;
    assert!(tables.len() >= 12, "{tables:?}");

    // The policy binds even the owner, who may do everything else: no grant gets in its way here.
    let say = "select set_config('paas.tenant_id', $1, false)";
    for (table, by) in &tables {
        owner.query_one(say, &[&""]).await.unwrap();
        let count = format!("select count(distinct {by}) from {table}");
        let all: i64 = owner.query_one(&count, &[]).await.unwrap().get(0);
        assert!(all >= 2, "{table} has rows of both");
        owner.query_one(say, &[&acme]).await.unwrap();
        let seen: i64 = owner.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(seen, 1, "{table}");
        let others = format!("update {table} set {by} = {by} where {by} <> $1::text::uuid");
        let own = if *by == "app_id" { own_app.to_string() } else { acme.clone() };
        assert_eq!(owner.execute(&others, &[&own]).await.unwrap(), 0, "{table}");
    }
    let stolen = "update apps set tenant_id = (select tenant_id from tenants where name = 'other')";
    let refused = owner.execute(stolen, &[]).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "given away");
    for sql in &ROWS[..2] {
        let refused = owner.execute(*sql, &[&other_app]).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }

    let ingress = installed.database("ingress").await.unwrap();
    ingress.query_one(say, &[&acme]).await.unwrap();
    for table in ["apps", "api_tokens", "app_git_sources", "deploys", "deliveries", "audit_log"] {
        let by = if ["apps", "api_tokens", "audit_log"].contains(&table) {
            "tenant_id"
        } else {
            "app_id"
        };
        let count = format!("select count(distinct {by}) from {table}");
        let seen: i64 = ingress.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(seen, 1, "{table} as the ingress");
    }
    let secret = "select count(*) from app_git_sources where app_id = $1";
    let seen: i64 = ingress.query_one(secret, &[&other_app]).await.unwrap().get(0);
    assert_eq!(seen, 0);
}
