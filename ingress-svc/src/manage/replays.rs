//! Replay: pushes of the stream once more through the intake, or what that would change. One line of JSON a push.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use paas_proto::deploys::{
    ReplayRequest, ReplayResponse, ReplaySummary, ReplayedPush, replay_response::Answer,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tonic::Status;
use utoipa::ToSchema;
use uuid::Uuid;

use super::apps::existing;
use crate::{
    Ingress,
    access::{Actor, Caller},
    error::{self, Error},
    openapi::Problem,
    time::{from_proto, to_proto},
};

/// Proxies give up on what is silent for longer; and a caller who has gone is noticed by writing.
const SAY_SOMETHING_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b"\n");

/// Which pushes to replay: those to which all of it applies.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayOrder {
    /// Only this app's; all apps' are replayed by the operator's token alone.
    app_id: Option<Uuid>,
    /// Published at this time or later.
    since: Option<Timestamp>,
    /// Published before this time.
    until: Option<Timestamp>,
    /// From this place in the stream on.
    from_sequence: Option<u64>,
    /// To this place in the stream.
    to_sequence: Option<u64>,
    /// Only tell what would happen.
    #[serde(default = "yes")]
    #[schema(default = true)]
    dry_run: bool,
}

/// One push of a replay.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayedView {
    /// Its place in the stream.
    sequence: u64,
    published_at: Option<Timestamp>,
    /// Absent, as the following, when the message does not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Uuid, required = false)]
    deploy_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Uuid, required = false)]
    app_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    sha: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    branch: String,
    /// One of `already_recorded`, `would_take_in`, `taken_in` and `dead_letter`.
    outcome: &'static str,
    /// Why it is a dead letter.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    reason: String,
}

/// The last line of a replay.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryLine {
    summary: SummaryView,
}

/// What a replay came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryView {
    dry_run: bool,
    examined: u64,
    already_recorded: u64,
    would_take_in: u64,
    taken_in: u64,
    dead_lettered: u64,
}

/// A line of a replay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ReplayLine {
    /// One push.
    Push(ReplayedView),
    /// The last line.
    Summary(SummaryLine),
    /// The last line when it broke off. It can be repeated.
    Problem(Problem),
}

fn yes() -> bool {
    true
}

impl From<ReplayOrder> for ReplayRequest {
    fn from(order: ReplayOrder) -> Self {
        Self {
            app_id: order.app_id.map(|app| app.to_string()).unwrap_or_default(),
            since: order.since.map(to_proto),
            until: order.until.map(to_proto),
            from_sequence: order.from_sequence.unwrap_or_default(),
            to_sequence: order.to_sequence.unwrap_or_default(),
            dry_run: Some(order.dry_run),
            ..Self::default()
        }
    }
}

impl From<ReplayedPush> for ReplayedView {
    fn from(push: ReplayedPush) -> Self {
        Self {
            outcome: push.outcome().name(),
            published_at: push.published_at.as_ref().and_then(from_proto),
            sequence: push.sequence,
            deploy_id: push.deploy_id,
            app_id: push.app_id,
            sha: push.sha,
            branch: push.branch,
            reason: push.reason,
        }
    }
}

impl From<ReplaySummary> for SummaryLine {
    fn from(summary: ReplaySummary) -> Self {
        let ReplaySummary {
            dry_run,
            examined,
            already_recorded,
            would_take_in,
            taken_in,
            dead_lettered,
        } = summary;
        let summary = SummaryView {
            dry_run,
            examined,
            already_recorded,
            would_take_in,
            taken_in,
            dead_lettered,
        };
        Self { summary }
    }
}

