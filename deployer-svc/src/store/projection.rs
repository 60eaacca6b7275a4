//! What is read of the events: a summary row a deploy, the releases, and what the ingress answers from.

use std::time::Duration;

use deadpool_postgres::Transaction;
use deploy_domain::{Event, Image, Line, Push, Release, Sha, Source, Summary};
use uuid::Uuid;

use super::{
    Error,
    changes::Change,
    sql::{Params, bigint, execute, row},
};

/// Brings the summaries up to date with an event; `line` is the state after it. The change of its deploy, if the event
/// makes one.
pub(super) async fn project(
    tx: &Transaction<'_>,
    app: Uuid,
    event: &Event,
    line: &Line,
    traceparent: Option<&str>,
) -> Result<Option<Change>, Error> {
    let mut change = None;
    if let Some(summary) = event.summary() {
        if let Some(push) = event.push() {
            begin_push(tx, app, push, summary.state, traceparent).await?;
        } else if let Some(begun) = event.begins() {
            begin_by_hand(tx, app, summary.deploy.0, begun, summary.state, traceparent).await?;
        }
        change = summarise(tx, event, &summary).await?;
    }
    match event {
        Event::WentLive { deploy, .. } => match line.live() {
            Some(new) if new.deploy == *deploy => release(tx, app, new).await?,
            _ => {}
        },
        Event::AutoDeployPaused { by } => pause(tx, app, Some(by.0)).await?,
        Event::AutoDeployResumed { .. } => pause(tx, app, None).await?,
        Event::Requested { .. }
        | Event::RedeployRequested { .. }
        | Event::RollbackRequested { .. }
        | Event::LeftUnchanged { .. }
        | Event::FoundDuplicate { .. }
        | Event::ArrivedLate { .. }
        | Event::HeldBack { .. }
        | Event::Superseded { .. }
        | Event::BuildStarted { .. }
        | Event::Built { .. }
        | Event::RolloutStarted { .. }
        | Event::PutBackStarted { .. }
        | Event::Failed { .. }
        | Event::Cancelled { .. }
        | Event::BuildStopped { .. } => {}
    }
    Ok(change)
}

async fn begin_push(
    tx: &Transaction<'_>,
    app: Uuid,
    push: &Push,
    state: &str,
    traceparent: Option<&str>,
) -> Result<(), Error> {
    const BEGIN: &str = "insert into deploys (deploy_id, app_id, identity, attempt, place_epoch, place, sha, branch, \
             repo, source, state, clone_url, delivery_id, traceparent) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let Push { mark, source, origin } = push;
    let attempt = i32::try_from(origin.attempt).map_err(Error::permanent)?;
    let (epoch, place) = (bigint(mark.place.epoch)?, bigint(mark.place.sequence)?);
    let (sha, tag) = (mark.after.as_str(), source.tag(&mark.after));
    execute(
        tx,
        BEGIN,
        &[
            &mark.deploy.0,
            &app,
            &origin.identity,
            &attempt,
            &epoch,
            &place,
            &sha,
            &origin.branch,
            &origin.repo,
            &tag,
            &state,
            &origin.clone_url,
            &origin.delivery_id,
            &traceparent,
        ],
    )
    .await?;
    Ok(())
}

/// A person's command says nothing of the repository: the app's registration does.
async fn begin_by_hand(
    tx: &Transaction<'_>,
    app: Uuid,
    deploy: Uuid,
    (sha, source): (&Sha, Source),
    state: &str,
    traceparent: Option<&str>,
) -> Result<(), Error> {
    const BEGIN: &str = "insert into deploys (deploy_id, app_id, sha, source, state, traceparent, branch, repo, clone_url) \
         select $1, app_id, $3, $4, $5, $6, coalesce(branch, ''), coalesce(repo_full_name, ''), \
             coalesce(clone_url, '') \
         from apps left join app_git_sources using (app_id) where app_id = $2";
    let (tag, sha) = (source.tag(sha), sha.as_str());
    execute(tx, BEGIN, &[&deploy, &app, &sha, &tag, &state, &traceparent]).await?;
    Ok(())
}

/// What the deploy was before; nothing where it stays what it was.
async fn summarise(
    tx: &Transaction<'_>,
    event: &Event,
    summary: &Summary,
) -> Result<Option<Change>, Error> {
    const UPDATE: &str = "with before as ( \
             select state, updated_at from deploys where deploy_id = $1 \
         ) \
         update deploys set state = $2, reason = coalesce($3, reason), \
             other_id = coalesce($4, other_id), image = coalesce($5, image), \
             generation = coalesce($6, generation), updated_at = now() \
         from before where deploy_id = $1 \
         returning before.state as state_before, traceparent, identity is not null as pushed, \
             extract(epoch from now() - before.updated_at)::float8 as stayed, \
             extract(epoch from now() - created_at)::float8 as age";
    let other = summary.other.map(|other| other.0);
    let image = summary.image.as_ref().map(Image::as_str);
    let generation = summary.generation.map(bigint).transpose()?;
    let params: Params<'_> =
        &[&summary.deploy.0, &summary.state, &summary.reason, &other, &image, &generation];
    let Some(found) = row(tx, UPDATE, params).await? else { return Ok(None) };
    let before: String = found.try_get("state_before")?;
    let begins = event.begins().is_some();
    if !begins && before == summary.state {
        return Ok(None);
    }
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(Some(Change {
        deploy: summary.deploy,
        from: (!begins).then_some(before),
        to: summary.state,
        failed: Change::failure(event),
        pushed: found.try_get("pushed")?,
        stayed: seconds(found.try_get("stayed")?),
        age: seconds(found.try_get("age")?),
        traceparent: found.try_get("traceparent")?,
    }))
}

async fn release(tx: &Transaction<'_>, app: Uuid, live: &Release) -> Result<(), Error> {
    const RELEASE: &str =
        "insert into releases (app_id, number, deploy_id, sha, image) values ($1, $2, $3, $4, $5)";
    const MOVE: &str = "update app_git_sources set last_deploy_sha = $2 where app_id = $1";
    let number = bigint(live.number)?;
    let (sha, image) = (live.sha.as_str(), live.image.as_str());
    execute(tx, RELEASE, &[&app, &number, &live.deploy.0, &sha, &image]).await?;
    execute(tx, MOVE, &[&app, &sha]).await?;
    Ok(())
}

async fn pause(tx: &Transaction<'_>, app: Uuid, by: Option<Uuid>) -> Result<(), Error> {
    const PAUSE: &str = "update app_git_sources set auto_deploy_paused_by = $2 where app_id = $1";
    execute(tx, PAUSE, &[&app, &by]).await?;
    Ok(())
}
