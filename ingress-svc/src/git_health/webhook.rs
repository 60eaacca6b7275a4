//! The webhook, and what became of its deliveries.

use git_providers::{Delivery, Hook, Outcome};

use super::{
    Check,
    facts::{Asked, Connection, Facts},
    link::{failed, not_asked, title},
};
use crate::store::HookState;

pub(super) fn webhook(facts: &Facts) -> Check {
    const CHECK: &str = "webhook";
    let Some(row) = &facts.hook_row else { return by_hand(CHECK, facts) };
    if row.state != HookState::Settled {
        let problem = row.problem.as_deref().unwrap_or("it is tried again by itself");
        return Check::problem(
            CHECK,
            format!("its registration is unfinished: {problem}"),
            "mend what it says; it is tried again by itself, and at once when the app is linked again",
        );
    }
    match &facts.hook {
        Asked::Told(Some(hook)) => registered(CHECK, facts, hook),
        Asked::Told(None) => Check::problem(
            CHECK,
            format!("the webhook is gone from {}", title(facts.provider)),
            format!(
                "it is registered again {}, and at once when the app is linked again",
                soon(facts)
            ),
        ),
        Asked::Failed(error) => failed(CHECK, facts, error),
        Asked::No => not_asked(CHECK, facts),
    }
}

fn by_hand(check: &'static str, facts: &Facts) -> Check {
    if let Connection::Good = facts.connection {
        return Check::warning(
            check,
            "the webhook was entered by hand: it can be neither checked nor repaired",
            "link the app again: it is registered then",
        );
    }
    let url = &facts.webhook_url;
    Check::warning(
        check,
        format!("the webhook is entered by hand, and cannot be checked; it goes to {url}"),
        format!(
            "compare it with the settings that `paas git link` shows, or connect {}",
            title(facts.provider)
        ),
    )
}

fn registered(check: &'static str, facts: &Facts, hook: &Hook) -> Check {
    let repaired =
        || format!("it is repaired {}, and at once when the app is linked again", soon(facts));
    let (title, wanted) = (title(facts.provider), &facts.webhook_url);
    if hook.url != *wanted {
        Check::problem(
            check,
            format!("the webhook goes to {}, and not to {wanted}", hook.url),
            repaired(),
        )
    } else if !hook.is_active {
        let until = hook.disabled_until.map(|until| format!(" until {until}"));
        let until = until.unwrap_or_default();
        Check::problem(check, format!("{title} has disabled the webhook{until}"), repaired())
    } else if !hook.has_push_events {
        Check::problem(check, "the webhook is not sent pushes", repaired())
    } else if facts.source.signing_required && !hook.is_signed {
        Check::problem(
            check,
            format!(
                "only signed deliveries are taken, and {title} does not sign: it has no signing token, or the feature is off there"
            ),
            "link the app again, without signing_required where the server cannot sign",
        )
    } else if !hook.is_json {
        Check::warning(check, "the webhook's content type is not JSON", repaired())
    } else if !hook.verifies_tls {
        Check::warning(
            check,
            format!("{title} does not verify our certificate when it delivers"),
            "switch SSL verification on in the webhook's settings",
        )
    } else {
        Check::ok(check, "the webhook is registered and enabled")
    }
}

fn soon(facts: &Facts) -> String {
    match facts.sweep_seconds {
        0 => "by nobody (SWEEP_SECONDS is 0)".to_owned(),
        seconds => format!("by itself within {seconds} s"),
    }
}

pub(super) fn deliveries(facts: &Facts) -> Check {
    const CHECK: &str = "deliveries";
    let newest = facts.attempts.told().and_then(|attempts| attempts.first());
    if let Some(attempt) = newest.filter(|attempt| attempt.outcome == Outcome::Failed) {
        return not_taken(CHECK, facts, attempt);
    }
    match &facts.last_delivery {
        Some(last) => {
            let (event, at, verdict) = (&last.event, last.received_at, &last.verdict);
            Check::ok(CHECK, format!("the last one, {event}, came at {at}: {verdict}"))
        }
        None if facts.hook_row.is_some() => Check::warning(
            CHECK,
            "none has come yet",
            "push a commit, or have the provider send a test from the webhook's settings",
        ),
        None => Check::problem(
            CHECK,
            "none has ever come: the webhook is missing, or its secret is another one",
            format!("enter the webhook at {} as `paas git link` shows it", title(facts.provider)),
        ),
    }
}

