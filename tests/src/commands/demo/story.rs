//! The story of one app: it is linked, pushed, goes live; and what else may happen to a push.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use e2e::{
    api::{Answer, Api, App},
    deliveries::Delivery,
    forge::Forge,
    harness::set_switches,
    repository::Repository,
};
use serde_json::json;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    cases::Case,
    origin::Origin,
    paas::{Paas, Running},
    screen,
};

const POLL: Duration = Duration::from_millis(40);
/// A real build takes its time.
const PATIENCE: Duration = Duration::from_mins(15);
/// When a tail says nothing for so long, somebody looks whether it has anything left to say.
const SILENCE: Duration = Duration::from_secs(15);
/// For the app's first lines, once it is live.
const APP_SPEAKS_WITHIN: Duration = Duration::from_secs(30);

const SOURCE: &str = "#!/bin/sh\necho 'Hello from a push'\n";
const DOCKERFILE: &str = "FROM scratch\nCOPY hello.sh /hello.sh\nUSER 1000\nCMD [\"/hello.sh\"]\n";
const BROKEN_DOCKERFILE: &str = "FROM scratch\nCOPY no-such-file /\n";

/// An app and the repository that it is linked to.
pub(super) struct Story {
    api: Api,
    app: App,
    repository: Repository,
    origin: Origin,
    standin: Option<String>,
    _folder: tempfile::TempDir,
}

/// Where a story happens.
pub(super) struct Stage<'a> {
    pub(super) api: &'a Api,
    /// The app's name.
    pub(super) name: &'a str,
    /// The URL of the cluster, if it is a stand-in.
    pub(super) standin: Option<String>,
    /// The providers, if there are any, and the program that is asked for the rest.
    pub(super) provider: Option<(Forge, Paas)>,
    /// Where the cluster can clone the repository from, if not from the provider.
    pub(super) clone_url: Option<&'a str>,
}

impl Story {
    /// Creates an app and links it to a new repository.
    pub(super) async fn begin(stage: Stage<'_>) -> Result<Self> {
        let Stage { api, name, standin, provider, clone_url } = stage;
        let folder = tempfile::tempdir()?;
        let (origin, app, repository) = match provider {
            Some((forge, paas)) => {
                Origin::connect(forge, paas, api, name, folder.path(), clone_url).await?
            }
            None => Origin::by_hand(api, name, folder.path(), clone_url).await?,
        };
        Ok(Self { api: api.clone(), app, repository, origin, standin, _folder: folder })
    }

    /// The push that everything is about, watched from a second terminal where there is the program.
    pub(super) async fn a_push_goes_live(&mut self) -> Result<Vec<Case>> {
        let files = [("hello.sh", SOURCE), ("Dockerfile", DOCKERFILE)];
        self.repository.commit("Say hello", &files).await?;
        let mut cases = Vec::new();
        let seen = if let Origin::Provider(_, paas) = &self.origin {
            screen::chapter(&format!(
                "git push origin main; in a second terminal: paas logs --tail {}",
                self.app.name
            ));
            let tail = paas.start(&["logs", "--tail", &self.app.name])?;
            let (seen, tailed) = self.push_and_tail(tail).await?;
            let expected = if self.standin.is_some() {
                "queued … live, then the app's lines"
            } else {
                "queued … live"
            };
            cases.push(Case { act: "paas logs --tail", expected: expected.into(), seen: tailed });
            seen
        } else {
            screen::chapter("git push origin main");
            self.push_and_watch().await?.0
        };
        cases.insert(0, Case { act: "push to main", expected: "202, live".into(), seen });
        screen::note(&format!("The app is at {}", self.app.url));
        Ok(cases)
    }

    pub(super) async fn the_same_push_again(&self) -> Result<Case> {
        screen::chapter("The same push again: the provider sends it twice");
        let again = self.origin.last_sent().await?.delivery;
        let again = again.with_header("x-github-delivery", &Uuid::new_v4().to_string());
        let seen = self.send(&again).await?;
        let expected = r#"202 {"status":"sha unchanged, skipped"}"#.into();
        Ok(Case { act: "the same push again", expected, seen })
    }

    pub(super) async fn another_branch(&self) -> Result<Case> {
        screen::chapter("git push origin main:feature");
        let started = Instant::now();
        self.repository.push("HEAD:refs/heads/feature").await?;
        let seen = show(started.elapsed(), &self.origin.last_sent().await?.answer);
        let expected = r#"202 {"status":"branch mismatch, no deploy triggered"}"#.into();
        Ok(Case { act: "push to another branch", expected, seen })
    }

