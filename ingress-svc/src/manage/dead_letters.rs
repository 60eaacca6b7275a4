//! Dead letters: messages that could not be taken in, and what people do about them.

use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use paas_proto::deploys::{
    DeadLetter, DeadLetterState, GetDeadLetterResponse, ListDeadLettersRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::apps::existing;
use crate::{
    Ingress,
    access::{Actor, Caller},
    error::{self, Error},
    openapi::Problem,
    time::from_proto,
};

const NO_SUCH_LETTER: &str = "no such dead letter";

/// A message that could not be taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterView {
    id: u64,
    /// Where it stood.
    stream: String,
    /// Its place there.
    sequence: u64,
    subject: String,
    /// The app that the subject names.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Uuid, required = false)]
    app_id: String,
    /// Its `Nats-Msg-Id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    message_id: String,
    /// How often it was delivered.
    deliveries: u64,
    /// Why it could not be taken in.
    reason: String,
    recorded_at: Option<Timestamp>,
    /// One of `waiting`, `retried` and `discarded`.
    state: &'static str,
    /// Who retried or discarded it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    settled_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<Timestamp>,
}

/// The same with its content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenedLetter {
    #[serde(flatten)]
    letter: DeadLetterView,
    /// The message, as far as it can be read.
    #[schema(value_type = Option<Object>)]
    decoded: Value,
    /// The message as it was published, at most 64 KiB of it.
    raw_base64: String,
    /// How many bytes the whole message has.
    raw_size: u64,
}

/// A page of dead letters, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterPage {
    dead_letters: Vec<DeadLetterView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    next_page_token: String,
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those of this app.
    app_id: Option<Uuid>,
    /// Only those in this state: `waiting`, `retried` or `discarded`.
    state: Option<String>,
    /// At most so many; 50 unless given, 200 at most.
    #[serde(default)]
    page_size: u32,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: String,
}

/// What became of a message that was tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// The deploy that it means; absent when it is word of a build.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Uuid, required = false)]
    deploy_id: String,
    /// `taken_in` or `already_recorded`.
    outcome: &'static str,
}

/// What became of a message that nobody needs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Discarded {
    state: &'static str,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            state: letter.state().name(),
            recorded_at: letter.recorded_at.as_ref().and_then(from_proto),
            settled_at: letter.settled_at.as_ref().and_then(from_proto),
            id: letter.id,
            stream: letter.stream,
            sequence: letter.sequence,
            subject: letter.subject,
            app_id: letter.app_id,
            message_id: letter.message_id,
            deliveries: letter.deliveries,
            reason: letter.reason,
            settled_by: letter.settled_by,
        }
    }
}

impl From<GetDeadLetterResponse> for OpenedLetter {
    fn from(opened: GetDeadLetterResponse) -> Self {
        Self {
            letter: opened.dead_letter.unwrap_or_default().into(),
            // Empty when nothing of it can be read.
            decoded: serde_json::from_str(&opened.decoded_json).unwrap_or_default(),
            raw_base64: BASE64_STANDARD.encode(opened.raw),
            raw_size: opened.raw_size,
        }
    }
}

impl TryFrom<Wanted> for ListDeadLettersRequest {
    type Error = Error;

    fn try_from(wanted: Wanted) -> Result<Self, Error> {
        let state = match wanted.state {
            None => DeadLetterState::Unspecified,
            Some(name) => DeadLetterState::from_name(&name).ok_or_else(|| {
                Error::Invalid("state must be waiting, retried or discarded".to_owned())
            })?,
        };
        Ok(Self {
            app_id: wanted.app_id.map(|app| app.to_string()).unwrap_or_default(),
            state: state.into(),
            page_size: wanted.page_size,
            page_token: wanted.page_token,
        })
    }
}

/// Lists messages that could not be taken in, newest first. A tenant's token is shown those of its apps, and a page may
/// have fewer than were asked for.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "repair", params(Wanted),
    responses((status = 200, body = DeadLetterPage), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let wanted: Wanted = super::query(&request)?;
    // The operator may ask for those of an app that never was: that is what they tell of.
    if let Some(app) = wanted.app_id.filter(|_| caller.actor != Actor::Operator) {
        existing(&ingress, &caller, app).await?;
    }
    let mut wanted = ListDeadLettersRequest::try_from(wanted)?;
    loop {
        let listed = ingress.deployer.dead_letters(wanted.clone()).await?;
        let dead_letters = visible(&ingress, &caller, listed.dead_letters).await?;
        if dead_letters.is_empty() && !listed.next_page_token.is_empty() {
            wanted.page_token = listed.next_page_token;
            continue;
        }
        return Ok(error::ok(DeadLetterPage {
            dead_letters: dead_letters.into_iter().map(DeadLetterView::from).collect(),
            next_page_token: listed.next_page_token,
        }));
    }
}

/// Those that the caller may see: of the tenant's apps, or any for the operator.
async fn visible(
    ingress: &Ingress,
    caller: &Caller,
    mut letters: Vec<DeadLetter>,
) -> Result<Vec<DeadLetter>, Error> {
    if caller.actor == Actor::Operator {
        return Ok(letters);
    }
    let app = |letter: &DeadLetter| Uuid::try_parse(&letter.app_id).ok();
    let apps: Vec<Uuid> = letters.iter().filter_map(app).collect();
    let own = ingress.store.of(caller.tenant).own_apps(&apps).await;
    let own = own.map_err(Error::cannot_answer)?;
    letters.retain(|letter| app(letter).is_some_and(|app| own.contains(&app)));
    Ok(letters)
}

