//! `paas git`: connect once, link, and know why nothing happens.

use std::{fs, os::unix::fs::PermissionsExt as _};

use e2e::harness::{Options, Platform};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{command, paas};
use crate::identity::PATIENCE;

async fn platform() -> Platform {
    Platform::start_with(Options { forge: true, ..Options::default() }).await.unwrap()
}

/// Runs a command that must go well; what it says.
async fn done(platform: &Platform, arguments: &[&str]) -> String {
    let ended = paas(platform, arguments).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    ended.out
}

/// Connects as a person does: `paas` shows where to consent, waits, and says so.
async fn connect(platform: &Platform, provider: &str) -> String {
    let mut paas = command(platform, &["git", "connect", provider]).spawn().unwrap();
    let mut said = BufReader::new(paas.stderr.take().unwrap()).lines();
    let url = loop {
        let line = tokio::time::timeout(PATIENCE, said.next_line()).await.unwrap().unwrap();
        let line = line.unwrap();
        if line.starts_with("http") {
            break line;
        }
    };
    assert_eq!(platform.forge.follow_oauth(&url).await.unwrap().status, 200);
    let output = tokio::time::timeout(PATIENCE, paas.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_developer_connects_links_pushes_and_is_live() {
    let platform = platform().await;
    for provider in ["github", "gitlab", "forgejo"] {
        assert!(
            connect(&platform, provider).await.starts_with(&format!("Connected to {provider}"))
        );
        let repo = format!("octo/{provider}");
        platform.forge.create_repo(provider, &repo).await.unwrap();
        done(&platform, &["apps", "create", provider]).await;
        let linked = done(&platform, &["git", "link", provider, provider, &repo]).await;
        assert!(linked.contains("registered") && linked.contains("Next: git push"), "{linked}");
        let hook = platform.forge.hook(provider, &repo).await.unwrap();
        assert!(!linked.contains(hook.secret.as_deref().unwrap()), "{linked}");
        let again = done(&platform, &["git", "link", provider, provider, &repo]).await;
        assert!(again.contains("in place") || again.contains("updated"), "{again}");

        let pushed = platform.forge.push(provider, &repo).await.unwrap();
        let id = pushed.deploy_id().unwrap().to_string();
        let logs = done(&platform, &["logs", provider, "--until-live"]).await;
        assert!(logs.contains("deploy | live as v1"), "{logs}");
        assert!(logs.lines().last().unwrap().starts_with("live after"), "{logs}");
        let deliveries =
            done(&platform, &["git", "deliveries", provider, "--verdict", "queued"]).await;
        assert!(
            deliveries.contains(&id) && deliveries.contains(&pushed.after[..7]),
            "{deliveries}"
        );
    }
    let connections = done(&platform, &["git", "connections"]).await;
    assert_eq!(connections.matches(" connected ").count(), 3, "{connections}");
    let shown = done(&platform, &["apps", "show", "gitlab"]).await;
    assert!(shown.contains("octo/gitlab at gitlab"), "{shown}");
}

#[tokio::test]
async fn health_names_the_cause_and_linking_again_mends_it() {
    let platform = platform().await;
    platform.connect("github").await.unwrap();
    let app = platform.connected_app("shop", "github", serde_json::json!({})).await.unwrap();
    let id = platform.forge.push("github", &app.repo).await.unwrap().deploy_id().unwrap();
    platform.live(id).await.unwrap();
    let healthy = paas(&platform, &["git", "health", "shop"]).await;
    assert_eq!(healthy.code, 0, "{healthy:?}");
    assert!(healthy.out.ends_with("Healthy: a push goes live.\n"), "{healthy:?}");

    platform.forge.remove_hooks("github", &app.repo).await.unwrap();
    let broken = paas(&platform, &["git", "health", "shop"]).await;
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.out.contains("problem  webhook") && broken.out.contains("→ "), "{broken:?}");
    let json = paas(&platform, &["git", "health", "shop", "--json"]).await;
    assert_eq!((json.code, &json.object()["healthy"]), (1, &false.into()));

    done(&platform, &["git", "link", "shop", "github", &app.repo]).await;
    assert_eq!(paas(&platform, &["git", "health", "shop"]).await.code, 0);
}

#[tokio::test]
async fn a_link_by_hand_shows_what_to_enter_and_a_rotation_the_new_secret() {
    let platform = platform().await;
    done(&platform, &["apps", "create", "shop"]).await;
    let linked = done(&platform, &["git", "link", "shop", "github", "octo/shop"]).await;
    assert!(linked.contains("Enter this webhook at the provider"), "{linked}");
    let field = |text: &str, name: &str| {
        let line = text.lines().rfind(|line| line.starts_with(name)).unwrap().to_owned();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert!(field(&linked, "url ").contains("/v1/webhooks/github/"), "{linked}");
    let first = field(&linked, "secret ");
    let rotated = done(&platform, &["git", "rotate-secret", "shop"]).await;
    assert!(rotated.contains("The previous secret is valid until "), "{rotated}");
    assert_ne!(field(&rotated, "secret "), first);
    let retired = done(&platform, &["git", "rotate-secret", "shop", "--retire-previous"]).await;
    assert_eq!(retired, "The previous secret is valid no longer.\n");
    let gone = done(&platform, &["git", "unlink", "shop"]).await;
    assert!(gone.starts_with("The app follows no repository any more.\n"), "{gone}");
    assert_eq!(paas(&platform, &["git", "unlink", "shop"]).await.code, 4);
}

#[tokio::test]
async fn a_personal_access_token_or_an_installation_will_do_and_is_taken_back() {
    let platform = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pat");
    let token = platform.forge.personal_token("gitlab").await.unwrap();
    fs::write(&path, &token).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let pat = ["git", "connect", "gitlab", "--pat-file", path.to_str().unwrap()];
    let connected = done(&platform, &pat).await;
    assert!(connected.starts_with("Connected to gitlab as octo"), "{connected}");
    let number = e2e::forge::INSTALLATION.to_string();
    let installed = done(&platform, &["git", "connect", "github", "--installation", &number]).await;
    assert!(installed.starts_with("Connected to github"), "{installed}");
    for provider in ["gitlab", "github"] {
        done(&platform, &["git", "disconnect", provider]).await;
    }
    let connections = paas(&platform, &["git", "connections", "--json"]).await.object();
    let connected = connections["providers"].as_array().unwrap().iter();
    assert_eq!(
        connected.filter(|provider| provider["connected"] == true).count(),
        0,
        "{connections}"
    );
    let connected = paas(&platform, &pat).await;
    assert!(!format!("{connected:?}").contains(&token), "{connected:?}");
}

#[tokio::test]
async fn what_the_admin_has_not_set_up_is_said_at_once() {
    let platform = Platform::start().await.unwrap();
    let ended = paas(&platform, &["git", "connect", "github"]).await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.err.contains("--pat-file"), "{ended:?}");
}
