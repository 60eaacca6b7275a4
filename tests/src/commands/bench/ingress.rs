//! What the ingress accepts, and what the same server answers when it needs neither database nor broker.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use e2e::{
    deliveries::{Delivery, Push, random_sha},
    load::{self, Connection, Measured},
    stack::Stack,
};
use serde_json::json;
use uuid::Uuid;

use super::{Args, WARM_UP};

/// Enough that no app's share of the stream fills up while we measure.
const APPS: usize = 50;
const SIGNATURE: &str = "x-hub-signature-256";

/// Both.
pub(super) struct Ingress {
    /// Deliveries that were answered 202 after the broker had stored them.
    pub(super) accepted: Measured,
    /// The same deliveries to a path that is no app's: read and hashed like any other, then answered 404.
    pub(super) alone: Measured,
    /// Bytes of a body.
    pub(super) body_bytes: usize,
}

pub(super) async fn measure(stack: &Stack, args: &Args) -> Result<Ingress> {
    let targets = Arc::new(targets(stack).await?);
    let address = stack.setting("INGRESS_URL").replace("http://", "");
    let body_bytes = targets[0].push.github_body().to_string().len();
    let alone = Target { path: "/v1/webhooks/github/none".to_owned(), ..targets[0].clone() };
    let alone = post(&address, args, Arc::new(vec![alone]), 404).await?;
    let accepted = post(&address, args, targets, 202).await?;
    Ok(Ingress { accepted, alone, body_bytes })
}

/// Only those that are accepted.
pub(super) async fn accepted(stack: &Stack, args: &Args) -> Result<Measured> {
    let targets = Arc::new(targets(stack).await?);
    post(&stack.setting("INGRESS_URL").replace("http://", ""), args, targets, 202).await
}

async fn post(
    address: &str,
    args: &Args,
    targets: Arc<Vec<Target>>,
    expected: u16,
) -> Result<Measured> {
    let mut connections = Vec::new();
    for _ in 0..args.workers() {
        connections.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    load::run(connections, WARM_UP, args.duration(), move |mut connection| {
        let (targets, next) = (Arc::clone(&targets), Arc::clone(&next));
        async move {
            let target = &targets[next.fetch_add(1, Ordering::Relaxed) % targets.len()];
            let status = connection.send(&target.request()).await?;
            ensure!(status == expected, "answered {status}, not {expected}");
            Ok(connection)
        }
    })
    .await
}

/// An app's webhook, and a push whose every repetition gets a commit of its own.
#[derive(Clone)]
struct Target {
    path: String,
    secret: String,
    push: Push,
    /// What does not change from one request to the next: the generator runs on the same cores as what it measures.
    headers: String,
    template: String,
}

impl Target {
    fn new(app: Uuid, secret: String, push: Push) -> Self {
        let template = push.github_body().to_string();
        let Delivery { headers, .. } = push.github(&secret);
        let mut lines = format!("host: bench\r\ncontent-length: {}\r\n", template.len());
        for (name, value) in headers.iter().filter(|(name, _)| *name != SIGNATURE) {
            let _ = write!(lines, "{name}: {value}\r\n");
        }
        let path = format!("/v1/webhooks/github/{app}");
        Self { path, secret, push, headers: lines, template }
    }

    /// A request with a body like no other, signed.
    fn request(&self) -> Bytes {
        let body = self.template.replace(&self.push.after, &random_sha());
        let signature = e2e::deliveries::github_signature(&self.secret, body.as_bytes());
        let Self { path, headers, .. } = self;
        let mut request = BytesMut::with_capacity(body.len() + 1024);
        let _ =
            write!(request, "POST {path} HTTP/1.1\r\n{headers}{SIGNATURE}: {signature}\r\n\r\n");
        request.put(body.as_bytes());
        request.freeze()
    }
}

async fn targets(stack: &Stack) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for number in 0..APPS {
        let repo = format!("octo/bench-{number}");
        let app = stack.api.create_app(&format!("bench-{number}")).await?;
        let link = json!({ "provider": "github", "repo_full_name": repo });
        let source = stack.api.link(app.id, link).await?;
        let push = Push::new(&repo);
        let secret = source.webhook_secret.context("no secret for a new link")?;
        targets.push(Target::new(app.id, secret, push));
    }
    Ok(targets)
}
