//! The log of a pod's container over HTTP, as a kubelet gives it: all at once, or line by line for as long as it lasts.

use std::{io, sync::Arc};

use actix_web::HttpResponse;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    errors::Status,
    logs::{Log, Wanted},
    pods,
    world::World,
};

/// For what is in the server's own buffers.
const FLUSHED_WITHIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Whose log is asked for, and which part of it.
pub(crate) struct Request {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: Option<String>,
    pub(crate) follow: bool,
    pub(crate) limit_bytes: Option<usize>,
    pub(crate) wanted: Wanted,
}

/// A log that is being sent.
struct Sending {
    world: Arc<World>,
    request: Request,
    container: String,
    next: u64,
    sent: u64,
    changes: watch::Receiver<()>,
    breaks: watch::Receiver<()>,
    broken: bool,
}

/// Answers with the log.
pub(crate) async fn answer(world: Arc<World>, request: Request) -> Result<HttpResponse, Status> {
    let (changes, breaks) = (world.changes(), world.log_breaks());
    let (container, log) = begin(&world, &request)?;
    let next = log.first_number(&request.wanted, Timestamp::now());
    if !request.follow && log.logs.break_after.is_none() {
        return Ok(HttpResponse::Ok()
            .content_type("text/plain")
            .body(snapshot(&log, &request, next)));
    }
    let mut sending =
        Sending { world, request, container, next, sent: 0, changes, breaks, broken: false };
    // The kubelet sends no header before the first line.
    let first = sending.next().await;
    let rest = stream::unfold(sending, |mut sending| async move {
        let chunk = sending.next().await?;
        Some((chunk, sending))
    });
    let all = stream::iter(first).chain(rest);
    Ok(HttpResponse::Ok().content_type("text/plain").streaming(all))
}

/// The container that is meant, and its log as far as it is.
fn begin(world: &World, request: &Request) -> Result<(String, Log), Status> {
    world.with(|state| {
        let logs = &state.switches.logs;
        let pod = pods::find(&state.store, logs, &request.namespace, &request.pod)
            .ok_or_else(|| Status::not_found(&crate::kinds::POD, &request.pod))?;
        if logs.unreachable {
            return Err(Status::internal("no preferred addresses found; known addresses: []"));
        }
        let containers = pod.containers();
        let container = match (&request.container, containers.as_slice()) {
            (Some(name), all) if all.contains(&name.as_str()) => name.as_str(),
            (Some(name), _) => {
                let message = format!("container {name} is not valid for pod {}", request.pod);
                return Err(Status::bad_request(message));
            }
            (None, [only]) => only,
            (None, all) => {
                let message = format!(
                    "a container name must be specified for pod {}, choose one of: [{}]",
                    request.pod,
                    all.join(" ")
                );
                return Err(Status::bad_request(message));
            }
        };
        let log = pod.log(container, logs).ok_or_else(|| {
            Status::bad_request(format!(
                "container \"{container}\" in pod \"{}\" is waiting to start: ContainerCreating",
                request.pod
            ))
        })?;
        Ok((container.to_owned(), log))
    })
}

fn snapshot(log: &Log, request: &Request, from: u64) -> String {
    let now = Timestamp::now();
    let lines = (from..).map_while(|number| log.line(number)).take_while(|(at, _)| *at <= now);
    let mut text: String = lines.map(|(at, text)| Log::shown(&request.wanted, at, &text)).collect();
    text.truncate(request.limit_bytes.unwrap_or(usize::MAX));
    text
}

impl Sending {
    /// The next line; `None` at the end of the container, or of its pod.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if self.broken {
                // What was written before goes out first, as a kubelet's would.
                tokio::time::sleep(FLUSHED_WITHIN).await;
                return Some(Err(io::Error::other("the stream was broken on demand")));
            }
            self.changes.mark_unchanged();
            let log = begin(&self.world, &self.request).ok().map(|(_, log)| log)?;
            let line = log.line(self.next);
            let due = line.as_ref().map(|(at, _)| *at);
            let wait = match (due, log.ended) {
                (Some(at), _) => at.duration_since(Timestamp::now()),
                (None, Some(_)) => return None,
                (None, None) => jiff::SignedDuration::from_hours(1),
            };
            if let Some((at, text)) = line.filter(|_| !wait.is_positive()) {
                return Some(Ok(self.send(&log, at, &text)));
            }
            if !self.request.follow {
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.try_into().unwrap_or_default()) => {}
                _ = self.changes.changed() => {}
                _ = self.breaks.changed() => self.broken = true,
            }
        }
    }

    fn send(&mut self, log: &Log, at: Timestamp, text: &str) -> Bytes {
        let line = Log::shown(&self.request.wanted, at, text);
        if log.logs.break_after == Some(self.sent) {
            self.broken = true;
            tracing::debug!(container = self.container, "a log stream breaks");
            return Bytes::from(line[..line.len() / 2].to_owned());
        }
        (self.next, self.sent) = (self.next + 1, self.sent + 1);
        line.into()
    }
}
