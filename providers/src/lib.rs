//! What we ask of GitHub, GitLab and Forgejo (and Gitea): OAuth, repositories, webhooks, their deliveries, commit
//! statuses. One [`Client`] a provider; with a token it is a [`Session`]. Every request has a deadline, goes only to the
//! configured host, over TLS save on loopback in development, and follows no redirect.
//!
//! Nothing here decides anything or keeps anything: what an answer means for an app is the caller's.

mod app;
mod client;
mod error;
mod forgejo;
mod github;
mod gitlab;
mod http;
mod model;
mod oauth;
mod session;
mod settings;

pub use client::Client;
pub use error::Error;
pub use model::{
    Account, Commit, Delivery, Hook, HookSettings, Outcome, Repository, Status, StatusState,
};
pub use oauth::{Challenge, Grant, Verifier};
pub use session::Session;
pub use settings::{GithubApp, InvalidSettings, Kind, OauthApp, Settings};
