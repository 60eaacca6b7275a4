//! What comes back, and what it means.

use std::time::Duration;

use git_providers::{Error, Kind, Outcome, Status, StatusState};

use crate::{
    acts::{Act, hook, repo, repository, wanted},
    client,
    server::{Server, answer},
    session,
};

const ALL: [Kind; 3] = [Kind::Github, Kind::Gitlab, Kind::Forgejo];

#[tokio::test]
async fn a_list_is_read_over_all_its_pages() {
    for kind in ALL {
        let pages = Server::paged(hook(kind)).await;
        let hooks = session(kind, &pages).hooks(repo(kind)).await.expect("hooks");
        assert_eq!(hooks.len(), 2, "{kind:?}");
        let queries: Vec<String> = pages.asked().into_iter().map(|asked| asked.query).collect();
        assert_eq!(queries.last().map(String::as_str), Some("page=2"), "{kind:?}");
    }
}

#[tokio::test]
async fn a_next_page_in_another_place_is_not_gone_to() {
    let elsewhere = Server::answering([answer(200, "[]")]).await;
    let link = format!("<{}/api/x?page=2>; rel=\"next\"", elsewhere.url());
    let server = Server::answering([answer(200, "[]").with("link", link)]).await;
    let error = session(Kind::Github, &server).hooks("a/b").await.expect_err("refused");
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Server::answering([answer(200, repository(Kind::Github))]).await;
    let location = format!("{}/api/repositories/1", elsewhere.url());
    let server = Server::answering([answer(301, "{}").with("location", location)]).await;
    let error = session(Kind::Github, &server).repository("a/b").await.expect_err("moved");
    assert!(matches!(error, Error::Moved { what: "repository", .. }), "{error:?}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let server = Server::answering([answer(200, " ".repeat(1024 * 1024 + 1))]).await;
    let error = session(Kind::Github, &server).repository("a/b").await.expect_err("too long");
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_trouble_that_passes() {
    let server = Server::answering([answer(200, "")]).await;
    let session = session(Kind::Gitlab, &server);
    drop(server);
    tokio::task::yield_now().await;
    let error = session.account().await.expect_err("nobody there");
    assert!(error.is_transient(), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn no_secret_is_in_an_error_even_when_the_provider_repeats_it() {
    for kind in ALL {
        for status in [400, 403, 422, 500] {
            let body = r#"{"message":"token-canary hook-secret-canary whsec_canary client-secret-canary spent"}"#;
            let server = Server::answering([answer(status, body)]).await;
            let client = client(kind, &server);
            for act in Act::ALL.into_iter().filter(|act| act.exists_at(kind)) {
                let Err(error) = act.perform(&client, &client.session("token-canary".into())).await
                else {
                    continue;
                };
                let shown = format!("{error} {error:?}");
                for secret in sent(kind, act) {
                    assert!(!shown.contains(secret), "{kind:?} {act:?}: {shown}");
                }
            }
        }
    }
}

/// The secrets that go along with an act.
fn sent(kind: Kind, act: Act) -> &'static [&'static str] {
    if matches!(act, Act::ExchangeCode | Act::Refresh) {
        &["client-secret-canary"]
    } else if act == Act::Revoke {
        &["client-secret-canary", "spent"]
    } else if act == Act::InstallationGrant {
        &[]
    } else if act == Act::CreateHook || (act == Act::UpdateHook && kind != Kind::Forgejo) {
        match kind {
            Kind::Gitlab => &["token-canary", "hook-secret-canary", "whsec_canary"],
            Kind::Github | Kind::Forgejo => &["token-canary", "hook-secret-canary"],
        }
    } else {
        &["token-canary"]
    }
}

#[tokio::test]
async fn names_that_would_lead_elsewhere_are_refused_unasked() {
    for kind in ALL {
        let server = Server::answering([answer(200, "{}")]).await;
        let session = session(kind, &server);
        for repo in ["..", "", "."] {
            session.repository(repo).await.expect_err("no name");
        }
        session.hook(repo(kind), "..").await.expect_err("no name");
        session.branch_head(repo(kind), "..").await.expect_err("no name");
        assert!(server.asked().is_empty(), "{kind:?}");
    }
    let server = Server::answering([answer(200, "{}")]).await;
    for repo in ["acme", "../user", "acme/..", "/x", "x/"] {
        session(Kind::Github, &server).repository(repo).await.expect_err("no name");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_branch_that_is_gone_is_told_from_a_repository_that_is() {
    for kind in ALL {
        let there = [answer(404, "{}"), answer(200, repository(kind))];
        let server = Server::answering(there).await;
        let head = session(kind, &server).branch_head(repo(kind), "gone").await;
        assert_eq!(head.expect("an answer"), None, "{kind:?}");

        let server = Server::answering([answer(404, "{}")]).await;
        let head = session(kind, &server).branch_head(repo(kind), "gone").await;
        assert!(matches!(head, Err(Error::NotFound { .. })), "{kind:?} {head:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_none_and_its_removal_fine() {
    for kind in ALL {
        let server = Server::answering([answer(404, "{}")]).await;
        let session = session(kind, &server);
        assert_eq!(session.hook(repo(kind), "7").await.expect("an answer"), None);
        session.delete_hook(repo(kind), "7").await.expect("gone is gone");
        let updated = session.update_hook(repo(kind), "7", &wanted(kind)).await;
        assert!(matches!(updated, Err(Error::NotFound { .. })), "{kind:?} {updated:?}");
    }
}

#[tokio::test]
async fn a_repository_is_the_same_whoever_tells() {
    for kind in ALL {
        let server = Server::answering([answer(200, repository(kind))]).await;
        let found = session(kind, &server).repository(repo(kind)).await.expect("a repository");
        assert_eq!((found.id, found.full_name.as_str()), (1, repo(kind)));
        assert_eq!(found.default_branch.as_deref(), Some("main"));
        assert_eq!((found.is_private, found.may_manage_hooks), (true, Some(true)), "{kind:?}");
        assert_eq!(found.pushed_at, (kind == Kind::Github).then_some(1_795_428_000));
    }
}

#[tokio::test]
async fn an_installation_is_nobody_and_its_rights_are_not_told() {
    let server = Server::answering([answer(200, repository(Kind::Github))]).await;
    let session = client(Kind::Github, &server).session("ghs_1".into());
    assert_eq!(session.account().await.expect("nobody").login, "");
    assert_eq!(session.repository("a/b").await.expect("a repository").may_manage_hooks, None);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_webhook_is_the_same_whoever_tells() {
    for kind in ALL {
        let server = Server::answering([answer(200, hook(kind))]).await;
        let hook =
            session(kind, &server).hook(repo(kind), "7").await.expect("an answer").expect("one");
        assert_eq!((hook.id.as_str(), hook.url.as_str()), ("7", "https://paas.example/h"));
        assert!(hook.is_active && hook.has_push_events && hook.is_json && hook.verifies_tls);
        assert_eq!(hook.is_signed, kind == Kind::Gitlab);
        assert_eq!(hook.last_response, None);
    }
}

#[tokio::test]
async fn a_webhook_s_troubles_are_seen() {
    let body = r#"{"id":7,"active":false,"events":["issues"],"last_response":{"code":502,"status":"x","message":"Bad Gateway"},
        "config":{"url":"http://x","content_type":"form","insecure_ssl":"1"}}"#;
    let server = Server::answering([answer(200, body)]).await;
    let hook =
        session(Kind::Github, &server).hook("a/b", "7").await.expect("an answer").expect("one");
    assert!(!hook.is_active && !hook.has_push_events && !hook.is_json && !hook.verifies_tls);
    assert_eq!(hook.last_response.as_deref(), Some("502: Bad Gateway"));

    let body = r#"{"id":7,"url":"http://x","push_events":false,"alert_status":"temporarily_disabled",
        "disabled_until":"2026-11-23T10:00:00.000Z"}"#;
    let server = Server::answering([answer(200, body)]).await;
    let hook =
        session(Kind::Gitlab, &server).hook("a/b", "7").await.expect("an answer").expect("one");
    assert!(!hook.is_active && !hook.has_push_events && !hook.is_signed);
    assert_eq!(hook.disabled_until.expect("an end").to_string(), "2026-11-23T10:00:00Z");
}

#[tokio::test]
async fn gitlab_s_disabled_webhook_is_enabled_by_a_test_delivery() {
    let disabled = hook(Kind::Gitlab).replace("executable", "disabled");
    let server = Server::answering([
        answer(200, disabled),
        answer(201, "{}"),
        answer(200, hook(Kind::Gitlab)),
    ])
    .await;
    let updated =
        session(Kind::Gitlab, &server).update_hook("a/b", "7", &wanted(Kind::Gitlab)).await;
    assert!(updated.expect("a hook").is_active);
    let methods: Vec<String> = server.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["PUT", "POST", "GET"]);
}

#[tokio::test]
async fn forgejo_s_webhook_is_made_anew_for_a_new_secret() {
    let server = Server::answering([answer(204, ""), answer(201, hook(Kind::Forgejo))]).await;
    session(Kind::Forgejo, &server)
        .update_hook("a/b", "6", &wanted(Kind::Forgejo))
        .await
        .expect("a hook");
    let asked: Vec<(String, String)> =
        server.asked().into_iter().map(|asked| (asked.method, asked.path)).collect();
    let hooks = "/api/repos/a/b/hooks";
    assert_eq!(asked, [("DELETE".into(), format!("{hooks}/6")), ("POST".into(), hooks.into())]);
}

#[tokio::test]
async fn a_status_that_is_there_already_is_set() {
    let status = Status {
        state: StatusState::Success,
        context: "c".to_owned(),
        target_url: "https://x".to_owned(),
        description: "d".repeat(200),
    };
    let body = r#"{"message":"Cannot transition status via :succeed from :success"}"#;
    let server = Server::answering([answer(400, body)]).await;
    session(Kind::Gitlab, &server).set_status("a/b", "c0ffee", &status).await.expect("fine");
    assert!(server.only().body.matches('d').count() < 160);

    let server = Server::answering([answer(400, r#"{"message":"400 Bad request"}"#)]).await;
    let error = session(Kind::Gitlab, &server).set_status("a/b", "c0ffee", &status).await;
    assert!(matches!(error, Err(Error::Rejected { .. })), "{error:?}");
}

#[tokio::test]
async fn a_full_list_of_webhooks_and_a_spent_limit_are_named() {
    let body = r#"{"message":"Validation Failed","errors":[{"message":"The \"push\" event cannot have more than 20 hooks"}]}"#;
    let server = Server::answering([answer(422, body)]).await;
    let error = session(Kind::Github, &server).create_hook("a/b", &wanted(Kind::Github)).await;
    assert!(matches!(error, Err(Error::HookLimit { .. })), "{error:?}");

    let limited = answer(403, "{}").with("x-ratelimit-remaining", "0").with("retry-after", "5");
    let server = Server::answering([limited]).await;
    let error = session(Kind::Github, &server).account().await.expect_err("limited");
    assert!(
        matches!(error, Error::RateLimited { retry_after, .. } if retry_after == Duration::from_secs(5)),
        "{error:?}"
    );
}

#[tokio::test]
async fn attempts_at_deliveries_are_read_newest_first() {
    let body = r#"[
        {"id":12,"guid":"g","event":"push","delivered_at":"2026-11-23T10:00:01Z","redelivery":true,"status":"OK","status_code":202},
        {"id":11,"guid":"g","event":"push","delivered_at":"2026-11-23T10:00:00Z","redelivery":false,"status":"timed out","status_code":0}]"#;
    let server = Server::answering([answer(200, body)]).await;
    let list = session(Kind::Github, &server).deliveries("a/b", "7").await.expect("a list");
    let seen: Vec<(u64, Outcome)> = list.iter().map(|one| (one.id, one.outcome)).collect();
    assert_eq!(seen, [(12, Outcome::Delivered), (11, Outcome::Failed)]);

    for kind in [Kind::Gitlab, Kind::Forgejo] {
        let server = Server::answering([answer(500, "")]).await;
        let session = session(kind, &server);
        assert!(session.deliveries("a/b", "7").await.expect("none").is_empty());
        session.redeliver("a/b", "7", 1).await.expect_err("no such API");
        assert!(server.asked().is_empty());
    }
}
