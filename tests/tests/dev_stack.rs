//! What `paas-dev` starts: it is started again when it dies, and never outlives its starter.

use std::{path::Path, time::Duration};

use e2e::{
    api::Api,
    process::{Process, Signal, Spec},
    supervisor::Supervisor,
    wait,
};
use nix::{sys::signal::kill, unistd::Pid};
use tokio_postgres::NoTls;

const PATIENCE: Duration = Duration::from_secs(20);

fn sleeper(name: &str, folder: &Path) -> Spec {
    Spec::new(name, "/bin/sleep".into(), folder).args(["600"])
}

/// The process id that stands in the list of a supervisor.
fn listed(pids: &Path, name: &str) -> Option<i32> {
    let list = std::fs::read_to_string(pids).ok()?;
    let line = list.lines().find_map(|line| line.strip_prefix(&format!("{name}=")))?;
    line.parse().ok()
}

fn runs(pid: i32) -> bool {
    // A killed process that nobody has reaped yet still has its folder.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

#[tokio::test]
async fn a_killed_process_is_started_again_and_the_list_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let mut supervisor = Supervisor::new(pids.clone());
    supervisor.keep(sleeper("one", folder.path())).await.unwrap();
    supervisor.keep(sleeper("two", folder.path())).await.unwrap();
    let (one, two) = (listed(&pids, "one").unwrap(), listed(&pids, "two").unwrap());

    kill(Pid::from_raw(one), Signal::SIGKILL).unwrap();
    let again = || async { Ok(listed(&pids, "one").filter(|pid| *pid != one)) };
    let again = wait::until("another process", PATIENCE, again).await.unwrap();
    assert!(runs(again));
    assert_eq!(listed(&pids, "two"), Some(two), "the other one was left alone");

    supervisor.stop().await;
    assert!(!runs(again) && !runs(two));
    assert!(!pids.exists());
}

#[tokio::test]
async fn a_process_that_ignores_its_signal_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let deaf = "trap '' TERM; echo ready; while :; do sleep 1; done";
    let spec = Spec::new("deaf", "/bin/sh".into(), folder.path()).args(["-c", deaf]);
    let mut process: Process = spec.start().await.unwrap();
    let ready = || async { Ok(spec.last_words().contains("ready").then_some(())) };
    wait::until("the trap", PATIENCE, ready).await.unwrap();
    process.stop(Duration::from_millis(100)).await.unwrap();
    assert!(!runs(process.pid()));
}

#[tokio::test]
async fn servers_die_with_a_killed_starter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let script = format!("echo $TEST_DATABASE_URL > {}; exec sleep 600", file.display());
    let mut starter = Spec::new("servers", env!("CARGO_BIN_EXE_paas-dev").into(), folder.path())
        .args(["servers", "--", "sh", "-c", &script])
        .start()
        .await
        .unwrap();
    let url = || async { Ok(std::fs::read_to_string(&file).ok().filter(|url| !url.is_empty())) };
    let url = wait::until("the servers", PATIENCE, url).await.unwrap();
    assert!(tokio_postgres::connect(url.trim(), NoTls).await.is_ok());

    starter.kill().await.unwrap();
    let gone =
        || async { Ok(tokio_postgres::connect(url.trim(), NoTls).await.is_err().then_some(())) };
    wait::until("Postgres to be gone", PATIENCE, gone).await.unwrap();
}

/// Runs `paas-dev` to its end.
async fn paas_dev(folder: &Path, arguments: &[&str]) {
    let program = env!("CARGO_BIN_EXE_paas-dev").into();
    let spec = Spec::new("paas-dev", program, folder).args(arguments.to_vec());
    spec.arg("--dir").arg(folder.join("dev")).run(Duration::from_mins(2)).await.unwrap();
}

fn setting(folder: &Path, name: &str) -> String {
    let env = std::fs::read_to_string(folder.join("dev/env")).unwrap();
    let line = env.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {env}")).to_owned()
}

#[tokio::test]
async fn a_platform_that_is_up_heals_itself_and_is_gone_when_it_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    paas_dev(folder, &["up", "--detach", "--ingress", "2"]).await;
    let pids = folder.join("dev/pids");
    let list = std::fs::read_to_string(&pids).unwrap();
    for name in ["postgres", "nats", "standin", "forge", "ingress-1", "ingress-2", "deployer-1"] {
        assert!(listed(&pids, name).is_some(), "no {name} in {list}");
    }

    let api = Api::new(&setting(folder, "INGRESS_URL"), &setting(folder, "PAAS_TOKEN")).unwrap();
    let app = api.create_app("hello").await.unwrap();
    let ingress = listed(&pids, "ingress-1").unwrap();
    kill(Pid::from_raw(ingress), Signal::SIGKILL).unwrap();
    let again = || async { Ok(listed(&pids, "ingress-1").filter(|pid| *pid != ingress)) };
    wait::until("another ingress", PATIENCE, again).await.unwrap();
    let address = setting(folder, "INGRESS_URL_1").replace("http://", "");
    e2e::api::http_ready(&address, PATIENCE).await.unwrap();
    assert!(api.deploys(app.id).await.is_ok());

    let running: Vec<i32> = std::fs::read_to_string(&pids)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once('=')?.1.parse().ok())
        .collect();
    paas_dev(folder, &["down"]).await;
    assert!(!running.into_iter().any(runs));
    assert!(!folder.join("dev/env").exists());
}

#[tokio::test]
async fn the_demo_tells_its_story_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = env!("CARGO_BIN_EXE_paas-dev").into();
    let spec = Spec::new("demo", program, folder).args(["demo", "--exit", "--dir"]);
    let done = spec.arg(folder.join("dev")).run(Duration::from_mins(4)).await;
    let told = std::fs::read_to_string(folder.join("demo.log")).unwrap();
    assert!(done.is_ok(), "{told}");
    for part in ["Connected to github", "The webhook registered itself", "live as v1"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}
