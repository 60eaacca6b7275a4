//! Watches: the history after a version, then what happens, as a stream of JSON lines in chunks.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use crate::{
    errors::Status,
    kinds::Kind,
    selectors::Selector,
    store::{Change, Event, Store},
    world::World,
};

/// What a client asks to watch.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: &'static Kind,
    /// Empty for all namespaces.
    pub(crate) namespace: String,
    pub(crate) selector: Selector,
    /// The version to watch from; absent or 0 for the present objects first.
    pub(crate) version: Option<u64>,
    pub(crate) bookmarks: bool,
    pub(crate) send_initial_events: bool,
    pub(crate) timeout: Duration,
}

struct Watcher {
    world: Arc<World>,
    request: Request,
    /// The version up to which everything was sent.
    sent: u64,
    started: bool,
    ended: bool,
    broken: bool,
    deadline: Instant,
    next_bookmark: Instant,
    changes: watch::Receiver<()>,
    breaks: watch::Receiver<()>,
}

/// The stream of a watch.
pub(crate) fn stream(
    world: Arc<World>,
    request: Request,
) -> impl Stream<Item = Result<Bytes, io::Error>> {
    let now = Instant::now();
    let watcher = Watcher {
        sent: request.version.unwrap_or(0),
        started: false,
        ended: false,
        broken: false,
        deadline: now + request.timeout,
        next_bookmark: now + world.options.bookmark_every,
        changes: world.changes(),
        breaks: world.breaks(),
        world,
        request,
    };
    stream::unfold(watcher, |mut watcher| async move {
        let chunk = watcher.next().await?;
        Some((chunk, watcher))
    })
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        if self.broken {
            self.ended = true;
            self.broken = false;
            return Some(Err(io::Error::other("the stream was broken on demand")));
        }
        if !std::mem::replace(&mut self.started, true) {
            let first = self.first();
            // An empty chunk would end the stream; a client without events waits for its first.
            if !first.is_empty() {
                return Some(Ok(first.into()));
            }
        }
        while !self.ended {
            self.changes.mark_unchanged();
            let lines = self.catch_up();
            if !lines.is_empty() {
                return Some(Ok(lines.into()));
            }
            tokio::select! {
                _ = self.changes.changed() => {}
                _ = self.breaks.changed() => {
                    self.broken = true;
                    return Some(Ok(Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":{\"kind\":")));
                }
                () = tokio::time::sleep_until(self.deadline.min(self.next_bookmark)) => {
                    self.ended = Instant::now() >= self.deadline;
                    self.next_bookmark = Instant::now() + self.world.options.bookmark_every;
                    if self.request.bookmarks {
                        return Some(Ok(self.bookmark(false).into()));
                    }
                }
            }
        }
        None
    }

    /// The objects that are there, if the watch begins with them.
    fn first(&mut self) -> String {
        let Request { kind, namespace, selector, send_initial_events, .. } = &self.request;
        if self.sent > 0 && !send_initial_events {
            return String::new();
        }
        let (version, lines) = self.world.with(|state| {
            let objects = state.store.list(kind, namespace).filter(|(_, o)| selector.matches(o));
            let lines: String = objects.map(|(_, object)| line("ADDED", object)).collect();
            (state.store.version(), lines)
        });
        self.sent = version;
        if *send_initial_events { lines + &self.bookmark(true) } else { lines }
    }

    /// What happened since the last line; ends the watch when the history no longer tells.
    fn catch_up(&mut self) -> String {
        let request = &self.request;
        let (version, lines) = self.world.with(|state| {
            let store = &state.store;
            if self.sent < store.forgotten() {
                return (None, expired(store, self.sent));
            }
            let lines = store.events_after(self.sent).filter_map(|event| request.line(event));
            (Some(store.version()), lines.collect())
        });
        self.sent = version.unwrap_or(self.sent).max(self.sent);
        self.ended |= version.is_none();
        lines
    }

    fn bookmark(&self, ends_initial_events: bool) -> String {
        let mut object = json!({"metadata": {"resourceVersion": self.sent.to_string()}});
        self.request.kind.stamp(&mut object);
        if ends_initial_events {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        // Built-in types show their zero values.
        if self.request.kind.name == "Deployment" {
            object["spec"] = json!({
                "replicas": 0, "selector": null, "strategy": {},
                "template": {"metadata": {}, "spec": {"containers": null}},
            });
            object["status"] = json!({});
        }
        line("BOOKMARK", &object)
    }
}

impl Request {
    /// The event as this watch sees it: an object that leaves the selection is deleted, one that enters it is added.
    fn line(&self, event: &Event) -> Option<String> {
        let is_ours = event.key.plural == self.kind.plural
            && (self.namespace.is_empty() || event.key.namespace == self.namespace);
        if !is_ours {
            return None;
        }
        let was = event.previous.as_ref().is_some_and(|old| self.selector.matches(old));
        let is = event.change != Change::Deleted && self.selector.matches(&event.object);
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(line("ADDED", &event.object)),
            (true, true) => Some(line("MODIFIED", &event.object)),
            (true, false) => Some(line("DELETED", &event.object)),
        }
    }
}

fn expired(store: &Store, version: u64) -> String {
    let message = format!("too old resource version: {version} ({})", store.forgotten());
    line("ERROR", &Status::expired(message).to_json())
}

fn line(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}