    pub(super) async fn a_bad_signature(&self) -> Result<Case> {
        screen::chapter("A delivery that somebody else signed");
        let forged = e2e::deliveries::github_signature("guessed", b"something else");
        let delivery = self.origin.last_sent().await?.delivery;
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
        match &self.origin {
            Origin::Provider(..) => {
                screen::note(&format!("paas deploy show {id} tells the reason"));
            }
            Origin::ByHand(_) => screen::note(&format!("GET /v1/deploys/{id} tells the reason")),
        }
        let expected = "202, failed, the first push stays live".into();
        Ok(Case { act: "a failing build", expected, seen })
    }

    /// What came of every delivery, as the platform tells the developer.
    pub(super) async fn the_ledger(&self) -> Result<()> {
        let Origin::Provider(_, paas) = &self.origin else { return Ok(()) };
        screen::chapter(&format!("paas git deliveries {}", self.app.name));
        paas.show(&["git", "deliveries", &self.app.name]).await?;
        screen::chapter(&format!("paas releases {}", self.app.name));
        paas.show(&["releases", &self.app.name]).await
    }

    async fn send(&self, delivery: &Delivery) -> Result<String> {
        let started = Instant::now();
        let answer = self.api.deliver(self.app.id, delivery).await?;
        Ok(show(started.elapsed(), &answer))
    }

    /// Pushes, and shows what the tail says until the app speaks: the answer's status and the last state, and what the
    /// tail told.
    async fn push_and_tail(&self, mut tail: Running) -> Result<(String, String)> {
        let started = Instant::now();
        self.repository.push("HEAD:refs/heads/main").await?;
        let answer = self.origin.last_sent().await?.answer;
        show(started.elapsed(), &answer);
        let id = answer.deploy_id().with_context(|| format!("not queued: {answer:?}"))?;
        let mut told = Told::default();
        while !told.live && !told.ended {
            match timeout(SILENCE, tail.line()).await {
                Ok(Some(line)) => {
                    screen::said(&line);
                    told.listen(&line);
                }
                Ok(None) => bail!("paas logs --tail has ended"),
                Err(_) if self.api.deploy(id).await.is_ok_and(|deploy| deploy.has_ended()) => break,
                Err(_) if started.elapsed() > PATIENCE => bail!("not live in {PATIENCE:?}"),
                Err(_) => {}
            }
        }
        while told.live && !told.app && self.standin.is_some() {
            let Ok(Some(line)) = timeout(APP_SPEAKS_WITHIN, tail.line()).await else { break };
            screen::said(&line);
            told.listen(&line);
        }
        let deploy = self.api.deploy(id).await?;
        Ok((format!("{}, {}", answer.status, deploy.state), told.summary()))
    }

    /// Pushes and shows what happens until the deploy has ended: the answer's status and the last state.
    async fn push_and_watch(&self) -> Result<(String, Uuid)> {
        let started = Instant::now();
        self.repository.push("HEAD:refs/heads/main").await?;
        let answer = self.origin.last_sent().await?.answer;
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

/// What a tail has told so far. Its lines: the time, the source, where from, a bar, the text.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four things that are told or not, in any order")]
struct Told {
    queued: bool,
    live: bool,
    ended: bool,
    app: bool,
}

impl Told {
    fn listen(&mut self, line: &str) {
        let plain = anstream::adapter::strip_str(line).to_string();
        let Some((from, text)) = plain.split_once(" | ") else { return };
        let mut from = from.split_whitespace().skip(1);
        match (from.next(), from.next()) {
            (Some("deploy"), _) => {
                let says = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
                self.queued |= says(&["queued"]);
                self.live |= says(&["live as v"]);
                self.ended |= says(&["failed", "cancelled", "superseded"]);
            }
            // The platform's own words among them are not the app's.
            (Some("app"), from) => self.app |= from != Some("paas"),
            _ => {}
        }
    }

    fn summary(&self) -> String {
        let parts = [(self.queued, "queued"), (self.live, "live")];
        let parts: Vec<_> = parts.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
        let app = if self.app { ", then the app's lines" } else { "" };
        format!("{}{app}", parts.join(" … "))
    }
}

/// Shows an answer to a delivery; the same in one line.
fn show(after: Duration, answer: &Answer) -> String {
    screen::event(after, &answer.status.to_string(), &answer.body.to_string());
    format!("{} {}", answer.status, answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_tells_how_far_a_push_is() {
        let mut told = Told::default();
        for line in [
            "10:00:00 deploy | queued: commit 5f3e2a1",
            "10:00:01 build  clone/fetch | live as v1",
            "10:00:02 app    paas | the cluster does not answer",
            "10:00:03 deploy | live as v1",
        ] {
            told.listen(line);
        }
        assert_eq!(told.summary(), "queued … live");
        told.listen("10:00:04 app    hello-1 | Hello");
        assert_eq!(told.summary(), "queued … live, then the app's lines");
        assert!(!told.ended);
    }
}
