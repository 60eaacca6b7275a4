//! What people run by hand: `rebuild`, `doctor` and `migrate`, and what `serve` says to a schema that it does not know.

use e2e::{
    harness::{self, Options, Platform},
    process::Spec,
    roles::Wiring,
    stack::create_database,
};
use paas_proto::streams::Prefix;
use serde_json::json;
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

/// A migration that this version does not know.
const FROM_THE_FUTURE: &str =
    "insert into refinery_schema_history (version, name, applied_on, checksum)
         values (9999, 'from_the_future', '2030-01-01T00:00:00Z', '1')";

/// Runs `deployer-svc` with these arguments; whether it ended well, and what it said.
pub(crate) async fn run(wiring: &Wiring, arguments: &[&str]) -> (bool, String) {
    let name = format!("command-{}", Uuid::new_v4().simple());
    let settings = wiring.deployer(&name, "127.0.0.1:0").unwrap();
    let spec = Spec { args: Vec::new(), ..settings }.args(arguments.to_vec());
    let done = spec.run(PATIENCE).await;
    (done.is_ok(), std::fs::read_to_string(&spec.log).unwrap())
}

/// Two apps, each live.
async fn two_apps(platform: &Platform) -> [Uuid; 2] {
    let mut apps = [Uuid::nil(); 2];
    for (app, name) in apps.iter_mut().zip(["one", "two"]) {
        let linked = platform.app(name).await.unwrap();
        let id = platform.accepted(&linked, &linked.push()).await.unwrap();
        platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        aftermath::is_in_order(platform, &[id]).await;
        *app = linked.id;
    }
    apps
}

#[tokio::test]
async fn rebuild_finds_a_state_that_is_not_what_its_log_folds_to_and_mends_it() {
    let platform = Platform::start().await.unwrap();
    let [good, bad] = two_apps(&platform).await;
    let wiring = platform.wiring();
    let says = |said: &str, app: Uuid, what: &str| {
        assert!(said.contains(&format!("{app} {what}\n")), "{what}: {said}");
    };
    let (equal, said) = run(wiring, &["rebuild"]).await;
    assert!(equal, "{said}");
    says(&said, good, "equal");
    says(&said, bad, "equal");

    let tamper =
        "update lines set state = replace(state, '\"next_generation\":', '\"next_generation\":1')
         where app_id = $1";
    let database = platform.database().await.unwrap();
    assert_eq!(database.execute(tamper, &[&bad]).await.unwrap(), 1);
    let (equal, said) = run(wiring, &["rebuild"]).await;
    assert!(!equal, "{said}");
    says(&said, good, "equal");
    says(&said, bad, "different");
    let (equal, said) = run(wiring, &["rebuild", "--app", &good.to_string()]).await;
    assert!(equal && !said.contains(&bad.to_string()), "{said}");

    let (mended, said) = run(wiring, &["rebuild", "--write"]).await;
    assert!(mended, "{said}");
    says(&said, bad, "repaired");
    let (equal, said) = run(wiring, &["rebuild"]).await;
    assert!(equal, "{said}");
}

#[tokio::test]
async fn doctor_finds_a_healthy_platform_healthy_and_says_what_ails_a_sick_one() {
    let platform = Platform::start().await.unwrap();
    let (healthy, said) = run(platform.wiring(), &["doctor"]).await;
    assert!(healthy, "{said}");
    for line in [
        "ok   database: answers",
        "ok   database: has the schema of this version",
        "ok   broker: streams and consumers are as configured",
        "ok   cluster: Tekton Pipelines is there",
        "ok   cluster: every permission that is needed is given",
    ] {
        assert!(said.lines().any(|said| said.contains(line)), "no {line:?} in {said}");
    }

    let refusal = json!([{ "verb": "create", "resource": "pipelineruns" }]);
    platform.switch(json!({ "refuse": refusal })).await.unwrap();
    let (healthy, said) = run(platform.wiring(), &["doctor"]).await;
    assert!(!healthy, "{said}");
    let line = "fail cluster: may not create pipelineruns.tekton.dev in namespace paas-builds";
    assert!(said.contains(line), "{said}");
}

#[tokio::test]
async fn doctor_names_a_database_and_a_broker_that_are_away() {
    let platform = Platform::start().await.unwrap();
    let wiring = Wiring {
        database_url: "postgres://nobody@127.0.0.1:1/nothing".to_owned(),
        nats_url: "nats://127.0.0.1:1".to_owned(),
        ..platform.wiring().clone()
    };
    let (healthy, said) = run(&wiring, &["doctor"]).await;
    assert!(!healthy, "{said}");
    assert!(said.contains("fail database: ") && said.contains("fail broker: "), "{said}");
    assert!(said.contains("ok   cluster: Tekton Pipelines is there"), "{said}");
}

#[tokio::test]
async fn migrations_may_be_run_again_and_by_several_at_once() {
    let platform = Platform::start().await.unwrap();
    let (again, said) = run(platform.wiring(), &["migrate"]).await;
    assert!(again && said.contains("applied=0"), "{said}");

    // The same with nothing there yet.
    let name = format!("fresh{}", &Uuid::new_v4().simple().to_string()[..12]);
    let url = &platform.wiring().database_url;
    create_database(url, &name).await.unwrap();
    let server = url.rsplit_once('/').unwrap().0;
    let wiring = Wiring {
        database_url: format!("{server}/{name}"),
        stream_prefix: name.clone(),
        ..platform.wiring().clone()
    };
    let migrate = || run(&wiring, &["migrate"]);
    let all = tokio::join!(migrate(), migrate(), migrate());
    for (done, said) in [all.0, all.1, all.2] {
        assert!(done, "{said}");
    }
    let (healthy, said) = run(&wiring, &["doctor"]).await;
    assert!(healthy, "{said}");

    let jetstream = platform.jetstream().await.unwrap();
    let prefix: Prefix = name.parse().unwrap();
    for stream in [prefix.pushes(), prefix.builds(), prefix.deploys()] {
        jetstream.delete_stream(stream).await.unwrap();
    }
    let database = harness::connect(url).await.unwrap();
    database.batch_execute(&format!("drop database {name} with (force)")).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_served_while_it_keeps_what_this_version_uses() {
    let options = Options { deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    platform.database().await.unwrap().batch_execute(FROM_THE_FUTURE).await.unwrap();
    platform.deployer[0].start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    let log = platform.deployer[0].log();
    assert!(log.contains("by a newer version, with which this one gets along"), "{log}");
}

#[tokio::test]
async fn a_newer_schema_that_took_something_away_is_not_served() {
    let options = Options { deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let database = platform.database().await.unwrap();
    database.batch_execute(FROM_THE_FUTURE).await.unwrap();
    database.batch_execute("update schema_floor set version = 9999").await.unwrap();
    platform.deployer[0].start().await.unwrap();
    assert!(!platform.deployer[0].ended().await.unwrap().success());
    let log = platform.deployer[0].log();
    assert!(log.contains("migrated by a newer version") && log.contains("V9999"), "{log}");
}
