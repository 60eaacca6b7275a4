//! The words in which the tests speak: commits are letters, deploys are numbers.

use deploy_domain::{
    BuildOutcome, Command, DeployId, Event, Image, Line, Mark, Origin, Place, Push, Rejection,
    RolloutOutcome, Sha, Source, decide, evolve, fold,
};
use uuid::Uuid;

pub(crate) fn id(number: u64) -> DeployId {
    DeployId(Uuid::from_u128(number.into()))
}

pub(crate) fn sha(letter: char) -> Sha {
    Sha::try_from(format!("{:040x}", u32::from(letter))).unwrap()
}

pub(crate) fn image(letter: char) -> Image {
    Image::try_from(format!("registry/app@sha256:{:064x}", u32::from(letter))).unwrap()
}

/// A push of `after` on top of `before`, which arrives as number `number`.
pub(crate) fn push(number: u64, before: char, after: char) -> Push {
    let place = Place { epoch: 1, sequence: number };
    let mark =
        Mark { deploy: id(number), after: sha(after), before: sha(before), pushed_at: None, place };
    let origin = Origin {
        repo: "octo/app".into(),
        branch: "main".into(),
        clone_url: "https://git.example/octo/app.git".into(),
        identity: format!("{number:064x}"),
        attempt: 0,
        delivery_id: String::new(),
    };
    Push { mark, source: Source::GithubWebhook, origin }
}

/// A line that a story can be told of, command by command.
pub(crate) struct Story {
    pub(crate) line: Line,
    pub(crate) log: Vec<Event>,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { line: Line::default(), log: Vec::new() }
    }

    /// Gives the command and returns what it led to, by the events' names.
    pub(crate) fn tell(&mut self, command: Command) -> Vec<&'static str> {
        self.try_tell(command).unwrap()
    }

    pub(crate) fn try_tell(&mut self, command: Command) -> Result<Vec<&'static str>, Rejection> {
        let events = decide(&self.line, command)?;
        let before = self.line.clone();
        self.line = events.iter().fold(before, evolve);
        self.log.extend(events.iter().cloned());
        assert_eq!(self.line, fold(&self.log), "the state is the fold of the events");
        Ok(events.iter().map(Event::name).collect())
    }

    pub(crate) fn push(&mut self, number: u64, before: char, after: char) -> Vec<&'static str> {
        self.tell(Command::Push(Box::new(push(number, before, after))))
    }

    pub(crate) fn build(&mut self, number: u64, outcome: BuildOutcome) -> Vec<&'static str> {
        self.tell(Command::ReportBuild { deploy: id(number), outcome })
    }

    pub(crate) fn built(&mut self, number: u64, letter: char) -> Vec<&'static str> {
        self.build(number, BuildOutcome::Succeeded { image: image(letter) })
    }

    pub(crate) fn rollout(
        &mut self,
        number: u64,
        generation: u64,
        outcome: RolloutOutcome,
    ) -> Vec<&'static str> {
        self.tell(Command::ReportRollout { deploy: id(number), generation, outcome })
    }

    pub(crate) fn put_back(
        &mut self,
        number: u64,
        generation: u64,
        outcome: RolloutOutcome,
    ) -> Vec<&'static str> {
        self.tell(Command::ReportPutBack { deploy: id(number), generation, outcome })
    }

    /// Pushes, builds and rolls out to the end.
    pub(crate) fn deployed(&mut self, number: u64, before: char, after: char) {
        self.push(number, before, after);
        self.built(number, after);
        let generation = self.line.next_generation - 1;
        assert_eq!(self.rollout(number, generation, RolloutOutcome::Complete), ["went_live"]);
    }

    /// State and reason of a deploy, as the summaries tell it.
    pub(crate) fn summary(&self, number: u64) -> (&'static str, String) {
        let mut summaries =
            self.log.iter().filter_map(Event::summary).filter(|s| s.deploy == id(number));
        let last = summaries.next_back().unwrap();
        (last.state, last.reason.unwrap_or_default())
    }

    pub(crate) fn live(&self) -> Option<&Sha> {
        self.line.live().map(|release| &release.sha)
    }
}

pub(crate) fn failed(reason: &str) -> RolloutOutcome {
    RolloutOutcome::Failed { reason: reason.into() }
}
