//! A dead letter tried again. Its publisher cannot do that: the broker drops what it has stored before, for as long as its
//! duplicate window is.

use uuid::Uuid;

use super::{Error, Repair, shown::decoded};
use crate::{
    inbound::{Queue, Stored, Work},
    store::{DeadLetter, LetterError, StoredLetter, TakenIn},
};

impl Repair {
    /// Takes a letter in as the intake would have, at its place in the order; the deploy that it means, if it means one.
    /// When that still fails, nothing changes.
    pub(crate) async fn retry(&self, id: i64, by: &str) -> Result<(Option<Uuid>, TakenIn), Error> {
        let StoredLetter { letter, .. } = self.store.letter(id).await?;
        let stream = &letter.place.stream;
        let queue = Queue::of_stream(stream, &self.prefix).ok_or_else(|| {
            Error::Still(format!("{stream} is none of this installation's streams"))
        })?;
        let stored = Stored {
            place: &letter.place,
            subject: &letter.subject,
            headers: None,
            payload: &letter.raw,
        };
        let job = stored
            .decode(queue, &self.prefix)
            .map_err(|invalid| Error::Still(invalid.to_string()))?;
        let (deploy, taken_in) = match &job.work {
            Work::Wake => {
                self.store.wake(job.app).await?;
                self.store.letter_retried(id, by).await?;
                (None, TakenIn::Recorded)
            }
            Work::Push(push) => {
                let traceparent = telemetry::current_traceparent();
                let push = (job.app, push.as_ref());
                let retried = self.store.retry_letter(id, by, push, traceparent.as_deref()).await;
                (Some(push.1.mark.deploy.0), retried.map_err(still)?)
            }
        };
        tracing::info!(
            dead_letter.id = id,
            app.id = %job.app,
            requested_by = by,
            ?taken_in,
            "a person retried a dead letter"
        );
        Ok((deploy, taken_in))
    }

    /// As much of a letter's message as can be read, as a JSON object.
    pub(crate) fn decoded(&self, letter: &DeadLetter) -> Option<String> {
        let queue = Queue::of_stream(&letter.place.stream, &self.prefix)?;
        decoded(queue, &letter.raw)
    }

    /// Notes that nobody needs a letter any more.
    pub(crate) async fn discard(&self, id: i64, by: &str) -> Result<(), Error> {
        self.store.discard_letter(id, by).await?;
        tracing::info!(dead_letter.id = id, requested_by = by, "a person discarded a dead letter");
        Ok(())
    }
}

/// What the intake would put the message aside for.
fn still(error: LetterError) -> Error {
    match error {
        LetterError::Store(error) if !error.is_trouble_of_ours() => Error::Still(error.to_string()),
        error @ (LetterError::Store(_)
        | LetterError::Unknown(_)
        | LetterError::TakenIn(_)
        | LetterError::Unmigrated) => Error::Letter(error),
    }
}
