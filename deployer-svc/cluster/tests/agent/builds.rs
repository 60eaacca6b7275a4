//! Builds: one run however often it is asked for, whose it is, and how it is stopped.

use cluster_agent::Agent;
use paas_proto::cluster::cluster_server::Cluster as _;
use paas_proto::cluster::{Build, BuildPhase, StartBuildRequest};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::fake::{agent, refusal};
use crate::orders::{APP, DEPLOY, SHA, get, run_name, start, stop};

fn run(spec: Value, status: Value) -> (u16, Value) {
    let body = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {
            "name": run_name(), "creationTimestamp": "2026-11-23T11:59:32Z",
            "labels": { "paas.dev/app-id": APP, "paas.dev/deploy-id": DEPLOY }
        },
        "spec": spec, "status": status
    });
    (200, body)
}

fn condition(status: &str, reason: &str, message: &str) -> Value {
    let condition =
        json!({ "type": "Succeeded", "status": status, "reason": reason, "message": message });
    json!({ "conditions": [condition] })
}

fn exists() -> (u16, Value) {
    refusal(409, "AlreadyExists", "pipelineruns.tekton.dev already exists")
}

async fn start_build(agent: &Agent, request: StartBuildRequest) -> Result<Build, Status> {
    Ok(agent.start_build(Request::new(request)).await?.into_inner().build.unwrap())
}

async fn stop_build(agent: &Agent) -> Result<Build, Status> {
    Ok(agent.stop_build(Request::new(stop())).await?.into_inner().build.unwrap())
}

#[tokio::test]
async fn a_build_is_ordered_with_everything_the_pipeline_needs() {
    let (agent, requests) = agent([run(json!({}), json!({}))]);
    let build = start_build(&agent, start()).await.unwrap();
    assert_eq!(build.phase(), BuildPhase::Running);
    assert_eq!(build.created_at.unwrap().seconds, 1_795_435_172);

    let name = run_name();
    assert_eq!(
        requests.lines(),
        [
            "POST /apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns?fieldManager=paas-deployer&fieldValidation=Strict"
        ]
    );
    let key: paas_proto::callback::CallbackKey = "07".repeat(32).parse().unwrap();
    let expected = json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": name,
            "labels": {
                "paas-app": "web",
                "paas-tenant-id": "default",
                "paas.dev/app-id": APP,
                "paas.dev/deploy-id": DEPLOY,
            },
            "annotations": {
                "paas.dev/sha": SHA,
                "tekton.dev/pipelinerunSpanContext":
                    "{\"traceparent\":\"00-0f57e147e992b304d977436289d10628-73d5909e31793992-01\"}",
            },
        },
        "spec": {
            "pipelineRef": { "name": "paas-build" },
            "params": [
                { "name": "repo-url", "value": "https://github.com/acme/web.git" },
                { "name": "commit-sha", "value": SHA },
                { "name": "image", "value": format!("registry.paas-registry.svc:5000/default/web:{SHA}") },
                { "name": "callback-url", "value": format!("http://127.0.0.1:8080/v1/callbacks/builds/{DEPLOY}") },
                { "name": "callback-token", "value": key.token(DEPLOY) },
            ],
            "taskRunTemplate": { "serviceAccountName": "paas-build" },
            "timeouts": { "pipeline": "1800s" },
            "workspaces": [{ "name": "source", "emptyDir": { "sizeLimit": "8Gi" } }],
        },
    });
    assert_eq!(requests.body(0), expected);
}

#[tokio::test]
async fn a_commit_of_64_digits_goes_where_it_fits() {
    let (agent, requests) = agent([run(json!({}), json!({}))]);
    let sha = "b".repeat(64);
    let request = StartBuildRequest { sha: sha.clone(), traceparent: String::new(), ..start() };
    start_build(&agent, request).await.unwrap();
    let metadata = &requests.body(0)["metadata"];
    assert_eq!(metadata["annotations"], json!({ "paas.dev/sha": sha }));
    assert!(!metadata["labels"].to_string().contains(&sha));
}

#[tokio::test]
async fn a_build_that_an_earlier_call_started_is_adopted() {
    let ended = condition("False", "Failed", "Tasks Completed: 1 (Failed: 1, Cancelled 0)");
    let (agent, requests) = agent([exists(), run(json!({}), ended)]);
    let build = start_build(&agent, start()).await.unwrap();
    assert_eq!(build.phase(), BuildPhase::Failed);
    assert_eq!(requests.lines().len(), 2, "one create, one read");
}

#[tokio::test]
async fn a_run_of_somebody_else_is_neither_adopted_nor_stopped() {
    let foreign = json!({ "metadata": { "name": run_name() }, "spec": {} });
    let (agent, requests) = agent([exists(), (200, foreign.clone()), (200, foreign)]);
    let refused = start_build(&agent, start()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("somebody else's"), "{refused}");
    assert_eq!(stop_build(&agent).await.unwrap_err().code(), Code::FailedPrecondition);
    assert!(!requests.lines().iter().any(|line| line.starts_with("PATCH")));
}

