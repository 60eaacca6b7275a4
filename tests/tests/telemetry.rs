//! What the platform tells a collector: one trace for one push, with the metrics and the log records that belong to it.

use std::collections::BTreeSet;

use e2e::{
    binaries,
    collector::{Collector, Received, Span},
    harness::{Options, Platform},
    keys, ports,
    process::{Process, Spec},
    wait,
};
use serde_json::Value;
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

/// Two deployers that drive the cluster through an agent at this address; none runs yet.
async fn platform(collector: &Collector, agent: &str, token: &str) -> Platform {
    let mut deployer_env = collector.settings();
    deployer_env.extend([
        ("CLUSTER_AGENT_URL", format!("http://{agent}")),
        ("CLUSTER_AGENT_TOKEN", token.to_owned()),
        ("KUBECONFIG", "/nonexistent".to_owned()),
    ]);
    let options = Options {
        deployer: 2,
        deployers_run: false,
        ingress_env: collector.settings(),
        deployer_env,
        ..Options::default()
    };
    Platform::start_with(options).await.unwrap()
}

async fn agent(platform: &Platform, collector: &Collector, address: &str, token: &str) -> Process {
    let wiring = platform.wiring();
    let program = binaries::ours("deployer-svc").unwrap();
    let mut agent = Spec::new("cluster-agent", program, &wiring.logs)
        .arg("cluster-agent")
        .env("CLUSTER_AGENT_LISTEN", address)
        .env("CLUSTER_AGENT_TOKEN", token)
        .env("CALLBACK_URL", &wiring.ingress_url)
        .env("CALLBACK_KEY", &wiring.keys.callback_key)
        .env("KUBECONFIG", wiring.kubeconfig.display().to_string());
    for (name, value) in collector.settings() {
        agent = agent.env(name, value);
    }
    let process = agent.start().await.unwrap();
    e2e::api::grpc_healthy(address, PATIENCE).await.unwrap();
    process
}

/// The trace of a deploy, once it holds the deploy's own span, which is recorded at its end.
async fn trace(collector: &Collector, deploy: Uuid) -> Vec<Span> {
    let deploy = deploy.to_string();
    wait::until("the whole trace", PATIENCE, || async {
        Ok(collector.received(|all| {
            let is_its = |span: &&Span| span.attributes.get("deploy.id") == Some(&deploy);
            let end = all.spans.iter().filter(is_its).find(|span| span.name == "deploy")?;
            let trace = all.trace(&end.trace);
            let is_whole = trace.iter().any(|span| span.parent.is_empty());
            is_whole.then_some(trace)
        }))
    })
    .await
    .unwrap()
}

fn one<'a>(trace: &'a [Span], what: &str, is_it: impl Fn(&Span) -> bool) -> &'a Span {
    let names = || trace.iter().map(|span| (&span.service, &span.name)).collect::<BTreeSet<_>>();
    trace.iter().find(|span| is_it(span)).unwrap_or_else(|| panic!("no {what} in {:?}", names()))
}

fn step<'a>(trace: &'a [Span], step: &str) -> &'a Span {
    let is_it = |span: &Span| {
        span.name == "deploy.step" && span.attributes.get("step").is_some_and(|it| it == step)
    };
    one(trace, step, is_it)
}

/// The agent's span of a call, whose caller is the deployer's span of the same call.
fn served<'a>(trace: &'a [Span], method: &str) -> &'a Span {
    let method = format!("paas.cluster.v1.Cluster/{method}");
    let served = one(trace, &method, |span| span.kind == "SERVER" && span.name == method);
    assert_eq!(served.service, "cluster-agent");
    let call = one(trace, "the caller", |span| span.id == served.parent);
    assert_eq!((call.service.as_str(), call.kind), ("deployer-svc", "CLIENT"), "{call:?}");
    assert_eq!(call.attributes["rpc.method"], method);
    served
}

