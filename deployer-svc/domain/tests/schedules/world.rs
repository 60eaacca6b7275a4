//! A world around the line: a branch, a stream that reorders and repeats, a cluster, and runners that die anywhere.

use std::collections::BTreeMap;

use deploy_domain::{
    BuildOutcome, Command, DeployId, Event, Image, Line, Push, RolloutOutcome, Sha, Step, decide,
    evolve, fold, plan,
};
use fastrand::Rng;

use crate::words::{failed, id, image, push};

const STEPS: usize = 100;
const COMMITS: [char; 5] = ['a', 'b', 'c', 'd', 'e'];

/// What the Deployment shows.
#[derive(Clone)]
pub(super) struct Deployment {
    generation: u64,
    deploy: DeployId,
    pub(super) image: Image,
    /// `None` while Kubernetes is at it.
    verdict: Option<bool>,
}

/// A write that the Deployment took.
pub(super) struct Write {
    pub(super) deploy: DeployId,
    pub(super) generation: u64,
    /// The push's own image, as against one that is put back.
    pub(super) own: bool,
}

pub(super) struct World {
    rng: Rng,
    /// What a crash leaves.
    pub(super) log: Vec<Event>,
    pub(super) last_deploy_sha: Option<Sha>,
    /// The folded state, as the row beside the log has it.
    pub(super) line: Line,
    /// Pushes as they were made, oldest first.
    pub(super) pushed: Vec<Push>,
    /// Deliveries on their way: any order, any number of times.
    queue: Vec<Push>,
    /// Runs: `None` while they run.
    pub(super) runs: BTreeMap<DeployId, Option<bool>>,
    pub(super) deployment: Option<Deployment>,
    pub(super) writes: Vec<Write>,
    /// Steps of runners that were paused before they did them.
    paused: Vec<Step>,
    by_hand: u64,
    /// Whether pushes carry GitHub's time. Without it the order is the stream's, which this world then keeps.
    timed: bool,
    /// A busy branch, or a quiet one.
    pushes_in_100: u32,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            timed: rng.bool(),
            pushes_in_100: rng.u32(2..10),
            rng,
            log: Vec::new(),
            last_deploy_sha: None,
            line: Line::default(),
            pushed: Vec::new(),
            queue: Vec::new(),
            runs: BTreeMap::new(),
            deployment: None,
            writes: Vec::new(),
            paused: Vec::new(),
            by_hand: 0,
        }
    }

    /// Lives through a schedule, lets the faults end, and returns the log.
    pub(super) fn run(mut self) -> Vec<Event> {
        for _ in 0..STEPS {
            match self.rng.u32(..100) {
                roll if roll < self.pushes_in_100 => self.push_a_commit(),
                0..20 => self.deliver(),
                20..58 => self.take_a_step(),
                58..62 => self.wake_a_paused_runner(),
                62..92 => self.move_the_cluster(),
                92..96 => self.crash(),
                _ => self.command_by_hand(),
            }
        }
        self.settle();
        self.check_the_end();
        self.log
    }

    fn push_a_commit(&mut self) {
        let number = self.pushed.len() as u64 + 1;
        let before = self.pushed.last().map_or('0', |last| letter(&last.mark.after));
        let after = *self.rng.choice(&COMMITS).unwrap();
        let mut push = push(number, before, after);
        push.mark.pushed_at = self.timed.then_some(1_000 + number);
        self.queue.push(push.clone());
        self.pushed.push(push);
    }

    /// Takes in any delivery; it may come again (the ack was lost), and its place is where it comes first.
    fn deliver(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let reach = if self.timed { self.queue.len() } else { 1 };
        let at = self.rng.usize(..reach);
        let push =
            if self.rng.u32(..4) == 0 { self.queue[at].clone() } else { self.queue.remove(at) };
        self.take_in(push);
    }

    fn take_in(&mut self, push: Push) {
        let known = self
            .log
            .iter()
            .filter_map(Event::begins_deploy)
            .any(|deploy| deploy == push.mark.deploy);
        if !known {
            self.command(Command::Push(Box::new(push)));
        }
    }

    /// A runner does one step of the plan, and may die before the effect, or before it could report.
    fn take_a_step(&mut self) {
        let steps = plan(&self.line);
        let Some(step) = self.rng.choice(&steps).cloned() else { return };
        match self.rng.u32(..10) {
            0 => self.crash(),
            1 => self.paused.push(step),
            2 => {
                self.effect(&step);
                self.crash();
            }
            _ => self.do_step(&step),
        }
    }

    fn wake_a_paused_runner(&mut self) {
        if let Some(step) = self.paused.pop() {
            self.do_step(&step);
        }
    }

    fn do_step(&mut self, step: &Step) {
        if let Some(report) = self.effect(step) {
            self.command(report);
        }
    }

    /// Everything is lost but the log.
    fn crash(&mut self) {
        let folded = fold(&self.log);
        assert_eq!(folded, self.line, "I5");
        self.line = folded;
    }

    fn command_by_hand(&mut self) {
        self.by_hand += 1;
        let deploy = id(10_000 + self.by_hand);
        let underway: Vec<DeployId> = self.line.underway.iter().map(|deploy| deploy.id).collect();
        let by = || "ada".to_owned();
        match self.rng.u32(..5) {
            0 => self.command(Command::Redeploy { deploy, by: by() }),
            1 => self.command(Command::RollBack { deploy, to: None, by: by() }),
            2 | 3 => self.command(Command::Resume { by: by() }),
            _ => {
                if let Some(deploy) = self.rng.choice(underway) {
                    self.command(Command::Cancel { deploy, by: by() });
                }
            }
        }
    }

    fn command(&mut self, command: Command) {
        let Ok(events) = decide(&self.line, command) else { return };
        for event in events {
            self.line = evolve(self.line.clone(), &event);
            if let Event::WentLive { .. } = event {
                self.last_deploy_sha = self.line.live().map(|live| live.sha.clone());
            }
            self.log.push(event);
        }
        self.check_the_line();
    }

    // The cluster, as the agent drives it.

    fn effect(&mut self, step: &Step) -> Option<Command> {
        match step {
            Step::StartBuild { deploy, .. } => {
                self.runs.entry(*deploy).or_insert(None);
                Some(self.build_report(*deploy))
            }
            Step::CheckBuild { deploy } => Some(self.build_report(*deploy)),
            Step::StopBuild { deploy } => {
                if let Some(run) = self.runs.get_mut(deploy) {
                    run.get_or_insert(false);
                }
                Some(Command::ReportStopped { deploy: *deploy })
            }
            Step::RollOut { deploy, generation, image, .. } => {
                let outcome = self.write(*deploy, *generation, image, true)?;
                Some(Command::ReportRollout { deploy: *deploy, generation: *generation, outcome })
            }
            Step::PutBack { deploy, generation, image, .. } => {
                let outcome = self.write(*deploy, *generation, image, false)?;
                Some(Command::ReportPutBack { deploy: *deploy, generation: *generation, outcome })
            }
        }
    }

    fn build_report(&self, deploy: DeployId) -> Command {
        let sha = self.sha_of(deploy);
        let outcome = match self.runs.get(&deploy) {
            None => BuildOutcome::Gone,
            Some(None) => BuildOutcome::Started,
            Some(Some(true)) => BuildOutcome::Succeeded { image: image(letter(&sha)) },
            Some(Some(false)) => BuildOutcome::Failed { reason: "exit 1".into() },
        };
        Command::ReportBuild { deploy, outcome }
    }

    fn sha_of(&self, deploy: DeployId) -> Sha {
        let mut begun = self
            .log
            .iter()
            .filter(|event| event.deploy() == Some(deploy))
            .filter_map(Event::begins);
        begun.next().unwrap().0.clone()
    }

    /// The fence, and the write.
    fn write(
        &mut self,
        deploy: DeployId,
        generation: u64,
        image: &Image,
        own: bool,
    ) -> Option<RolloutOutcome> {
        let found = self.deployment.as_ref().map_or(0, |there| there.generation);
        if found > generation {
            return Some(RolloutOutcome::Fenced { found });
        }
        if found < generation {
            let there = Deployment { generation, deploy, image: image.clone(), verdict: None };
            self.deployment = Some(there);
            self.writes.push(Write { deploy, generation, own });
        }
        let there = self.deployment.as_ref()?;
        assert_eq!((there.deploy, &there.image), (deploy, image), "a generation names one write");
        there.verdict.map(|complete| {
            if complete { RolloutOutcome::Complete } else { failed("ProgressDeadlineExceeded") }
        })
    }

    /// Some run, or the rollout, comes to its end.
    fn move_the_cluster(&mut self) {
        let good = self.rng.u32(..6) > 0;
        if self.rng.bool() {
            if let Some(there) = &mut self.deployment {
                there.verdict.get_or_insert(good);
            }
            return;
        }
        let running: Vec<DeployId> =
            self.runs.iter().filter(|(_, run)| run.is_none()).map(|(id, _)| *id).collect();
        if let Some(deploy) = self.rng.choice(running) {
            self.runs.insert(deploy, Some(good));
        }
    }

    /// The faults end: everything is delivered, every step is done, every build and rollout comes to an end.
    fn settle(&mut self) {
        for push in std::mem::take(&mut self.queue) {
            self.take_in(push);
        }
        while let Some(step) = self.paused.pop() {
            self.do_step(&step);
        }
        for _ in 0..100 {
            let steps = plan(&self.line);
            if steps.is_empty() {
                return;
            }
            for step in &steps {
                self.do_step(step);
            }
            self.move_the_cluster();
        }
        panic!("the line does not come to rest: {:?}", self.line);
    }
}

/// The letter that a test's commit was made of.
fn letter(sha: &Sha) -> char {
    char::from_u32(u32::from_str_radix(sha.as_str(), 16).unwrap()).unwrap()
}

/// The deploy that begins with an event.
pub(super) trait Begins {
    fn begins_deploy(&self) -> Option<DeployId>;
}

impl Begins for Event {
    fn begins_deploy(&self) -> Option<DeployId> {
        self.begins().and_then(|_| self.deploy())
    }
}
