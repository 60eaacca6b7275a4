//! What the switches make of a cluster, and what leaves it when a run ends.

use std::time::{Duration, Instant};

use cluster_standin::{
    Options,
    switches::{Course, FailNext, Outcome},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

use crate::{
    cluster::{Cluster, PATIENCE, answer, quick},
    recorded,
};

const RUNS: &str = "/apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns";

/// A server that hears requests and answers them with these statuses, one after the other.
struct Receiver {
    listener: TcpListener,
}

impl Receiver {
    async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn url(&self) -> String {
        format!("http://{}/report", self.listener.local_addr().unwrap())
    }

    /// Hears one request as it comes over the wire.
    async fn hear(&self, status: &str) -> String {
        let heard = async {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !is_whole(&text) {
                let count = stream.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            text
        };
        timeout(PATIENCE, heard).await.unwrap()
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    length.is_some_and(|length| body.len() >= length.parse::<usize>().unwrap())
}

async fn create_run(cluster: &Cluster, app: &str, commit: &str, callback: &str) {
    let params = [
        ("repo-url", "file:///repo"),
        ("commit-sha", commit),
        ("image", "i"),
        ("callback-url", callback),
        ("callback-token", "t0ken"),
    ];
    let params = params.map(|(name, value)| json!({"name": name, "value": value}));
    let spec = json!({"pipelineRef": {"name": "paas-build"}, "params": params});
    let metadata = json!({"name": format!("{app}-{commit}"), "labels": {"paas-app": app}});
    assert_eq!(cluster.post(RUNS, &json!({"metadata": metadata, "spec": spec})).await.0, 201);
}

async fn ended(cluster: &Cluster, name: &str) -> Value {
    let is_it = |run: &Value| {
        run["metadata"]["name"] == name && run["status"]["completionTime"].is_string()
    };
    cluster.until(RUNS, is_it).await
}

fn reason(run: &Value) -> &str {
    run["status"]["conditions"][0]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_run_that_ends_calls_back_until_it_is_heard() {
    let (cluster, receiver) = (Cluster::start(&["paas-builds"]), Receiver::start().await);
    create_run(&cluster, "web", "aaaa", &receiver.url()).await;
    receiver.hear("503 Service Unavailable").await;
    let heard = receiver.hear("202 Accepted").await;
    assert!(heard.starts_with("POST /report HTTP/1.1"), "{heard}");
    assert!(heard.contains("x-paas-callback-token: t0ken"), "{heard}");
}

#[tokio::test]
async fn events_go_to_the_sink_as_they_were_recorded() {
    let receiver = Receiver::start().await;
    let sink = receiver.url().replace("http://", "http://tekton:s3cret@");
    let cluster =
        Cluster::with(Options { cloud_events_sink: Some(sink), ..quick(&["paas-builds"]) });
    create_run(&cluster, "web", "aaaa", "http://127.0.0.1:1").await;
    receiver.hear("503 Service Unavailable").await;
    let heard = receiver.hear("202 Accepted").await;

    let recording = recorded::text("cloudevents/successful.txt");
    let (recorded_head, recorded_body) = recording.split_once("\r\n\r\n").unwrap();
    let (headers, body) = heard.split_once("\r\n\r\n").unwrap();
    let headers = headers.to_lowercase();
    for line in recorded_head.lines().filter(|line| line.starts_with("Ce-")) {
        let (name, _) = line.split_once(':').unwrap();
        assert!(headers.contains(&format!("{}: ", name.to_lowercase())), "{name} in {headers}");
    }
    assert!(headers.contains("ce-type: dev.tekton.event.pipelinerun.successful.v1"));
    assert!(headers.contains("authorization: basic dgvrdg9uonmzy3jlda=="), "{headers}");
    let keys = |body: &str, pointer: &str| -> Vec<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        body.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    for pointer in ["", "/pipelineRun", "/pipelineRun/spec", "/pipelineRun/status"] {
        assert_eq!(keys(body, pointer), keys(recorded_body, pointer), "{pointer}");
    }
}

#[tokio::test]
async fn an_app_or_a_commit_goes_its_own_course() {
    let cluster = Cluster::start(&["paas-builds"]);
    let switches = json!({
        "callbacks": false,
        "apps": {"bad": {"build": "fail"}, "odd": {"missing_digest": true}},
        "commits": {"bbbb": {"build": "fail"}},
    });
    let url = format!("{}/standin/switches", cluster.standin.url());
    let set = cluster.client.put(&url).json(&switches).send().await.unwrap();
    assert_eq!(set.status(), 200);
    for (app, commit, expected) in [
        ("good", "aaaa", "Succeeded"),
        ("good", "bbbb", "Failed"),
        ("bad", "aaaa", "Failed"),
        ("odd", "aaaa", "Succeeded"),
    ] {
        create_run(&cluster, app, commit, "http://127.0.0.1:1").await;
        let run = ended(&cluster, &format!("{app}-{commit}")).await;
        assert_eq!(reason(&run), expected, "{app} {commit}");
        let digest = run["status"]["results"][0]["value"].as_str();
        assert_eq!(digest.is_none(), app == "odd");
    }
}

#[tokio::test]
async fn the_image_of_a_commit_fails_to_roll_out_and_the_last_one_comes_back() {
    let cluster = Cluster::start(&["paas-builds"]);
    cluster.standin.switch(|switches| {
        switches.callbacks = false;
        let course = Course { rollout: Some(Outcome::Fail), ..Course::default() };
        switches.commits.insert("bbbb".to_owned(), course);
    });
    let path = "/apis/apps/v1/namespaces/paas-builds/deployments";
    for (commit, expected) in [
        ("aaaa", "NewReplicaSetAvailable"),
        ("bbbb", "ProgressDeadlineExceeded"),
        ("aaaa", "NewReplicaSetAvailable"),
    ] {
        let name = format!("web-{commit}");
        if cluster.standin.object("pipelineruns", "paas-builds", &name).is_none() {
            create_run(&cluster, "web", commit, "http://127.0.0.1:1").await;
        }
        let run = ended(&cluster, &name).await;
        let digest = run["status"]["results"][0]["value"].as_str().unwrap();
        let labels = json!({"paas-app": "web"});
        let image = format!("registry/t/web@{digest}");
        let body = json!({"metadata": {"name": "web", "labels": labels}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}},
        }});
        let (_, applied) = cluster.apply(&format!("{path}/web?fieldManager=d"), &body).await;
        let generation = applied["metadata"]["generation"].clone();
        let is_over = |d: &Value| {
            d["status"]["observedGeneration"] == generation
                && d["status"]["conditions"][1]["reason"] == expected
        };
        cluster.until(path, is_over).await;
    }
}

#[tokio::test]
async fn the_next_requests_fail_and_then_no_more() {
    let cluster = Cluster::start(&["default"]);
    cluster.standin.switch(|switches| switches.fail_next = FailNext { count: 2, status: 500 });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(cluster.get("/api/v1/namespaces").await.0);
    }
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn slow_answers_take_their_time() {
    let cluster = Cluster::start(&["default"]);
    cluster.standin.switch(|switches| switches.slow_ms = 50);
    let begun = Instant::now();
    cluster.get("/api/v1/namespaces").await;
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_broken_watch_breaks_in_mid_chunk() {
    let cluster = Cluster::start(&["default"]);
    let mut events = cluster.watch("/api/v1/namespaces?watch=1").await;
    // The one that was asked for, and Tekton's.
    for _ in 0..2 {
        events.next().await.unwrap();
    }
    let url = format!("{}/standin/break-watches", cluster.standin.url());
    cluster.client.post(url).send().await.unwrap();
    assert!(events.try_next().await.is_err());
}

#[tokio::test]
async fn switches_are_patched_and_unknown_ones_refused() {
    let cluster = Cluster::start(&["default"]);
    let url = format!("{}/standin/switches", cluster.standin.url());
    let patch = |body: Value| cluster.client.patch(&url).json(&body).send();
    let (status, switches) = answer(patch(json!({"all": {"build": "hang"}})).await.unwrap()).await;
    assert_eq!(
        (status, &switches["all"]["build"], &switches["callbacks"]),
        (200, &json!("hang"), &json!(true))
    );
    assert_eq!(patch(json!({"al": {}})).await.unwrap().status(), 400);
}

#[tokio::test]
async fn what_rbac_refuses_a_review_denies() {
    let cluster = Cluster::start(&["paas-apps"]);
    let refuse = json!({"refuse": [{"verb": "patch", "resource": "deployments"}]});
    cluster.standin.switch(|switches| *switches = serde_json::from_value(refuse).unwrap());
    let review = recorded::exchange("selfsubjectaccessreview");
    let (_, body) = answer(cluster.send(&review).await).await;
    assert_eq!(body["status"]["allowed"], false);
    let exists = cluster.request(Method::GET, "/standin/audit").send().await.unwrap();
    assert_eq!(exists.status(), 200);
}