/// The letter in the path with its content, if the caller may see it.
async fn opened(
    ingress: &Ingress,
    caller: &Caller,
    request: &HttpRequest,
) -> Result<GetDeadLetterResponse, Error> {
    let opened = ingress.deployer.dead_letter(letter_id(request)?).await.map_err(of_letter)?;
    let letter = opened.dead_letter.clone().unwrap_or_default();
    let seen = visible(ingress, caller, vec![letter]).await?;
    if seen.is_empty() { Err(Error::NotFound(NO_SUCH_LETTER)) } else { Ok(opened) }
}

/// Reads such a message and what it contains.
#[utoipa::path(get, path = "/v1/dead-letters/{letter_id}", tag = "repair", params(("letter_id" = u64, Path)),
    responses((status = 200, body = OpenedLetter), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let opened = opened(&ingress, &caller, &request).await?;
    Ok(error::ok(OpenedLetter::from(opened)))
}

/// Takes such a message in again, once what stood against it is mended.
#[utoipa::path(post, path = "/v1/dead-letters/{letter_id}/retry", tag = "repair", params(("letter_id" = u64, Path)),
    responses((status = 200, body = Retried), (status = 404, body = Problem),
              (status = 409, description = "It still cannot be taken in, for the reason that is given", body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn retry(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    opened(&ingress, &caller, &request).await?;
    let (id, by) = (letter_id(&request)?, caller.actor.to_string());
    let retried = ingress.deployer.retry_dead_letter(id, by).await.map_err(of_letter)?;
    let outcome = retried.outcome().name();
    tracing::info!(letter.id = id, outcome, "dead letter tried again");
    Ok(error::ok(Retried { deploy_id: retried.deploy_id, outcome }))
}

/// Notes that nobody needs such a message any more; it stays on record.
#[utoipa::path(post, path = "/v1/dead-letters/{letter_id}/discard", tag = "repair", params(("letter_id" = u64, Path)),
    responses((status = 200, body = Discarded), (status = 404, body = Problem),
              (status = 409, description = "It was taken in", body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn discard(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    opened(&ingress, &caller, &request).await?;
    let (id, by) = (letter_id(&request)?, caller.actor.to_string());
    ingress.deployer.discard_dead_letter(id, by).await.map_err(of_letter)?;
    tracing::info!(letter.id = id, "dead letter discarded");
    Ok(error::ok(Discarded { state: DeadLetterState::Discarded.name() }))
}

fn of_letter(status: tonic::Status) -> Error {
    Error::of_status(status, NO_SUCH_LETTER)
}

/// The number in the path; anything else names nothing.
fn letter_id(request: &HttpRequest) -> Result<u64, Error> {
    let id = request.match_info().get("letter_id").and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound(NO_SUCH_LETTER))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn letter() -> DeadLetter {
        let at = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
        DeadLetter {
            id: 3,
            stream: "PUSHES".to_owned(),
            sequence: 7,
            subject: "pushes.x".to_owned(),
            deliveries: 5,
            reason: "no protobuf".to_owned(),
            recorded_at: at,
            state: DeadLetterState::Waiting.into(),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn a_letter_reads_as_documented() {
        let time = "2023-11-14T22:13:20Z";
        let waiting = serde_json::to_value(DeadLetterView::from(letter())).unwrap();
        let expected = json!({
            "id": 3, "stream": "PUSHES", "sequence": 7, "subject": "pushes.x", "deliveries": 5,
            "reason": "no protobuf", "recorded_at": time, "state": "waiting",
        });
        assert_eq!(waiting, expected);
        let settled = DeadLetter {
            app_id: "a".to_owned(),
            message_id: "m".to_owned(),
            settled_by: "Ada".to_owned(),
            settled_at: letter().recorded_at,
            state: DeadLetterState::Discarded.into(),
            ..letter()
        };
        let settled = serde_json::to_value(DeadLetterView::from(settled)).unwrap();
        assert_eq!(settled["state"], "discarded");
        assert_eq!((&settled["app_id"], &settled["message_id"]), (&json!("a"), &json!("m")));
        assert_eq!((&settled["settled_by"], &settled["settled_at"]), (&json!("Ada"), &json!(time)));
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_it_was_published() {
        let opened = |decoded_json: &str| {
            let opened = GetDeadLetterResponse {
                dead_letter: Some(letter()),
                decoded_json: decoded_json.to_owned(),
                raw: b"\xff\x00poison".to_vec(),
                raw_size: 8,
            };
            serde_json::to_value(OpenedLetter::from(opened)).unwrap()
        };
        let unreadable = opened("");
        assert_eq!((&unreadable["id"], &unreadable["decoded"]), (&json!(3), &json!(null)));
        assert_eq!(unreadable["raw_base64"], "/wBwb2lzb24=");
        assert_eq!(unreadable["raw_size"], 8);
        assert_eq!(opened(r#"{"branch":"main"}"#)["decoded"], json!({ "branch": "main" }));
    }

    #[test]
    fn only_states_that_there_are_can_be_asked_for() {
        let asked = |query: &str| {
            let wanted = web::Query::<Wanted>::from_query(query).ok()?.into_inner();
            ListDeadLettersRequest::try_from(wanted).ok()
        };
        assert_eq!(asked("").unwrap().state(), DeadLetterState::Unspecified);
        assert_eq!(asked("state=waiting&page_size=3").unwrap().state(), DeadLetterState::Waiting);
        for wrong in ["state=dead", "state=", "app_id=shop", "page_size=-1", "pages=2"] {
            assert!(asked(wrong).is_none(), "{wrong}");
        }
    }
}
