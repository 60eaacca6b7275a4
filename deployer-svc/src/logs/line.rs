//! One line of a timeline, and the words for what happened to a deploy.

use deploy_domain::{DeployId, Event, FailedStage, Image};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    chunk::{self, BuildLine},
    cursor::Place,
};
use crate::store::{StoredChunk, ToldEvent};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// An event of a deploy.
    Deploy,
    /// A step of a build.
    Build,
    /// The app itself.
    App,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) source: Source,
    pub(crate) deploy: Option<Uuid>,
    pub(crate) origin: String,
    pub(crate) text: String,
    pub(super) place: Place,
}

impl Line {
    /// What an event says. One of a newer version of this program says its name.
    pub(super) fn of_event(event: ToldEvent) -> Self {
        let text =
            serde_json::from_str(&event.data).map_or(event.name.clone(), |event| say(&event));
        Self {
            at: event.at,
            source: Source::Deploy,
            deploy: event.deploy,
            origin: event.name,
            text,
            place: Place::Event(event.version),
        }
    }

    /// The lines of a chunk behind the first `told`. One that cannot be read says so.
    pub(super) fn of_chunk(chunk: &StoredChunk, told: u32) -> Vec<Self> {
        let lines = chunk::unpack(&chunk.data).unwrap_or_else(|error| {
            tracing::error!(deploy.id = %chunk.deploy, %error, "kept build lines cannot be read");
            let text = format!("{} lines cannot be read any more", chunk.lines);
            vec![BuildLine { at: Timestamp::now(), origin: OURSELVES.to_owned(), text }]
        });
        let count = lines.len();
        let place = |index: usize| {
            let next = u32::try_from(index + 1).unwrap_or(u32::MAX);
            if index + 1 == count {
                Place::Build { chunk: chunk.position + 1, line: 0 }
            } else {
                Place::Build { chunk: chunk.position, line: next }
            }
        };
        let lines = lines.into_iter().enumerate().map(|(index, line)| Self {
            at: line.at,
            source: Source::Build,
            deploy: Some(chunk.deploy),
            origin: line.origin,
            text: line.text,
            place: place(index),
        });
        lines.skip(usize::try_from(told).unwrap_or(usize::MAX)).collect()
    }

    /// A word of ours among the app's lines.
    pub(super) fn note(text: String) -> Self {
        Self {
            at: Timestamp::now(),
            source: Source::App,
            deploy: None,
            origin: OURSELVES.to_owned(),
            text,
            place: Place::Nowhere,
        }
    }

    /// About what it takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.origin.len() + self.text.len()
    }
}

/// The origin of lines that neither a build nor an app wrote.
pub(super) const OURSELVES: &str = "paas";

/// The event for people.
fn say(event: &Event) -> String {
    match event {
        Event::Requested { push } => format!("queued: commit {}", push.mark.after),
        Event::RedeployRequested { sha, by, .. } => format!("queued: commit {sha} again, by {by}"),
        Event::RollbackRequested { release, by, .. } => {
            format!("rolling back to v{release}, by {by}")
        }
        Event::LeftUnchanged { live, .. } => {
            format!("nothing to do: this commit is live already, by deploy {live}")
        }
        Event::FoundDuplicate { of, .. } => {
            format!("nothing to do: this commit is underway already, as deploy {of}")
        }
        Event::ArrivedLate { newer, .. } => {
            format!("not deployed: a newer push had arrived before, deploy {newer}")
        }
        Event::HeldBack { paused_by, .. } => {
            format!("not deployed: auto-deploy is paused by rollback {paused_by}")
        }
        Event::Superseded { by, .. } => format!("superseded by deploy {by}"),
        Event::BuildStarted { .. } => "build started".to_owned(),
        Event::Built { image, .. } => format!("built {}", digest(image)),
        Event::RolloutStarted { .. } => "rolling out".to_owned(),
        Event::WentLive { release, .. } => format!("live as v{release}"),
        Event::PutBackStarted { .. } => "putting the last live image back".to_owned(),
        Event::Failed { stage, reason, .. } => failed(*stage, reason),
        Event::Cancelled { by, .. } => format!("cancelled by {by}"),
        Event::BuildStopped { .. } => "build stopped".to_owned(),
        Event::AutoDeployPaused { by } => paused(*by),
        Event::AutoDeployResumed { by } => format!("auto-deploy resumed by {by}"),
    }
}

fn failed(stage: FailedStage, reason: &str) -> String {
    format!("failed: {}: {reason}", stage.name())
}

fn paused(by: DeployId) -> String {
    format!("auto-deploy paused by rollback {by}")
}

/// The digest alone: where the image is kept is nobody's concern here.
fn digest(image: &Image) -> &str {
    image.as_str().rsplit_once('@').map_or(image.as_str(), |(_, digest)| digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> ToldEvent {
        ToldEvent {
            version: 3,
            deploy: Some(Uuid::from_u128(1)),
            name: "built".to_owned(),
            data: data.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            is_early: false,
        }
    }

    #[test]
    fn an_event_is_said_in_words() {
        let id = Uuid::from_u128(1);
        let image = format!("registry/t/app@sha256:{}", "a".repeat(64));
        let built = format!(r#"{{"type":"built","deploy":"{id}","image":"{image}"}}"#);
        let line = Line::of_event(event(&built));
        assert_eq!(line.text, format!("built sha256:{}", "a".repeat(64)));
        assert_eq!((line.origin.as_str(), line.place), ("built", Place::Event(3)));
        let failed = format!(
            r#"{{"type":"failed","deploy":"{id}","stage":"build","reason":"no Dockerfile"}}"#
        );
        assert_eq!(Line::of_event(event(&failed)).text, "failed: build: no Dockerfile");
    }

    #[test]
    fn an_event_that_a_newer_version_wrote_says_its_name() {
        assert_eq!(Line::of_event(event(r#"{"type":"teleported"}"#)).text, "built");
    }

    #[test]
    fn a_chunk_goes_on_behind_the_lines_that_were_told() {
        let line = |text: &str| BuildLine {
            at: Timestamp::UNIX_EPOCH,
            origin: "build/push".to_owned(),
            text: text.to_owned(),
        };
        let data = chunk::pack(&[line("one"), line("two"), line("three")]).unwrap();
        let chunk = StoredChunk { deploy: Uuid::nil(), position: 8, lines: 3, data };
        let told = Line::of_chunk(&chunk, 1);
        let places: Vec<_> = told.iter().map(|line| (line.text.as_str(), &line.place)).collect();
        let next = Place::Build { chunk: 8, line: 2 };
        let end = Place::Build { chunk: 9, line: 0 };
        assert_eq!(places, [("two", &next), ("three", &end)]);
        assert!(Line::of_chunk(&chunk, 3).is_empty());
    }

    #[test]
    fn a_chunk_that_is_broken_is_passed_with_a_word() {
        let chunk =
            StoredChunk { deploy: Uuid::nil(), position: 8, lines: 3, data: b"junk".to_vec() };
        let told = Line::of_chunk(&chunk, 0);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].place, Place::Build { chunk: 9, line: 0 });
    }
}
