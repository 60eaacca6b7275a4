//! A new secret without a gap: it counts from now on, and the one before stays valid until the provider has been told,
//! and for some hours more. Never are there three: a rotation that the provider does not know of is finished first.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Act, Action, Settled, Trouble};
use crate::{
    secrets::{self, Purpose},
    store::HookRow,
};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The new secret: a person's, or one to be made; none to leave the current one.
    pub(crate) secret: NewSecret,
    /// Whether the one before is to end at once.
    pub(crate) retire_previous: bool,
}

/// Where a new secret comes from.
#[derive(Debug)]
pub(crate) enum NewSecret {
    /// There is none.
    None,
    /// It is made.
    Made,
    /// A person gives it.
    Given(SecretString),
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// The secret that counts now, if it is new.
    pub(crate) secret: Option<SecretString>,
    /// How long the one before stays valid; none while the provider has not been told, or when there is none.
    pub(crate) previous_valid_until: Option<Timestamp>,
    pub(crate) webhook: Result<Settled, Trouble>,
}

impl Act<'_> {
    pub(super) async fn rotate(self, wanted: Wanted) -> Result<Option<Rotation>, Trouble> {
        let tenancy = self.ingress.store.of(self.tenant);
        let Some(before) = tenancy.secrets(self.app).await? else { return Ok(None) };
        let keys = &self.ingress.keys.secrets;
        let current = keys.open_text(Purpose::WebhookSecret, self.app, &before.current)?;
        let secret = match wanted.secret {
            NewSecret::None => None,
            NewSecret::Made => Some(secrets::generate().into()),
            NewSecret::Given(secret) => Some(secret),
        };
        let is_again = |new: &SecretString| new.expose_secret() == current.expose_secret();
        let new = secret.as_ref().filter(|new| !is_again(new));
        if before.is_unconfirmed && (new.is_some() || wanted.retire_previous) {
            self.settle().await?;
        }
        if let Some(new) = new {
            let sealed =
                keys.seal(Purpose::WebhookSecret, self.app, new.expose_secret().as_bytes())?;
            let hours = self.ingress.config.git.webhook_secret_overlap_hours;
            tenancy.rotate_secret(self.app, &sealed, hours).await?;
            tracing::info!(app.id = %self.app, "webhook secret replaced");
            fail::fail_point!("hooks::rotated", |_| crate::failpoints::crash());
        }
        let webhook = if secret.is_some() { self.settle().await } else { self.as_it_is().await };
        if wanted.retire_previous && tenancy.retire_previous_secret(self.app).await? {
            tracing::info!(app.id = %self.app, "the previous webhook secret is retired");
        }
        let after = tenancy.secrets(self.app).await?;
        let previous_valid_until = after.and_then(|secrets| secrets.previous_valid_until);
        Ok(Some(Rotation { secret, previous_valid_until, webhook }))
    }

    /// The webhook, when nothing is asked of the provider.
    async fn as_it_is(self) -> Result<Settled, Trouble> {
        let hooks = self.ingress.store.of(self.tenant).hooks(self.app).await?;
        let hook = hooks.into_iter().find(HookRow::is_wanted);
        Ok(match hook {
            Some(hook) => Settled { action: Action::Unchanged, hook_id: hook.hook_id },
            None => Settled { action: Action::Manual, hook_id: None },
        })
    }
}
