//! Commit statuses: what became of a deploy, shown beside its commit at the provider. They are made from the events that
//! the deployer published, by whichever replica takes one first, and never hold a deploy up: an event waits in its
//! stream until its status is set, for a day at most.

mod report;
mod words;

use std::{sync::Arc, time::Duration};

use actix_web::web;
use async_nats::jetstream::{AckKind, Message, consumer::PullConsumer};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use paas_proto::events::DeployEvent;
use prost::Message as _;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{Ingress, metrics::StatusOutcome, time::from_proto};
use report::{Done, Report};

/// Statuses that a replica sets at a time.
const AT_A_TIME: usize = 16;
/// How long a request for an event waits at the broker.
const WAIT: Duration = Duration::from_secs(5);
/// What the broker may take to answer beyond that.
const ANSWER: Duration = Duration::from_secs(5);
/// Before the broker is asked again that did not answer.
const PAUSE: Duration = Duration::from_secs(5);
/// After that nobody waits for a status.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);
const FIRST_DELAY: Duration = Duration::from_secs(2);
const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// A provider that asks for more is asked again before.
const LONGEST_LIMIT: Duration = Duration::from_hours(1);

/// What an event means for the commit. All others change nothing that people see beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Beginning,
    End,
}

impl Moment {
    fn of(event: &str) -> Option<Self> {
        match event {
            "requested" | "redeploy_requested" | "rollback_requested" => Some(Self::Beginning),
            "went_live" | "failed" | "superseded" | "cancelled" | "arrived_late" | "held_back" => {
                Some(Self::End)
            }
            _ => None,
        }
    }
}

/// For ever: what is in hand when the service stops comes again, to another replica.
pub(crate) async fn run(ingress: web::Data<Ingress>) {
    let free = Arc::new(Semaphore::new(AT_A_TIME));
    let mut is_told = false;
    loop {
        let pulled = pull(&ingress, &free).await;
        // Where no broker is, readiness says so.
        if let Err(error) = pulled
            && ingress.publisher.is_connected()
            && !std::mem::replace(&mut is_told, true)
        {
            tracing::warn!(error, "commit statuses wait: run `deployer-svc migrate`");
        }
        sleep(PAUSE).await;
    }
}

/// Until the broker does not answer.
async fn pull(
    ingress: &web::Data<Ingress>,
    free: &Arc<Semaphore>,
) -> Result<(), async_nats::Error> {
    let consumer = ingress.publisher.statuses().await?;
    loop {
        let permit = Arc::clone(free).acquire_owned().await?;
        let Some(message) = next(&consumer).await? else { continue };
        let ingress = ingress.clone();
        tokio::spawn(async move {
            handle(&ingress, &message).await;
            drop(permit);
        });
    }
}

async fn next(consumer: &PullConsumer) -> Result<Option<Message>, async_nats::Error> {
    let mut batch = consumer.batch().max_messages(1).expires(WAIT).messages().await?;
    timeout(WAIT + ANSWER, batch.next()).await?.transpose()
}

async fn handle(ingress: &Ingress, message: &Message) {
    let delivered = message.info().map_or(1, |info| u32::try_from(info.delivered).unwrap_or(1));
    let acknowledged = match settle(ingress, message, delivered).await {
        Some(delay) => message.ack_with(AckKind::Nak(Some(delay))).await,
        None => message.ack().await,
    };
    if let Err(error) = acknowledged {
        // It comes again, and changes nothing.
        tracing::debug!(error, "an event could not be acknowledged");
    }
}

/// When the event is to come again, if at all.
async fn settle(ingress: &Ingress, message: &Message, delivered: u32) -> Option<Duration> {
    let event = DeployEvent::decode(message.payload.clone()).ok()?;
    let moment = Moment::of(&event.r#type)?;
    let deploy: Uuid = event.deploy_id.parse().ok()?;
    let report = Report { ingress, deploy, moment, is_first: delivered <= 1 };
    let done = report.run().await;
    let (outcome, delay) = outcome(done, is_old(&event), delivered);
    ingress.metrics.commit_status(outcome);
    match outcome {
        StatusOutcome::GivenUp => {
            tracing::warn!(deploy.id = %deploy, "a commit's status could not be set for a day");
        }
        StatusOutcome::Retried if delivered <= 1 => {
            tracing::info!(deploy.id = %deploy, "a commit's status is set later");
        }
        StatusOutcome::Set
        | StatusOutcome::Retried
        | StatusOutcome::Skipped
        | StatusOutcome::NotConnected
        | StatusOutcome::Refused => {}
    }
    delay
}

fn outcome(done: Done, is_old: bool, delivered: u32) -> (StatusOutcome, Option<Duration>) {
    match done {
        Done::Set => (StatusOutcome::Set, None),
        Done::Skipped => (StatusOutcome::Skipped, None),
        Done::NotConnected => (StatusOutcome::NotConnected, None),
        Done::Refused => (StatusOutcome::Refused, None),
        Done::Later(_) if is_old => (StatusOutcome::GivenUp, None),
        Done::Later(Some(limit)) => (StatusOutcome::Retried, Some(limit.min(LONGEST_LIMIT))),
        Done::Later(None) => {
            let doubled = 2_u32.saturating_pow(delivered.saturating_sub(1).min(16));
            let delay = FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY);
            (StatusOutcome::Retried, Some(delay))
        }
    }
}

/// Republished events are as old as what they tell.
fn is_old(event: &DeployEvent) -> bool {
    let recorded = event.recorded_at.as_ref().and_then(from_proto);
    recorded.is_none_or(|recorded| recorded + OLDEST < Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_beginning_and_an_end_are_shown() {
        assert_eq!(Moment::of("requested"), Some(Moment::Beginning));
        assert_eq!(Moment::of("went_live"), Some(Moment::End));
        for silent in ["build_started", "built", "rollout_started", "found_duplicate", "", "new"] {
            assert_eq!(Moment::of(silent), None, "{silent}");
        }
    }

    #[test]
    fn pauses_grow_and_a_limit_is_waited_for() {
        let delay = |delivered| outcome(Done::Later(None), false, delivered).1.unwrap();
        assert_eq!(delay(1), Duration::from_secs(2));
        assert_eq!(delay(4), Duration::from_secs(16));
        assert_eq!(delay(u32::MAX), LONGEST_DELAY);
        let limited = outcome(Done::Later(Some(Duration::from_mins(40))), false, 1).1;
        assert_eq!(limited, Some(Duration::from_mins(40)));
        let absurd = outcome(Done::Later(Some(Duration::from_hours(400))), false, 1).1;
        assert_eq!(absurd, Some(LONGEST_LIMIT));
    }

    #[test]
    fn what_did_not_work_for_a_day_is_given_up() {
        assert_eq!(outcome(Done::Later(None), true, 90), (StatusOutcome::GivenUp, None));
        let event = |hours| DeployEvent {
            recorded_at: Some(crate::time::to_proto(
                Timestamp::now() - SignedDuration::from_hours(hours),
            )),
            ..DeployEvent::default()
        };
        assert!(is_old(&event(25)) && !is_old(&event(23)));
        assert!(is_old(&DeployEvent::default()));
    }
}
