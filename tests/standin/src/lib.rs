//! A stand-in for the Kubernetes and Tekton API: an HTTP server that the real `kube` client talks to.
//!
//! It keeps objects with versions, owners and history as an API server does, plays the controllers after sequences
//! recorded from real ones, fails on demand, and writes every accepted write of a client to an audit log.
//! It runs no containers.
//!
//! # Layout
//! - `routes`, `discovery`, `control`: the HTTP surface; `errors`: its `Status` answers.
//! - `verbs`, `apply`, `merge`, `managers`, `fields`, `schema`, `defaults`, `validate`: what happens to an object.
//! - `store`, `journal`, `audit`: where it is kept; `lists`, `watch`, `selectors`: how it is read.
//! - `controllers`, `pipelinerun`, `deployment`, `rollout`, `replicas`, `finally`: who else writes; `pods`, `logs`,
//!   `pod_logs`: what would run; `switches`: how they misbehave.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{App, HttpServer, rt::System, web};
use anyhow::{Context as _, anyhow};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio_util::sync::CancellationToken;

mod apply;
pub mod audit;
mod clock;
mod control;
mod controllers;
mod defaults;
mod deployment;
mod discovery;
mod duration;
mod errors;
mod fields;
mod finally;
mod journal;
mod kinds;
mod lists;
mod logs;
mod managers;
mod merge;
mod pipelinerun;
mod pod_logs;
mod pods;
mod replicas;
mod rollout;
mod routes;
mod schema;
mod seed;
mod selectors;
mod store;
pub mod switches;
mod validate;
mod verbs;
mod watch;
mod world;

use finally::Reporter;
use store::{Key, Store};
use switches::Switches;
use world::World;

/// What a person has to know who meets this server.
pub const NOTICE: &str =
    "This is a stand-in for the Kubernetes and Tekton API. It runs no containers.";

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The largest body that a request may have, as with etcd's default.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to write a kubeconfig that names this server; it is there before the first connection is accepted.
    pub kubeconfig: Option<PathBuf>,
    /// How others reach this server, as the kubeconfig is to say; by its address when `None`.
    pub url: Option<String>,
    /// The audit log. Beside it stands the journal from which a restart takes the objects up. Without it, nothing is kept.
    pub audit: Option<PathBuf>,
    /// The bearer token that requests must carry.
    pub token: String,
    /// The user that the token stands for, as refusals name it.
    pub user: String,
    /// The namespaces that are there from the beginning, each with the build pipeline; the first is the kubeconfig's.
    pub namespaces: Vec<String>,
    /// The name of that pipeline.
    pub pipeline: String,
    /// How long a build takes.
    pub build: Duration,
    /// How long each step of a rollout takes.
    pub rollout_step: Duration,
    /// How long a rollout that fails on demand is stuck; stands for `progressDeadlineSeconds`.
    pub rollout_deadline: Duration,
    /// How often a watch gets a bookmark.
    pub bookmark_every: Duration,
    /// How many writes the history holds before it forgets.
    pub history: usize,
    /// Where CloudEvents go; user info in the URL becomes HTTP Basic.
    pub cloud_events_sink: Option<String>,
    /// How it misbehaves from the beginning.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            kubeconfig: None,
            url: None,
            audit: None,
            token: "stand-in".to_owned(),
            user: "system:serviceaccount:paas-system:paas-deployer".to_owned(),
            namespaces: ["default", "paas-builds", "paas-apps"].map(str::to_owned).to_vec(),
            pipeline: "paas-build".to_owned(),
            build: Duration::from_millis(400),
            rollout_step: Duration::from_millis(60),
            rollout_deadline: Duration::from_millis(600),
            bookmark_every: Duration::from_secs(1),
            history: 10_000,
            cloud_events_sink: None,
            switches: Switches::default(),
        }
    }
}

