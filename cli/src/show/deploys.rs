//! Deploys: a table of many, the story of one, and that story as it goes on.

use comfy_table::{Cell, Color};
use jiff::tz::TimeZone;

use super::{block, commit, lines, plain, short, style_of, styled, table, time, words};
use crate::model::{Deploy, Event, State};

const LONGEST_REASON: usize = 60;

/// A row a deploy.
pub(crate) fn list(deploys: &[Deploy], zone: &TimeZone) -> String {
    if deploys.is_empty() {
        return "No deploys yet: push to the app's branch.\n".to_owned();
    }
    let head = ["deploy", "created", "commit", "branch", "state", "took", "source", "reason"];
    table::of(&head, deploys.iter().map(|deploy| row(deploy, zone)))
}

fn row(deploy: &Deploy, zone: &TimeZone) -> Vec<Cell> {
    let took = if deploy.state.has_ended() { took(deploy) } else { None };
    vec![
        Cell::new(deploy.id),
        Cell::new(time::moment(deploy.created_at, zone)),
        Cell::new(commit(&deploy.sha)),
        Cell::new(short(&deploy.branch, 30)),
        Cell::new(words(&deploy.state.0)).fg(colour(&deploy.state)),
        Cell::new(took.unwrap_or_default()),
        Cell::new(origin(&deploy.source)),
        Cell::new(
            deploy.reason.as_deref().map_or_else(String::new, |why| short(why, LONGEST_REASON)),
        ),
    ]
}

fn colour(state: &State) -> Color {
    match state {
        live if live.is_live() => Color::Green,
        bad if bad.is_bad() => Color::Red,
        aside if aside.is_beside_the_point() => Color::DarkGrey,
        _ => Color::Yellow,
    }
}

/// `github_webhook:<sha>` without the commit, which has a column of its own; `rollback:3` as it is.
pub(super) fn origin(source: &str) -> String {
    let source = plain(source);
    match source.split_once(':') {
        Some(("rollback", release)) => format!("rollback to {release}"),
        Some((origin, _)) => words(origin),
        None => source,
    }
}

/// From the beginning to the newest event.
fn took(deploy: &Deploy) -> Option<String> {
    time::took(
        deploy.created_at,
        deploy.events.last().and_then(|event| event.at).or(deploy.updated_at),
    )
}

/// All of one deploy.
pub(crate) fn one(deploy: &Deploy, zone: &TimeZone) -> String {
    let mut fields = vec![
        ("deploy", deploy.id.to_string()),
        ("app", deploy.app_id.to_string()),
        ("state", styled(style_of(&deploy.state), &words(&deploy.state.0))),
    ];
    fields.extend(deploy.reason.as_deref().map(|reason| ("reason", plain(reason))));
    fields.push(("repository", plain(&deploy.repo)));
    fields.push(("branch", plain(&deploy.branch)));
    fields.push(("commit", plain(&deploy.sha)));
    fields.push(("source", origin(&deploy.source)));
    fields.extend(deploy.image.as_deref().map(|image| ("image", plain(image))));
    fields.push(("created", time::moment(deploy.created_at, zone)));
    fields.push(("updated", time::moment(deploy.updated_at, zone)));
    format!("{}\n{}", block(&fields), timeline(&deploy.events, zone))
}

/// A line an event.
pub(crate) fn timeline(events: &[Event], zone: &TimeZone) -> String {
    let line = |event: &Event| format!("{}  {}", time::clock(event.at, zone), words(&event.name));
    lines(events.iter().map(line))
}

/// One that a command has just made.
pub(crate) fn begun(deploy: uuid::Uuid) -> String {
    format!("Deploy {deploy} has begun; follow it with: paas deploy watch {deploy}\n")
}

/// What is about to be watched.
pub(crate) fn title(deploy: &Deploy) -> String {
    let (repo, branch) = (plain(&deploy.repo), plain(&deploy.branch));
    format!("Deploy {}: {repo}, {branch} at {}\n", deploy.id, commit(&deploy.sha))
}

/// How it ended.
pub(crate) fn ending(deploy: &Deploy) -> String {
    let state = styled(style_of(&deploy.state), &words(&deploy.state.0));
    let reason = deploy.reason.as_deref().map(|reason| format!(": {}", plain(reason)));
    let after = took(deploy).map(|took| format!(" after {took}"));
    format!("{state}{}{}\n", after.unwrap_or_default(), reason.unwrap_or_default())
}

/// What to do about it, when it did not go live.
pub(crate) fn advice(deploy: &Deploy) -> Option<String> {
    match deploy.state.0.as_str() {
        "failed" => Some("The reason says what to mend; then push again.".to_owned()),
        "superseded" | "duplicate" => Some(format!(
            "Another deploy took its place: `paas deploys {}` lists them.",
            deploy.app_id
        )),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use anstream::adapter::strip_str;
    use insta::assert_snapshot;

    use super::*;

    pub(crate) fn deploy(state: &str, reason: Option<&str>) -> Deploy {
        let at = |text: &str| Some(text.parse().unwrap());
        let event = |version, name: &str, time: &str| Event {
            version,
            name: name.to_owned(),
            at: at(time),
        };
        Deploy {
            id: uuid::Uuid::from_u128(1),
            app_id: uuid::Uuid::from_u128(2),
            repo: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            sha: "5f3e2a1b".repeat(5),
            source: format!("github_webhook:{}", "5f3e2a1b".repeat(5)),
            state: State(state.to_owned()),
            reason: reason.map(str::to_owned),
            image: (state == "live").then(|| "registry/shop@sha256:0123".to_owned()),
            created_at: at("2026-11-23T10:00:00Z"),
            updated_at: at("2026-11-23T10:01:30Z"),
            events: vec![
                event(1, "requested", "2026-11-23T10:00:00Z"),
                event(2, "build_started", "2026-11-23T10:00:01Z"),
                event(3, state, "2026-11-23T10:01:30Z"),
            ],
        }
    }

    #[test]
    fn a_list_has_a_row_a_deploy() {
        let rollback = Deploy { source: "rollback:3".to_owned(), ..deploy("rolling_out", None) };
        let failed = deploy(
            "failed",
            Some(
                "build failed: \x1b[2Jthe step `image` ended with code 1, \
                                            which its log explains on the last of its many lines",
            ),
        );
        let text = list(&[rollback, failed, deploy("live", None)], &TimeZone::UTC);
        assert!(text.contains("\x1b[") && !text.contains("\x1b[2J"), "{text:?}");
        assert_snapshot!(strip_str(&text).to_string());
        assert_eq!(list(&[], &TimeZone::UTC), "No deploys yet: push to the app's branch.\n");
    }

    #[test]
    fn one_deploy_tells_its_story() {
        let text = one(&deploy("failed", Some("build failed")), &TimeZone::UTC);
        assert_snapshot!(strip_str(&text).to_string());
    }

    #[test]
    fn the_end_says_how_and_why() {
        let ended = |state, reason| strip_str(&ending(&deploy(state, reason))).to_string();
        assert_eq!(ended("live", None), "live after 1 min 30 s\n");
        assert_eq!(
            ended("failed", Some("build failed")),
            "failed after 1 min 30 s: build failed\n"
        );
        assert_eq!(
            title(&deploy("live", None)),
            "Deploy 00000000-0000-0000-0000-000000000001: acme/shop, main at 5f3e2a1\n"
        );
    }
}
