//! What `paas-dev` starts: it is started again when it dies, and never outlives its starter.

use std::{path::Path, time::Duration};

use e2e::{
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
