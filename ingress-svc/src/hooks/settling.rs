//! The webhook of a link: found by its URL, made or changed, read back, and only then written down as settled.

use git_providers::{Hook, HookSettings, Session};
use paas_proto::events::Provider;

use super::{Act, Action, Settled, Trouble};
use crate::{
    secrets::{self, Purpose},
    store::{Confirmed, HookRow, HookState, LinkFacts},
};

/// Secrets can change while the provider is told: then it is told again, so often.
const ROUNDS: usize = 3;
/// The head of a branch that is not there.
const NO_HEAD: &str = "0000000000000000000000000000000000000000";

impl Act<'_> {
    /// Brings the webhook of the link to what it should be.
    pub(super) async fn settle_link(self, hook: &HookRow) -> Result<Settled, Trouble> {
        let Some(provider) = Provider::from_name(&hook.provider) else {
            return Ok(Settled { action: Action::Manual, hook_id: None });
        };
        let session = self.ingress.session(self.tenant, provider).await?;
        let settled = self.rounds(&session, provider, hook.clone()).await;
        match self.renewed(provider, &session, settled.as_ref().err()).await {
            Some(session) => self.rounds(&session, provider, hook.clone()).await,
            None => settled,
        }
    }

    async fn rounds(
        self,
        session: &Session,
        provider: Provider,
        mut hook: HookRow,
    ) -> Result<Settled, Trouble> {
        for _ in 0..ROUNDS {
            if let Some(settled) = self.round(session, provider, &mut hook).await? {
                return Ok(settled);
            }
        }
        Err(Trouble::Busy)
    }

    /// One round; `None` when what the provider was told does not count any more.
    async fn round(
        self,
        session: &Session,
        provider: Provider,
        hook: &mut HookRow,
    ) -> Result<Option<Settled>, Trouble> {
        let Some(link) = self.link_of(session, provider, hook).await? else {
            return Ok(Some(Settled { action: Action::Manual, hook_id: None }));
        };
        let settings = self.settings(provider, &link)?;
        let ours = self.ours(session, hook, &settings.url).await?;
        fail::fail_point!("hooks::listed", |_| crate::failpoints::crash());
        let found = choose(&ours, hook);
        let is_known = hook.state == HookState::Settled;
        if let Some(found) = found.filter(|found| is_known && fits(found, &settings, &link)) {
            let id = found.id.clone();
            self.remove_surplus(session, hook, &ours, &id).await?;
            if hook.hook_id.as_ref() == Some(&id) {
                return Ok(Some(Settled { action: Action::Unchanged, hook_id: Some(id) }));
            }
        }
        let tenancy = self.ingress.store.of(self.tenant);
        let id = found.map(|found| found.id.clone());
        tenancy.registering(self.app, hook, id.as_deref()).await?;
        hook.state = HookState::Registering;
        fail::fail_point!("hooks::registering", |_| crate::failpoints::crash());
        let (action, written) = write(session, &hook.repo_full_name, id, &settings).await?;
        fail::fail_point!("hooks::written", |_| crate::failpoints::crash());
        let read = self.read_back(session, hook, &settings, &written.id).await?;
        fail::fail_point!("hooks::read_back", |_| crate::failpoints::crash());
        let confirmed = Confirmed {
            hook_id: &read.id,
            webhook_secret: &link.webhook_secret,
            signing_token: link.signing_token.as_deref(),
            is_signed: read.is_signed && settings.signing_token.is_some(),
            overlap_hours: self.ingress.config.git.webhook_secret_overlap_hours,
        };
        let is_settled = tenancy.settled(self.app, hook, &confirmed).await?;
        fail::fail_point!("hooks::settled", |_| crate::failpoints::crash());
        if is_settled {
            tracing::info!(app.id = %self.app, repo = hook.repo_full_name, ?action, "webhook settled");
        }
        Ok(is_settled.then_some(Settled { action, hook_id: Some(read.id) }))
    }

    /// The link as it stands, with what the provider says of its repository, and with a signing token where the provider
    /// may take one; `None` when there is no link any more.
    async fn link_of(
        self,
        session: &Session,
        provider: Provider,
        hook: &mut HookRow,
    ) -> Result<Option<LinkFacts>, Trouble> {
        let tenancy = self.ingress.store.of(self.tenant);
        let Some(mut link) = self.facts().await? else { return Ok(None) };
        if link.repo_id.is_none() || link.head_at_link.is_none() {
            let repository = session.repository(&link.repo_full_name).await?;
            let head = head_of(session, &repository.full_name, &link.branch).await?;
            let id = i64::try_from(repository.id).unwrap_or_default();
            let name = repository.full_name.as_str();
            tenancy.learn_repository(self.app, &link, id, name, Some(&head)).await?;
            name.clone_into(&mut hook.repo_full_name);
            name.clone_into(&mut link.repo_full_name);
        }
        if provider == Provider::Gitlab && link.signing_token.is_none() {
            // Kept before GitLab is told: from then on it may sign with it.
            let token = secrets::generate_signing_token();
            let seal = &self.ingress.keys.secrets;
            let sealed = seal.seal(Purpose::SigningToken, self.app, token.as_bytes())?;
            tenancy.put_signing_token(self.app, &sealed).await?;
            return self.facts().await;
        }
        Ok(Some(link))
    }

    async fn facts(self) -> Result<Option<LinkFacts>, Trouble> {
        Ok(self.ingress.store.of(self.tenant).link_facts(self.app).await?)
    }

    fn settings(self, provider: Provider, link: &LinkFacts) -> Result<HookSettings, Trouble> {
        let keys = &self.ingress.keys.secrets;
        let open = |purpose, sealed: &[u8]| keys.open_text(purpose, self.app, sealed);
        let token = link.signing_token.as_deref().filter(|_| provider == Provider::Gitlab);
        Ok(HookSettings {
            url: self.ingress.config.webhook_url(provider.name(), self.app),
            secret: open(Purpose::WebhookSecret, &link.webhook_secret)?,
            signing_token: token.map(|token| open(Purpose::SigningToken, token)).transpose()?,
        })
    }

    /// The webhooks of this app: by their URL, or by the id under which one was written down (its URL may be an older
    /// one of ours, or have been changed by hand).
    pub(super) async fn ours(
        self,
        session: &Session,
        hook: &HookRow,
        url: &str,
    ) -> Result<Vec<Hook>, Trouble> {
        let mut hooks = session.hooks(&hook.repo_full_name).await?;
        hooks.retain(|found| found.url == url || Some(&found.id) == hook.hook_id.as_ref());
        Ok(hooks)
    }

    /// What the provider has now: this is also how two that were made at the same time become one.
    async fn read_back(
        self,
        session: &Session,
        hook: &HookRow,
        settings: &HookSettings,
        written: &str,
    ) -> Result<Hook, Trouble> {
        let looked_for = HookRow { hook_id: Some(written.to_owned()), ..hook.clone() };
        let ours = self.ours(session, &looked_for, &settings.url).await?;
        let unexpected = || git_providers::Error::Unexpected {
            provider: "the provider",
            what: "a webhook that was just written is not there".to_owned(),
        };
        let kept = ours.iter().find(|hook| hook.id == written).ok_or_else(unexpected)?;
        self.remove_surplus(session, hook, &ours, written).await?;
        fail::fail_point!("hooks::alone", |_| crate::failpoints::crash());
        if !kept.is_active {
            session.enable_hook(&hook.repo_full_name, written).await?;
        }
        Ok(kept.clone())
    }

    async fn remove_surplus(
        self,
        session: &Session,
        hook: &HookRow,
        ours: &[Hook],
        kept: &str,
    ) -> Result<(), Trouble> {
        for surplus in ours.iter().filter(|found| found.id != kept) {
            session.delete_hook(&hook.repo_full_name, &surplus.id).await?;
            tracing::info!(app.id = %self.app, "a second webhook was removed");
        }
        Ok(())
    }
}

