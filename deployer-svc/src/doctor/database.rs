//! Whether the database answers, has the schema, keeps what it acknowledged, and lets us do our work.

use std::time::Duration;

use super::{Area, Args, Finding};
use crate::{
    schema::{self, Fit},
    store::{Durability, Store, Survey},
};

const HERE: Area = Area::Database;
/// `server_version_num` of the oldest Postgres that has everything we use.
const OLDEST: i32 = 140_000;
/// Notifications and the relay have a connection each beside the pool.
const BESIDE_THE_POOL: usize = 2;
/// How exactly its clock can be read.
const CLOCK_BLUR: Duration = Duration::from_millis(500);

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    let store = match Store::connect(&args.store).await {
        Ok(store) => store,
        Err(error) => {
            let fix = "start Postgres, or correct DATABASE_URL";
            return vec![HERE.fail(error.to_string(), fix)];
        }
    };
    let mut findings = vec![HERE.ok("answers"), of_schema(schema::check(&store).await)];
    findings.push(match store.durability().await {
        Ok(durability) => of_durability(durability),
        Err(error) => HERE.warn(
            format!("its durability is unknown: {error}"),
            "make sure that fsync, full_page_writes and synchronous_commit are on",
        ),
    });
    match store.survey().await {
        Ok(survey) => findings.extend(of_survey(&survey, args)),
        Err(error) => findings.push(HERE.warn(
            format!("it could not be looked at: {error}"),
            "let the role read pg_settings and pg_roles, as every role may by default",
        )),
    }
    findings
}

fn of_schema(fit: Result<Fit, schema::Error>) -> Finding {
    match fit {
        Ok(Fit::Exact) => HERE.ok("has the schema of this version"),
        Ok(Fit::Behind(_)) => {
            HERE.warn("has the schema of the version before", "run `deployer-svc migrate`")
        }
        Ok(Fit::Ahead(_)) => HERE.warn(
            "has the schema of a newer version, with which this one gets along",
            "finish the upgrade: start the newer version everywhere",
        ),
        Err(error) => HERE.fail(
            error.to_string(),
            "run `deployer-svc migrate`, of the newest version that uses this database",
        ),
    }
}

fn of_durability(durability: Durability) -> Finding {
    let Durability { fsync, full_page_writes, synchronous_commit } = durability;
    let off: Vec<_> = [
        ("fsync", fsync),
        ("full_page_writes", full_page_writes),
        ("synchronous_commit", synchronous_commit),
    ]
    .into_iter()
    .filter_map(|(setting, on)| (!on).then_some(setting))
    .collect();
    let Some(first) = off.first() else {
        return HERE.ok("what it acknowledged survives a power loss");
    };
    HERE.warn(
        format!("{} off: a power loss may undo what was acknowledged", off.join(", ")),
        format!("`alter system set {first} = on` and so on, then `select pg_reload_conf()`; look for it in the role's and the database's own settings too"),
    )
}

fn of_survey(survey: &Survey, args: &Args) -> Vec<Finding> {
    vec![
        of_version(survey),
        of_rights(survey),
        of_connections(survey, needed_connections(args)),
        of_forgotten_transactions(survey),
        HERE.clock(survey.clock_ahead, CLOCK_BLUR),
    ]
}

fn of_version(survey: &Survey) -> Finding {
    let version = &survey.version_text;
    if survey.version >= OLDEST {
        return HERE.ok(format!("Postgres {version}"));
    }
    HERE.fail(format!("Postgres {version} is too old"), "move to Postgres 14 or newer")
}

fn of_rights(survey: &Survey) -> Finding {
    if survey.lacking.is_empty() {
        return HERE.ok("the role may do what the deployer does");
    }
    HERE.fail(
        format!("the role may not {}", survey.lacking.join(", ")),
        "run `migrate` as the owner of the tables, with DEPLOYER_ROLE set to this role",
    )
}

