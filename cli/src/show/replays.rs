//! A replay: the pushes that it is about, and what it came to.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{commit, plain, short, time, words};
use crate::model::{Replayed, Summary};

/// Ids of apps and their names.
pub(crate) type Names = BTreeMap<String, String>;

/// A push, in a line; none for what is on record already: that may be thousands.
pub(crate) fn push(push: &Replayed, names: &Names, zone: &TimeZone) -> Option<String> {
    if push.outcome == "already_recorded" {
        return None;
    }
    let app = push.app_id.as_deref().unwrap_or("-");
    let app = names.get(app).map_or(app, String::as_str);
    let reason = push.reason.as_deref().map(|reason| format!(": {}", plain(reason)));
    Some(format!(
        "#{:<8} {}  {:<20} {:<7} {:<16} {}{}",
        push.sequence,
        time::moment(push.published_at, zone),
        short(app, 36),
        commit(push.sha.as_deref().unwrap_or("-")),
        short(push.branch.as_deref().unwrap_or("-"), 30),
        words(&push.outcome),
        reason.unwrap_or_default(),
    ))
}

/// What it came to, or would.
pub(crate) fn summary(summary: &Summary) -> String {
    let Summary { examined, already_recorded, dead_lettered, .. } = *summary;
    let (done, count) = if summary.dry_run {
        ("would be taken in", summary.would_take_in)
    } else {
        ("taken in", summary.taken_in)
    };
    let dead = match dead_lettered {
        0 => String::new(),
        dead => format!(", {dead} cannot be taken in (see `paas dead-letters list`)"),
    };
    let pushes = if examined == 1 { "push" } else { "pushes" };
    format!(
        "{examined} {pushes} examined: {count} {done}, {already_recorded} on record already{dead}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(outcome: &str) -> Replayed {
        Replayed {
            sequence: 7,
            published_at: Some("2026-11-23T10:00:00Z".parse().unwrap()),
            deploy_id: None,
            app_id: Some("a".to_owned()),
            sha: Some("5f3e2a1b".repeat(5)),
            branch: Some("main".to_owned()),
            outcome: outcome.to_owned(),
            reason: None,
        }
    }

    #[test]
    fn only_what_changes_is_told() {
        let names = Names::from([("a".to_owned(), "shop".to_owned())]);
        let told = |replayed: &Replayed| push(replayed, &names, &TimeZone::UTC);
        assert_eq!(told(&replayed("already_recorded")), None);
        let line = "#7        2026-11-23 10:00:00  shop                 5f3e2a1 main             would take in";
        assert_eq!(told(&replayed("would_take_in")).unwrap(), line);
        let (app_id, sha, branch) = (None, None, None);
        let reason = Some("no protobuf".to_owned());
        let poison = Replayed { app_id, sha, branch, reason, ..replayed("dead_letter") };
        assert!(told(&poison).unwrap().ends_with("dead letter: no protobuf"));
    }

    #[test]
    fn the_summary_is_a_sentence() {
        let dry = Summary {
            dry_run: true,
            examined: 9,
            already_recorded: 6,
            would_take_in: 2,
            taken_in: 0,
            dead_lettered: 1,
        };
        assert_eq!(
            summary(&dry),
            "9 pushes examined: 2 would be taken in, 6 on record already, 1 cannot be taken in (see `paas dead-letters list`)."
        );
        let real = Summary {
            dry_run: false,
            examined: 1,
            already_recorded: 0,
            would_take_in: 0,
            taken_in: 1,
            dead_lettered: 0,
        };
        assert_eq!(summary(&real), "1 push examined: 1 taken in, 0 on record already.");
    }
}
