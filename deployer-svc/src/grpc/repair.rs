//! Replays and dead letters: parse, have it done, answer.

use std::pin::Pin;

use futures_util::{Stream, TryStreamExt as _};
use jiff::Timestamp;
use paas_proto::deploys::{
    DeadLetter, DeadLetterState, GetDeadLetterResponse, ListDeadLettersRequest,
    ListDeadLettersResponse, ReplayOutcome, ReplayRequest, ReplayResponse, RetryDeadLetterRequest,
    RetryDeadLetterResponse,
};
use tonic::{Status, metadata::MetadataMap};
use tracing::{Instrument as _, info_span};
use uuid::Uuid;

use super::{
    deploys::{Deploys, or_somebody, page_size},
    errors, messages,
};
use crate::{
    repair::Selection,
    store::{LetterFilter, StoredLetter, TakenIn},
};

/// Of a message, for a person to look at.
const RAW_BYTES: usize = 64 * 1024;

pub(super) type Replayed = Pin<Box<dyn Stream<Item = Result<ReplayResponse, Status>> + Send>>;

impl Deploys {
    pub(super) async fn replayed(&self, request: ReplayRequest) -> Result<Replayed, Status> {
        let by = or_somebody(messages::name("requested_by", request.requested_by.clone())?);
        let selection = selection(&request)?;
        if let Some(app) = selection.app {
            self.app(app).await?;
        }
        let dry_run = request.dry_run.unwrap_or(true);
        let replay = self.repair.replay(selection, dry_run, by).await.map_err(errors::of_repair)?;
        Ok(Box::pin(replay.map_err(errors::of_repair)))
    }

    pub(super) async fn dead_letters(
        &self,
        request: ListDeadLettersRequest,
    ) -> Result<ListDeadLettersResponse, Status> {
        let filter = LetterFilter {
            app: messages::optional_id("app_id", &request.app_id)?,
            state: state(request.state)?,
            below: messages::optional_number("page_token", &request.page_token)?,
        };
        let size = page_size(request.page_size);
        // One more than is answered: whether there is another page.
        let found = self.store.letters(filter, size + 1).await.map_err(errors::of_letter)?;
        let page = found.iter().take(usize::try_from(size).unwrap_or(usize::MAX));
        let more = found.len() > page.len();
        let last = page.clone().next_back().filter(|_| more);
        Ok(ListDeadLettersResponse {
            next_page_token: last.map(|letter| letter.id.to_string()).unwrap_or_default(),
            dead_letters: page.map(dead_letter).collect(),
        })
    }

    pub(super) async fn dead_letter(&self, id: u64) -> Result<GetDeadLetterResponse, Status> {
        let stored = self.store.letter(number(id)?).await.map_err(errors::of_letter)?;
        let raw = &stored.letter.raw;
        Ok(GetDeadLetterResponse {
            decoded_json: self.repair.decoded(&stored.letter).unwrap_or_default(),
            raw: raw.get(..RAW_BYTES).unwrap_or(raw).to_vec(),
            raw_size: raw.len() as u64,
            dead_letter: Some(dead_letter(&stored)),
        })
    }

    pub(super) async fn retried(
        &self,
        metadata: &MetadataMap,
        request: RetryDeadLetterRequest,
    ) -> Result<RetryDeadLetterResponse, Status> {
        let by = or_somebody(messages::name("requested_by", request.requested_by)?);
        let id = number(request.id)?;
        let span = info_span!("dead_letter.retry", dead_letter.id = id);
        telemetry::set_parent(&span, telemetry::traceparent_of_metadata(metadata).as_deref());
        let retried = self.repair.retry(id, &by).instrument(span).await;
        let (deploy, taken_in) = retried.map_err(errors::of_repair)?;
        let outcome = match taken_in {
            TakenIn::Recorded => ReplayOutcome::TakenIn,
            TakenIn::AlreadyKnown => ReplayOutcome::AlreadyRecorded,
        };
        Ok(RetryDeadLetterResponse {
            deploy_id: deploy.map(|id| id.to_string()).unwrap_or_default(),
            outcome: outcome.into(),
        })
    }

    pub(super) async fn discarded(&self, id: u64, requested_by: String) -> Result<(), Status> {
        let by = or_somebody(messages::name("requested_by", requested_by)?);
        self.repair.discard(number(id)?, &by).await.map_err(errors::of_repair)
    }
}

