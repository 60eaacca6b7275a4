//! The sweeper: every few minutes one replica asks the providers what they never told us. It repairs webhooks that would
//! bring nothing, has GitHub repeat deliveries that failed, and takes in pushes of which no delivery came.
//!
//! An app's trouble is that app's alone. A provider that limits how often a tenant asks is left alone for that tenant
//! until it says that it may be asked again.

mod head;
mod redelivery;
mod webhook;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::web;
use futures_util::StreamExt as _;
use git_providers::Session;
use paas_proto::events::Provider;
use telemetry::Label as _;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    Ingress,
    connections::NoSession,
    duty, hooks,
    metrics::{Found, Swept},
    store::{self, SweptApp},
};

const DUTY: &str = "sweep";
/// Apps at one time.
const AT_ONCE: usize = 8;

/// What stays between sweeps.
struct Sweeper {
    ingress: web::Data<Ingress>,
    /// Until when a tenant's provider is left alone.
    limited: Mutex<HashMap<(Uuid, Provider), Instant>>,
    asked: redelivery::Asked,
}

/// One app, while it is looked after.
struct Look<'a> {
    sweeper: &'a Sweeper,
    tenant: Uuid,
    app: Uuid,
    provider: Provider,
    session: Session,
}

/// Why something about an app could not be looked after.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Provider(#[from] git_providers::Error),
    #[error(transparent)]
    Session(#[from] NoSession),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Webhook(#[from] hooks::Trouble),
    /// The push was not taken in.
    #[error("the push cannot be taken in now")]
    Intake,
}

/// For as long as the service runs; 0 seconds: never.
pub(crate) async fn run(ingress: web::Data<Ingress>) {
    let seconds = ingress.config.sweep_seconds;
    if seconds == 0 {
        return;
    }
    let every = Duration::from_secs(seconds.into());
    let sweeper = Sweeper {
        ingress: ingress.clone(),
        limited: Mutex::default(),
        asked: redelivery::Asked::default(),
    };
    let work = || async {
        loop {
            let next = Instant::now() + every;
            sweeper.sweep().await;
            sleep_until(next).await;
        }
    };
    duty::hold(&ingress.store, DUTY, &ingress.stopping, work).await;
}

impl Sweeper {
    async fn sweep(&self) {
        let began = Instant::now();
        if let Err(error) = hooks::finish(&self.ingress).await {
            tracing::warn!(%error, "the sweep could not read which webhooks are unfinished");
        }
        let swept = match self.all().await {
            Ok(0) => Swept::Complete,
            Ok(_) => Swept::Partial,
            Err(error) => {
                tracing::warn!(%error, "the sweep could not read which apps there are");
                Swept::Failed
            }
        };
        self.ingress.metrics.swept(swept, began.elapsed());
        tracing::debug!(outcome = swept.value(), "swept");
    }

    /// How many apps had trouble.
    async fn all(&self) -> Result<usize, store::Error> {
        let (mut last, mut troubled) = (None, 0);
        loop {
            let page = self.ingress.store.apps_to_sweep(last.as_ref()).await?;
            let Some(end) = page.last().cloned() else { return Ok(troubled) };
            let looks = futures_util::stream::iter(page).map(|app| self.app(app));
            let fine = looks.buffer_unordered(AT_ONCE).filter(|fine| std::future::ready(!fine));
            troubled += fine.count().await;
            last = Some(end);
        }
    }

    /// Whether all went well.
    async fn app(&self, swept: SweptApp) -> bool {
        let SweptApp { tenant, app, provider } = swept;
        let Some(provider) = Provider::from_name(&provider) else { return true };
        if self.is_limited(tenant, provider) {
            return false;
        }
        let span = tracing::info_span!("app.sweep", app.id = %app, provider = provider.name());
        async {
            let session = match self.ingress.session(tenant, provider).await {
                Ok(session) => session,
                Err(error) => return self.note(tenant, provider, &error.into()),
            };
            let look = Look { sweeper: self, tenant, app, provider, session };
            look.over().await
        }
        .instrument(span)
        .await
    }

    fn is_limited(&self, tenant: Uuid, provider: Provider) -> bool {
        let mut limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner);
        limited.retain(|_, until| Instant::now() < *until);
        limited.contains_key(&(tenant, provider))
    }

    /// Says what went wrong; and remembers it where it concerns the tenant's other apps.
    fn note(&self, tenant: Uuid, provider: Provider, trouble: &Trouble) -> bool {
        if let Some(git_providers::Error::RateLimited { retry_after, .. }) = trouble.of_provider() {
            let mut limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner);
            limited.insert((tenant, provider), Instant::now() + *retry_after);
        }
        tracing::warn!(error = %trouble, "an app could not be swept");
        false
    }

    fn found(&self, what: Found) {
        self.ingress.metrics.found(what);
    }
}

impl Trouble {
    /// What the provider said.
    fn of_provider(&self) -> Option<&git_providers::Error> {
        match self {
            Self::Provider(error) | Self::Webhook(hooks::Trouble::Provider(error)) => Some(error),
            Self::Session(_) | Self::Store(_) | Self::Webhook(_) | Self::Intake => None,
        }
    }

    /// Whether it is of no use to ask the provider anything else now.
    fn is_everything_s(&self) -> bool {
        matches!(self.of_provider(), Some(error)
            if error.is_transient() || matches!(error, git_providers::Error::Unauthorized { .. }))
    }
}

impl Look<'_> {
    /// Everything about the app; whether all went well.
    async fn over(&self) -> bool {
        // The webhook first: what is delivered again needs one. The head last: by then that may have arrived.
        let webhook = self.webhook().await;
        let goes_on = webhook.as_ref().err().is_none_or(|trouble| !trouble.is_everything_s());
        let is_well = self.is_well(webhook).await;
        if !goes_on {
            return false;
        }
        let head = self.head().await;
        self.is_well(head).await && is_well
    }

    async fn is_well(&self, result: Result<(), Trouble>) -> bool {
        let Err(trouble) = result else { return true };
        if let Some(error) = trouble.of_provider() {
            let ingress = &self.sweeper.ingress;
            ingress.note_refusal(self.tenant, self.provider, &self.session, error).await;
        }
        self.sweeper.note(self.tenant, self.provider, &trouble)
    }
}
