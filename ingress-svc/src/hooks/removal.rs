//! Webhooks that are to go: with their link, or because it is another repository's now. What a provider could not be
//! told stays written down, and is done again.

use git_providers::Session;
use paas_proto::events::Provider;

use super::{Act, Trouble, Verdict, WITHIN};
use crate::store::{HookRow, HookState};

/// What became of an app's webhooks when its link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// They were there, and are gone.
    Gone,
    /// There was none at the provider any more.
    None,
    /// A person has to remove it.
    Manual,
    /// The provider could not be told yet: the platform goes on trying.
    Pending,
}

/// The same, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) outcome: Removed,
    pub(crate) problem: Option<String>,
}

impl Act<'_> {
    /// Removes the webhooks first, and then the link.
    pub(super) async fn unlink(self) -> Result<Option<Removal>, Trouble> {
        let tenancy = self.ingress.store.of(self.tenant);
        tenancy.remove_hooks(self.app).await?;
        fail::fail_point!("hooks::to_be_removed", |_| crate::failpoints::crash());
        let mut removal = Removal { outcome: Removed::None, problem: None };
        let hooks = tenancy.hooks(self.app).await?;
        for hook in hooks.iter().filter(|hook| hook.state == HookState::Removing) {
            match self.remove(hook).await {
                Ok(true) => removal.outcome = Removed::Gone,
                Ok(false) => {}
                Err(trouble) => {
                    removal = of_trouble(&trouble);
                    break;
                }
            }
        }
        let was_linked = tenancy.delete_source(self.app).await?;
        fail::fail_point!("hooks::unlinked", |_| crate::failpoints::crash());
        if !was_linked && hooks.is_empty() {
            return Ok(None);
        }
        if hooks.is_empty() {
            let problem = "the webhook was entered by hand: remove it at the provider";
            removal = Removal { outcome: Removed::Manual, problem: Some(problem.to_owned()) };
        }
        tracing::info!(app.id = %self.app, outcome = ?removal.outcome, "source removed");
        Ok(Some(removal))
    }

    /// Removes a webhook; whether there was one.
    pub(super) async fn remove(self, hook: &HookRow) -> Result<bool, Trouble> {
        let removed = tokio::time::timeout(WITHIN, self.remove_at_provider(hook)).await;
        let removed = removed.unwrap_or(Err(Trouble::OutOfTime));
        match &removed {
            Ok(_) => self.ingress.store.of(self.tenant).hook_removed(self.app, hook).await?,
            Err(trouble) => self.remember(hook, trouble).await,
        }
        fail::fail_point!("hooks::removed", |_| crate::failpoints::crash());
        removed
    }

    async fn remove_at_provider(self, hook: &HookRow) -> Result<bool, Trouble> {
        let Some(provider) = Provider::from_name(&hook.provider) else { return Ok(false) };
        let session = self.ingress.session(self.tenant, provider).await?;
        let removed = self.remove_all(&session, provider, hook).await;
        match self.renewed(provider, &session, removed.as_ref().err()).await {
            Some(session) => self.remove_all(&session, provider, hook).await,
            None => removed,
        }
    }

    async fn remove_all(
        self,
        session: &Session,
        provider: Provider,
        hook: &HookRow,
    ) -> Result<bool, Trouble> {
        let url = self.ingress.config.webhook_url(provider.name(), self.app);
        let ours = match self.ours(session, hook, &url).await {
            // With its repository.
            Err(Trouble::Provider(git_providers::Error::NotFound { .. })) => return Ok(false),
            ours => ours?,
        };
        for found in &ours {
            session.delete_hook(&hook.repo_full_name, &found.id).await?;
            fail::fail_point!("hooks::deleted", |_| crate::failpoints::crash());
        }
        Ok(!ours.is_empty())
    }
}

fn of_trouble(trouble: &Trouble) -> Removal {
    let advice = trouble.advice();
    let (outcome, what) = match trouble.verdict() {
        Verdict::Later(_) => (Removed::Pending, "the platform goes on trying"),
        Verdict::Conflict | Verdict::Impossible | Verdict::NotConnected => {
            (Removed::Manual, "remove the webhook at the provider")
        }
    };
    Removal { outcome, problem: Some(format!("{advice}: {what}")) }
}
