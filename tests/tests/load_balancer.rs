//! The ingress behind a load balancer: how replicas leave and come back, whom they believe, what they refuse, and what
//! they tell of it.

mod access_log;
mod balancer;
mod connections;
mod drain;
mod floods;
mod hand_over;
mod verdicts;

use std::time::Duration;

use e2e::harness::{Options, Platform};

const PATIENCE: Duration = Duration::from_secs(40);

/// A platform whose ingress has these settings, and whose deployer does not run.
async fn ingress_with(settings: &[(&'static str, &str)]) -> Platform {
    let ingress_env = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let options = Options { deployers_run: false, ingress_env, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}
