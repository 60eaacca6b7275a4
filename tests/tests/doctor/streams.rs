//! `deployer-svc streams`: tells every field that differs, puts it right, and takes nothing away unasked.

use async_nats::jetstream::stream::DiscardPolicy;
use e2e::harness::{Options, Platform};
use paas_proto::streams::Prefix;
use serde_json::Value;

use super::command;

const CHECK: &[&str] = &["streams", "check"];
const APPLY: &[&str] = &["streams", "apply"];

async fn platform() -> Platform {
    // A deployer would mend some of it by itself.
    let options = Options { deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

#[tokio::test]
async fn every_field_that_differs_is_told_and_put_right() {
    let platform = platform().await;
    let (wiring, jetstream) = (platform.wiring(), platform.jetstream().await.unwrap());
    let (code, said) = command(wiring, CHECK, &[]).await;
    assert_eq!(code, Some(0), "{said}");

    let prefix: Prefix = wiring.stream_prefix.parse().unwrap();
    let pushes = jetstream.get_stream(prefix.pushes()).await.unwrap();
    let mut config = pushes.cached_info().config.clone();
    config.discard = DiscardPolicy::Old;
    config.discard_new_per_subject = false;
    config.max_bytes /= 2;
    config.description = Some("an operator's own".to_owned());
    jetstream.update_stream(&config).await.unwrap();
    jetstream.delete_stream(prefix.deploys()).await.unwrap();

    let (code, said) = command(wiring, &["streams", "check", "--json"], &[]).await;
    assert_eq!(code, Some(1), "{said}");
    let report = said.lines().find(|line| line.starts_with('{')).unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    let drifts = report["drifts"].as_array().unwrap();
    let fields: Vec<_> = drifts
        .iter()
        .map(|drift| {
            let drift = &drift["drift"];
            ["stream", "field", "found", "wanted"].map(|name| drift[name].as_str().unwrap())
        })
        .collect();
    let (pushes, deploys) = (prefix.pushes(), prefix.deploys());
    assert_eq!(
        fields,
        [
            [pushes.as_str(), "max_bytes", "33554432", "67108864"],
            [pushes.as_str(), "discard", "old", "new"],
            [pushes.as_str(), "discard_new_per_subject", "false", "true"],
            [deploys.as_str(), "existence", "missing", "there"],
        ]
    );

    for arguments in [APPLY, CHECK] {
        let (code, said) = command(wiring, arguments, &[]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    let config = jetstream.get_stream(prefix.pushes()).await.unwrap().cached_info().config.clone();
    assert_eq!(config.description.as_deref(), Some("an operator's own"));
}

#[tokio::test]
async fn what_is_stored_is_taken_away_only_on_demand() {
    let platform = platform().await;
    let (wiring, jetstream) = (platform.wiring(), platform.jetstream().await.unwrap());
    let app = platform.app("shop").await.unwrap();
    let prefix: Prefix = wiring.stream_prefix.parse().unwrap();
    // More than the smallest room that can be asked for.
    let subject = prefix.deploy_subject(app.id);
    for _ in 0..6 {
        let payload = vec![0; 250 * 1024].into();
        jetstream.publish(subject.clone(), payload).await.unwrap().await.unwrap();
    }
    let smaller = [("MAX_PUSHES_BYTES", "1048576")];
    let messages = async || {
        let stream = jetstream.get_stream(prefix.deploys()).await.unwrap();
        stream.cached_info().state.messages
    };
    for arguments in [APPLY, &["migrate"]] {
        let (code, said) = command(wiring, arguments, &smaller).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("--shrink") && said.contains("max_bytes"), "{said}");
        assert_eq!(messages().await, 6);
    }
    let (code, said) = command(wiring, &["streams", "apply", "--shrink"], &smaller).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(messages().await < 6);
}

#[tokio::test]
async fn a_broker_that_is_away_is_not_taken_for_one_without_drift() {
    let platform = platform().await;
    let (code, said) =
        command(platform.wiring(), CHECK, &[("NATS_URL", "nats://127.0.0.1:1")]).await;
    assert_eq!(code, Some(2), "{said}");
}