fn not_taken(check: &'static str, facts: &Facts, attempt: &Delivery) -> Check {
    let (title, at) = (title(facts.provider), attempt.delivered_at);
    let hook = facts.hook.told().and_then(Option::as_ref);
    let said = hook.and_then(|hook| hook.last_response.as_deref());
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    match attempt.status_code {
        401 => Check::problem(
            check,
            format!(
                "the last one, at {at}, was refused with 401: {title} signs with another secret than the app's"
            ),
            "give both the same one: `paas git rotate-secret`",
        ),
        0 | 502 | 504 => Check::problem(
            check,
            format!("{title} failed to connect to {} at {at}{said}", facts.webhook_url),
            "make PUBLIC_URL reachable from the provider, with a certificate that it trusts",
        ),
        404 => Check::problem(
            check,
            format!(
                "the last one, at {at}, was answered 404: the webhook is another app's or another link's"
            ),
            "link the app again",
        ),
        status => Check::problem(
            check,
            format!("the last one, at {at}, was answered {status}{said}"),
            "it is repeated by itself; if that fails as well, ask the administrator",
        ),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::State, *};
    use crate::store::HookRow;

    fn with_hook(change: impl FnOnce(&mut Hook)) -> Check {
        let mut hook = Facts::example_hook();
        change(&mut hook);
        webhook(&Facts { hook: Asked::Told(Some(hook)), ..Facts::example() })
    }

    fn is_problem(check: &Check, words: &str) {
        assert_eq!(check.state, State::Problem, "{check:?}");
        assert!(check.message.contains(words), "{check:?}");
        assert!(check.fix.is_some());
    }

    #[test]
    fn a_webhook_that_is_as_it_should_be_is_fine() {
        assert_eq!(webhook(&Facts::example()).state, State::Ok);
    }

    #[test]
    fn what_is_wrong_with_a_webhook_is_named() {
        is_problem(&with_hook(|hook| hook.is_active = false), "has disabled the webhook");
        is_problem(&with_hook(|hook| hook.has_push_events = false), "not sent pushes");
        let elsewhere = with_hook(|hook| hook.url = "https://old.example/x".to_owned());
        is_problem(&elsewhere, "goes to https://old.example/x");
        let gone = Facts { hook: Asked::Told(None), ..Facts::example() };
        is_problem(&webhook(&gone), "is gone from GitHub");
        assert_eq!(with_hook(|hook| hook.is_json = false).state, State::Warning);
        assert_eq!(with_hook(|hook| hook.verifies_tls = false).state, State::Warning);
    }

    #[test]
    fn a_signature_that_is_required_and_missing_is_named() {
        let mut facts = Facts::example();
        facts.source.signing_required = true;
        is_problem(&webhook(&facts), "only signed deliveries");
    }

    #[test]
    fn an_unfinished_registration_says_why() {
        let mut facts = Facts::example();
        facts.hook_row = facts.hook_row.map(|row| HookRow {
            state: HookState::Registering,
            problem: Some("too many webhooks".to_owned()),
            ..row
        });
        is_problem(&webhook(&facts), "unfinished: too many webhooks");
    }

    #[test]
    fn one_that_people_manage_is_theirs() {
        let mut facts = Facts { hook_row: None, ..Facts::example() };
        assert_eq!(webhook(&facts).state, State::Warning);
        facts.connection = Connection::Missing;
        assert!(webhook(&facts).message.contains("https://paas.example/v1/webhooks"));
    }

    fn after(status_code: u16) -> Check {
        let attempt = Delivery {
            id: 1,
            guid: "g".to_owned(),
            event: "push".to_owned(),
            delivered_at: Timestamp::UNIX_EPOCH,
            outcome: Outcome::Failed,
            status_code,
        };
        deliveries(&Facts { attempts: Asked::Told(vec![attempt]), ..Facts::example() })
    }

    #[test]
    fn a_failed_delivery_tells_its_cause() {
        is_problem(&after(401), "another secret");
        is_problem(&after(0), "failed to connect");
        is_problem(&after(502), "failed to connect");
        is_problem(&after(404), "404");
        is_problem(&after(503), "503");
    }

    #[test]
    fn no_delivery_at_all_is_worse_where_people_entered_the_webhook() {
        let never = Facts { last_delivery: None, ..Facts::example() };
        assert_eq!(deliveries(&never).state, State::Warning);
        is_problem(&deliveries(&Facts { hook_row: None, ..never }), "none has ever come");
        assert_eq!(deliveries(&Facts::example()).state, State::Ok);
    }
}