/// A running stand-in. It stops when it is dropped.
#[derive(Debug)]
pub struct Standin {
    world: Arc<World>,
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Standin {
    /// Starts a stand-in on a thread of its own; it answers when this returns.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        // Only the first caller in a process installs it; whoever did, there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut store = Store::open(options.audit.as_deref(), options.history)
            .context("cannot open the audit log and its journal")?;
        seed::plant(&mut store, &options.namespaces, &options.pipeline)?;
        let socket =
            bind(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = socket.local_addr()?.as_socket().context("the socket has no address")?;
        let kubeconfig = options.kubeconfig.clone();
        let world = Arc::new(World::new(store, options));
        let reporter = Reporter::new(Arc::clone(&world))?;
        let stop = CancellationToken::new();
        let mut standin =
            Self { world: Arc::clone(&world), address, stop: stop.clone(), thread: None };
        if let Some(path) = kubeconfig {
            standin.write_kubeconfig(&path)?;
        }
        socket.listen(BACKLOG)?;
        let serve = serve(socket, world, reporter, stop);
        let thread = std::thread::Builder::new().name("stand-in".to_owned()).spawn(move || {
            if let Err(error) = System::new().block_on(serve) {
                tracing::error!(%error, "the stand-in's server ended");
            }
        })?;
        standin.thread = Some(thread);
        Ok(standin)
    }

    /// The server's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bearer token that requests must carry.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.world.options.token
    }

    /// Writes a kubeconfig that names this server.
    pub fn write_kubeconfig(&self, path: &Path) -> anyhow::Result<()> {
        let namespace = self.world.options.namespaces.first().map_or("default", String::as_str);
        let url = self.world.options.url.clone().unwrap_or_else(|| self.url());
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
            "users": [{"name": "stand-in", "user": {"token": self.token()}}],
            "contexts": [{
                "name": "stand-in",
                "context": {"cluster": "stand-in", "user": "stand-in", "namespace": namespace},
            }],
            "current-context": "stand-in",
        });
        // Every JSON document is a YAML document. Renaming lets nobody read half of it.
        let half = path.with_extension("half");
        std::fs::write(&half, serde_json::to_vec_pretty(&config)?)
            .and_then(|()| std::fs::rename(&half, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The switches as they stand.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.world.with(|state| state.switches.clone())
    }

    /// Changes the switches.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.world.switch(change);
    }

    /// Breaks every open watch in the middle of a chunk.
    pub fn break_watches(&self) {
        self.world.break_watches();
    }

    /// Breaks every log that is followed.
    pub fn break_logs(&self) {
        self.world.break_logs();
    }

    /// Forgets the history: a watch from any version but the present one gets a 410.
    pub fn expire_history(&self) {
        self.world.with(|state| state.store.forget_history());
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Vec<audit::Entry> {
        self.world.with(|state| state.store.audit().to_vec())
    }

    /// One object, by the plural of its kind.
    #[must_use]
    pub fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = Key::new(kinds::by_plural(plural)?, namespace, name);
        self.world.with(|state| state.store.get(&key)).map(|object| object.as_ref().clone())
    }

    /// The objects of a kind, by its plural, in one namespace.
    #[must_use]
    pub fn objects(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let Some(kind) = kinds::by_plural(plural) else { return Vec::new() };
        self.world.with(|state| {
            state.store.list(kind, namespace).map(|(_, object)| object.as_ref().clone()).collect()
        })
    }

    /// Stops at once, as a killed server does, and waits for its end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().map_err(|_| anyhow!("the stand-in's thread panicked"))
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the stand-in did not stop cleanly");
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // The port of one that was just killed is free at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

async fn serve(
    socket: Socket,
    world: Arc<World>,
    reporter: Reporter,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let data = web::Data::from(Arc::clone(&world));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .configure(control::configure)
            .configure(routes::configure)
    })
    .workers(2)
    .disable_signals()
    .listen(socket.into())?
    .run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    tokio::select! {
        result = server => result?,
        () = controllers::run(world, reporter) => Ok(()),
        () = stop.cancelled() => {
            handle.stop(false).await;
            Ok(())
        }
    }
}
