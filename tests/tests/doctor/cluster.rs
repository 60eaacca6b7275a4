//! What can be wrong with the cluster, the way to it, and the agent.

use e2e::{
    harness::Platform,
    ports,
    process::{Process, Spec},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PATIENCE, doctor};

const APPLY: &str = "kubectl apply -k";

/// Writes to the cluster as its administrator would.
async fn administer(platform: &Platform, method: Method, path: &str, body: Value) {
    let url = format!("http://{}{path}", platform.cluster.address());
    let request = e2e::api::http_client().unwrap().request(method, url).bearer_auth("stand-in");
    let kind = "application/merge-patch+json";
    let request = request.header("content-type", kind).body(body.to_string());
    request.send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn what_builds_stand_on_and_is_missing_is_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let report = doctor(wiring, &[("BUILD_NAMESPACE", "nowhere")]).await;
    report.finds("fail", "cluster", "the namespace nowhere is missing", "kubectl create namespace");
    let report = doctor(wiring, &[("PIPELINE_NAME", "nothing")]).await;
    report.finds("fail", "cluster", "the Pipeline nothing in paas-builds is missing", APPLY);
    let report = doctor(wiring, &[("BUILD_SERVICE_ACCOUNT", "nobody")]).await;
    report.finds("fail", "cluster", "the service account nobody", "BUILD_SERVICE_ACCOUNT");

    let other = json!({ "metadata": { "name": "other" }, "spec": { "params": [{ "name": "team" }], "tasks": [] } });
    let pipelines = "/apis/tekton.dev/v1/namespaces/paas-builds/pipelines";
    administer(&platform, Method::POST, pipelines, other).await;
    let report = doctor(wiring, &[("PIPELINE_NAME", "other")]).await;
    report.finds("fail", "cluster", "wants team that no run gives", "build-pipeline.yaml");
}

#[tokio::test]
async fn permissions_and_versions_that_will_not_do_are_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let refusal = json!([{ "verb": "create", "resource": "pipelineruns" }, { "verb": "get", "resource": "pipelines" }]);
    platform.switch(json!({ "refuse": refusal })).await.unwrap();
    let report = doctor(wiring, &[]).await;
    let denied = |what: &str| format!("may not {what}.tekton.dev in namespace paas-builds");
    report.finds("fail", "cluster", &denied("create pipelineruns"), APPLY);
    report.finds("warn", "cluster", &denied("get pipelines"), APPLY);
    platform.switch(json!({ "refuse": [] })).await.unwrap();

    let info = "/api/v1/namespaces/tekton-pipelines/configmaps/pipelines-info";
    let old = json!({ "data": { "version": "v1.11.0" } });
    administer(&platform, Method::PATCH, info, old).await;
    let report = doctor(wiring, &[]).await;
    report.finds("warn", "cluster", "Tekton Pipelines v1.11.0", "1.11.1 or newer");

    platform.switch(json!({ "absent": ["tekton.dev"] })).await.unwrap();
    let report = doctor(wiring, &[]).await;
    report.finds("fail", "cluster", "no Tekton Pipelines", "1.11.1 or newer");
}

#[tokio::test]
async fn a_way_that_leads_to_no_cluster_is_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let report = doctor(wiring, &[("KUBECONFIG", "/nowhere/kubeconfig")]).await;
    report.finds("fail", "cluster", "", "set KUBECONFIG");

    let away = wiring.kubeconfig.with_extension("away");
    let text = std::fs::read_to_string(&wiring.kubeconfig).unwrap();
    let nobody = format!("http://127.0.0.1:{}", ports::free_port().unwrap());
    let server = format!("http://{}", platform.links.deployer_to_cluster.address());
    std::fs::write(&away, text.replace(&server, &nobody)).unwrap();
    let report = doctor(wiring, &[("KUBECONFIG", away.to_str().unwrap())]).await;
    report.finds("fail", "cluster", "did not answer", "start the API server");

    std::fs::write(
        &away,
        text.replace("stand-in\"}", "wrong\"}")
            .replace("\"token\": \"stand-in\"", "\"token\": \"wrong\""),
    )
    .unwrap();
    let report = doctor(wiring, &[("KUBECONFIG", away.to_str().unwrap())]).await;
    report.finds("fail", "cluster", "refused our credentials", "user in the kubeconfig");
}

/// An agent on this machine that wants a token.
async fn agent(platform: &Platform) -> (Process, String) {
    let address = format!("127.0.0.1:{}", ports::free_port().unwrap());
    let settings = platform.wiring().deployer("agent", &address).unwrap();
    let spec = Spec { args: Vec::new(), ..settings }
        .args(["cluster-agent", "--listen", &address])
        .env("CLUSTER_AGENT_TOKEN", "right");
    let process = spec.start().await.unwrap();
    wait::until_listening(&address, PATIENCE).await.unwrap();
    (process, format!("http://{address}"))
}

#[tokio::test]
async fn an_agent_that_is_away_or_wants_another_token_is_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let (mut process, url) = agent(&platform).await;
    let with = |token: &'static str| {
        [("CLUSTER_AGENT_URL", url.clone()), ("CLUSTER_AGENT_TOKEN", token.to_owned())]
    };
    let ask = async |token| {
        let [url, token] = with(token);
        doctor(wiring, &[(url.0, &url.1), (token.0, &token.1)]).await
    };
    assert!(ask("right").await.healthy);
    let fix = "CLUSTER_AGENT_TOKEN";
    ask("wrong").await.finds("fail", "cluster", "its agent", fix);
    process.kill().await.unwrap();
    ask("right").await.finds("fail", "cluster", "its agent", fix);
    let report = doctor(wiring, &[("CLUSTER_AGENT_URL", "http://agent.example.com:9443")]).await;
    report.finds("fail", "cluster", "must be https", "CLUSTER_AGENT_URL");
}

#[tokio::test]
async fn keys_and_addresses_that_cannot_be_right_are_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let report = doctor(wiring, &[("CALLBACK_KEY", "short")]).await;
    report.finds("fail", "keys", "CALLBACK_KEY", "openssl rand -hex 32");
    let report = doctor(wiring, &[("CALLBACK_KEY", &"0".repeat(64))]).await;
    report.finds("warn", "keys", "not random", "openssl rand -hex 32");
    let report = doctor(wiring, &[("CALLBACK_URL", "ingress:8080")]).await;
    report.finds("fail", "keys", "CALLBACK_URL", "set CALLBACK_URL");
}
