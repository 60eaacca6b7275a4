//! Sets the status of one deploy's commit.

use std::time::Duration;

use git_providers::{Session, StatusState};
use paas_proto::{deploys::DeployState, events::Provider};
use uuid::Uuid;

use super::{Moment, words};
use crate::{Ingress, connections::NoSession, store::Shown};

/// One event's worth of work.
pub(super) struct Report<'a> {
    pub(super) ingress: &'a Ingress,
    pub(super) deploy: Uuid,
    pub(super) moment: Moment,
    /// Whether the event comes for the first time.
    pub(super) is_first: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Set,
    Skipped,
    NotConnected,
    Refused,
    /// Trouble that may pass, perhaps after this time.
    Later(Option<Duration>),
}

impl Report<'_> {
    /// Shows the deploy as it stands now, not as it stood at the event: so it does not matter in which order events are
    /// handled, as long as what is shown while it is underway is looked at again afterwards.
    pub(super) async fn run(&self) -> Done {
        let Some((shown, state)) = (match self.look().await {
            Ok(found) => found,
            Err(later) => return later,
        }) else {
            return Done::Skipped;
        };
        // Its end is an event of its own. (One that comes again may have been interrupted before it looked again.)
        if self.moment == Moment::Beginning && self.is_first && state != StatusState::Pending {
            return Done::Skipped;
        }
        let Some(provider) = Provider::from_name(&shown.provider) else { return Done::Skipped };
        let session = match self.ingress.session(shown.tenant, provider).await {
            Ok(session) => session,
            Err(NoSession::NotConnected) => return Done::NotConnected,
            Err(NoSession::Refused(_)) => return Done::Refused,
            Err(NoSession::Unavailable(_)) => return Done::Later(None),
        };
        let done = self.set(&session, provider, &shown, state).await;
        if !matches!(done, Done::Set) || state != StatusState::Pending {
            return done;
        }
        match self.look().await {
            Ok(Some((shown, state))) if state != StatusState::Pending => {
                self.set(&session, provider, &shown, state).await
            }
            Ok(_) => Done::Set,
            Err(later) => later,
        }
    }

    /// The deploy and how it is shown; none where it says nothing about its commit (any more).
    async fn look(&self) -> Result<Option<(Shown, StatusState)>, Done> {
        let found = self.ingress.store.shown(self.deploy).await.map_err(|_| Done::Later(None))?;
        let Some(shown) = found.filter(|shown| !shown.is_outdated && is_of_this_link(shown)) else {
            return Ok(None);
        };
        let state = DeployState::from_name(&shown.state).and_then(words::state);
        Ok(state.map(|state| (shown, state)))
    }

    async fn set(
        &self,
        session: &Session,
        provider: Provider,
        shown: &Shown,
        state: StatusState,
    ) -> Done {
        use git_providers::Error;
        let status = words::status(shown, state, self.ingress.config.deploy_url(self.deploy));
        let Err(error) = session.set_status(&shown.repo, &shown.sha, &status).await else {
            return Done::Set;
        };
        if let Error::RateLimited { retry_after, .. } = error {
            return Done::Later(Some(retry_after));
        }
        if error.is_transient() {
            return Done::Later(None);
        }
        self.ingress.note_refusal(shown.tenant, provider, session, &error).await;
        tracing::warn!(deploy.id = %self.deploy, %error, "a commit's status is refused");
        Done::Refused
    }
}

/// Whether the commit is one of the provider that the app follows now.
fn is_of_this_link(shown: &Shown) -> bool {
    match shown.source.split_once("_webhook:") {
        Some((provider, _)) => provider == shown.provider,
        // A person's command: of what was pushed before.
        None => true,
    }
}
