//! Pushes of the stream taken in once more, or a look at what that would change. What is on record stays as it is: every
//! push keeps its identity and its place in the order, so the inbox, the deploys and the rules of the line know it again.

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::{Stream, stream};
use paas_proto::deploys::{
    DeadLetterState, ReplayOutcome, ReplayResponse, ReplaySummary, ReplayedPush,
    replay_response::Answer,
};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, info_span};
use uuid::Uuid;

use super::{
    Error, Repair, Selection,
    pushes::{Pushes, published},
    shown::{partly, short},
};
use crate::{
    inbound::{Queue, Stored, Work},
    store::{self, TakenIn},
};

/// Tries of a push while the database fails, before the replay breaks off.
const TRIES: usize = 4;

/// A replay that runs as long as somebody asks for the next answer.
struct Replay {
    repair: Repair,
    pushes: Pushes,
    requested_by: String,
    summary: ReplaySummary,
    _one_of_few: OwnedSemaphorePermit,
}

/// What became of one push: why, when it is a dead letter.
type Outcome = (ReplayOutcome, String);

impl Repair {
    /// An answer per push, then the summary. It goes no further when it is dropped.
    pub(crate) async fn replay(
        &self,
        selection: Selection,
        dry_run: bool,
        requested_by: String,
    ) -> Result<impl Stream<Item = Result<ReplayResponse, Error>> + Send + use<>, Error> {
        let permit = self.replays.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let pushes = Pushes::open(&self.jetstream, &self.prefix, &selection).await?;
        tracing::info!(requested_by, dry_run, ?selection, "a person began a replay");
        let replay = Replay {
            repair: self.clone(),
            pushes,
            requested_by,
            summary: ReplaySummary { dry_run, ..ReplaySummary::default() },
            _one_of_few: permit,
        };
        Ok(stream::unfold(Some(replay), |replay| async {
            let mut replay = replay?;
            match replay.next().await {
                Ok(Some(push)) => Some((Ok(answer(Answer::Push(push))), Some(replay))),
                Ok(None) => Some((Ok(answer(Answer::Summary(replay.end()))), None)),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl Replay {
    async fn next(&mut self) -> Result<Option<ReplayedPush>, Error> {
        if self.repair.shutdown.is_cancelled() {
            return Err(Error::Draining);
        }
        let Some(message) = self.pushes.next().await? else { return Ok(None) };
        let place = self.pushes.place(&message);
        let stored = Stored {
            place: &place,
            subject: &message.subject,
            headers: Some(&message.headers),
            payload: &message.payload,
        };
        let (outcome, reason) = self.replay(stored).await?;
        self.count(outcome);
        let read = partly(&message.payload);
        let at = published(&message);
        Ok(Some(ReplayedPush {
            sequence: message.sequence,
            published_at: Some(prost_types::Timestamp {
                seconds: at.as_second(),
                nanos: at.subsec_nanosecond(),
            }),
            deploy_id: id(&read.deploy_id),
            app_id: id(&read.app_id),
            sha: short(&read.after),
            branch: short(&read.branch),
            outcome: outcome.into(),
            reason,
        }))
    }

    async fn replay(&self, stored: Stored<'_>) -> Result<Outcome, Error> {
        let (store, dry_run) = (&self.repair.store, self.summary.dry_run);
        if let Some(put_aside) = store.letter_of(stored.place).await?
            && put_aside.state != DeadLetterState::Retried
        {
            let (id, state) = (put_aside.id, put_aside.state.name());
            let reason = format!("dead letter {id}, {state}: {}", put_aside.letter.reason);
            return Ok((ReplayOutcome::DeadLetter, reason));
        }
        let reason = match stored.decode(Queue::Pushes, &self.repair.prefix) {
            Err(invalid) => invalid.to_string(),
            Ok(job) => {
                let Work::Push(push) = &job.work else {
                    return Err(Error::Still("not a push".to_owned()));
                };
                let span =
                    info_span!("push.replay", app.id = %job.app, deploy.id = %push.mark.deploy);
                telemetry::set_parent(&span, stored.sender().as_deref());
                let taken_in = async {
                    let inbound = stored.inbound(push);
                    if dry_run {
                        store.would_take_in(&inbound, job.app, push).await
                    } else {
                        let call = || store.take_in(&inbound, job.app, (**push).clone());
                        let again = ExponentialBuilder::new().with_jitter().with_max_times(TRIES);
                        call.retry(again).when(store::Error::is_trouble_of_ours).await
                    }
                };
                match taken_in.instrument(span).await {
                    Ok(TakenIn::AlreadyKnown) => {
                        return Ok((ReplayOutcome::AlreadyRecorded, String::new()));
                    }
                    Ok(TakenIn::Recorded) if dry_run => {
                        return Ok((ReplayOutcome::WouldTakeIn, String::new()));
                    }
                    Ok(TakenIn::Recorded) => return Ok((ReplayOutcome::TakenIn, String::new())),
                    Err(error) if error.is_trouble_of_ours() => return Err(error.into()),
                    Err(error) => error.to_string(),
                }
            }
        };
        if !dry_run {
            store.dead_letter(&stored.letter(1, &reason)).await?;
        }
        Ok((ReplayOutcome::DeadLetter, reason))
    }

    fn count(&mut self, outcome: ReplayOutcome) {
        let summary = &mut self.summary;
        summary.examined += 1;
        match outcome {
            ReplayOutcome::Unspecified => {}
            ReplayOutcome::AlreadyRecorded => summary.already_recorded += 1,
            ReplayOutcome::WouldTakeIn => summary.would_take_in += 1,
            ReplayOutcome::TakenIn => summary.taken_in += 1,
            ReplayOutcome::DeadLetter => summary.dead_lettered += 1,
        }
    }

    fn end(&self) -> ReplaySummary {
        let (requested_by, summary) = (&self.requested_by, self.summary);
        tracing::info!(requested_by, ?summary, "a replay came to its end");
        summary
    }
}

fn answer(answer: Answer) -> ReplayResponse {
    ReplayResponse { answer: Some(answer) }
}

/// Nothing rather than something that only looks like an id.
fn id(text: &str) -> String {
    Uuid::try_parse(text).map(|id| id.to_string()).unwrap_or_default()
}