/// Takes pushes of the stream in once more, or tells what that would change.
#[utoipa::path(post, path = "/v1/replays", tag = "repair", security(("token" = [])), request_body = ReplayOrder,
    responses((status = 200, content_type = "application/x-ndjson", body = ReplayLine,
               description = "A line a push, a summary last; an empty line when there is nothing to say for long"),
              (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn replay(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let order: ReplayOrder = super::read(&request, payload, &ingress).await?;
    match order.app_id {
        Some(app) => drop(existing(&ingress, &caller, app).await?),
        None if caller.actor == Actor::Operator => {}
        None => {
            let all = "a replay of all apps needs the operator's token: name an app_id";
            return Err(Error::Forbidden(all.to_owned()));
        }
    }
    tracing::info!(dry_run = order.dry_run, app.id = ?order.app_id, "replay asked for");
    let replay = ReplayRequest { requested_by: caller.actor.to_string(), ..order.into() };
    let answers = ingress.deployer.replay(replay).await?;
    let broken = |why| stream::iter([Err(Status::unavailable(why))]);
    let stopping = ingress.stopping.clone().cancelled_owned();
    let answers = answers
        .chain(broken("the deployer ended a replay without its summary"))
        .take_until(stopping)
        .chain(broken("the ingress is shutting down"));
    Ok(error::stream("application/x-ndjson", lines(answers.boxed_local())))
}

/// A line for each answer, to the last one; an empty one when there is none for long.
fn lines(
    answers: impl Stream<Item = Result<ReplayResponse, Status>> + Unpin,
) -> impl Stream<Item = Bytes> {
    stream::unfold(Some(answers), |answers| async {
        let mut answers = answers?;
        match timeout(SAY_SOMETHING_EVERY, answers.next()).await {
            Err(_) => Some((KEEP_ALIVE, Some(answers))),
            Ok(None) => None,
            Ok(Some(Err(status))) => {
                let problem = ReplayLine::Problem(Error::from(status).body());
                Some((problem.into_bytes(), None))
            }
            Ok(Some(Ok(ReplayResponse { answer }))) => match answer {
                None => Some((KEEP_ALIVE, Some(answers))),
                Some(Answer::Push(push)) => {
                    Some((ReplayLine::Push(push.into()).into_bytes(), Some(answers)))
                }
                Some(Answer::Summary(summary)) => {
                    Some((ReplayLine::Summary(summary.into()).into_bytes(), None))
                }
            },
        }
    })
}

impl ReplayLine {
    fn into_bytes(self) -> Bytes {
        // It cannot fail: what is written has names for fields.
        let mut text = serde_json::to_vec(&self).unwrap_or_default();
        text.push(b'\n');
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use paas_proto::deploys::ReplayOutcome;
    use serde_json::json;

    use super::*;

    fn push(push: ReplayedPush) -> ReplayResponse {
        ReplayResponse { answer: Some(Answer::Push(push)) }
    }

    fn summary() -> ReplayResponse {
        let summary = ReplaySummary { dry_run: true, examined: 2, ..ReplaySummary::default() };
        ReplayResponse { answer: Some(Answer::Summary(summary)) }
    }

    async fn told(answers: Vec<Result<ReplayResponse, Status>>) -> Vec<serde_json::Value> {
        let value = |line: Bytes| {
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            serde_json::from_slice(&line).unwrap()
        };
        lines(stream::iter(answers)).map(value).collect().await
    }

    #[tokio::test]
    async fn a_replay_reads_as_documented() {
        let known = ReplayedPush {
            sequence: 7,
            published_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            deploy_id: "d".to_owned(),
            app_id: "a".to_owned(),
            sha: "5".repeat(40),
            branch: "main".to_owned(),
            outcome: ReplayOutcome::AlreadyRecorded.into(),
            reason: String::new(),
        };
        let poison = ReplayedPush {
            sequence: 8,
            outcome: ReplayOutcome::DeadLetter.into(),
            reason: "no\nprotobuf".to_owned(),
            ..ReplayedPush::default()
        };
        let told = told(vec![Ok(push(known)), Ok(push(poison)), Ok(summary())]).await;
        let expected = [
            json!({ "sequence": 7, "published_at": "2023-11-14T22:13:20Z", "deploy_id": "d", "app_id": "a",
                    "sha": "5".repeat(40), "branch": "main", "outcome": "already_recorded" }),
            json!({ "sequence": 8, "published_at": null, "outcome": "dead_letter", "reason": "no\nprotobuf" }),
            json!({ "summary": { "dry_run": true, "examined": 2, "already_recorded": 0, "would_take_in": 0,
                                 "taken_in": 0, "dead_lettered": 0 } }),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_replay_that_breaks_off_says_so_instead_of_summing_up() {
        let broken = Err(Status::unavailable("postgres at 10.0.0.1"));
        let told = told(vec![broken, Ok(summary())]).await;
        assert_eq!(told, [json!({ "error": "cannot answer now" })]);
    }

    #[tokio::test]
    async fn nothing_follows_the_summary() {
        assert_eq!(told(vec![Ok(summary()), Err(Status::unavailable("late"))]).await.len(), 1);
    }

    #[test]
    fn a_replay_is_a_dry_run_unless_it_is_told_otherwise() {
        let order = |json: &str| serde_json::from_str::<ReplayOrder>(json);
        assert!(order("{}").unwrap().dry_run);
        assert!(!order(r#"{"dry_run":false,"from_sequence":3}"#).unwrap().dry_run);
        for wrong in [r#"{"dry":false}"#, r#"{"since":"yesterday"}"#, r#"{"from_sequence":-1}"#] {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }
}