#[tokio::test]
async fn what_is_no_commit_never_reaches_the_cluster() {
    let (agent, requests) = agent([]);
    for request in [
        StartBuildRequest { sha: "main".to_owned(), ..start() },
        StartBuildRequest { sha: "--upload-pack=touch".to_owned(), ..start() },
        StartBuildRequest { clone_url: "ext::sh -c id".to_owned(), ..start() },
        StartBuildRequest { run_name: "../secrets/x".to_owned(), ..start() },
        StartBuildRequest { deploy_id: "7".to_owned(), ..start() },
        StartBuildRequest { app: None, ..start() },
    ] {
        assert_eq!(start_build(&agent, request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(requests.all().is_empty());
}

#[tokio::test]
async fn an_image_is_answered_by_digest() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let mut status = condition("True", "Completed", "Tasks Completed: 2");
    status["results"] = json!([{ "name": "image-digest", "value": digest }]);
    let spec = json!({ "params": [{ "name": "image", "value": format!("registry:5000/default/web:{SHA}") }] });
    let (agent, requests) = agent([run(spec, status)]);
    let build = agent.get_build(Request::new(get())).await.unwrap().into_inner().build.unwrap();
    assert_eq!(build.phase(), BuildPhase::Succeeded);
    assert_eq!(build.image, format!("registry:5000/default/web@{digest}"));
    let line =
        format!("GET /apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns/{}", run_name());
    assert_eq!(requests.lines(), [line]);
}

#[tokio::test]
async fn a_running_build_is_cancelled() {
    let running = || condition("Unknown", "Running", "Tasks Completed: 0");
    let cancelled = run(json!({ "status": "Cancelled" }), running());
    let (agent, requests) = agent([run(json!({}), running()), cancelled.clone(), cancelled]);
    assert_eq!(stop_build(&agent).await.unwrap().phase(), BuildPhase::Running, "not yet ended");
    let [_, patch] = requests.all().try_into().unwrap();
    let line = format!(
        "PATCH /apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns/{}?&fieldManager=paas-deployer",
        run_name()
    );
    assert_eq!(patch.line, line);
    assert_eq!(patch.content_type, "application/merge-patch+json");
    assert_eq!(patch.body, json!({ "spec": { "status": "Cancelled" } }));

    stop_build(&agent).await.unwrap();
    assert_eq!(requests.lines().len(), 3, "told once, it is only read");
}

#[tokio::test]
async fn a_build_that_ended_meanwhile_is_answered_as_it_is() {
    let running = run(json!({}), condition("Unknown", "Running", ""));
    let ended = run(json!({}), condition("True", "Succeeded", ""));
    let late = refusal(
        400,
        "BadRequest",
        "admission webhook denied the request: Once the PipelineRun is complete, no updates are allowed: spec",
    );
    let (agent, _) = agent([running, late, ended]);
    let build = stop_build(&agent).await.unwrap();
    assert_eq!(build.phase(), BuildPhase::Failed, "without a digest");
}

#[tokio::test]
async fn a_build_that_was_never_there_is_gone() {
    let (agent, _) = agent([refusal(404, "NotFound", "not found"), refusal(404, "NotFound", "")]);
    assert_eq!(stop_build(&agent).await.unwrap().phase(), BuildPhase::Gone);
    let build = agent.get_build(Request::new(get())).await.unwrap().into_inner().build.unwrap();
    assert_eq!(build.phase(), BuildPhase::Gone);
}

#[tokio::test]
async fn the_callback_token_comes_back_in_no_error_and_no_reason() {
    let key: paas_proto::callback::CallbackKey = "07".repeat(32).parse().unwrap();
    let token = key.token(DEPLOY);
    let quote = format!("invalid value: callback-token={token}");
    let failed = run(json!({}), condition("False", "ParameterMissing", &quote));
    let (agent, _) = agent([refusal(422, "Invalid", &quote), failed]);
    let error = start_build(&agent, start()).await.unwrap_err();
    assert!(!format!("{error:?}").contains(&token), "{error:?}");
    let build = agent.get_build(Request::new(get())).await.unwrap().into_inner().build.unwrap();
    assert!(!build.reason.contains(&token), "{}", build.reason);
}

#[tokio::test]
async fn a_cluster_without_tekton_is_told_apart_from_a_busy_one() {
    let (agent, _) = agent([
        refusal(404, "NotFound", "the server could not find the requested resource"),
        refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
        refusal(403, "Forbidden", "pipelineruns.tekton.dev is forbidden: cannot create resource"),
    ]);
    for code in [Code::FailedPrecondition, Code::Unavailable, Code::PermissionDenied] {
        assert_eq!(start_build(&agent, start()).await.unwrap_err().code(), code);
    }
}
