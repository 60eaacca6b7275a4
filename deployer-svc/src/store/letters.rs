//! What can never work, and what is suspected of it.

use super::{
    Error, Store,
    connection::{racing, within},
    sql::{bigint, execute, row},
    take_in::claim,
};

/// A message that can never be taken in.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Where it stood.
    pub place: Place,
    /// What it was published on.
    pub subject: String,
    /// Its `Nats-Msg-Id`, if it has one.
    pub message_id: Option<String>,
    /// How often it was delivered.
    pub deliveries: i64,
    /// All of it.
    pub raw: Vec<u8>,
    /// Why, for people.
    pub reason: String,
}

/// A message's place in a stream. A stream that was made anew gives its sequences out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the stream.
    pub stream: String,
    /// When the stream was created, Unix seconds.
    pub epoch: u64,
    /// The sequence within it.
    pub sequence: u64,
}

impl Store {
    /// Puts a message aside for a person to look at; false when it was taken in or put aside before.
    pub async fn dead_letter(&self, letter: &DeadLetter) -> Result<bool, Error> {
        racing(|| within(self.try_dead_letter(letter))).await
    }

    async fn try_dead_letter(&self, letter: &DeadLetter) -> Result<bool, Error> {
        const INSERT: &str = "insert into dead_letters \
                 (stream, epoch, sequence, subject, message_id, deliveries, raw, reason) \
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (stream, epoch, sequence) do nothing";
        let DeadLetter { place, subject, message_id, deliveries, raw, reason } = letter;
        let Place { stream, epoch, sequence } = place;
        let (epoch, position) = (bigint(*epoch)?, bigint(*sequence)?);
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        // The inbox keeps a message from being both: taken in by one process and put aside by another.
        if let Some(id) = message_id
            && !claim(&tx, stream, id, *sequence).await?
        {
            return Ok(false);
        }
        let inserted = execute(
            &tx,
            INSERT,
            &[stream, &epoch, &position, subject, message_id, deliveries, raw, reason],
        )
        .await?;
        tx.commit().await?;
        Ok(inserted == 1)
    }

    /// Counts a try of a message that may be what ends the process; it is cleared when the try ends otherwise.
    pub async fn suspect(&self, place: &Place) -> Result<i32, Error> {
        const SUSPECT: &str = "insert into suspects (stream, epoch, sequence) values ($1, $2, $3) \
             on conflict (stream, epoch, sequence) do update set tries = suspects.tries + 1 returning tries";
        within(async {
            let (epoch, sequence) = (bigint(place.epoch)?, bigint(place.sequence)?);
            let client = self.client().await?;
            let tried = row(&client, SUSPECT, &[&place.stream, &epoch, &sequence]).await?;
            match tried {
                Some(tried) => Ok(tried.try_get("tries")?),
                None => Ok(1),
            }
        })
        .await
    }

    /// The message did not end the process.
    pub async fn clear(&self, place: &Place) -> Result<(), Error> {
        const CLEAR: &str =
            "delete from suspects where stream = $1 and epoch = $2 and sequence = $3";
        within(async {
            let (epoch, sequence) = (bigint(place.epoch)?, bigint(place.sequence)?);
            let client = self.client().await?;
            execute(&client, CLEAR, &[&place.stream, &epoch, &sequence]).await?;
            Ok(())
        })
        .await
    }
}
