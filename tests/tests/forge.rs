//! The providers' stand-in as tests have it: connected, it registers hooks, and its pushes go live.

use std::time::Duration;

use e2e::harness::{Options, Platform};
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_push_to_a_connected_repository_goes_live_at_every_provider() {
    let options = Options { forge: true, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    for provider in ["github", "gitlab", "forgejo"] {
        platform.connect(provider).await.unwrap();
        let app = platform.connected_app(provider, provider, json!({})).await.unwrap();
        let pushed = platform.forge.push(provider, &app.repo).await.unwrap();
        let id = pushed.deploy_id().unwrap_or_else(|| panic!("{:?}", pushed.attempts));
        let deploy = platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        assert_eq!(deploy.sha, pushed.after);
    }

    platform.forge_process.terminate().await.unwrap();
    assert!(platform.forge.hook("gitlab", "octo/gitlab").await.is_err());
    platform.forge_process.start().await.unwrap();
    platform.forge_process.ready().await.unwrap();
    assert!(platform.forge.hook("gitlab", "octo/gitlab").await.is_ok(), "a restart loses nothing");
}
