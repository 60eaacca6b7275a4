//! Signed deliveries to the real ingress, as fast as it takes them, and the clients' own record of what it promised.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use e2e::{api::Api, deliveries::Push, wait};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

const APPS: usize = 40;
const PATIENCE: Duration = Duration::from_mins(5);

/// An app's id, repository and webhook secret.
type App = (Uuid, String, String);

/// Apps to push to.
pub(super) async fn apps(api: &Api) -> Result<Vec<App>> {
    let mut apps = Vec::new();
    for number in 0..APPS {
        let repo = format!("octo/cut-{number}");
        let app = api.create_app(&format!("cut-{number}")).await?;
        let link = json!({ "provider": "github", "repo_full_name": repo });
        let secret = api.link(app.id, link).await?.webhook_secret.context("no webhook secret")?;
        apps.push((app.id, repo, secret));
    }
    Ok(apps)
}

/// Clients that deliver until they are dropped.
pub(super) struct Pushing {
    accepted: Arc<Mutex<Vec<Uuid>>>,
    clients: JoinSet<()>,
}

impl Pushing {
    /// Starts so many.
    pub(super) fn start(clients: usize, api: &Api, apps: &[App]) -> Self {
        let accepted = Arc::default();
        let mut delivering = JoinSet::new();
        for client in 0..clients {
            let mut apps = apps.to_vec();
            apps.rotate_left(client);
            delivering.spawn(deliver(api.clone(), apps, Arc::clone(&accepted)));
        }
        Self { accepted, clients: delivering }
    }

    /// Waits until so many were answered 202.
    pub(super) async fn until(&self, accepted: u64) -> Result<()> {
        wait::until(&format!("{accepted} accepted pushes"), PATIENCE, || async {
            Ok((self.accepted().len() as u64 >= accepted).then_some(()))
        })
        .await
    }

    /// Stops them; the deploys that they were promised.
    pub(super) async fn stop(mut self) -> Vec<Uuid> {
        self.clients.shutdown().await;
        self.accepted()
    }

    fn accepted(&self) -> Vec<Uuid> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn deliver(api: Api, apps: Vec<App>, accepted: Arc<Mutex<Vec<Uuid>>>) {
    for (app, repo, secret) in apps.iter().cycle() {
        // What is not answered 202 promises nothing.
        let answer = api.deliver(*app, &Push::new(repo).github(secret)).await;
        if let Ok(answer) = answer
            && answer.status == 202
            && let Some(deploy) = answer.deploy_id()
        {
            accepted.lock().unwrap_or_else(PoisonError::into_inner).push(deploy);
        }
    }
}
