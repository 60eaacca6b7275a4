//! How long it takes from sending a delivery to its PipelineRun, at a steady rate: by the stand-in's audit log.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use e2e::{audit, deliveries::Push, load::Measured, stack::Stack, wait};
use jiff::Timestamp;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

use super::Args;

/// Far enough apart that a push finds its app's build done, so that none supersedes another.
const SECONDS_BETWEEN_PUSHES_OF_AN_APP: u64 = 4;
const PATIENCE: Duration = Duration::from_mins(1);

/// The times, and what got none.
pub(super) struct Latency {
    /// From before the delivery was sent to the PipelineRun in the audit log.
    pub(super) times: Measured,
    /// Deliveries that were accepted.
    pub(super) accepted: usize,
}

pub(super) async fn measure(stack: &Stack, args: &Args) -> Result<Latency> {
    let apps = apps(stack, args.pushes_per_second * SECONDS_BETWEEN_PUSHES_OF_AN_APP).await?;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(args.pushes_per_second)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sending = JoinSet::new();
    let count = args.pushes_per_second * args.push_seconds;
    for (id, repo, secret) in apps.iter().cycle().take(usize::try_from(count)?) {
        ticks.tick().await;
        let (api, id, delivery) = (stack.api.clone(), *id, Push::new(repo).github(secret));
        sending.spawn(async move {
            let sent = Timestamp::try_from(SystemTime::now())?;
            let answer = api.deliver(id, &delivery).await?;
            let deploy = answer.deploy_id().with_context(|| format!("{answer:?}"))?;
            anyhow::Ok((deploy, sent))
        });
    }
    let mut sent = HashMap::new();
    while let Some(one) = sending.join_next().await {
        let (deploy, at) = one??;
        sent.insert(deploy, at);
    }
    let started = started(Path::new(stack.setting("CLUSTER_AUDIT")), sent.len()).await?;
    let mut times = Measured::new()?;
    for (deploy, at) in &sent {
        if let Some(run) = started.get(deploy) {
            times.record(Duration::try_from(run.duration_since(*at)).unwrap_or_default());
        }
    }
    Ok(Latency { times, accepted: sent.len() })
}

/// When each deploy's PipelineRun was created, once all are, or as many as there are in the end.
async fn started(log: &Path, expected: usize) -> Result<HashMap<Uuid, Timestamp>> {
    let read = || -> Result<HashMap<Uuid, Timestamp>> {
        let builds = audit::read(log)?.into_iter().filter(audit::Write::starts_a_build);
        Ok(builds.filter_map(|write| Some((write.deploy_id()?, write.at))).collect())
    };
    let all = wait::until("every PipelineRun", PATIENCE, || async {
        Ok(Some(read()?).filter(|started| started.len() >= expected))
    });
    match all.await {
        Ok(started) => Ok(started),
        Err(_) => read(),
    }
}

async fn apps(stack: &Stack, count: u64) -> Result<Vec<(Uuid, String, String)>> {
    let mut apps = Vec::new();
    for number in 0..count {
        let repo = format!("octo/steady-{number}");
        let app = stack.api.create_app(&format!("steady-{number}")).await?;
        let link = json!({ "provider": "github", "repo_full_name": repo });
        let source = stack.api.link(app.id, link).await?;
        apps.push((app.id, repo, source.webhook_secret.context("no secret for a new link")?));
    }
    Ok(apps)
}