#[tokio::test]
async fn a_push_is_one_trace_from_its_delivery_to_its_rollout_whoever_dies_on_the_way() {
    let collector = Collector::start().await.unwrap();
    let address = format!("127.0.0.1:{}", ports::free_port().unwrap());
    let token = keys::random_hex();
    let mut platform = platform(&collector, &address, &token).await;
    let _agent = agent(&platform, &collector, &address, &token).await;
    // It comes as far as the rollout, and there it stays.
    let stays = "runner::roll_out::before_effect=pause";
    platform.deployer[0].start_with_failpoints(stays).await.unwrap();
    platform.deployer[0].ready().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.api.wait_for_state(id, "rolling_out", PATIENCE).await.unwrap();
    let first_steps = wait::until("what it did to arrive", PATIENCE, || async {
        let is_told =
            |span: &Span| span.attributes.get("step").is_some_and(|it| it == "check_build");
        Ok(collector.received(|all| all.spans.iter().find(|span| is_told(span)).cloned()))
    });
    let first = first_steps.await.unwrap().instance;
    platform.deployer[0].kill().await.unwrap();
    platform.deployer[1].start().await.unwrap();
    platform.live(id).await.unwrap();

    let trace = trace(&collector, id).await;
    let delivery = one(&trace, "the delivery", |span| span.parent.is_empty());
    assert_eq!((delivery.service.as_str(), delivery.kind), ("ingress-svc", "SERVER"));
    let published = one(&trace, "the publication", |span| {
        span.service == "ingress-svc" && span.attributes.contains_key("messaging.system")
    });
    let intake = one(&trace, "the intake", |span| span.name == "push.intake");
    assert_eq!(intake.kind, "CONSUMER");
    assert_eq!(intake.parent, published.id);
    for built in [step(&trace, "start_build"), step(&trace, "check_build")] {
        assert_eq!(built.instance, first);
        assert_eq!(built.parent, intake.id);
    }
    // Another process went on, in the same trace, from where the first was.
    let rollout = step(&trace, "roll_out");
    assert_ne!(rollout.instance, first);
    assert_eq!(rollout.parent, intake.id);
    let resumed = trace.iter().filter(|span| span.instance == rollout.instance);
    let links: Vec<_> = resumed.flat_map(|span| &span.links).collect();
    assert!(links.iter().any(|(linked, _)| *linked == intake.trace), "{links:?}");
    served(&trace, "StartBuild");
    let rolled_out = served(&trace, "RollOut");
    assert_eq!(rolled_out.attributes["k8s.deployment.name"], app.name);
    let whole = one(&trace, "the deploy", |span| span.name == "deploy");
    assert_eq!(whole.attributes["outcome"], "live");

    assert_eq!(span_context(&platform, id).split('-').nth(1), Some(intake.trace.as_str()));
    belonging(&collector, &intake.trace, id).await;
    aftermath::is_in_order(&platform, &[id]).await;
}

/// What Tekton's own spans join: JSON with a `traceparent`.
fn span_context(platform: &Platform, deploy: Uuid) -> String {
    let writes = platform.audit().unwrap();
    let build = writes.iter().find(|it| it.starts_a_build() && it.deploy_id() == Some(deploy));
    let annotations = &build.unwrap().body["metadata"]["annotations"];
    let carrier = annotations["tekton.dev/pipelinerunSpanContext"].as_str().unwrap();
    let carrier: Value = serde_json::from_str(carrier).unwrap();
    carrier["traceparent"].as_str().unwrap().to_owned()
}

