//! What the sweeper makes up for: pushes that were never delivered, deliveries that failed, webhooks that broke. And that
//! it doubles nothing.

mod missed;
mod repaired;

use e2e::{
    harness::{LinkedApp, Options, Platform},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::aftermath::{self, PATIENCE};

const PROVIDERS: [&str; 3] = ["github", "gitlab", "forgejo"];

/// A platform with providers, which sweeps every second.
async fn sweeping() -> Platform {
    let ingress_env = vec![("SWEEP_SECONDS", "1".to_owned())];
    let options = Options { forge: true, ingress_env, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

/// The same with an app of each provider, on which a first commit is live.
async fn with_apps(providers: &[&'static str]) -> (Platform, Vec<LinkedApp>) {
    let platform = sweeping().await;
    let mut apps = Vec::new();
    for provider in providers {
        platform.connect(provider).await.unwrap();
        let app = platform.connected_app(&format!("on-{provider}"), provider, json!({})).await;
        let app = app.unwrap();
        let pushed = platform.forge.push(provider, &app.repo).await.unwrap();
        is_live(&platform, &app, &pushed.after).await;
        apps.push(app);
    }
    (platform, apps)
}

/// Waits until a commit is live.
async fn is_live(platform: &Platform, app: &LinkedApp, sha: &str) {
    wait::until(&format!("{sha} to be live on {}", app.name), PATIENCE, || async {
        let live = aftermath::last_deploy_sha(platform, app.id).await;
        Ok((live.as_deref() == Some(sha)).then_some(()))
    })
    .await
    .unwrap();
}

/// Waits for as many more whole sweeps.
async fn swept(platform: &Platform, times: u64) {
    let before = sweeps(platform).await;
    wait::until("sweeps", PATIENCE, || async {
        Ok((sweeps(platform).await >= before + times).then_some(()))
    })
    .await
    .unwrap();
}

async fn sweeps(platform: &Platform) -> u64 {
    let url = format!("http://{}/metrics", platform.ingress[0].address());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let ended = text.lines().filter(|line| line.starts_with("paas_ingress_sweeps_total{"));
    ended.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// How many deploys of a commit there are, those that repeat another one not counted.
async fn deploys_of(platform: &Platform, app: &LinkedApp, sha: &str) -> i64 {
    let sql =
        "select count(*) from deploys where app_id = $1 and sha = $2 and state <> 'duplicate'";
    let database = platform.database().await.unwrap();
    database.query_one(sql, &[&app.id, &sha]).await.unwrap().get(0)
}

/// The ledger's rows about a commit, newest first.
async fn ledger(platform: &Platform, app: &LinkedApp, sha: &str) -> Vec<Value> {
    let path = format!("/v1/apps/{}/deliveries", app.id);
    let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
    let rows = answer.body["deliveries"].as_array().unwrap().clone();
    rows.into_iter().filter(|row| row["sha"] == sha).collect()
}

/// Waits until the ledger has this row about a commit.
async fn has_row(platform: &Platform, app: &LinkedApp, sha: &str, origin: &str, verdict: &str) {
    wait::until("the ledger's row", PATIENCE, || async {
        let rows = ledger(platform, app, sha).await;
        Ok(rows
            .iter()
            .any(|row| row["origin"] == origin && row["verdict"] == verdict)
            .then_some(()))
    })
    .await
    .unwrap();
}
