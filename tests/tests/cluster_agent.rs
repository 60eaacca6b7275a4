//! The cluster's agent as a process of its own, as where one control plane drives many clusters.

use e2e::{
    binaries,
    harness::{Options, Platform},
    keys, ports,
    process::{Process, Spec},
    wait,
};

use crate::aftermath::{self, PATIENCE};

/// A platform whose deployer drives the cluster through an agent at this address.
async fn platform(address: &str, token: &str) -> Platform {
    let options = Options {
        deployer_env: vec![
            ("CLUSTER_AGENT_URL", format!("http://{address}")),
            ("CLUSTER_AGENT_TOKEN", token.to_owned()),
            // It is the agent's to know.
            ("KUBECONFIG", "/nonexistent".to_owned()),
        ],
        ..Options::default()
    };
    Platform::start_with(options).await.unwrap()
}

async fn agent(platform: &Platform, address: &str, token: &str) -> Process {
    let wiring = platform.wiring();
    let program = binaries::ours("deployer-svc").unwrap();
    let agent = Spec::new("cluster-agent", program, &wiring.logs)
        .arg("cluster-agent")
        .env("CLUSTER_AGENT_LISTEN", address)
        .env("CLUSTER_AGENT_TOKEN", token)
        .env("CALLBACK_URL", &wiring.ingress_url)
        .env("CALLBACK_KEY", &wiring.keys.callback_key)
        .env("KUBECONFIG", wiring.kubeconfig.display().to_string());
    let process = agent.start().await.unwrap();
    e2e::api::grpc_healthy(address, PATIENCE).await.unwrap();
    process
}

fn address() -> String {
    format!("127.0.0.1:{}", ports::free_port().unwrap())
}

#[tokio::test]
async fn a_push_goes_live_through_an_agent_elsewhere() {
    let (address, token) = (address(), keys::random_hex());
    let platform = platform(&address, &token).await;
    let mut agent = agent(&platform, &address, &token).await;
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    assert_eq!(aftermath::builds(&platform, id), 1);
    aftermath::is_in_order(&platform, &[id]).await;
    assert!(agent.stop(PATIENCE).await.unwrap().success());
}

#[tokio::test]
async fn a_deploy_waits_for_an_agent_that_knows_its_token() {
    let (address, token) = (address(), keys::random_hex());
    let platform = platform(&address, &token).await;
    let mut other = agent(&platform, &address, "another").await;
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    // The watch is refused, too: what counts is the step.
    wait::until("the step to be refused", PATIENCE, || async {
        let log = platform.deployer[0].log();
        let refused = |line: &str| {
            line.contains("a step failed") && line.contains("a bearer token is needed")
        };
        Ok(log.lines().any(refused).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(platform.api.deploy(id).await.unwrap().state, "requested");
    assert_eq!(aftermath::builds(&platform, id), 0);

    other.kill().await.unwrap();
    let _agent = agent(&platform, &address, &token).await;
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_deploy_outlives_an_agent_that_dies() {
    let (address, token) = (address(), keys::random_hex());
    let platform = platform(&address, &token).await;
    let mut first = agent(&platform, &address, &token).await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let slowly = serde_json::json!({ "commits": { &push.after: { "build_ms": 2000 } } });
    platform.switch(slowly).await.unwrap();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.api.wait_for_state(id, "building", PATIENCE).await.unwrap();
    first.kill().await.unwrap();
    let _second = agent(&platform, &address, &token).await;
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    assert_eq!(aftermath::builds(&platform, id), 1);
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn an_agent_is_never_open_to_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    let program = binaries::ours("deployer-svc").unwrap();
    let agent = Spec::new("cluster-agent", program, folder.path())
        .arg("cluster-agent")
        .env("CLUSTER_AGENT_LISTEN", "0.0.0.0:0")
        .env("CLUSTER_AGENT_TOKEN", "secret")
        .env("CALLBACK_KEY", keys::random_hex());
    assert!(agent.run(PATIENCE).await.is_err());
    // All of it: with RUST_BACKTRACE set the reason is followed by where it arose.
    let log = std::fs::read_to_string(folder.path().join("cluster-agent.log")).unwrap();
    assert!(log.contains("can be reached from other machines"), "{log}");
}
