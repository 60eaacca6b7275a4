//! The story of one app: it is linked, pushed, goes live; and what else may happen to a push.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use e2e::{
    api::{Answer, Api, App},
    deliveries::Delivery,
    harness::set_switches,
    hook::Target,
    keys,
    repository::Repository,
};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{cases::Case, screen};

const REPO: &str = "octo/hello";
const POLL: Duration = Duration::from_millis(40);
/// A real build takes its time.
const PATIENCE: Duration = Duration::from_mins(15);

const SOURCE: &str = "#!/bin/sh\necho 'Hello from a push'\n";
const DOCKERFILE: &str = "FROM scratch\nCOPY hello.sh /hello.sh\nUSER 1000\nCMD [\"/hello.sh\"]\n";
const BROKEN_DOCKERFILE: &str = "FROM scratch\nCOPY no-such-file /\n";

/// An app and the repository that it is linked to.
pub(super) struct Story {
    api: Api,
    app: App,
    repository: Repository,
    target: Target,
    standin: Option<String>,
    _folder: tempfile::TempDir,
}

impl Story {
    /// Creates an app of this name and links it to a new repository; `standin` is the URL of the cluster, if it is one.
    pub(super) async fn begin(
        api: &Api,
        name: &str,
        standin: Option<String>,
        clone_url: Option<&str>,
    ) -> Result<Self> {
        screen::chapter("An app, linked to a repository");
        let api = api.clone();
        let app = api.create_app(name).await?;
        let mut link = json!({ "provider": "github", "repo_full_name": REPO });
        if let Some(url) = clone_url {
            link["clone_url"] = url.into();
        }
        let source = api.link(app.id, link).await?;
        screen::note(&format!("app      {} {}", app.name, app.id));
        screen::note(&format!("webhook  {}", source.webhook_url));
        let folder = tempfile::tempdir()?;
        let target = Target {
            webhook_url: source.webhook_url,
            webhook_secret: source.webhook_secret.context("no secret for a new link")?,
            repo: REPO.to_owned(),
            repo_id: 186_853_002,
            record: folder.path().join("sent.jsonl"),
        };
        let path = folder.path().join("target.json");
        keys::write_private(&path, &serde_json::to_string_pretty(&target)?)?;
        let hook = hook(&std::env::current_exe()?, &path);
        let repository = Repository::create(folder.path(), &hook).await?;
        screen::note(&format!("git      {}", repository.bare().display()));
        Ok(Self { api, app, repository, target, standin, _folder: folder })
    }

    pub(super) async fn a_push_goes_live(&mut self) -> Result<Case> {
        screen::chapter("git push origin main");
        let files = [("hello.sh", SOURCE), ("Dockerfile", DOCKERFILE)];
        self.repository.commit("Say hello", &files).await?;
        let (state, _) = self.push_and_watch().await?;
        screen::note(&format!("The app is at {}", self.app.url));
        Ok(Case { act: "push to main", expected: "202, live".into(), seen: state })
    }

    pub(super) async fn the_same_push_again(&self) -> Result<Case> {
        screen::chapter("The same push again: the provider sends it twice");
        let again = self.target.last_sent()?.delivery;
        let again = again.with_header("x-github-delivery", &Uuid::new_v4().to_string());
        let seen = self.send(&again).await?;
        let expected = r#"202 {"status":"sha unchanged, skipped"}"#.into();
        Ok(Case { act: "the same push again", expected, seen })
    }

    pub(super) async fn another_branch(&self) -> Result<Case> {
        screen::chapter("git push origin main:feature");
        let started = Instant::now();
        self.repository.push("HEAD:refs/heads/feature").await?;
        let seen = show(started.elapsed(), &self.target.last_sent()?.answer);
        let expected = r#"202 {"status":"branch mismatch, no deploy triggered"}"#.into();
        Ok(Case { act: "push to another branch", expected, seen })
    }

    pub(super) async fn a_bad_signature(&self) -> Result<Case> {
        screen::chapter("A delivery that somebody else signed");
        let forged = e2e::deliveries::github_signature("guessed", b"something else");
        let delivery = self.target.last_sent()?.delivery;
        let seen = self.send(&delivery.with_header("x-hub-signature-256", &forged)).await?;
        let expected = r#"401 {"error":"invalid signature"}"#.into();
        Ok(Case { act: "a bad signature", expected, seen })
    }

    pub(super) async fn a_failing_build(&mut self) -> Result<Case> {
        screen::chapter("git push origin main, with a commit that does not build");
        if let Some(standin) = &self.standin {
            let switches = json!({ "apps": { &self.app.name: { "build": "fail" } } });
            set_switches(standin, switches).await?;
        }
        let files = [("Dockerfile", BROKEN_DOCKERFILE)];
        self.repository.commit("Break the build", &files).await?;
        let (mut seen, id) = self.push_and_watch().await?;
        let live = self.api.deploys(self.app.id).await?;
        let live = live["deploys"].as_array().into_iter().flatten();
        let untouched = live.filter(|deploy| deploy["state"] == "live").count() == 1;
        if untouched && seen == "202, failed" {
            seen.push_str(", the first push stays live");
        }
        screen::note(&format!("GET /v1/deploys/{id} tells the reason"));
        let expected = "202, failed, the first push stays live".into();
        Ok(Case { act: "a failing build", expected, seen })
    }

    async fn send(&self, delivery: &Delivery) -> Result<String> {
        let started = Instant::now();
        let answer = self.api.deliver(self.app.id, delivery).await?;
        Ok(show(started.elapsed(), &answer))
    }

    /// Pushes and shows what happens until the deploy has ended: the answer's status and the last state.
    async fn push_and_watch(&self) -> Result<(String, Uuid)> {
        let started = Instant::now();
        self.repository.push("HEAD:refs/heads/main").await?;
        let answer = self.target.last_sent()?.answer;
        show(started.elapsed(), &answer);
        let Some(id) = answer.deploy_id() else { bail!("not queued: {answer:?}") };
        let mut shown = BTreeSet::new();
        while started.elapsed() < PATIENCE {
            // The deployer may not have taken it in yet.
            let Ok(deploy) = self.api.deploy(id).await else {
                sleep(POLL).await;
                continue;
            };
            let outcome = deploy.reason.as_ref().or(deploy.image.as_ref());
            for event in deploy.events.iter().filter(|event| shown.insert(event.version)) {
                let is_last = deploy.has_ended() && Some(event) == deploy.events.last();
                let details = outcome.filter(|_| is_last).map_or("", String::as_str);
                screen::event(started.elapsed(), &event.kind, details);
            }
            if deploy.has_ended() {
                return Ok((format!("{}, {}", answer.status, deploy.state), id));
            }
            sleep(POLL).await;
        }
        bail!("deploy {id} has not ended in {PATIENCE:?}")
    }
}

/// Shows an answer to a delivery; the same in one line.
fn show(after: Duration, answer: &Answer) -> String {
    screen::event(after, &answer.status.to_string(), &answer.body.to_string());
    format!("{} {}", answer.status, answer.body)
}

/// The repository's `post-receive` hook.
fn hook(program: &Path, target: &Path) -> String {
    let quote = |path: &Path| path.display().to_string().replace('\'', r"'\''");
    format!("#!/bin/sh\nexec '{}' deliver --target '{}'\n", quote(program), quote(target))
}
