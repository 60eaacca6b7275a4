//! The webhook of an app: would it bring pushes, and did it?

use git_providers::Hook;

use super::{Look, Trouble};
use crate::{
    hooks,
    metrics::Found,
    store::{HookRow, HookState},
};

impl Look<'_> {
    /// Repairs it, and has failed deliveries repeated. One that people manage is theirs; one that is being changed is
    /// changed elsewhere.
    pub(super) async fn webhook(&self) -> Result<(), Trouble> {
        let rows = self.sweeper.ingress.store.of(self.tenant).hooks(self.app).await?;
        let settled = rows.into_iter().find(|row| row.state == HookState::Settled);
        let Some(HookRow { repo_full_name: repo, hook_id: Some(id), .. }) = settled else {
            return Ok(());
        };
        let url = self.sweeper.ingress.config.webhook_url(self.provider.name(), self.app);
        let found = self.session.hook(&repo, &id).await?;
        if !found.is_some_and(|hook| brings_pushes(&hook, &url)) {
            self.sweeper.found(Found::BrokenWebhook);
            tracing::info!("the webhook brings no pushes: it is repaired");
            return Ok(hooks::settle(self.sweeper.ingress.clone(), self.tenant, self.app)
                .await
                .map(drop)?);
        }
        for delivery in self.sweeper.asked.due(self.session.deliveries(&repo, &id).await?) {
            self.session.redeliver(&repo, &id, delivery).await?;
            self.sweeper.found(Found::FailedDelivery);
            tracing::info!(delivery.id = delivery, "a failed delivery is repeated");
        }
        Ok(())
    }
}

/// Whether pushes arrive by it, as far as it shows.
fn brings_pushes(hook: &Hook, url: &str) -> bool {
    hook.url == url && hook.is_active && hook.has_push_events && hook.is_json
}
