//! What can be wrong with NATS.

use async_nats::jetstream::stream::DiscardPolicy;
use e2e::{
    binaries,
    harness::Platform,
    ports,
    process::{Process, Spec},
    servers::Scratch,
    wait,
};
use paas_proto::streams::{DEPLOYER, Prefix};

use super::{PATIENCE, doctor};

/// A broker with a configuration of the test's own.
struct Broker {
    url: String,
    monitor: String,
    _process: Process,
    _scratch: Scratch,
}

/// `jetstream` is what stands in that block; without it, JetStream is off.
async fn broker(jetstream: Option<&str>, more: &str) -> Broker {
    let scratch = Scratch::new().unwrap();
    let (port, monitor) = (ports::free_port().unwrap(), ports::free_port().unwrap());
    let store = scratch.folder("store").unwrap();
    let jetstream = jetstream.map_or_else(String::new, |settings| {
        format!("jetstream {{ store_dir: \"{}\", {settings} }}\n", store.display())
    });
    let file = scratch.path().join("nats.conf");
    let config =
        format!("listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\n{jetstream}{more}\n");
    std::fs::write(&file, config).unwrap();
    let spec = Spec::new("nats", binaries::nats_server().unwrap(), scratch.path());
    let process = spec.arg("-c").arg(file).start().await.unwrap();
    wait::until_listening(&format!("127.0.0.1:{port}"), PATIENCE).await.unwrap();
    let (url, monitor) =
        (format!("nats://127.0.0.1:{port}"), format!("http://127.0.0.1:{monitor}"));
    Broker { url, monitor, _process: process, _scratch: scratch }
}

#[tokio::test]
async fn a_broker_that_cannot_be_used_is_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let off = broker(None, "").await;
    let report = doctor(wiring, &[("NATS_URL", &off.url)]).await;
    report.finds("fail", "broker", "JetStream is off", "jetstream {");

    let report = doctor(wiring, &[("NATS_URL", "nats://127.0.0.1:1")]).await;
    report.finds("fail", "broker", "cannot be reached", "start nats-server");

    let guarded = broker(
        Some("max_file_store: 1GB"),
        "authorization { users: [
            { user: deployer, password: right, permissions: { publish: [\"$JS.API.>\", \"$SYS.REQ.USER.INFO\"], subscribe: \"_INBOX.>\" } }
        ] }",
    )
    .await;
    let url = |password| guarded.url.replace("//", &format!("//deployer:{password}@"));
    let report = doctor(wiring, &[("NATS_URL", &url("wrong"))]).await;
    report.finds("fail", "broker", "authorization violation", "user and password in NATS_URL");
    assert!(!format!("{report:?}").contains("wrong"), "{report:?}");
    let report = doctor(wiring, &[("NATS_URL", &url("right"))]).await;
    report.finds("fail", "broker", "may not publish to", "user's permissions");
}

#[tokio::test]
async fn a_broker_that_loses_messages_or_has_no_room_is_found() {
    let platform = Platform::start().await.unwrap();
    let wiring = platform.wiring();
    let small = broker(Some("max_file_store: 10MB"), "max_payload: 64KB").await;
    let changes = [("NATS_URL", small.url.as_str()), ("NATS_MONITOR_URL", small.monitor.as_str())];
    let report = doctor(wiring, &changes).await;
    report.finds(
        "warn",
        "broker",
        "a power loss takes acknowledged pushes",
        "sync_interval: always",
    );
    report.finds("fail", "broker", "max_file_store is", "raise max_file_store to");
    report.finds("fail", "broker", "takes messages of 65536 bytes only", "max_payload");

    let report = doctor(wiring, &[("STREAM_REPLICAS", "3")]).await;
    report.finds("fail", "broker", "in no cluster", "STREAM_REPLICAS");
    report.finds("warn", "broker", "unknown whether", "NATS_MONITOR_URL");
}

#[tokio::test]
async fn streams_and_consumers_that_are_missing_or_other_than_configured_are_found() {
    let mut platform = Platform::start().await.unwrap();
    // It would make them anew.
    platform.deployer[0].terminate().await.unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    let prefix: Prefix = platform.wiring().stream_prefix.parse().unwrap();
    let pushes = jetstream.get_stream(prefix.pushes()).await.unwrap();
    let mut config = pushes.cached_info().config.clone();
    config.discard = DiscardPolicy::Old;
    config.discard_new_per_subject = false;
    jetstream.update_stream(&config).await.unwrap();
    pushes.delete_consumer(DEPLOYER).await.unwrap();
    jetstream.delete_stream(prefix.builds()).await.unwrap();

    let report = doctor(platform.wiring(), &[]).await;
    let fix = "deployer-svc streams apply";
    report.finds("fail", "broker", "PUSHES: discard is old, must be new", fix);
    report.finds("fail", "broker", "PUSHES is missing", fix);
    report.finds("fail", "broker", "BUILDS is missing", fix);
    platform.start_deployers().await.unwrap();
}
