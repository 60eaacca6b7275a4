//! How much there is to do, for the metrics: read every few seconds, so each answer comes from an index.

use std::time::Duration;

use super::{
    Error, Store,
    connection::within,
    sql::{row, rows},
};

/// What is not done yet.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// States of deploys that have not ended, each with how many there are.
    pub underway: Vec<(String, u64)>,
    /// Dead letters that nobody has dealt with.
    pub dead_letters: u64,
    /// How long the line that is due longest has waited.
    pub due_lag: Duration,
    /// Events that are not in DEPLOYS yet, counted up to ten thousand.
    pub relay_lag: u64,
}

impl Store {
    /// How much there is to do.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        // Those that are put back stand in no index of deploys; a line on which one is has work.
        const UNDERWAY: &str = "select state, count(*) from deploys \
                 where state in ('requested', 'building', 'built', 'rolling_out') group by state \
             union all select 'rolling_back', count(*) from lines \
                 where next_step_at is not null and state like '%\"stage\":\"putting_back\"%'";
        const DUE: &str = "select greatest(extract(epoch from now() - min(next_step_at)), 0)::float8 from lines \
             where next_step_at <= now() and (leased_until is null or leased_until <= now())";
        const RELAY: &str = "select count(*) from (select from line_events \
             where (txid, position) > ((select txid from relay), (select position from relay)) limit 10000) waiting";
        // The schema before V9 does not know what became of one.
        const OUTCOMES: &str = "select to_regclass('dead_letter_outcomes') is not null";
        const LETTERS: &str = "select count(*) from dead_letters";
        const WAITING: &str = "select count(*) from dead_letters left join dead_letter_outcomes \
             using (dead_letter_id) where dead_letter_outcomes is null";
        within(async {
            let client = self.client().await?;
            let underway = rows(&client, UNDERWAY, &[]).await?;
            let underway = underway
                .iter()
                .map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?))))
                .collect::<Result<_, Error>>()?;
            let count = async |sql| match row(&client, sql, &[]).await? {
                Some(row) => Ok::<_, Error>(unsigned(row.try_get(0)?)),
                None => Ok(0),
            };
            let outcomes = match row(&client, OUTCOMES, &[]).await? {
                Some(row) => row.try_get(0)?,
                None => false,
            };
            let due: Option<f64> = match row(&client, DUE, &[]).await? {
                Some(row) => row.try_get(0)?,
                None => None,
            };
            Ok(Backlog {
                underway,
                dead_letters: count(if outcomes { WAITING } else { LETTERS }).await?,
                due_lag: Duration::try_from_secs_f64(due.unwrap_or_default()).unwrap_or_default(),
                relay_lag: count(RELAY).await?,
            })
        })
        .await
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
