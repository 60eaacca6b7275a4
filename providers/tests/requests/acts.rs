//! Everything that the crate can ask, and the shortest answer that is documented for it.

use git_providers::{Client, Error, HookSettings, Kind, Session, Status, StatusState, Verifier};

use crate::server::{Answer, answer};

/// One public call. (Names are those of the functions.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    ExchangeCode,
    Refresh,
    Revoke,
    InstallationGrant,
    Account,
    Repository,
    BranchHead,
    Hooks,
    Hook,
    CreateHook,
    UpdateHook,
    DeleteHook,
    EnableHook,
    Deliveries,
    Redeliver,
    SetStatus(StatusState),
}

impl Act {
    pub(crate) const ALL: [Self; 19] = [
        Self::ExchangeCode,
        Self::Refresh,
        Self::Revoke,
        Self::InstallationGrant,
        Self::Account,
        Self::Repository,
        Self::BranchHead,
        Self::Hooks,
        Self::Hook,
        Self::CreateHook,
        Self::UpdateHook,
        Self::DeleteHook,
        Self::EnableHook,
        Self::Deliveries,
        Self::Redeliver,
        Self::SetStatus(StatusState::Pending),
        Self::SetStatus(StatusState::Success),
        Self::SetStatus(StatusState::Failure),
        Self::SetStatus(StatusState::Cancelled),
    ];

    /// What a provider has no API for is not asked for.
    pub(crate) fn exists_at(self, kind: Kind) -> bool {
        let is_github_s = [Self::InstallationGrant, Self::Deliveries, Self::Redeliver];
        match kind {
            Kind::Github => true,
            Kind::Gitlab => !is_github_s.contains(&self),
            Kind::Forgejo => !is_github_s.contains(&self) && self != Self::Revoke,
        }
    }

    pub(crate) async fn perform(self, client: &Client, session: &Session) -> Result<(), Error> {
        let repo = repo(client.kind());
        let redirect = "https://paas.example/v1/auth/callback";
        match self {
            Self::ExchangeCode => {
                let verifier = Verifier::of("verifier".into());
                client.exchange_code(&"the-code".into(), redirect, &verifier).await.map(drop)
            }
            Self::Refresh => client.refresh(&"refresh-1".into(), redirect).await.map(drop),
            Self::Revoke => client.revoke(&"spent".into()).await,
            Self::InstallationGrant => client.installation_grant(99).await.map(drop),
            Self::Account => session.account().await.map(drop),
            Self::Repository => session.repository(repo).await.map(drop),
            Self::BranchHead => session.branch_head(repo, "feature/x y").await.map(drop),
            Self::Hooks => session.hooks(repo).await.map(drop),
            Self::Hook => session.hook(repo, "7").await.map(drop),
            Self::CreateHook => session.create_hook(repo, &wanted(client.kind())).await.map(drop),
            Self::UpdateHook => {
                session.update_hook(repo, "7", &wanted(client.kind())).await.map(drop)
            }
            Self::DeleteHook => session.delete_hook(repo, "7").await,
            Self::EnableHook => session.enable_hook(repo, "7").await,
            Self::Deliveries => session.deliveries(repo, "7").await.map(drop),
            Self::Redeliver => session.redeliver(repo, "7", 12).await,
            Self::SetStatus(state) => {
                let status = Status {
                    state,
                    context: "paas/shop".to_owned(),
                    target_url: "https://paas.example/v1/deploys/1".to_owned(),
                    description: "on its way".to_owned(),
                };
                session.set_status(repo, "c0ffee", &status).await
            }
        }
    }

    /// As documented, as far as we read it.
    pub(crate) fn answer(self, kind: Kind) -> Answer {
        match self {
            Self::ExchangeCode | Self::Refresh => answer(200, r#"{"access_token":"t"}"#),
            Self::Revoke if kind == Kind::Github => answer(204, ""),
            Self::Revoke => answer(200, "{}"),
            Self::InstallationGrant => {
                answer(201, r#"{"token":"ghs_1","expires_at":"2026-11-24T10:00:00Z"}"#)
            }
            Self::Account if kind == Kind::Gitlab => answer(200, r#"{"username":"mona"}"#),
            Self::Account => answer(200, r#"{"login":"mona"}"#),
            Self::Repository => answer(200, repository(kind)),
            Self::BranchHead if kind == Kind::Github => {
                answer(200, r#"{"commit":{"sha":"c0ffee","commit":{"message":"m"}}}"#)
            }
            Self::BranchHead => answer(200, r#"{"commit":{"id":"c0ffee","message":"m"}}"#),
            Self::Hooks => answer(200, format!("[{}]", hook(kind))),
            Self::Hook => answer(200, hook(kind)),
            Self::CreateHook => answer(201, hook(kind)),
            Self::UpdateHook => answer(200, hook(kind)),
            Self::DeleteHook => answer(204, ""),
            Self::EnableHook if kind == Kind::Gitlab => answer(201, r#"{"message":"201 Created"}"#),
            Self::EnableHook => answer(200, hook(kind)),
            Self::Deliveries => answer(200, "[]"),
            Self::Redeliver => answer(202, "{}"),
            Self::SetStatus(_) => answer(201, "{}"),
        }
    }
}

/// GitLab's projects may lie deep.
pub(crate) fn repo(kind: Kind) -> &'static str {
    match kind {
        Kind::Github | Kind::Forgejo => "acme/shop.web",
        Kind::Gitlab => "acme/team/shop.web",
    }
}

pub(crate) fn wanted(kind: Kind) -> HookSettings {
    HookSettings {
        url: "https://paas.example/v1/webhooks/x/1".to_owned(),
        secret: "hook-secret-canary".into(),
        signing_token: (kind == Kind::Gitlab).then(|| "whsec_canary".into()),
    }
}

pub(crate) fn repository(kind: Kind) -> &'static str {
    match kind {
        Kind::Github => {
            r#"{"id":1,"full_name":"acme/shop.web","clone_url":"https://g.example/acme/shop.web.git",
                "default_branch":"main","private":true,"pushed_at":"2026-11-23T10:00:00Z",
                "permissions":{"admin":true,"push":true,"pull":true}}"#
        }
        Kind::Gitlab => {
            r#"{"id":1,"path_with_namespace":"acme/team/shop.web","default_branch":"main","visibility":"private",
                "http_url_to_repo":"https://g.example/acme/team/shop.web.git",
                "permissions":{"project_access":null,"group_access":{"access_level":40}}}"#
        }
        Kind::Forgejo => {
            r#"{"id":1,"full_name":"acme/shop.web","clone_url":"https://g.example/acme/shop.web.git",
                "default_branch":"main","private":true,"empty":false,"permissions":{"admin":true}}"#
        }
    }
}

pub(crate) fn hook(kind: Kind) -> &'static str {
    match kind {
        Kind::Github => {
            r#"{"id":7,"active":true,"events":["push"],"last_response":{"code":null,"status":"unused","message":null},
                "config":{"url":"https://paas.example/h","content_type":"json","insecure_ssl":"0","secret":"********"}}"#
        }
        Kind::Gitlab => {
            r#"{"id":7,"url":"https://paas.example/h","push_events":true,"enable_ssl_verification":true,
                "alert_status":"executable","disabled_until":null,"signing_token_present":true}"#
        }
        Kind::Forgejo => {
            r#"{"id":7,"active":true,"type":"gitea","events":["push"],
                "config":{"url":"https://paas.example/h","content_type":"json"}}"#
        }
    }
}