/// Waits for the metrics and the log records of a deploy that went live.
async fn belonging(collector: &Collector, trace: &str, deploy: Uuid) {
    let counted = |all: &Received, service: &str, name: &str, label: (&str, &str)| {
        all.metrics.iter().any(|metric| {
            let is_labelled = metric.attributes.get(label.0).is_some_and(|value| value == label.1);
            metric.service == service && metric.name == name && is_labelled && metric.value >= 1.0
        })
    };
    let logged = |all: &Received, service: &str, deploy: &str| {
        all.logs.iter().any(|log| {
            let is_about = log.attributes.values().any(|value| value == deploy);
            log.service == service && log.trace == trace && is_about
        })
    };
    wait::until("metrics and log records", PATIENCE, || async {
        Ok(collector.received(|all| {
            let queued = ("verdict", "queued");
            let live = ("outcome", "live");
            let is_there = counted(all, "ingress-svc", "paas_ingress_deliveries", queued)
                && counted(all, "deployer-svc", "paas_deployer_deploys", live)
                && logged(all, "deployer-svc", &deploy.to_string());
            is_there.then_some(())
        }))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_same_arrives_over_http() {
    let collector = Collector::start().await.unwrap();
    let mut settings = collector.settings();
    settings.push(("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()));
    let options =
        Options { ingress_env: settings.clone(), deployer_env: settings, ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    let trace = trace(&collector, id).await;
    let services: BTreeSet<_> = trace.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["deployer-svc", "ingress-svc"]));
    belonging(&collector, &trace[0].trace, id).await;
}

#[tokio::test]
async fn a_collector_that_never_answers_neither_delays_a_push_nor_a_shutdown() {
    let blackhole = Collector::blackhole().await.unwrap();
    let options = Options {
        ingress_env: blackhole.settings(),
        deployer_env: blackhole.settings(),
        ..Options::default()
    };
    let mut platform = Platform::start_with(options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    aftermath::is_in_order(&platform, &[id]).await;
    let asked = std::time::Instant::now();
    assert!(platform.deployer[0].terminate().await.unwrap().unwrap().success());
    assert!(asked.elapsed().as_secs() < 10, "it took {:?}", asked.elapsed());
}

#[tokio::test]
async fn a_deployer_answers_machines_over_http_and_keeps_grpc_guarded() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    let address = platform.deployer[0].address().to_owned();
    let get = async |path: &str| {
        let url = format!("http://{address}/{path}");
        let answer = e2e::api::http_client().unwrap().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("healthz").await.0, 200);
    assert_eq!(get("readyz").await.0, 200);
    assert_eq!(get("nothing").await.0, 404);
    let (status, metrics) = get("metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"paas_deployer_deploys_total{outcome="live",stage="none"} 1"#,
        r#"paas_deployer_intake_messages_total{outcome="recorded",stream="pushes"} 1"#,
        "paas_deployer_push_to_live_seconds_count 1",
        r#"paas_deployer_cluster_calls_total{call="start_build",outcome="ok"} 1"#,
        "paas_deployer_ready 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    for secret in [&platform.wiring().keys.callback_key, &platform.wiring().keys.api_token] {
        assert!(!metrics.contains(secret.as_str()));
    }
    // The same port, the same path as a client of gRPC would take, without a token.
    let call = format!("http://{address}/paas.deploys.v1.Deploys/GetDeploy");
    let request = e2e::api::http_client().unwrap().post(call);
    let answer = request.header("content-type", "application/grpc").send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "16");
}

#[tokio::test]
async fn values_of_a_database_that_is_away_are_absent() {
    let platform = Platform::start().await.unwrap();
    let address = platform.deployer[0].address().to_owned();
    let metrics = || async {
        let url = format!("http://{address}/metrics");
        Ok::<_, anyhow::Error>(e2e::api::http_client()?.get(url).send().await?.text().await?)
    };
    let shows = |text: &str| text.contains("\npaas_deployer_dead_letters ");
    wait::until("the backlog", PATIENCE, || async { Ok(shows(&metrics().await?).then_some(())) })
        .await
        .unwrap();
    platform.links.deployer_to_postgres.refuse();
    wait::until("it to be unknown", PATIENCE, || async {
        let text = metrics().await?;
        Ok((!shows(&text) && text.contains("\npaas_deployer_ready 0")).then_some(()))
    })
    .await
    .unwrap();
    platform.links.deployer_to_postgres.restore();
    wait::until("it again", PATIENCE, || async { Ok(shows(&metrics().await?).then_some(())) })
        .await
        .unwrap();
}
