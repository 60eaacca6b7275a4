//! Links to repositories, and what was done at the provider, or is to be done there by hand.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{block, commit, plain, time};
use crate::model::{HookSettings, RotatedSecret, Secret, Source, Unlinked, Webhook};

/// Which repository an app follows, and how.
pub(crate) fn fields(source: &Source) -> String {
    let deploys = match (source.auto_deploy_enabled, source.auto_deploy_paused_by) {
        (_, Some(rollback)) => format!("paused by the rollback {rollback}: paas releases resume"),
        (true, None) => "on".to_owned(),
        (false, None) => "off".to_owned(),
    };
    let mut fields = vec![
        ("repository", format!("{} at {}", plain(&source.repo_full_name), plain(&source.provider))),
        ("branch", plain(&source.branch)),
        ("auto-deploy", deploys),
    ];
    if !source.watch_paths.is_empty() {
        fields.push(("watches", plain(&source.watch_paths.join(", "))));
    }
    fields.push((
        "live commit",
        source.last_deploy_sha.as_deref().map_or_else(|| "none yet".to_owned(), commit),
    ));
    fields.push(("clones from", plain(&source.clone_url)));
    fields.push(("webhook", plain(&source.webhook_url)));
    fields.extend(source.webhook.as_ref().map(|webhook| ("at provider", standing(webhook))));
    block(&fields)
}

/// A link that was just made, and what comes next.
pub(crate) fn linked(source: &Source) -> String {
    let hook = source.webhook.as_ref();
    let next = match hook {
        Some(hook) if !hook.is_manual() => "Next: git push, and paas logs --tail\n".to_owned(),
        _ => by_hand(hook, &source.webhook_url, source.webhook_secret.as_ref()),
    };
    format!("{}{next}", fields(source))
}

/// A link that is gone.
pub(crate) fn unlinked(unlinked: &Unlinked) -> String {
    let hook = &unlinked.webhook;
    let what = match hook.action.as_str() {
        "removed" => "Its webhook is removed",
        "none" => "It had no webhook of ours",
        "manual" => "Remove its webhook at the provider by hand",
        "pending" => "Its webhook is not removed yet, and the platform goes on trying",
        other => &format!("Its webhook: {}", plain(other)),
    };
    format!(
        "The app follows no repository any more.\n{what}{}.\n",
        because(hook.problem.as_deref())
    )
}

/// A new secret, and whether somebody has to enter it.
pub(crate) fn rotated(rotated: &RotatedSecret, zone: &TimeZone) -> String {
    let until = match rotated.previous_valid_until {
        Some(until) => {
            format!("The previous secret is valid until {}.\n", time::moment(Some(until), zone))
        }
        None => "The previous secret is valid until the provider has the new one.\n".to_owned(),
    };
    match &rotated.webhook {
        Some(hook) if !hook.is_manual() => {
            format!("The secret is rotated; at the provider: {}.\n{until}", standing(hook))
        }
        hook => {
            let by_hand = by_hand(hook.as_ref(), "", rotated.webhook_secret.as_ref());
            format!("The secret is rotated.\n{until}{by_hand}")
        }
    }
}

/// What the platform did about the webhook, in a few words.
fn standing(hook: &Webhook) -> String {
    let what = match hook.action.as_str() {
        "registered" => "registered",
        "updated" => "updated",
        "unchanged" => "in place",
        "manual" => "to be entered by hand",
        "pending" => "not done yet",
        other => return format!("{}{}", plain(other), why(hook)),
    };
    format!("{what}{}", why(hook))
}

fn why(hook: &Webhook) -> String {
    because(hook.problem.as_deref())
}

fn because(problem: Option<&str>) -> String {
    problem.map(|why| format!(" ({})", plain(why))).unwrap_or_default()
}

/// The exact settings to enter.
fn by_hand(hook: Option<&Webhook>, url: &str, secret: Option<&Secret>) -> String {
    let settings = hook.and_then(|hook| hook.settings.as_ref());
    let secret = settings.and_then(|settings| settings.secret.as_ref()).or(secret);
    let secret = secret.map_or_else(
        || "as it is there (paas git rotate-secret makes a new one)".to_owned(),
        |secret| plain(secret.shown()),
    );
    let fields = if let Some(settings) = settings {
        vec![
            ("where", plain(&settings.place)),
            ("url", plain(&settings.url)),
            ("content type", plain(&settings.content_type)),
            ("secret", secret),
            ("events", events(settings)),
        ]
    } else {
        let url = (!url.is_empty()).then(|| ("url", plain(url)));
        url.into_iter().chain([("secret", secret)]).collect()
    };
    format!("Enter this webhook at the provider:\n{}", block(&fields))
}

fn events(settings: &HookSettings) -> String {
    if let Value::Array(names) = &settings.events {
        let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
        return plain(&names.join(", "));
    }
    plain(settings.events.as_str().unwrap_or_default())
}