/// Of all replicas together; the ingress's pool is taken to be as large as ours.
fn needed_connections(args: &Args) -> i64 {
    let pool = args.store.pool_size();
    let all = usize::from(args.deployer_replicas) * (pool + BESIDE_THE_POOL)
        + usize::from(args.ingress_replicas) * pool;
    i64::try_from(all).unwrap_or(i64::MAX)
}

fn of_connections(survey: &Survey, needed: i64) -> Finding {
    let (limit, fix) = match survey.role_limit.filter(|limit| *limit < survey.connections) {
        Some(limit) => (limit, format!("`alter role … connection limit {needed}`")),
        None => (survey.connections, format!("set max_connections to {} or more", needed + 10)),
    };
    if needed <= limit {
        return HERE
            .ok(format!("it allows {limit} connections, the replicas hold {needed} at most"));
    }
    HERE.warn(
        format!("it allows {limit} connections, the replicas may want {needed}"),
        format!("{fix}, or lower DATABASE_POOL_SIZE; INGRESS_REPLICAS and DEPLOYER_REPLICAS say how many there are"),
    )
}

/// The public copy of events waits for the oldest transaction that has written anything.
fn of_forgotten_transactions(survey: &Survey) -> Finding {
    if survey.forgotten_transactions > 0 {
        return HERE.warn(
            format!(
                "{} transactions have been left open for over a minute: DEPLOYS waits for them",
                survey.forgotten_transactions
            ),
            "find them in pg_stat_activity (`idle in transaction`) and pg_prepared_xacts, and end them",
        );
    }
    match survey.forgotten_transactions_end {
        Some(_) => HERE.ok("transactions that a client forgot come to an end"),
        None => HERE.warn(
            "a transaction that a client forgets stays open for ever, and DEPLOYS waits for it",
            "`alter system set idle_in_transaction_session_timeout = '1min'`, then `select pg_reload_conf()`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::doctor::Verdict;

    fn survey() -> Survey {
        Survey {
            version: 150_018,
            version_text: "15.18".to_owned(),
            connections: 97,
            role_limit: None,
            forgotten_transactions_end: Some(Duration::from_mins(1)),
            forgotten_transactions: 0,
            lacking: Vec::new(),
            clock_ahead: SignedDuration::ZERO,
        }
    }

    #[test]
    fn a_server_that_does_not_write_through_is_named() {
        let safe = Durability { fsync: true, full_page_writes: true, synchronous_commit: true };
        assert_eq!(of_durability(safe).verdict, Verdict::Ok);
        let finding = of_durability(Durability { fsync: false, ..safe });
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.text.contains("fsync off"), "{finding}");
    }

    #[test]
    fn replicas_that_together_want_more_connections_than_there_are_are_told() {
        assert_eq!(of_connections(&survey(), 97).verdict, Verdict::Ok);
        let few = of_connections(&survey(), 98);
        assert_eq!(few.verdict, Verdict::Warn);
        assert!(few.fix.unwrap().contains("max_connections to 108"));
        let limited = Survey { role_limit: Some(20), ..survey() };
        assert!(of_connections(&limited, 21).fix.unwrap().contains("connection limit 21"));
    }

    #[test]
    fn a_right_that_is_lacking_and_an_old_server_fail() {
        let poor = Survey { lacking: vec!["update on relay".to_owned()], ..survey() };
        let finding = of_rights(&poor);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.text.contains("update on relay"), "{finding}");
        let old = Survey { version: 130_011, ..survey() };
        assert_eq!(of_version(&old).verdict, Verdict::Fail);
        assert_eq!(of_version(&survey()).verdict, Verdict::Ok);
    }

    #[test]
    fn transactions_that_nobody_ends_are_told() {
        assert_eq!(of_forgotten_transactions(&survey()).verdict, Verdict::Ok);
        for sick in [
            Survey { forgotten_transactions: 1, ..survey() },
            Survey { forgotten_transactions_end: None, ..survey() },
        ] {
            assert_eq!(of_forgotten_transactions(&sick).verdict, Verdict::Warn);
        }
    }
}
