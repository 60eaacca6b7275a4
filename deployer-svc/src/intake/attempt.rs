//! One message: tried until it is on record, put aside, or better left to a later delivery.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use tracing::{Instrument as _, Span, field, info_span};

use super::{
    Intake,
    batch::Held,
    decode::{Invalid, Job, Work},
};
use crate::store::{self, DeadLetter, Inbound};

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
        let sender = held.message.headers.as_ref().and_then(telemetry::traceparent_of);
        let span = info_span!("push.intake", app.id = field::Empty, deploy.id = field::Empty);
        telemetry::set_parent(&span, sender.as_deref());
        async {
            let taken = match job {
                Ok(job) => self.record(held, &job, sender).await,
                Err(invalid) => Err(Obstacle::Never(invalid.to_string())),
            };
            match taken {
                Ok(()) => {
                    fail::fail_point!("intake::committed", |_| crate::failpoints::crash());
                    held.ack().await;
                    fail::fail_point!("intake::acked", |_| crate::failpoints::crash());
                    true
                }
                Err(Obstacle::Never(reason)) => self.put_aside(held, reason).await,
                Err(Obstacle::NotNow) => false,
            }
        }
        .instrument(span)
        .await
    }

    async fn record(&self, held: &Held, job: &Job, sender: Option<String>) -> Result<(), Obstacle> {
        let app = job.app;
        Span::current().record("app.id", field::display(app));
        let push = match &job.work {
            Work::Wake => return self.insist(held, || self.store.wake(app)).await,
            Work::Push(push) => push,
        };
        let deploy = push.mark.deploy;
        Span::current().record("deploy.id", field::display(deploy));
        let inbound = Inbound {
            stream: held.place.stream.clone(),
            message_id: deploy.to_string(),
            sequence: held.place.sequence,
            traceparent: telemetry::current_traceparent().or(sender),
        };
        let call = || self.store.take_in(&inbound, app, (**push).clone());
        let taken_in = self.insist(held, call).await?;
        tracing::info!(app.id = %app, deploy.id = %deploy, ?taken_in, "push taken in");
        Ok(())
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
        let message = &held.message;
        let letter = DeadLetter {
            place: held.place.clone(),
            subject: printable(&message.subject),
            message_id: message.headers.as_ref().and_then(message_id),
            deliveries: held.deliveries,
            raw: message.payload.to_vec(),
            reason: printable(&reason),
        };
        match self.insist(held, || self.store.dead_letter(&letter)).await {
            Ok(new) => {
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
                false
            }
            Err(Obstacle::NotNow) => false,
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
                Err(error @ store::Error::Transient(_)) => error,
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

fn message_id(headers: &HeaderMap) -> Option<String> {
    headers.get(NATS_MESSAGE_ID).map(|id| printable(id.as_str()))
}

/// Postgres keeps no NUL in a text.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