/// Where a branch is.
pub(super) async fn head_of(
    session: &Session,
    repo: &str,
    branch: &str,
) -> Result<String, git_providers::Error> {
    let head = session.branch_head(repo, branch).await?;
    Ok(head.map_or_else(|| NO_HEAD.to_owned(), |commit| commit.sha))
}

async fn write(
    session: &Session,
    repo: &str,
    id: Option<String>,
    settings: &HookSettings,
) -> Result<(Action, Hook), Trouble> {
    if let Some(id) = id {
        match session.update_hook(repo, &id, settings).await {
            Ok(hook) => return Ok((Action::Updated, hook)),
            // Removed since it was listed.
            Err(git_providers::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((Action::Registered, session.create_hook(repo, settings).await?))
}

/// The one that is kept: which was written down, else the oldest.
fn choose<'a>(ours: &'a [Hook], known: &HookRow) -> Option<&'a Hook> {
    let is_known = |hook: &&Hook| Some(&hook.id) == known.hook_id.as_ref();
    let age = |hook: &&Hook| (hook.id.len(), hook.id.clone());
    ours.iter().find(is_known).or_else(|| ours.iter().min_by_key(age))
}

/// Whether a webhook is as it should be, as far as it can be seen: secrets cannot.
fn fits(hook: &Hook, settings: &HookSettings, link: &LinkFacts) -> bool {
    let is_signed = hook.is_signed || !link.signing_required || settings.signing_token.is_none();
    hook.url == settings.url && hook.is_active && hook.has_push_events && hook.is_json && is_signed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(id: &str) -> Hook {
        Hook {
            id: id.to_owned(),
            url: "https://paas.example/v1/webhooks/github/x".to_owned(),
            is_active: true,
            disabled_until: None,
            has_push_events: true,
            is_json: true,
            verifies_tls: true,
            is_signed: false,
            last_response: None,
        }
    }

    fn known(hook_id: Option<&str>) -> HookRow {
        HookRow {
            provider: "github".to_owned(),
            repo_full_name: "octo/hello".to_owned(),
            hook_id: hook_id.map(str::to_owned),
            state: HookState::Settled,
            problem: None,
        }
    }

    fn link(signing_required: bool) -> LinkFacts {
        LinkFacts {
            provider: "github".to_owned(),
            repo_full_name: "octo/hello".to_owned(),
            repo_id: None,
            branch: "main".to_owned(),
            webhook_secret: Vec::new(),
            signing_token: None,
            signing_required,
            head_at_link: None,
        }
    }

    fn settings(signing_token: Option<&str>) -> HookSettings {
        HookSettings {
            url: hook("1").url,
            secret: "secret".into(),
            signing_token: signing_token.map(Into::into),
        }
    }

    #[test]
    fn of_several_the_one_that_is_known_is_kept_else_the_oldest() {
        let ours = [hook("100"), hook("99"), hook("101")];
        assert_eq!(choose(&ours, &known(Some("101"))).unwrap().id, "101");
        assert_eq!(choose(&ours, &known(Some("7"))).unwrap().id, "99");
        assert_eq!(choose(&ours, &known(None)).unwrap().id, "99");
        assert!(choose(&[], &known(None)).is_none());
    }

    #[test]
    fn a_webhook_that_would_bring_no_pushes_does_not_fit() {
        assert!(fits(&hook("1"), &settings(None), &link(false)));
        let broken = [
            Hook { is_active: false, ..hook("1") },
            Hook { has_push_events: false, ..hook("1") },
            Hook { is_json: false, ..hook("1") },
            Hook { url: "https://elsewhere.example".to_owned(), ..hook("1") },
        ];
        for broken in broken {
            assert!(!fits(&broken, &settings(None), &link(false)), "{broken:?}");
        }
    }

    #[test]
    fn a_signature_that_is_required_must_be_there() {
        let unsigned = hook("1");
        assert!(fits(&unsigned, &settings(Some("whsec_")), &link(false)));
        assert!(!fits(&unsigned, &settings(Some("whsec_")), &link(true)));
        let signed = Hook { is_signed: true, ..hook("1") };
        assert!(fits(&signed, &settings(Some("whsec_")), &link(true)));
    }
}
