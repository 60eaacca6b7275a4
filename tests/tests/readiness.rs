//! What the services say of themselves while what they need is away, and how they leave.

use std::{fmt::Write as _, time::Duration};

use anyhow::Result;
use e2e::{
    api::{self, http_client},
    harness::{Options, Platform},
    process::Signal,
    proxy::Proxy,
    wait,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const PATIENCE: Duration = Duration::from_secs(40);
/// As the services are told by default.
const GRACE: Duration = Duration::from_secs(25);

async fn platform() -> Platform {
    Platform::start().await.unwrap()
}

/// Status and body of one of the ingress's probes.
async fn probe(address: &str, path: &str) -> Result<(u16, Value)> {
    let answer = http_client()?.get(format!("http://{address}{path}")).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// Waits until the ingress says that it is ready, or that it is not because of `faults` alone.
async fn ready(address: &str, faults: &[&str]) {
    let what = format!("readiness with {faults:?} away");
    let wanted = if faults.is_empty() { 200 } else { 503 };
    let seen = || async {
        let (status, body) = probe(address, "/readyz").await?;
        let is_off = |name: &&str| body["checks"][name]["ok"] == json!(false);
        let off: Vec<_> =
            ["database", "broker", "streams", "draining"].into_iter().filter(is_off).collect();
        Ok((status == wanted && off == faults).then_some(()))
    };
    wait::until(&what, PATIENCE, seen).await.unwrap();
    let (status, body) = probe(address, "/healthz").await.unwrap();
    assert_eq!((status, body), (200, json!({ "status": "alive" })), "it lives all the same");
}

#[tokio::test]
async fn an_ingress_without_its_database_lives_and_is_not_ready() {
    let platform = platform().await;
    let address = platform.ingress[0].address();
    for away in [Proxy::refuse, Proxy::stall] {
        away(&platform.links.ingress_to_postgres);
        ready(address, &["database"]).await;
        platform.links.restore();
        ready(address, &[]).await;
    }
}

#[tokio::test]
async fn an_ingress_without_its_broker_lives_and_is_not_ready() {
    let platform = platform().await;
    let address = platform.ingress[0].address();
    platform.links.ingress_to_nats.refuse();
    ready(address, &["broker", "streams"]).await;
    platform.links.restore();
    ready(address, &[]).await;

    // Nobody says that it is away: the streams cannot be read.
    platform.links.ingress_to_nats.stall();
    let silent = || async { Ok((probe(address, "/readyz").await?.0 == 503).then_some(())) };
    wait::until("an ingress that is not ready", PATIENCE, silent).await.unwrap();
    platform.links.restore();
    ready(address, &[]).await;
}

#[tokio::test]
async fn an_ingress_without_its_streams_is_not_ready_until_they_are_there() {
    let mut platform = platform().await;
    // A deployer would make them again.
    platform.deployer[0].terminate().await.unwrap();
    let address = platform.ingress[0].address().to_owned();
    let jetstream = platform.jetstream().await.unwrap();
    jetstream.delete_stream(platform.prefix().unwrap().builds()).await.unwrap();
    ready(&address, &["streams"]).await;
    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    ready(&address, &[]).await;
}

/// What the deployer's health says, overall and of its one service.
async fn health(address: &str, service: &str) -> Result<ServingStatus> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let mut client = HealthClient::new(channel);
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(client.check(request).await?.into_inner().status())
}

async fn says(address: &str, wanted: ServingStatus) {
    for service in ["", "paas.deploys.v1.Deploys"] {
        let seen = || async { Ok((health(address, service).await? == wanted).then_some(())) };
        let what = format!("health of {service:?} to be {wanted:?}");
        wait::until(&what, PATIENCE, seen).await.unwrap();
    }
}

#[tokio::test]
async fn a_deployer_without_database_or_broker_does_not_serve() {
    let platform = platform().await;
    let address = platform.deployer[0].address();
    for link in [&platform.links.deployer_to_postgres, &platform.links.deployer_to_nats] {
        for away in [Proxy::refuse, Proxy::stall] {
            away(link);
            says(address, ServingStatus::NotServing).await;
            platform.links.restore();
            says(address, ServingStatus::Serving).await;
        }
    }
}

#[tokio::test]
async fn a_deployer_without_the_api_server_still_answers_people() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    platform.links.deployer_to_cluster.refuse();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    let known = platform.api.wait_for_state(id, "requested", PATIENCE).await.unwrap();
    assert_eq!(known.state, "requested");
    says(platform.deployer[0].address(), ServingStatus::Serving).await;
    platform.links.restore();
    platform.live(id).await.unwrap();
}

