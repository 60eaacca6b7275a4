//! The clone credential: where it stands, and where it never does.

use cluster_agent::Agent;
use paas_proto::cluster::cluster_server::Cluster as _;
use paas_proto::cluster::{Build, BuildPhase, CloneCredential, StartBuildRequest};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::fake::{agent, refusal};
use crate::orders::{APP, DEPLOY, get, run_name, start};

const PASSWORD: &str = "gho_canary";

fn private() -> StartBuildRequest {
    let (username, password) = ("x-access-token".to_owned(), PASSWORD.to_owned());
    StartBuildRequest { clone_credential: Some(CloneCredential { username, password }), ..start() }
}

fn run(mounts: bool, status: &str) -> (u16, Value) {
    let secret = json!({ "name": "git-credentials", "secret": { "secretName": run_name() } });
    let workspaces = if mounts { json!([secret]) } else { json!([]) };
    let body = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {
            "name": run_name(), "uid": "u-1",
            "labels": {
                "paas.dev/app-id": APP, "paas.dev/deploy-id": DEPLOY, "tekton.dev/pipeline": "x"
            }
        },
        "spec": { "workspaces": workspaces },
        "status": { "conditions": [
            { "type": "Succeeded", "status": status, "reason": "R", "message": format!("m {PASSWORD}") }
        ] }
    });
    (200, body)
}

fn exists() -> (u16, Value) {
    refusal(409, "AlreadyExists", "it already exists")
}

fn kept() -> (u16, Value) {
    (200, json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": run_name() } }))
}

async fn start_build(agent: &Agent, request: StartBuildRequest) -> Result<Build, Status> {
    Ok(agent.start_build(Request::new(request)).await?.into_inner().build.unwrap())
}

const CREATE: &str = "POST /api/v1/namespaces/paas-builds/secrets?&fieldManager=paas-deployer";

fn delete() -> String {
    format!("DELETE /api/v1/namespaces/paas-builds/secrets/{}?", run_name())
}

#[tokio::test]
async fn the_run_is_made_first_and_then_the_secret_that_it_owns_and_mounts() {
    let (agent, requests) = agent([run(true, "Unknown"), kept()]);
    let build = start_build(&agent, private()).await.unwrap();
    assert_eq!(build.phase(), BuildPhase::Running);
    assert_eq!(requests.lines()[1], CREATE);
    let order = requests.body(0);
    let mount = json!({ "name": "git-credentials", "secret": { "secretName": run_name() } });
    assert_eq!(order["spec"]["workspaces"][1], mount);
    assert!(!order.to_string().contains(PASSWORD), "{order}");
    let secret = requests.body(1);
    let owner = json!([{
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": run_name(), "uid": "u-1"
    }]);
    assert_eq!(secret["metadata"]["ownerReferences"], owner);
    let labels = json!({ "paas.dev/app-id": APP, "paas.dev/deploy-id": DEPLOY });
    assert_eq!(secret["metadata"]["labels"], labels);
    assert_eq!(secret["type"], "kubernetes.io/basic-auth");
    let keys: Vec<_> = secret["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, [".git-credentials", ".gitconfig", "password", "username"]);
}

#[tokio::test]
async fn a_run_without_its_secret_gets_it_from_the_next_call() {
    let (agent, requests) = agent([exists(), run(true, "Unknown"), kept()]);
    start_build(&agent, private()).await.unwrap();
    assert_eq!(requests.lines()[2], CREATE);
}

#[tokio::test]
async fn what_an_earlier_call_was_given_is_replaced_for_it_may_have_run_out() {
    let (agent, requests) = agent([exists(), run(true, "Unknown"), exists(), kept(), kept()]);
    start_build(&agent, private()).await.unwrap();
    assert_eq!(requests.lines()[2..], [CREATE.to_owned(), delete(), CREATE.to_owned()]);
}

#[tokio::test]
async fn a_run_that_waits_for_a_credential_that_is_no_more_gets_an_empty_one_and_never_over_a_good_one()
 {
    let (agent, requests) = agent([exists(), run(true, "Unknown"), exists()]);
    start_build(&agent, start()).await.unwrap();
    assert_eq!(requests.lines()[2], CREATE);
    assert_eq!(requests.body(2)["data"], json!({ ".git-credentials": "" }));
}

#[tokio::test]
async fn a_run_that_mounts_none_gets_none() {
    let (agent, requests) = agent([exists(), run(false, "Unknown")]);
    start_build(&agent, private()).await.unwrap();
    assert_eq!(requests.lines().len(), 2);
}

#[tokio::test]
async fn when_the_run_has_ended_its_credential_goes() {
    let gone = refusal(404, "NotFound", "secrets not found");
    for answer in [kept(), gone, refusal(403, "Forbidden", "cannot delete")] {
        let (agent, requests) = agent([run(true, "True"), answer]);
        let build = agent.get_build(Request::new(get())).await.unwrap().into_inner().build.unwrap();
        assert_eq!(build.phase(), BuildPhase::Failed, "without a digest");
        assert_eq!(requests.lines()[1], delete());
    }
}

#[tokio::test]
async fn the_password_comes_back_in_no_error_and_no_reason() {
    // A webhook that quotes what it refuses, in plain and as the API has it.
    let quote = format!("denied: {PASSWORD} Z2hvX2NhbmFyeQ==");
    for code in [403, 500] {
        let (agent, _) = agent([run(true, "Unknown"), refusal(code, "x", &quote)]);
        let error = start_build(&agent, private()).await.unwrap_err();
        assert!(matches!(error.code(), Code::PermissionDenied | Code::Unavailable), "{error}");
        let shown = format!("{error:?}");
        assert!(!shown.contains(PASSWORD) && !shown.contains("Z2hvX2Nh"), "{shown}");
    }
    let (agent, _) = agent([run(true, "Unknown"), kept()]);
    let build = start_build(&agent, private()).await.unwrap();
    assert_eq!(build.reason, "R: m [redacted]");
}

#[tokio::test]
async fn a_run_whose_secret_is_refused_for_good_is_stopped() {
    let refused = refusal(422, "Invalid", "no such thing");
    let running = || run(true, "Unknown");
    let (agent, requests) = agent([running(), refused, running(), running()]);
    let error = start_build(&agent, private()).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(requests.body(3), json!({ "spec": { "status": "Cancelled" } }));
}
