//! Recorded requests get the recorded answers.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, answer, quick},
    recorded::{self, comparable, exchange},
};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/paas-apps/deployments";
const RUNS: &str = "/apis/tekton.dev/v1/namespaces/paas-apps/pipelineruns";

/// Sends a recorded request; the answer has to be the recorded one.
async fn assert_answer(cluster: &Cluster, name: &str) {
    let exchange = exchange(name);
    let (status, body) = answer(cluster.send(&exchange).await).await;
    assert_eq!(status, exchange.status, "{name}: {body}");
    let expected: Value = serde_json::from_str(&exchange.answer).unwrap();
    assert_eq!(comparable(&body), comparable(&expected), "{name}");
}

/// Whether the recording of refusals, which lost its spaces, has this message.
fn is_recorded(message: &Value) -> bool {
    let squeezed: String = message.to_string().chars().filter(|c| *c != ' ').collect();
    recorded::text("apiserver/errors-and-rbac.txt").contains(squeezed.trim_matches('"'))
}

#[tokio::test]
async fn objects_are_created_read_and_refused_as_recorded() {
    let cluster = Cluster::start(&["default"]);
    assert_answer(&cluster, "namespace-create").await;
    assert_answer(&cluster, "deployment-get-missing").await;
    assert_answer(&cluster, "deployment-apply-create").await;
    let is_live = |d: &Value| d["status"]["conditions"][1]["reason"] == "NewReplicaSetAvailable";
    cluster.until(DEPLOYMENTS, is_live).await;
    assert_answer(&cluster, "deployment-get").await;
    assert_answer(&cluster, "deployment-apply-stale-resource-version").await;
    assert_answer(&cluster, "service-apply-create").await;
    assert_answer(&cluster, "ingress-apply-create").await;
}

