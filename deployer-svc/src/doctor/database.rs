//! Whether the database answers, has the schema, and keeps what it acknowledged.

use super::{Args, Finding};
use crate::{
    schema::{self, Fit},
    store::{Durability, Store},
};

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    let store = match Store::connect(&args.store).await {
        Ok(store) => store,
        Err(error) => {
            let remedy = "start Postgres, or correct DATABASE_URL";
            return vec![Finding::fail(format!("database: {error}"), remedy)];
        }
    };
    let mut findings = vec![Finding::ok("database: answers")];
    findings.push(match schema::check(&store).await {
        Ok(Fit::Exact) => Finding::ok("database: has the schema of this version"),
        Ok(Fit::Behind(_)) => Finding::warn(
            "database: has the schema of the version before",
            "run `deployer-svc migrate`",
        ),
        Ok(Fit::Ahead(_)) => Finding::warn(
            "database: has the schema of a newer version, with which this one gets along",
            "finish the upgrade: start the newer version everywhere",
        ),
        Err(error) => Finding::fail(
            format!("database: {error}"),
            "run `deployer-svc migrate`, of the newest version that uses this database",
        ),
    });
    match store.durability().await {
        Ok(durability) => findings.push(of_durability(durability)),
        Err(error) => findings.push(Finding::warn(
            format!("database: its durability is unknown: {error}"),
            "make sure that fsync, full_page_writes and synchronous_commit are on",
        )),
    }
    findings
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
    if off.is_empty() {
        return Finding::ok("database: what it acknowledged survives a power loss");
    }
    Finding::warn(
        format!("database: {} off: a power loss may undo what was acknowledged", off.join(", ")),
        "turn it on, on any server but a test's",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_server_that_does_not_write_through_is_named() {
        let safe = Durability { fsync: true, full_page_writes: true, synchronous_commit: true };
        assert_eq!(of_durability(safe).verdict, Verdict::Ok);
        let finding = of_durability(Durability { fsync: false, ..safe });
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.text.contains("fsync off"), "{finding}");
    }
}
