//! One message: tried until it is on record, put aside, or better left to a later delivery.

use std::time::Duration;

use jiff::Timestamp;
use paas_proto::streams::DEPLOYER;
use tracing::{Instrument as _, Span, field, info_span};

use super::{Intake, batch::Held};
use crate::{
    inbound::{Invalid, Job, Queue, Work},
    metrics::{Settled, metrics},
    store::{self, TakenIn},
};

/// Tries of a message that fails while the database answers, before others are let through.
const PATIENCE: u32 = 4;
/// Times that a suspect may have been tried alone without coming to any end.
const LONE_TRIES: i32 = 3;

/// Why a message is not on record.
enum Obstacle {
    /// It never will be.
    Never(String),
    /// It may be later.
    NotNow,
}

impl Intake {
    /// Takes a message in, or puts it aside; false when neither could be done now.
    pub(super) async fn take(&self, held: &Held, job: Result<Job, Invalid>) -> bool {
        let sender = held.stored().sender();
        let span = span(self.queue, held);
        telemetry::set_parent(&span, sender.as_deref());
        async {
            let taken = match job {
                Ok(job) => self.record(held, &job).await.inspect(|taken_in| {
                    self.count(*taken_in, &job);
                }),
                Err(invalid) => Err(Obstacle::Never(invalid.to_string())),
            };
            match taken {
                Ok(_) => {
                    fail::fail_point!("intake::committed", |_| crate::failpoints::crash());
                    held.ack().await;
                    fail::fail_point!("intake::acked", |_| crate::failpoints::crash());
                    true
                }
                Err(Obstacle::Never(reason)) => self.put_aside(held, reason).await,
                Err(Obstacle::NotNow) => self.left(),
            }
        }
        .instrument(span)
        .await
    }

    fn count(&self, taken_in: TakenIn, job: &Job) {
        let outcome = match taken_in {
            TakenIn::Recorded => Settled::Recorded,
            TakenIn::AlreadyKnown => Settled::Known,
        };
        metrics().message(self.queue.into(), outcome);
        if let (Work::Push(_), TakenIn::Recorded, Some(received_at)) =
            (&job.work, taken_in, job.received_at)
        {
            // Two machines' clocks may differ by more than the way takes.
            let after = Timestamp::now().duration_since(received_at);
            metrics().recorded(Duration::try_from(after).unwrap_or_default());
        }
    }

    /// The message is not settled.
    fn left(&self) -> bool {
        metrics().message(self.queue.into(), Settled::Left);
        false
    }

    async fn record(&self, held: &Held, job: &Job) -> Result<TakenIn, Obstacle> {
        let app = job.app;
        Span::current().record("app.id", field::display(app));
        let push = match &job.work {
            Work::Wake => {
                self.insist(held, || self.store.wake(app)).await?;
                return Ok(TakenIn::Recorded);
            }
            Work::Push(push) => push,
        };
        let deploy = push.mark.deploy;
        Span::current().record("deploy.id", field::display(deploy));
        let inbound = held.stored().inbound(push);
        let call = || self.store.take_in(&inbound, app, (**push).clone());
        let taken_in = self.insist(held, call).await?;
        tracing::info!(app.id = %app, deploy.id = %deploy, ?taken_in, "push taken in");
        Ok(taken_in)
    }

    /// For a message that was delivered so often that it may be what ends the process. The database counts the tries
    /// before it is looked into, so that those which merely stood beside such a message are not given up with it.
    pub(super) async fn take_alone(&self, held: &Held) {
        match self.insist(held, || self.store.suspect(&held.place)).await {
            Ok(tries) if tries > LONE_TRIES => {
                let reason =
                    format!("delivered {} times, and never came to an end", held.deliveries);
                if !self.put_aside(held, reason).await {
                    return;
                }
            }
            Ok(_) => {
                self.take(held, self.decode(held)).await;
            }
            Err(_) => return,
        }
        // A row that stays behind counts against nobody: the message is settled, or counted from one again at worst.
        let _ = self.insist(held, || self.store.clear(&held.place)).await;
    }

    async fn put_aside(&self, held: &Held, reason: String) -> bool {
        let letter = held.stored().letter(held.deliveries, &reason);
        match self.insist(held, || self.store.dead_letter(&letter)).await {
            Ok(new) => {
                let outcome = if new { Settled::DeadLetter } else { Settled::Known };
                metrics().message(self.queue.into(), outcome);
                if new {
                    tracing::warn!(
                        stream = letter.place.stream,
                        sequence = letter.place.sequence,
                        reason,
                        "put a message aside: it can never be taken in"
                    );
                }
                held.ack().await;
                true
            }
            Err(Obstacle::Never(error)) => {
                tracing::error!(reason, error, "a message can neither be taken in nor put aside");
                self.left()
            }
            Err(Obstacle::NotNow) => self.left(),
        }
    }

    /// Calls the store until it does what it is asked. While the database is away that takes as long as it takes; when
    /// only this call fails, the message is left to a later delivery and does not hold others up.
    async fn insist<T, F>(&self, held: &Held, mut call: impl FnMut() -> F) -> Result<T, Obstacle>
    where
        F: Future<Output = Result<T, store::Error>>,
    {
        let (mut failures, mut patience) = (0, PATIENCE);
        loop {
            let error = match call().await {
                Ok(done) => {
                    self.note_answer();
                    return Ok(done);
                }
                Err(error) if error.is_trouble_of_ours() => error,
                Err(error) => return Err(Obstacle::Never(error.to_string())),
            };
            failures += 1;
            if self.store.ping().await.is_err() {
                self.note_outage(&error);
                patience = PATIENCE;
            } else if patience == 0 {
                let sequence = held.place.sequence;
                tracing::warn!(sequence, %error, "a message is left to a later delivery");
                return Err(Obstacle::NotNow);
            } else {
                patience -= 1;
            }
            self.pause(failures).await;
            if self.shutdown.is_cancelled() {
                return Err(Obstacle::NotNow);
            }
        }
    }
}

fn span(queue: Queue, held: &Held) -> Span {
    let name = match queue {
        Queue::Pushes => "push.intake",
        Queue::Builds => "build.intake",
    };
    info_span!(
        "message.intake",
        otel.name = name,
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = held.place.stream,
        messaging.destination.subscription.name = DEPLOYER,
        app.id = field::Empty,
        deploy.id = field::Empty,
    )
}
