//! A deploy as it changes: the deployer's stream, as server-sent events.

use std::{io::Write as _, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use paas_proto::deploys::{Deploy, WatchDeployResponse};
use serde::Serialize;
use tokio::time::timeout;
use tonic::Status;

use super::deploys::{DeployView, existing_deploy};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
};

/// Proxies give up on what is silent for longer; and a caller who has gone is noticed by writing.
const SAY_SOMETHING_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// Reads a deploy now and after each change, until it has ended.
#[utoipa::path(get, path = "/v1/deploys/{deploy_id}/watch", tag = "deploys", security(("token" = [])),
    params(("deploy_id" = Uuid, Path)),
    responses((status = 200, content_type = "text/event-stream", body = DeployView,
               description = "Events `deploy`, each with the deploy as data; a last event `error` when the stream breaks off"),
              (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn watch(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let id = existing_deploy(&ingress, &caller, &request).await?;
    let changes = ingress.deployer.watch(id).await?;
    let stopping = ingress.stopping.clone().cancelled_owned();
    Ok(error::stream(
        "text/event-stream",
        events(changes, SAY_SOMETHING_EVERY).take_until(stopping),
    ))
}

/// The deploy after each change as an event; something else when there is none for so long.
fn events(
    changes: impl Stream<Item = Result<WatchDeployResponse, Status>> + Unpin,
    silence: Duration,
) -> impl Stream<Item = Bytes> {
    stream::unfold(Some(changes), move |changes| async move {
        let mut changes = changes?;
        match timeout(silence, changes.next()).await {
            Err(_) => Some((KEEP_ALIVE, Some(changes))),
            Ok(None) => None,
            Ok(Some(Ok(change))) => Some((of_deploy(change.deploy), Some(changes))),
            Ok(Some(Err(status))) => Some((event("error", &Error::from(status).body()), None)),
        }
    })
}

fn of_deploy(deploy: Option<Deploy>) -> Bytes {
    deploy.map_or(KEEP_ALIVE, |deploy| event("deploy", &DeployView::from(deploy)))
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // Neither can fail: it is written to memory, and what is written has names for fields.
    let _ = serde_json::to_writer(&mut text, data);
    let _ = text.write_all(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpServer};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::mpsc,
    };

    use super::*;

    fn change(reason: &str) -> WatchDeployResponse {
        let deploy = Deploy { reason: reason.to_owned(), ..Deploy::default() };
        WatchDeployResponse { deploy: Some(deploy) }
    }

    async fn told(changes: Vec<Result<WatchDeployResponse, Status>>) -> Vec<String> {
        let text = |event: Bytes| String::from_utf8(event.to_vec()).unwrap();
        events(stream::iter(changes), SAY_SOMETHING_EVERY).map(text).collect().await
    }

    #[tokio::test]
    async fn each_change_is_an_event_of_one_line() {
        let told = told(vec![Ok(change("one")), Ok(change("two\nlines\r"))]).await;
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("event: deploy\ndata: {\"deploy_id\""), "{}", told[0]);
        assert!(told[1].contains(r#""reason":"two\nlines\r""#), "{}", told[1]);
        for event in told {
            assert_eq!(event.trim_end().lines().count(), 2, "{event}");
            assert!(event.ends_with("}\n\n"), "{event}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so_last_and_nothing_of_the_cause() {
        let broken = Err(Status::unavailable("postgres at 10.0.0.1"));
        let told = told(vec![Ok(change("one")), broken, Ok(change("two"))]).await;
        assert_eq!(told[1..], ["event: error\ndata: {\"error\":\"cannot answer now\"}\n\n"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive() {
        let silent = stream::pending::<Result<WatchDeployResponse, Status>>();
        let told: Vec<Bytes> = events(silent, SAY_SOMETHING_EVERY).take(3).collect().await;
        assert_eq!(told, [KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE]);
    }

    /// Tells when it is dropped.
    struct Guard(mpsc::UnboundedSender<()>);

    impl Drop for Guard {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[actix_web::test]
    async fn who_goes_away_is_not_told_any_more() {
        let (gone, mut is_gone) = mpsc::unbounded_channel();
        let watch = move || {
            let guard = Guard(gone.clone());
            let silent = stream::pending::<Result<WatchDeployResponse, Status>>();
            let silent = silent.map(move |change| {
                let _held = &guard;
                change
            });
            let silent = stream::iter([Ok(change("one"))]).chain(silent);
            async move { error::stream("text/event-stream", events(silent, Duration::from_millis(20))) }
        };
        let app = move || App::new().route("/", web::get().to(watch.clone()));
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        let serving = tokio::spawn(server);
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(client.read(&mut [0; 1024]).await.unwrap() > 0);
        assert!(is_gone.try_recv().is_err(), "while it listens it is told");
        drop(client);
        let waited = timeout(Duration::from_secs(30), is_gone.recv()).await;
        assert_eq!(waited, Ok(Some(())));
        handle.stop(true).await;
        serving.await.unwrap().unwrap();
    }
}
