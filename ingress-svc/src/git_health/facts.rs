//! What there is to know about an app and its repository, gathered without judging it.

use std::time::Duration;

use git_providers::{Commit, Delivery, Hook, Repository, Session};
use paas_proto::events::Provider;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    Ingress,
    connections::NoSession,
    store::{self, GitSource, HookRow, HookState, LastDelivery, OfCommit},
};

/// For one question to the provider: it is asked several, and somebody waits.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Whether the tenant can ask the provider.
#[derive(Debug)]
pub(super) enum Connection {
    /// The administrator has not configured this provider.
    NotOffered,
    /// The tenant has not connected it.
    Missing,
    /// The provider refuses the credential, and says why.
    Refused(String),
    /// Not now.
    Unavailable,
    /// It works, or seems to.
    Good,
}

/// What the provider said to a question.
#[derive(Debug)]
pub(super) enum Asked<T> {
    /// It was not asked: there is no connection, or nothing to ask for.
    No,
    /// This.
    Told(T),
    /// It did not say.
    Failed(git_providers::Error),
}

impl<T> Asked<T> {
    pub(super) fn told(&self) -> Option<&T> {
        match self {
            Self::Told(told) => Some(told),
            Self::No | Self::Failed(_) => None,
        }
    }
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) provider: Provider,
    pub(super) source: GitSource,
    pub(super) connection: Connection,
    pub(super) repository: Asked<Repository>,
    pub(super) head: Asked<Option<Commit>>,
    /// The webhook that we manage, as it is written down.
    pub(super) hook_row: Option<HookRow>,
    /// The same at the provider.
    pub(super) hook: Asked<Option<Hook>>,
    /// GitHub's list of attempts at deliveries, newest first.
    pub(super) attempts: Asked<Vec<Delivery>>,
    /// Where deliveries are to go.
    pub(super) webhook_url: String,
    pub(super) last_delivery: Option<LastDelivery>,
    /// What became of the branch's head.
    pub(super) of_head: OfCommit,
    pub(super) sweep_seconds: u32,
}

impl Facts {
    /// Asks database and provider; `None` when the app has no source.
    pub(crate) async fn gather(
        ingress: &Ingress,
        tenant: Uuid,
        app: Uuid,
    ) -> Result<Option<Self>, store::Error> {
        let tenancy = ingress.store.of(tenant);
        let Some(source) = tenancy.source(app).await? else { return Ok(None) };
        let provider = Provider::from_name(&source.provider).unwrap_or_default();
        let hooks = tenancy.hooks(app).await?;
        let mut facts = Self {
            provider,
            webhook_url: ingress.config.webhook_url(provider.name(), app),
            source,
            connection: Connection::Good,
            repository: Asked::No,
            head: Asked::No,
            hook_row: hooks.into_iter().find(|row| row.state != HookState::Removing),
            hook: Asked::No,
            attempts: Asked::No,
            last_delivery: tenancy.last_delivery(app).await?,
            of_head: OfCommit::default(),
            sweep_seconds: ingress.config.sweep_seconds,
        };
        match ingress.session(tenant, provider).await {
            Ok(session) => {
                facts.ask(&session).await;
                facts.note_refusal(ingress, tenant, &session).await;
            }
            Err(NoSession::Refused(because)) => facts.connection = Connection::Refused(because),
            Err(NoSession::Unavailable(_)) => facts.connection = Connection::Unavailable,
            Err(NoSession::NotConnected) => {
                let is_offered = ingress.connections.client(provider).is_some();
                facts.connection =
                    if is_offered { Connection::Missing } else { Connection::NotOffered };
            }
        }
        if let Some(Some(head)) = facts.head.told() {
            facts.of_head = tenancy.of_commit(app, &head.sha, &facts.source.branch).await?;
        }
        Ok(Some(facts))
    }

    async fn ask(&mut self, session: &Session) {
        let (repo, branch) = (&self.source.repo_full_name, &self.source.branch);
        self.repository = asked(session, session.repository(repo)).await;
        if matches!(self.repository, Asked::Failed(_)) {
            return;
        }
        self.head = asked(session, session.branch_head(repo, branch)).await;
        let Some(HookRow { repo_full_name, hook_id: Some(id), .. }) = &self.hook_row else {
            return;
        };
        self.hook = asked(session, session.hook(repo_full_name, id)).await;
        if let Asked::Told(Some(_)) = self.hook {
            self.attempts = asked(session, session.deliveries(repo_full_name, id)).await;
        }
    }

    /// A credential that does not work any more is one to everybody from now on.
    async fn note_refusal(&mut self, ingress: &Ingress, tenant: Uuid, session: &Session) {
        if let Asked::Failed(error) = &self.repository
            && ingress.note_refusal(tenant, self.provider, session, error).await
        {
            self.connection = Connection::Refused(error.to_string());
        }
    }
}

async fn asked<T>(
    session: &Session,
    question: impl Future<Output = Result<T, git_providers::Error>>,
) -> Asked<T> {
    let too_late = || git_providers::Error::Unavailable {
        provider: session.kind().title(),
        because: "no answer in time".to_owned(),
    };
    match timeout(ASK_WITHIN, question).await.unwrap_or_else(|_| Err(too_late())) {
        Ok(told) => Asked::Told(told),
        Err(error) => Asked::Failed(error),
    }
}

#[cfg(test)]
impl Facts {
    /// An app whose head is live, everything being as it should.
    pub(super) fn example() -> Self {
        let sha = "1".repeat(40);
        Self {
            provider: Provider::Github,
            source: GitSource {
                provider: "github".to_owned(),
                repo_full_name: "acme/shop".to_owned(),
                repo_id: Some(7),
                clone_url: "https://github.example/acme/shop.git".to_owned(),
                branch: "main".to_owned(),
                auto_deploy_enabled: true,
                auto_deploy_paused_by: None,
                watch_paths: Vec::new(),
                signing_required: false,
                last_deploy_sha: Some(sha.clone()),
            },
            connection: Connection::Good,
            repository: Asked::Told(Repository {
                id: 7,
                full_name: "acme/shop".to_owned(),
                clone_url: String::new(),
                default_branch: Some("main".to_owned()),
                is_private: false,
                may_manage_hooks: Some(true),
                pushed_at: None,
            }),
            head: Asked::Told(Some(Commit { sha, message: String::new() })),
            hook_row: Some(HookRow {
                provider: "github".to_owned(),
                repo_full_name: "acme/shop".to_owned(),
                hook_id: Some("5".to_owned()),
                state: HookState::Settled,
                problem: None,
            }),
            hook: Asked::Told(Some(Self::example_hook())),
            attempts: Asked::Told(Vec::new()),
            webhook_url: "https://paas.example/v1/webhooks/github/1".to_owned(),
            last_delivery: Some(LastDelivery {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                event: "push".to_owned(),
                verdict: "queued".to_owned(),
            }),
            of_head: OfCommit::default(),
            sweep_seconds: 180,
        }
    }

    pub(super) fn example_hook() -> Hook {
        Hook {
            id: "5".to_owned(),
            url: "https://paas.example/v1/webhooks/github/1".to_owned(),
            is_active: true,
            disabled_until: None,
            has_push_events: true,
            is_json: true,
            verifies_tls: true,
            is_signed: false,
            last_response: None,
        }
    }

    pub(super) fn with_repository(self, error: git_providers::Error) -> Self {
        Self { repository: Asked::Failed(error), head: Asked::No, hook: Asked::No, ..self }
    }
}
