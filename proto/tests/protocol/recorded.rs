//! Messages as older versions wrote them stay readable, and read as the same message.
//!
//! `recorded_messages.txt` has a name and the bytes in hex on each line, and only ever grows.

use paas_proto::events::{BuildReport, BuildReportOrigin, DeployEvent, Place, Provider, PushEvent};
use prost::Message;

const RECORDED: &str = include_str!("../recorded_messages.txt");

/// All recorded messages of one kind, each of which is also written as it was.
fn recorded<M: Message + Default>(kind: &str) -> Vec<M> {
    let lines = RECORDED.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(name, _)| *name == kind)
        .map(|(_, hex)| {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let message = M::decode(bytes.as_slice()).unwrap();
            assert_eq!(message.encode_to_vec(), bytes, "{kind} is written otherwise");
            message
        })
        .collect()
}

#[test]
fn every_push_ever_published_can_be_read() {
    let pushes: Vec<PushEvent> = recorded("push_event");
    let [github, gitlab, ..] = pushes.as_slice() else { panic!("{} pushes", pushes.len()) };
    assert_eq!((github.provider(), gitlab.provider()), (Provider::Github, Provider::Gitlab));
    assert_eq!((github.pushed_at, gitlab.pushed_at), (Some(1_700_000_000), None));
    assert_eq!((github.repo_full_name.as_str(), github.repo_id), ("octo/shop", 4711));
    assert_eq!((github.branch.as_str(), gitlab.branch.as_str()), ("main", "release/1"));
    assert_eq!((github.before.len(), github.after.len(), gitlab.after.len()), (40, 40, 64));
    assert_eq!(github.identity, "ab".repeat(32));
    assert_eq!(github.changed_paths, ["src/main.rs", "README.md"]);
    assert_eq!((github.attempt, gitlab.attempt), (0, 2));
    assert_eq!(gitlab.original_place, Some(Place { epoch: 1_763_800_000, sequence: 17 }));
    assert!(gitlab.paths_truncated && !github.paths_truncated);
    assert_eq!(github.received_at.as_ref().map(|time| time.seconds), Some(1_763_900_000));
    assert_eq!(github.clone_url, "https://github.com/octo/shop.git");
    assert_eq!(github.delivery_id, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
}

#[test]
fn every_build_report_ever_published_can_be_read() {
    let reports: Vec<BuildReport> = recorded("build_report");
    let origins: Vec<_> = reports.iter().map(BuildReport::origin).collect();
    assert_eq!(origins, [BuildReportOrigin::Callback, BuildReportOrigin::CloudEvent]);
    assert!(reports.iter().all(|report| report.app_id.len() == 36 && report.deploy_id.len() == 36));
}

#[test]
fn every_event_ever_copied_to_others_can_be_read() {
    let events: Vec<DeployEvent> = recorded("deploy_event");
    let told: Vec<_> = events.iter().map(|event| (event.r#type.as_str(), event.version)).collect();
    assert_eq!(told, [("went_live", 7), ("auto_deploy_resumed", 8)]);
    assert!(events[1].deploy_id.is_empty());
    assert!(events[0].data_json.contains("\"release\":5"));
}
