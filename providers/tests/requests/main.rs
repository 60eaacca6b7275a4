//! What goes to the providers, and what we make of what comes back, over real HTTP against a server that records.
#![expect(clippy::expect_used, reason = "a test may panic")]

mod acts;
mod answers;
mod connecting;
mod server;
mod table;

use git_providers::{Client, GithubApp, Kind, OauthApp, Session, Settings};

use server::Server;

/// In every request that may carry it, and in nothing that people see.
const TOKEN: &str = "token-canary";
const CLIENT_SECRET: &str = "client-secret-canary";

/// A provider that is played by `server`: OAuth below `/web`, the API below `/api`.
fn client(kind: Kind, server: &Server) -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::new(settings(kind, &server.url())).expect("settings that work")
}

fn settings(kind: Kind, base: &str) -> Settings {
    Settings {
        kind,
        web_url: format!("{base}/web").parse().expect("a URL"),
        api_url: format!("{base}/api").parse().expect("a URL"),
        oauth: Some(OauthApp { client_id: "us".to_owned(), client_secret: CLIENT_SECRET.into() }),
        app: (kind == Kind::Github).then(|| GithubApp {
            app_id: "4711".to_owned(),
            private_key: include_str!("app_key.pem").into(),
        }),
        allow_loopback: true,
    }
}

fn session(kind: Kind, server: &Server) -> Session {
    client(kind, server).session(TOKEN.into())
}
