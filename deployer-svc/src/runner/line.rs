//! Works on one line for as long as it moves: a step, its report, the next step of the new state.

use std::{sync::Arc, time::Duration};

use deploy_domain::{BuildOutcome, Command, DeployId, Step};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, field, info_span};

use super::{
    boundary,
    inputs::Inputs,
    step::{Finding, Hands},
    visit::Visit,
};
use crate::{
    cluster_port,
    metrics::{StepKind, Stepped, metrics},
    store::{self, CommandError, Leased, Next, Store},
};

/// How long a line stays with a process that died.
pub(super) const LEASE: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);

pub(super) struct Worker {
    pub(super) store: Store,
    pub(super) hands: Arc<Hands>,
    pub(super) inputs: Arc<Inputs>,
    pub(super) shutdown: CancellationToken,
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Cluster(#[from] cluster_port::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the report was refused: {0}")]
    Rejected(deploy_domain::Rejection),
    #[error("deploy {0} is in the state, but was never recorded")]
    Unrecorded(DeployId),
}

impl From<CommandError> for Trouble {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(rejection) => Self::Rejected(rejection),
            CommandError::Store(error) => Self::Store(error),
        }
    }
}

impl Worker {
    /// Works on the line until it has to wait, and gives it back. Whoever loses the lease stops where they are.
    pub(super) async fn work(self, mut leased: Leased) {
        let held = leased.clone();
        tokio::select! {
            () = self.advance(&mut leased) => {}
            () = self.until_lost(&held) => {
                tracing::warn!(app.id = %held.app.id, "the lease on a line was lost");
            }
        }
    }

    async fn advance(&self, leased: &mut Leased) {
        let mut visit = Visit::new(leased.failures);
        while !self.shutdown.is_cancelled()
            && let Some(step) = visit.next_step(&leased.line)
        {
            let (kind, began) = (StepKind::from(&step), Instant::now());
            let done = self.step(leased, &step, &mut visit).await;
            metrics().stepped(kind, came_to(&done), began.elapsed());
            match done {
                Ok(true) => {}
                Ok(false) => visit.underway(step),
                Err(Trouble::Store(error @ store::Error::LeaseLost(_))) => {
                    tracing::warn!(%error, "stopped working on a line");
                    return;
                }
                Err(error) => {
                    tracing::warn!(
                        app.id = %leased.app.id,
                        deploy.id = %deploy_of(&step),
                        step = boundary::name(&step),
                        %error,
                        "a step failed; it is tried again"
                    );
                    visit.failed(step);
                }
            }
        }
        let next = match visit.next(&leased.line) {
            Next::At(_) if self.shutdown.is_cancelled() => Next::At(Duration::ZERO),
            next @ (Next::At(_) | Next::Idle) => next,
        };
        if let Err(error) = self.store.release(leased, next, visit.failures()).await {
            tracing::warn!(app.id = %leased.app.id, %error, "a line was not given back; its lease runs out");
        }
    }

    /// Does one step and reports it; false when nothing has moved.
    async fn step(
        &self,
        leased: &mut Leased,
        step: &Step,
        visit: &mut Visit,
    ) -> Result<bool, Trouble> {
        let deploy = deploy_of(step);
        let inputs = self.inputs.of(deploy, &self.store).await?;
        let inputs = inputs.ok_or(Trouble::Unrecorded(deploy))?;
        let span = info_span!(
            "deploy.step",
            otel.status_code = field::Empty,
            app.id = %leased.app.id,
            deploy.id = %deploy,
            step = boundary::name(step)
        );
        telemetry::set_parent(&span, inputs.traceparent.as_deref());
        // Whoever moved the line last is gone: what it did is where this goes on.
        telemetry::link(&span, leased.left_at.take().as_deref());
        async {
            boundary::before_effect(step);
            let finding = self.hands.perform(&leased.app, step, &inputs).await?;
            boundary::after_effect(step);
            let Finding::Report(command) = finding else { return Ok(false) };
            if let Command::ReportBuild { deploy, outcome: BuildOutcome::Started } = &command {
                visit.build_runs(*deploy);
            }
            let events = self.store.report(leased, command).await?;
            boundary::reported(step);
            for event in &events {
                tracing::info!(event = event.name(), "the line moved");
            }
            Ok(!events.is_empty())
        }
        .instrument(span.clone())
        .await
        .inspect_err(|_| {
            span.record("otel.status_code", "ERROR");
        })
    }

    /// Renews the lease until that fails.
    async fn until_lost(&self, held: &Leased) {
        let mut until = Instant::now() + LEASE;
        while Instant::now() < until {
            sleep(RENEW_EVERY).await;
            let asked = Instant::now();
            match timeout_at(until, self.store.renew(held, LEASE)).await {
                Ok(Ok(true)) => until = asked + LEASE,
                Ok(Ok(false)) => return,
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

fn came_to(done: &Result<bool, Trouble>) -> Stepped {
    match done {
        Ok(true) => Stepped::Moved,
        Ok(false) => Stepped::Underway,
        Err(_) => Stepped::Failed,
    }
}

fn deploy_of(step: &Step) -> DeployId {
    match step {
        Step::StartBuild { deploy, .. }
        | Step::CheckBuild { deploy }
        | Step::StopBuild { deploy }
        | Step::RollOut { deploy, .. }
        | Step::PutBack { deploy, .. } => *deploy,
    }
}