#[tokio::test]
async fn an_ingress_that_is_asked_to_stop_finishes_the_delivery_in_its_hands() {
    let mut platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let delivery = app.delivery(&app.push());
    let address = platform.ingress[0].address().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let mut head = format!(
        "POST /v1/webhooks/github/{} HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n",
        app.id,
        delivery.body.len()
    );
    for (name, value) in &delivery.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 100 "), "it is in its hands");
    let half = delivery.body.len() / 2;
    stream.write_all(&delivery.body[..half]).await.unwrap();

    platform.ingress[0].signal(Signal::SIGTERM).unwrap();
    let gone = || async {
        let status = probe(&address, "/readyz").await.map(|(status, _)| status);
        Ok((!matches!(status, Ok(200))).then_some(()))
    };
    wait::until("an ingress that takes no more", PATIENCE, gone).await.unwrap();

    stream.write_all(&delivery.body[half..]).await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let id = body["deploy_id"].as_str().unwrap().parse().unwrap();
    assert!(platform.ingress[0].ended().await.unwrap().success());
    platform.start_ingresses().await.unwrap();
    platform.live(id).await.unwrap();
}

/// What the server sends next: an answer fits into one segment.
async fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn a_deployer_that_is_asked_to_stop_gives_its_lines_back_at_once() {
    let options = Options { deployer: 2, deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    platform.deployer[0].start().await.unwrap();
    platform.deployer[0].ready().await.unwrap();
    // Slow enough to be in the middle of a step when it is asked.
    platform.switch(json!({ "slow_ms": 1500 })).await.unwrap();
    let mut accepted = Vec::new();
    for name in ["one", "two", "three"] {
        let app = platform.app(name).await.unwrap();
        accepted.push(platform.accepted(&app, &app.push()).await.unwrap());
    }
    let database = platform.database().await.unwrap();
    let leases = "select count(*) from lines where leased_until > now()";
    let held = || async {
        let held: i64 = database.query_one(leases, &[]).await?.get(0);
        Ok((held > 0).then_some(()))
    };
    wait::until("a lease", PATIENCE, held).await.unwrap();

    let asked = Instant::now();
    let status = platform.deployer[0].terminate().await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < GRACE, "it took {:?}", asked.elapsed());
    let held: i64 = database.query_one(leases, &[]).await.unwrap().get(0);
    assert_eq!(held, 0, "leases that nobody holds");
    let unfinished = "select count(*) from lines where next_step_at > now()";
    let later: i64 = database.query_one(unfinished, &[]).await.unwrap().get(0);
    assert_eq!(later, 0, "lines that another deployer would have to wait for");

    platform.switch(json!({ "slow_ms": 0 })).await.unwrap();
    platform.start_deployers().await.unwrap();
    for id in &accepted {
        platform.live(*id).await.unwrap();
    }
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_deployer_that_is_asked_to_stop_while_everything_is_away_stops_within_its_grace() {
    let mut platform = platform().await;
    platform.links.of_deployer().into_iter().for_each(Proxy::stall);
    let asked = Instant::now();
    let status = platform.deployer[0].terminate().await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < GRACE + Duration::from_secs(5), "it took {:?}", asked.elapsed());
    platform.links.restore();
    platform.start_deployers().await.unwrap();
    api::grpc_healthy(platform.deployer[0].address(), PATIENCE).await.unwrap();
}