fn selection(request: &ReplayRequest) -> Result<Selection, Status> {
    let sequence = |sequence: u64| Some(sequence).filter(|sequence| *sequence > 0);
    let selection = Selection {
        app: messages::optional_id("app_id", &request.app_id)?,
        since: request.since.map(|at| messages::time("since", at)).transpose()?,
        until: request.until.map(|at| messages::time("until", at)).transpose()?,
        from: sequence(request.from_sequence),
        to: sequence(request.to_sequence),
    };
    let none =
        |what: &str| Err(Status::invalid_argument(format!("{what}: that is no push at all")));
    match selection {
        Selection { since: Some(since), until: Some(until), .. } if until <= since => {
            none("until is not after since")
        }
        Selection { from: Some(from), to: Some(to), .. } if to < from => {
            none("to_sequence is below from_sequence")
        }
        selection => Ok(selection),
    }
}

/// Numbers that the database cannot have given are nobody's.
fn number(id: u64) -> Result<i64, Status> {
    i64::try_from(id).map_err(|_| errors::no_letter(id))
}

fn state(number: i32) -> Result<Option<DeadLetterState>, Status> {
    match DeadLetterState::try_from(number) {
        Ok(DeadLetterState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state)),
        Err(_) => Err(Status::invalid_argument("state is no state of a dead letter")),
    }
}

fn dead_letter(stored: &StoredLetter) -> DeadLetter {
    let StoredLetter { letter, settled, .. } = stored;
    let (by, at): (Option<&String>, Option<&Timestamp>) =
        settled.as_ref().map(|(by, at)| (by, at)).unzip();
    DeadLetter {
        id: stored.id.unsigned_abs(),
        stream: letter.place.stream.clone(),
        sequence: letter.place.sequence,
        subject: letter.subject.clone(),
        app_id: app_of(&letter.subject).map(|app| app.to_string()).unwrap_or_default(),
        message_id: letter.message_id.clone().unwrap_or_default(),
        deliveries: letter.deliveries.unsigned_abs(),
        reason: letter.reason.clone(),
        recorded_at: Some(messages::timestamp(stored.recorded_at)),
        state: stored.state.into(),
        settled_by: by.cloned().unwrap_or_default(),
        settled_at: at.copied().map(messages::timestamp),
    }
}

/// Subjects end with the app.
fn app_of(subject: &str) -> Option<Uuid> {
    Uuid::try_parse(subject.rsplit('.').next()?).ok()
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use tonic::Code;

    use super::*;

    fn refused(request: &ReplayRequest) -> String {
        let status = selection(request).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        status.message().to_owned()
    }

    #[test]
    fn a_replay_of_everything_needs_no_word() {
        let Selection { app, since, until, from, to } =
            selection(&ReplayRequest::default()).unwrap();
        assert!(app.is_none() && since.is_none() && until.is_none());
        assert!(from.is_none() && to.is_none());
    }

    #[test]
    fn a_selection_that_can_hold_nothing_is_a_mistake() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let times = ReplayRequest { since: at(7), until: at(7), ..Default::default() };
        assert!(refused(&times).contains("until"));
        let places = ReplayRequest { from_sequence: 3, to_sequence: 2, ..Default::default() };
        assert!(refused(&places).contains("to_sequence"));
        let beyond = ReplayRequest { since: at(i64::MAX), ..Default::default() };
        assert!(refused(&beyond).contains("since"));
        let app = ReplayRequest { app_id: "web".to_owned(), ..Default::default() };
        assert!(refused(&app).contains("app_id"));
    }

    #[test]
    fn a_subject_tells_its_app() {
        let app = Uuid::from_u128(7);
        assert_eq!(app_of(&format!("t1.push.v1.github.{app}")), Some(app));
        assert_eq!(app_of("push.v1.github.web"), None);
    }

    #[test]
    fn a_state_that_nobody_knows_is_refused() {
        assert_eq!(state(0).unwrap(), None);
        assert_eq!(state(2).unwrap(), Some(DeadLetterState::Retried));
        assert_eq!(state(9).unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn a_number_beyond_the_databases_is_nobodys() {
        assert_eq!(number(u64::MAX).unwrap_err().code(), Code::NotFound);
    }
}
