//! An app's webhook at its provider, brought to what it should be: the one way for linking, linking elsewhere, rotating,
//! unlinking, repairing, and doing any of that again after a crash. What is to be done is written down before it is
//! done; whoever comes next finds it there, and finds the webhook by its URL.

mod lookup;
mod removal;
mod rotation;
mod settling;
mod trouble;
mod turn;

use std::time::Duration;

use actix_web::web;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use git_providers::Session;
use paas_proto::events::Provider;
use uuid::Uuid;

pub(crate) use self::{
    lookup::{Found, LookedUp, look_up},
    removal::{Removal, Removed},
    rotation::{NewSecret, Rotation, Wanted},
    trouble::{Trouble, Verdict},
};
use crate::{
    Ingress,
    store::{GitSource, HookRow, HookState, NewSource},
};

/// Apps whose webhooks are finished at one time.
const AT_ONCE: usize = 4;
/// For all that one change asks of a provider. What is not done by then is done later.
const WITHIN: Duration = Duration::from_secs(25);

/// What was done about a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It was made.
    Registered,
    /// It was changed in place.
    Updated,
    /// It is as it should be.
    Unchanged,
    /// Nothing: it is a person's to enter.
    Manual,
}

/// A webhook as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) action: Action,
    /// As the provider names it.
    pub(crate) hook_id: Option<String>,
}

/// A link that was written down.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) source: GitSource,
    /// Whether the given secret became the app's.
    pub(crate) is_new: bool,
    /// What became of the webhook.
    pub(crate) webhook: Result<Settled, Trouble>,
}

/// An app and where to ask about it.
#[derive(Clone, Copy)]
struct Act<'a> {
    ingress: &'a Ingress,
    tenant: Uuid,
    app: Uuid,
}

/// Brings an app's webhooks to what they should be: the linked repository's, and those that are to go.
pub(crate) async fn settle(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    app: Uuid,
) -> Result<Settled, Trouble> {
    in_turn(ingress, tenant, app, |act| act.settle().boxed()).await
}

/// Settles every webhook that somebody began and could not finish: of all tenants.
pub(crate) async fn finish(ingress: &web::Data<Ingress>) -> Result<(), crate::store::Error> {
    let unfinished = ingress.store.unfinished_hooks().await?;
    let settling = futures_util::stream::iter(unfinished).map(|(tenant, app)| async move {
        if let Err(trouble) = settle(ingress.clone(), tenant, app).await {
            tracing::info!(app.id = %app, %trouble, "a webhook is not finished yet");
        }
    });
    settling.buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(())
}

/// Links an app to a repository, and settles its webhooks; `None` when there is no such app.
pub(crate) async fn link(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    app: Uuid,
    new: NewSource,
) -> Result<Option<Linked>, Trouble> {
    in_turn(ingress, tenant, app, move |act| act.link(new).boxed()).await
}

/// Replaces or retires an app's secret; `None` when it has no source.
pub(crate) async fn rotate(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    app: Uuid,
    wanted: Wanted,
) -> Result<Option<Rotation>, Trouble> {
    in_turn(ingress, tenant, app, move |act| act.rotate(wanted).boxed()).await
}

/// Removes an app's webhooks and then its link; `None` when it has neither. What could not be removed is remembered.
pub(crate) async fn unlink(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    app: Uuid,
) -> Result<Option<Removal>, Trouble> {
    in_turn(ingress, tenant, app, |act| act.unlink().boxed()).await
}

/// One change at a time, and to its end even if whoever asked for it goes away.
async fn in_turn<T: Send + 'static>(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    app: Uuid,
    work: impl for<'a> FnOnce(Act<'a>) -> BoxFuture<'a, Result<T, Trouble>> + Send + 'static,
) -> Result<T, Trouble> {
    let connections = ingress.connections.clone();
    let done = connections.to_its_end(async move {
        let mut turn = turn::Turn::take(&ingress.store, app).await?;
        let act = Act { ingress: &ingress, tenant, app };
        let done = tokio::select! {
            done = work(act) => done,
            () = turn.lost() => Err(Trouble::Busy),
        };
        turn.end().await;
        done
    });
    done.await.map_err(Trouble::gone)?
}

impl Act<'_> {
    async fn link(self, new: NewSource) -> Result<Option<Linked>, Trouble> {
        let put = self.ingress.store.of(self.tenant).put_source(self.app, &new).await?;
        let Some((source, is_new)) = put else { return Ok(None) };
        tracing::info!(app.id = %self.app, repo = source.repo_full_name, "source set");
        fail::fail_point!("hooks::linked", |_| crate::failpoints::crash());
        let webhook = self.settle().await;
        Ok(Some(Linked { source, is_new, webhook }))
    }

    /// Removes what is to go, and settles the webhook of the link, if it is ours to manage.
    async fn settle(self) -> Result<Settled, Trouble> {
        let hooks = self.ingress.store.of(self.tenant).hooks(self.app).await?;
        for hook in hooks.iter().filter(|hook| hook.state == HookState::Removing) {
            // Another repository's: its trouble does not keep this one waiting, and is done again.
            if let Err(trouble) = self.remove(hook).await {
                tracing::warn!(app.id = %self.app, error = %trouble, "a webhook was not removed");
            }
        }
        let Some(hook) = hooks.into_iter().find(HookRow::is_wanted) else {
            return Ok(Settled { action: Action::Manual, hook_id: None });
        };
        let settled = tokio::time::timeout(WITHIN, self.settle_link(&hook)).await;
        let settled = settled.unwrap_or(Err(Trouble::OutOfTime));
        if let Err(trouble) = &settled {
            self.remember(&hook, trouble).await;
        }
        settled
    }

    /// A session with a renewed credential, when the provider refuses the one at hand and there is another to be had.
    async fn renewed(
        self,
        provider: Provider,
        session: &Session,
        trouble: Option<&Trouble>,
    ) -> Option<Session> {
        renewed(self.ingress, self.tenant, provider, session, trouble?).await
    }

    /// Writes down for people why something is unfinished; that it is stands there already.
    async fn remember(self, hook: &HookRow, trouble: &Trouble) {
        let tenancy = self.ingress.store.of(self.tenant);
        let said = trouble.to_string();
        if let Err(error) = tenancy.hook_problem(self.app, hook, &said).await {
            tracing::debug!(%error, "a webhook's problem was not written down");
        }
    }
}

async fn renewed(
    ingress: &Ingress,
    tenant: Uuid,
    provider: Provider,
    session: &Session,
    trouble: &Trouble,
) -> Option<Session> {
    let Trouble::Provider(error) = trouble else { return None };
    if !ingress.note_refusal(tenant, provider, session, error).await {
        return None;
    }
    ingress.session(tenant, provider).await.ok()
}
