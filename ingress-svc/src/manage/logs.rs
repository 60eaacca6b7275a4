//! An app's timeline: the deployer's stream of its deploys' events, its builds' lines and its own, as server-sent events
//! that can be resumed behind any of them.

mod asked;

use std::{io::Write as _, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use paas_proto::deploys::{LogLine, LogSource, LogsResponse};
use serde::Serialize;
use tokio::time::timeout;
use tonic::Status;
use utoipa::ToSchema;

use super::{app_id, apps::existing};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
    time::from_proto,
};
use asked::{Asked, Wanted};

/// Proxies give up on what is silent for longer; and a caller who has gone is noticed by writing.
const SAY_SOMETHING_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// One line, as the data of an event `log`; the event's id is the cursor that goes on behind it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    at: Option<Timestamp>,
    /// One of `deploy`, `build` and `app`.
    source: &'static str,
    /// Absent for a line of the app.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(value_type = Uuid, required = false)]
    deploy_id: String,
    /// The event's type, the build's `<task>/<step>`, or the pod; `paas` for a word of the platform's own.
    origin: String,
    text: String,
}

/// Reads an app's timeline: what is there, and with `follow` what comes.
#[utoipa::path(get, path = "/v1/apps/{app_id}/logs", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path), Wanted,
           ("Last-Event-ID" = Option<String>, Header, description = "Goes on behind the event with this id, like `after`")),
    responses((status = 200, content_type = "text/event-stream", body = LineView,
               description = "Events `log`, each with a line as data; a last event `error` when the stream breaks off"),
              (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, description = "As many are read as may be", body = Problem),
              (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn read(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let asked = Asked::parse(&request)?;
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let lines = ingress.deployer.logs(asked.of(app.id)).await?;
    let stopping = ingress.stopping.clone().cancelled_owned();
    Ok(error::stream("text/event-stream", events(lines, SAY_SOMETHING_EVERY).take_until(stopping)))
}

/// Each line as an event; something else when there is none for so long.
fn events(
    lines: impl Stream<Item = Result<LogsResponse, Status>> + Unpin,
    silence: Duration,
) -> impl Stream<Item = Bytes> {
    stream::unfold(Some(lines), move |lines| async move {
        let mut lines = lines?;
        match timeout(silence, lines.next()).await {
            Err(_) => Some((KEEP_ALIVE, Some(lines))),
            Ok(None) => None,
            Ok(Some(Ok(answer))) => Some((of_line(answer.line), Some(lines))),
            Ok(Some(Err(status))) => Some((event("error", "", &Error::from(status).body()), None)),
        }
    })
}

fn of_line(line: Option<LogLine>) -> Bytes {
    let Some(line) = line else { return KEEP_ALIVE };
    let source = match line.source() {
        LogSource::Build => "build",
        LogSource::App => "app",
        LogSource::Deploy | LogSource::Unspecified => "deploy",
    };
    let LogLine { at, deploy_id, origin, text, cursor, .. } = line;
    let view = LineView { at: at.as_ref().and_then(from_proto), source, deploy_id, origin, text };
    event("log", &cursor, &view)
}

fn event(name: &str, id: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\n").into_bytes();
    // None of it can fail: it is written to memory, and what is written has names for fields.
    if !id.is_empty() {
        let _ = writeln!(text, "id: {id}");
    }
    text.extend_from_slice(b"data: ");
    let _ = serde_json::to_writer(&mut text, data);
    text.extend_from_slice(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogsResponse {
        let line = LogLine {
            at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            source: LogSource::Build.into(),
            deploy_id: "d".to_owned(),
            origin: "build/push".to_owned(),
            text: text.to_owned(),
            cursor: "1_7_0_0_".to_owned(),
        };
        LogsResponse { line: Some(line) }
    }

    async fn told(lines: Vec<Result<LogsResponse, Status>>) -> Vec<String> {
        let text = |event: Bytes| String::from_utf8(event.to_vec()).unwrap();
        events(stream::iter(lines), SAY_SOMETHING_EVERY).map(text).collect().await
    }

    #[tokio::test]
    async fn a_line_is_an_event_with_the_cursor_behind_it() {
        let told = told(vec![Ok(line("two\nlines\r"))]).await;
        let expected = "event: log\nid: 1_7_0_0_\ndata: {\"at\":\"2023-11-14T22:13:20Z\",\"source\":\"build\",\
                        \"deploy_id\":\"d\",\"origin\":\"build/push\",\"text\":\"two\\nlines\\r\"}\n\n";
        assert_eq!(told, [expected]);
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so_last_and_nothing_of_the_cause() {
        let broken = Err(Status::unavailable("postgres at 10.0.0.1"));
        let told = told(vec![Ok(line("one")), broken, Ok(line("two"))]).await;
        assert_eq!(told[1..], ["event: error\ndata: {\"error\":\"cannot answer now\"}\n\n"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_app_is_kept_alive() {
        let silent = Box::pin(stream::once(async {
            tokio::time::sleep(SAY_SOMETHING_EVERY + Duration::from_secs(1)).await;
            Ok(line("at last"))
        }));
        let told: Vec<_> = events(silent, SAY_SOMETHING_EVERY).collect().await;
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], KEEP_ALIVE);
    }
}
