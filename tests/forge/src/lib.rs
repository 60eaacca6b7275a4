//! A stand-in for GitHub, GitLab and Forgejo: one HTTP server that plays all three, each below its own path.
//!
//! | Provider | web, OAuth | API |
//! |---|---|---|
//! | GitHub | `/github` | `/github/api` |
//! | GitLab | `/gitlab` | `/gitlab/api/v4` |
//! | Forgejo | `/forgejo` | `/forgejo/api/v1` |
//!
//! It consents to OAuth by itself, keeps repositories, branches, webhooks and commit statuses, answers as the documented
//! APIs do (errors and odd ones included), and sends real deliveries when somebody pushes. It holds no git objects.
//!
//! `/forge/*` is for whoever tests with it: `switches` make it misbehave, `journal` tells every request that came,
//! `repos`, `hooks`, `tokens` and `push` change its world from outside, `state` shows all of it.
//!
//! Worth knowing, because the real ones are like that:
//! - GitHub's token endpoint tells errors in a 200, and answers a form unless JSON is asked for.
//! - Codes and refresh tokens work once; GitLab's and Forgejo's refresh spends the access token with it.
//! - GitLab ignores a signing token where the feature is off, and never returns one; only `signing_token_present` tells.
//! - Forgejo's and Gitea's `PATCH` of a hook does not change its secret, whatever `config.secret` says: only another hook
//!   has another secret.
//!
//! # Layout
//! - `routes`: every request; `request`, `answer`: what it is and gets; `journal`, `switches`: what is told and upset.
//! - `state`: what is kept, `world`: where; `control`: `/forge/*`; `push`, `dispatch`: pushes and their deliveries.
//! - `oauth`; `github`, `gitlab`, `forgejo`: the three; `deliveries`: bodies and signatures, which tests use as well.

mod answer;
mod control;
pub mod deliveries;
mod dispatch;
mod forgejo;
mod github;
mod gitlab;
mod journal;
mod oauth;
mod push;
mod request;
mod routes;
mod state;
mod switches;
mod world;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System, web};
use anyhow::Context as _;

use self::world::World;
pub use self::{
    journal::Entry,
    state::{Attempt, Head, Hook, Permissions, Provider, Repo, Status},
    switches::{Deliveries, Failure, Switches, Upset},
};

/// What a person has to know who meets this server.
pub const NOTICE: &str =
    "This is a stand-in for GitHub, GitLab and Forgejo. It holds no code and knows nobody.";

/// The account that everybody is.
pub const LOGIN: &str = "octo";

/// The only installation of the GitHub App.
pub const INSTALLATION: u64 = 4711;

/// The OAuth client id at a provider.
#[must_use]
pub fn client_id(provider: Provider) -> String {
    format!("{}-client", provider.name())
}

/// The secret of that client.
#[must_use]
pub fn client_secret(provider: Provider) -> String {
    format!("{}-client-secret", provider.name())
}

/// The largest body that is taken.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How long requests may go on when it is told to stop.
const DRAIN_SECONDS: u64 = 1;

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// File from which a restart takes everything up; nothing is kept without it.
    pub state: Option<PathBuf>,
    /// What redirect URIs must begin with, as they are registered; any is good when `None`.
    pub callback: Option<String>,
    /// After what a delivery counts as unanswered; GitHub and GitLab give up after 10 s.
    pub delivery_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: None,
            callback: None,
            delivery_deadline: Duration::from_secs(10),
        }
    }
}

/// A running stand-in.
pub struct Forge {
    world: Arc<World>,
    address: SocketAddr,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Forge {
    /// Starts one on a thread of its own; it accepts connections when this returns.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        // Only the first caller in a process installs it; whoever did, there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(options.listen)
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::open(options)?);
        let data = web::Data::from(Arc::clone(&world));
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("forge".to_owned()).spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(data.clone())
                        .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
                        .default_service(web::to(routes::handle))
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .shutdown_timeout(DRAIN_SECONDS)
                    .listen(listener);
                let server = match server {
                    Ok(server) => server.run(),
                    Err(error) => return drop(tell.send(Err(error))),
                };
                let _ = tell.send(Ok(server.handle()));
                if let Err(error) = server.await {
                    tracing::error!(%error, "the stand-in's server ended");
                }
            });
        })?;
        let server = told.recv().context("the stand-in's thread ended")??;
        Ok(Self { world, address, server, thread: Some(thread) })
    }

    /// The server's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes what is new into the state's file.
    pub fn save(&self) -> anyhow::Result<()> {
        self.world.save().context("cannot write the state")
    }

    /// Stops it; its state is on disk when this returns.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.halt();
        self.save()
    }

    fn halt(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // The command is sent at once; the thread's end says that it is done.
        drop(self.server.stop(true));
        let _ = thread.join();
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.halt();
    }
}
