//! Logs of builds and apps through the agent: live, complete, and gone on with behind any line; and an app's end.

pub(crate) mod alone;

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use paas_proto::{
    cluster::{BuildPhase, LogsRequest, LogsResponse, RemoveRequest, StopBuildRequest},
    ids,
};
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;
use tonic::{Code, Status};
use uuid::Uuid;

use alone::{APP, Alone, DEPLOY, PATIENCE, app, of_app, of_build, writing};

const STEPS: [&str; 4] = ["build/build", "build/push", "call-back/call-back", "clone/clone"];

/// The texts of each origin, in order.
fn by_origin(lines: &[LogsResponse]) -> BTreeMap<&str, Vec<&str>> {
    lines.iter().fold(BTreeMap::new(), |mut all, line| {
        all.entry(line.origin.as_str()).or_insert_with(Vec::new).push(line.text.as_str());
        all
    })
}

fn texts(lines: &[LogsResponse]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.origin.as_str(), line.text.as_str())).collect()
}

fn times(lines: &[LogsResponse]) -> Vec<(i64, i32)> {
    let at = |line: &LogsResponse| line.at.map(|at| (at.seconds, at.nanos));
    lines.iter().filter_map(at).collect()
}

async fn next(
    lines: &mut (impl futures_util::Stream<Item = Result<LogsResponse, Status>> + Unpin),
) -> LogsResponse {
    timeout(PATIENCE, lines.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_build_is_followed_live_and_to_its_end() {
    let logs = json!({ "lines": 20, "per_second": 100, "start_ms": 100 });
    let mut alone = Alone::start(writing(2000, &logs)).await;
    alone.build().await;
    let mut live = alone.open(LogsRequest { follow: true, ..of_build() }).await;
    let mut followed = vec![next(&mut live).await];
    assert_eq!(alone.phase().await, BuildPhase::Running, "the first line comes before the end");
    let rest: Vec<_> = timeout(PATIENCE, live.collect()).await.unwrap();
    followed.extend(rest.into_iter().map(Result::unwrap));
    alone.built().await;

    let read = alone.read(of_build()).await.unwrap();
    assert_eq!(by_origin(&followed), by_origin(&read));
    assert_eq!(by_origin(&read).into_keys().collect::<Vec<_>>(), STEPS);
    assert!(times(&read).is_sorted() && times(&read).len() == read.len());
    assert_eq!(read[0].origin, "clone/clone", "in the order in which the tasks ran");
    assert!(read.len() > 4 * 20, "{}", read.len());
}

#[tokio::test]
async fn reading_goes_on_behind_any_line() {
    let mut alone = Alone::start(writing(600, &json!({ "lines": 10, "per_second": 20 }))).await;
    alone.build().await;
    alone.built().await;
    let all = alone.read(of_build()).await.unwrap();
    for (index, line) in all.iter().enumerate() {
        let request = LogsRequest { cursor: line.cursor.clone(), ..of_build() };
        let rest = alone.read(request).await.unwrap();
        assert_eq!(texts(&rest), texts(&all[index + 1..]), "behind line {index}");
    }
    let mut request = LogsRequest { follow: true, ..of_build() };
    request.cursor.clone_from(&all[all.len() / 2].cursor);
    let rest = alone.read(request).await.unwrap();
    assert_eq!(texts(&rest), texts(&all[all.len() / 2 + 1..]), "followed, it ends as well");
}

#[tokio::test]
async fn a_caller_that_went_in_the_middle_of_a_build_comes_back_without_loss() {
    let mut alone = Alone::start(writing(3000, &json!({ "lines": 30, "per_second": 100 }))).await;
    alone.build().await;
    let mut followed: Vec<LogsResponse> = Vec::new();
    loop {
        let cursor = followed.last().map_or(String::new(), |line| line.cursor.clone());
        let mut live = alone.open(LogsRequest { follow: true, cursor, ..of_build() }).await;
        let before = followed.len();
        while followed.len() < before + 50
            && let Some(line) = timeout(PATIENCE, live.next()).await.unwrap()
        {
            followed.push(line.unwrap());
        }
        if followed.len() < before + 50 {
            break;
        }
    }
    let read = alone.read(of_build()).await.unwrap();
    assert_eq!(by_origin(&followed), by_origin(&read));
}

#[tokio::test]
async fn streams_that_break_cost_no_line_and_double_none() {
    // More than are written in any one second: reading anew begins with the second.
    let logs = json!({ "lines": 50, "per_second": 50, "break_after": 110 });
    let mut alone = Alone::start(writing(8000, &logs)).await;
    alone.build().await;
    let followed = alone.read(LogsRequest { follow: true, ..of_build() }).await.unwrap();
    let broken = alone.read(of_build()).await.unwrap();
    alone.switch(json!({ "logs": { "break_after": null } })).await;
    let read = alone.read(of_build()).await.unwrap();
    assert_eq!(by_origin(&followed), by_origin(&read));
    assert_eq!(texts(&broken), texts(&read));
    let longest = by_origin(&read).into_values().map(|texts| texts.len()).max();
    assert!(longest > Some(110), "no stream broke: {longest:?}");
}

#[tokio::test]
async fn an_app_is_followed_over_broken_streams_and_a_rollout() {
    let mut alone = Alone::start(writing(100, &json!({ "per_second": 50 }))).await;
    alone.roll_out(1).await;
    let mut live = alone.open(LogsRequest { follow: true, ..of_app() }).await;
    let first = next(&mut live).await;
    let mut lines = vec![first.clone()];
    for _ in 0..3 {
        alone.break_logs().await;
        for _ in 0..20 {
            lines.push(next(&mut live).await);
        }
    }
    alone.roll_out(2).await;
    while lines.iter().filter(|line| line.origin != first.origin).count() < 60 {
        lines.push(next(&mut live).await);
    }
    for (pod, texts) in by_origin(&lines) {
        assert!(texts[0].starts_with("[stand-in]"), "{pod} from its beginning: {texts:?}");
        let ticks: Vec<_> = texts[2..].iter().map(|text| (*text).to_owned()).collect();
        let expected: Vec<_> = (1..=ticks.len()).map(|number| format!("tick {number}")).collect();
        assert_eq!(ticks, expected, "{pod}");
    }
    let old = lines.iter().rposition(|line| line.origin == first.origin).unwrap();
    assert!(old < lines.len() - 20, "the old pod has ended");
    let cursor = &lines.last().unwrap().cursor;
    assert_eq!(cursor.split('.').count(), 2, "what is gone is forgotten: {cursor}");
}

#[tokio::test]
async fn a_tail_is_the_last_lines_of_each_and_leads_back_to_nothing_older() {
    let mut alone = Alone::start(writing(400, &json!({ "lines": 10 }))).await;
    alone.build().await;
    alone.built().await;
    let tail = alone.read(LogsRequest { tail: 2, ..of_build() }).await.unwrap();
    for (step, texts) in by_origin(&tail) {
        assert_eq!(texts, ["line 10 of 10", "[stand-in] the step is done"], "{step}");
    }
    assert_eq!(by_origin(&tail).len(), STEPS.len());
    assert!(times(&tail).is_sorted());
    let request = LogsRequest { cursor: tail[0].cursor.clone(), ..of_build() };
    assert_eq!(texts(&alone.read(request).await.unwrap()), texts(&tail[1..]));
}

#[tokio::test]
async fn the_log_of_a_cancelled_build_ends_with_its_pods() {
    let logs = json!({ "per_second": 50 });
    let mut alone = Alone::start(json!({ "all": { "build": "hang" }, "logs": logs })).await;
    alone.build().await;
    let mut live = alone.open(LogsRequest { follow: true, ..of_build() }).await;
    let first = next(&mut live).await;
    assert!(first.text.starts_with("[stand-in]"), "{first:?}");
    let (run_name, deploy_id) = (ids::run_name(DEPLOY), DEPLOY.to_string());
    alone.client.stop_build(StopBuildRequest { run_name, deploy_id }).await.unwrap();
    let rest: Vec<_> = timeout(PATIENCE, live.collect()).await.unwrap();
    assert!(rest.iter().all(Result::is_ok), "{rest:?}");
    assert_eq!(alone.read(of_build()).await.unwrap(), [], "its pods are gone");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_not_passed_over() {
    let mut alone = Alone::start(writing(100, &json!({ "unreachable": true }))).await;
    alone.build().await;
    alone.built().await;
    let error = alone.read(of_build()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("no preferred addresses found"), "{error}");
    let refuse = json!([{ "verb": "get", "resource": "pods/log" }]);
    alone.switch(json!({ "logs": { "unreachable": false }, "refuse": refuse })).await;
    let error = alone.read(LogsRequest { follow: true, ..of_build() }).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    alone.switch(json!({ "refuse": [] })).await;
    assert_eq!(by_origin(&alone.read(of_build()).await.unwrap()).len(), STEPS.len());
}

#[tokio::test]
async fn nobody_reads_the_build_of_another_deploy_and_a_build_that_is_not_there_says_nothing() {
    let mut alone = Alone::start(writing(100, &json!({}))).await;
    assert_eq!(alone.read(LogsRequest { follow: true, ..of_build() }).await.unwrap(), []);
    alone.build().await;
    let mut other = of_build();
    if let Some(paas_proto::cluster::logs_request::Of::Build(build)) = &mut other.of {
        build.deploy_id = Uuid::from_u128(8).to_string();
    }
    let error = alone.client.logs(other).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    let garbage = LogsRequest { cursor: "garbage".to_owned(), ..of_build() };
    let error = alone.client.logs(garbage).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_app_is_taken_away_with_all_it_had_and_once_more_without_harm() {
    let mut alone = Alone::start(json!({})).await;
    alone.roll_out(1).await;
    let places = [
        "/apis/apps/v1/namespaces/paas-apps/deployments/web",
        "/api/v1/namespaces/paas-apps/services/web",
        "/apis/networking.k8s.io/v1/namespaces/paas-apps/ingresses/web",
    ];
    let another = paas_proto::cluster::App { app_id: Uuid::from_u128(2).to_string(), ..app() };
    alone.client.remove(RemoveRequest { app: Some(another) }).await.unwrap();
    for place in places {
        assert_eq!(alone.cluster(Method::GET, place).await.0, 200, "{place} is not that app's");
    }
    for _ in 0..2 {
        alone.client.remove(RemoveRequest { app: Some(app()) }).await.unwrap();
        for place in places {
            assert_eq!(alone.cluster(Method::GET, place).await.0, 404, "{place}");
        }
    }
    let pods = format!("/api/v1/namespaces/paas-apps/pods?labelSelector=paas.dev%2Fapp-id%3D{APP}");
    assert_eq!(alone.cluster(Method::GET, &pods).await.1["items"], json!([]));
}
