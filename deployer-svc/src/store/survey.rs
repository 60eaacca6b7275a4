//! What the database is and lets us do: read once, for people who set it up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Error, Store, connection::within, grants};

/// What a server and this role on it are like.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// As `server_version_num`: 150018 is 15.18.
    pub version: i32,
    /// The same for people.
    pub version_text: String,
    /// Connections that roles like ours may hold together: `max_connections` without those reserved for superusers.
    pub connections: i64,
    /// Limit of this role, where it has one.
    pub role_limit: Option<i64>,
    /// After what time the server ends a transaction that its client forgot; `None`: never.
    pub forgotten_transactions_end: Option<Duration>,
    /// Transactions that have written and have been idle, or prepared, for over a minute, of all that this role may see.
    pub forgotten_transactions: i64,
    /// What this role lacks, as `update on relay`.
    pub lacking: Vec<String>,
    /// How far the server's clock is ahead of ours, give or take the time that the question took.
    pub clock_ahead: SignedDuration,
}

const SERVER: &str = "
    select current_setting('server_version_num')::int4,
           current_setting('server_version'),
           current_setting('max_connections')::int8
               - current_setting('superuser_reserved_connections')::int8,
           (select rolconnlimit::int8 from pg_roles where rolname = current_user),
           (select reset_val::int8 from pg_settings where name = 'idle_in_transaction_session_timeout'),
           (select count(*) from pg_stat_activity
                where backend_xid is not null and state like 'idle in transaction%'
                    and state_change < now() - interval '1 minute')
             + (select count(*) from pg_prepared_xacts where prepared < now() - interval '1 minute')";

const LACKING: &str = "
    select privilege || ' on ' || relation
    from unnest($1::text[], $2::text[]) as needed (privilege, relation)
    where to_regclass(relation) is not null
        and not case when privilege = 'delete' then has_table_privilege(to_regclass(relation), privilege)
                     else has_any_column_privilege(to_regclass(relation), privilege) end";

impl Store {
    /// Looks at the server and at what this role may do.
    pub async fn survey(&self) -> Result<Survey, Error> {
        within(async {
            let client = self.client().await?;
            let row = client.query_one(SERVER, &[]).await?;
            let role_limit: Option<i64> = row.try_get(3)?;
            let timeout: i64 = row.try_get(4)?;
            let (privileges, relations) = needed();
            let lacking = client.query(LACKING, &[&privileges, &relations]).await?;
            let asked = Timestamp::now();
            let clock: Timestamp =
                client.query_one("select clock_timestamp()", &[]).await?.try_get(0)?;
            let took = Timestamp::now().duration_since(asked);
            Ok(Survey {
                version: row.try_get(0)?,
                version_text: row.try_get(1)?,
                connections: row.try_get(2)?,
                role_limit: role_limit.filter(|limit| *limit >= 0),
                forgotten_transactions_end: u64::try_from(timeout)
                    .ok()
                    .filter(|milliseconds| *milliseconds > 0)
                    .map(Duration::from_millis),
                forgotten_transactions: row.try_get(5)?,
                lacking: lacking.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
                clock_ahead: clock.duration_since(asked) - took / 2,
            })
        })
        .await
    }
}

/// Privilege and table of everything that `migrate` grants the deployer.
fn needed() -> (Vec<&'static str>, Vec<&'static str>) {
    let rights = grants::DEPLOYER.split(';').filter_map(|right| right.trim().rsplit_once(" on "));
    rights
        .flat_map(|(privileges, table)| {
            // Columns in brackets follow their privilege.
            let words = privileges.split(|c: char| !c.is_ascii_alphabetic() && c != '_');
            let known = |word: &&str| ["select", "insert", "update", "delete"].contains(word);
            words.filter(known).map(move |privilege| (privilege, table))
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_what_is_granted() {
        let (privileges, tables) = needed();
        let all: Vec<_> = privileges.into_iter().zip(tables).collect();
        for right in [("update", "app_git_sources"), ("delete", "suspects"), ("select", "apps")] {
            assert!(all.contains(&right), "{right:?} is not in {all:?}");
        }
        assert!(!all.iter().any(|(_, table)| table.contains('(')), "{all:?}");
        assert!(!all.contains(&("delete", "lines")), "{all:?}");
    }
}