#[tokio::test]
async fn runs_are_created_and_refused_as_recorded() {
    let cluster = Cluster::start(&["paas-apps"]);
    let pipeline = exchange("pipeline-create");
    assert_eq!(cluster.send(&pipeline).await.status(), pipeline.status);
    assert_answer(&cluster, "pipelinerun-create").await;
    assert_answer(&cluster, "pipelinerun-create-again").await;
    let unknown = cluster.send(&exchange("pipelinerun-create-unknown-field")).await;
    assert_eq!(unknown.headers()["warning"], "299 - \"unknown field \\\"spec.bogus\\\"\"");

    cluster.until(RUNS, |run| run["status"]["completionTime"].is_string()).await;
    let (_, mut run) = cluster.get(&format!("{RUNS}/d-0190f3c2")).await;
    let mut expected: Value = serde_json::from_str(&exchange("pipelinerun-get").answer).unwrap();
    for run in [&mut run, &mut expected] {
        // Left aside: Tekton writes empty fields into an embedded task.
        run["status"]["pipelineSpec"]["tasks"] = Value::Null;
        // The order of owners whose times are the same.
        run["metadata"]["managedFields"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(|owner| owner["fieldsV1"].to_string());
    }
    assert_eq!(comparable(&run), comparable(&expected));
}

#[tokio::test]
async fn an_access_review_says_what_is_allowed() {
    let cluster = Cluster::start(&["paas-apps"]);
    let review = exchange("selfsubjectaccessreview");
    let (status, body) = answer(cluster.send(&review).await).await;
    let expected: Value = serde_json::from_str(&review.answer).unwrap();
    assert_eq!(
        (status, &body["spec"], &body["status"]),
        (201, &expected["spec"], &expected["status"])
    );
}

#[tokio::test]
async fn a_strict_patch_with_an_unknown_field_is_refused() {
    let cluster = Cluster::start(&["paas-apps"]);
    cluster.send(&exchange("deployment-apply-create")).await;
    let strict = exchange("deployment-unknown-field-strict");
    let (status, body) = answer(cluster.send(&strict).await).await;
    let expected: Value = serde_json::from_str(&strict.answer).unwrap();
    assert_eq!(status, strict.status);
    for path in ["/reason", "/code", "/details/causes/0/reason", "/details/causes/0/field"] {
        assert_eq!(body.pointer(path), expected.pointer(path), "{path}");
    }
    let (head, tail) = (
        " \"\" is invalid: patch: Invalid value: ",
        ": strict decoding error: unknown field \"spec.bogus\"",
    );
    for body in [body, expected] {
        let message = body["message"].as_str().unwrap();
        assert!(message.starts_with(head) && message.ends_with(tail), "{message}");
    }
}

#[tokio::test]
async fn a_strict_create_with_an_unknown_field_is_a_bad_request() {
    let cluster = Cluster::start(&["paas-apps"]);
    let body =
        json!({"metadata": {"name": "x"}, "spec": {"pipelineRef": {"name": "ci"}, "bogus": 1}});
    let (status, body) = cluster.post(&format!("{RUNS}?fieldValidation=Strict"), &body).await;
    assert_eq!((status, &body["reason"]), (400, &json!("BadRequest")));
    let expected = "PipelineRun in version \"v1\" cannot be handled as a PipelineRun: strict decoding \
                    error: unknown field \"spec.bogus\"";
    assert_eq!(body["message"], expected);
}

#[tokio::test]
async fn refusals_are_worded_as_recorded() {
    let mut options = quick(&["demo"]);
    options.user = "system:serviceaccount:demo:deployer".to_owned();
    let cluster = Cluster::with(options);
    let refuse = json!({"refuse": [
        {"verb": "create", "resource": "deployments"}, {"verb": "delete", "resource": "*"},
        {"verb": "list", "resource": "deployments", "namespace": ""},
    ]});
    cluster.standin.switch(|switches| *switches = serde_json::from_value(refuse).unwrap());
    let web = "/apis/apps/v1/namespaces/demo/deployments/web";
    let apply = format!("{web}?fieldManager=d");
    let body = json!({"metadata": {"name": "web"}, "spec": {}});
    let delete = cluster.request(Method::DELETE, web).send().await.unwrap();
    let stranger = cluster.client.get(format!("{}/api/v1/pods", cluster.standin.url()));
    let stranger = stranger.bearer_auth("guessed").send().await.unwrap();
    let runs = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";
    for (expected, (status, answer)) in [
        (403, cluster.apply(&apply, &body).await),
        (422, cluster.apply(web, &body).await),
        (403, answer(delete).await),
        (403, cluster.get("/apis/apps/v1/deployments").await),
        (401, answer(stranger).await),
        (400, cluster.post(runs, &json!({"metadata": {"name": "r"}, "spec": {}})).await),
    ] {
        assert_eq!(status, expected, "{answer}");
        assert_eq!(answer["code"], expected);
        assert!(is_recorded(&answer["message"]), "{}", answer["message"]);
    }
}

#[tokio::test]
async fn a_run_that_has_ended_takes_no_more_edits() {
    let cluster = Cluster::start(&["demo"]);
    let runs = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";
    let body = json!({"metadata": {"name": "r"}, "spec": {"pipelineRef": {"name": "nosuch"}}});
    cluster.post(runs, &body).await;
    cluster.until(runs, |run| run["status"]["completionTime"].is_string()).await;
    let cancel = json!({"spec": {"status": "Cancelled"}});
    let (status, body) = cluster.merge(&format!("{runs}/r"), &cancel).await;
    assert_eq!(status, 400);
    assert!(is_recorded(&body["message"]), "{body}");
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_has_expired() {
    let cluster = Cluster::with(cluster_standin::Options { history: 1, ..quick(&["paas-apps"]) });
    cluster.send(&exchange("deployment-apply-create")).await;
    let expired = exchange("deployment-watch-expired");
    let mut events = cluster.watch(&expired.path).await;
    let (kind, status) = events.next().await.unwrap();
    let (_, expected) = recorded::watch("deployment-watch-expired").remove(0);
    assert_eq!(
        (kind.as_str(), &status["code"], &status["reason"]),
        ("ERROR", &expected["code"], &expected["reason"])
    );
    assert!(status["message"].as_str().unwrap().starts_with("too old resource version: 1 ("));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_watch_begins_with_the_present_and_marks_its_end() {
    let cluster = Cluster::start(&["paas-apps"]);
    cluster.send(&exchange("deployment-apply-create")).await;
    let initial = exchange("deployment-watch-initial-events");
    let mut events = cluster.watch(&initial.path).await;
    let recording = recorded::watch("deployment-watch-initial-events");
    assert_eq!(events.next().await.unwrap().0, recording[0].0);
    let (kind, bookmark) = events.next().await.unwrap();
    assert_eq!((&kind, comparable(&bookmark)), (&recording[1].0, comparable(&recording[1].1)));
}

#[tokio::test]
async fn a_watch_ends_in_time_with_a_bookmark() {
    let every = Duration::from_mins(1);
    let cluster =
        Cluster::with(cluster_standin::Options { bookmark_every: every, ..quick(&["a"]) });
    let path =
        "/apis/apps/v1/namespaces/a/deployments?watch=1&allowWatchBookmarks=true&timeoutSeconds=1";
    let mut events = cluster.watch(path).await;
    assert_eq!(events.next().await.unwrap().0, "BOOKMARK");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let cluster = Cluster::start(&["a", "b", "c"]);
    let mut names = Vec::new();
    let mut from = String::new();
    loop {
        let (_, page) = cluster.get(&format!("/api/v1/namespaces?limit=2&continue={from}")).await;
        let items = page["items"].as_array().unwrap();
        names
            .extend(items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()));
        match page["metadata"]["continue"].as_str() {
            Some(token) => token.clone_into(&mut from),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "tekton-pipelines"]);
}

#[tokio::test]
async fn the_log_of_a_step_says_that_nothing_ran() {
    let cluster = Cluster::start(&["demo"]);
    cluster.create_pipeline("demo").await;
    let runs = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";
    let params = json!([{"name": "image", "value": "x"}]);
    let spec = json!({"pipelineRef": {"name": "ci"}, "params": params});
    cluster.post(runs, &json!({"metadata": {"name": "r"}, "spec": spec})).await;
    cluster.until(runs, |run| run["status"]["completionTime"].is_string()).await;
    let selector = "labelSelector=tekton.dev%2FpipelineRun%3Dr";
    let (_, pods) = cluster.get(&format!("/api/v1/namespaces/demo/pods?{selector}")).await;
    let pod = &pods["items"][0];
    assert_eq!(
        (&pod["metadata"]["name"], &pod["status"]["phase"]),
        (&json!("r-build-pod"), &json!("Succeeded"))
    );
    let log = "/api/v1/namespaces/demo/pods/r-build-pod/log?container=step-build";
    let text = cluster.request(Method::GET, log).send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("[stand-in]"), "{text}");
}
