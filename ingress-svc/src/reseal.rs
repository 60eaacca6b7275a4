//! `ingress-svc reseal`: every secret in the database sealed again with the first key of `SECRETS_KEYS`, so that older
//! keys can be dropped. It may run beside the ingress, be stopped, and be run again.

use anyhow::Context as _;
use paas_proto::events::Provider;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;

use crate::{
    secrets::{Error, Keyring, Owner, Purpose},
    store::{Sealed, SealedColumn, Store},
};

/// Settings of the command.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Postgres, as for `serve`.
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
    /// Keys as for `serve`: the first seals, all open.
    #[arg(long, env, hide_env_values = true)]
    pub secrets_keys: SecretString,
}

/// How many values of a column there were.
#[derive(Debug, Default)]
struct Count {
    resealed: u64,
    failed: u64,
}

/// Seals again what was sealed with another key; an error when something did not open.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    let keys: Keyring = args.secrets_keys.expose_secret().parse().context("SECRETS_KEYS")?;
    let key = keys.sealing_key().context("SECRETS_KEYS has no key")?;
    let meter = telemetry::Meter::of("ingress-svc");
    let store = Store::new(&args.database_url, 1, Handle::current(), &meter)?;
    let mut failed = 0;
    for column in SealedColumn::ALL {
        let count = reseal(&store, &keys, key, column).await?;
        let (resealed, name) = (count.resealed, column.name());
        tracing::info!(column = name, resealed, failed = count.failed, key, "sealed again");
        failed += count.failed;
    }
    anyhow::ensure!(
        failed == 0,
        "{failed} secrets do not open: their key is needed in SECRETS_KEYS"
    );
    Ok(())
}

async fn reseal(
    store: &Store,
    keys: &Keyring,
    key: u8,
    column: SealedColumn,
) -> anyhow::Result<Count> {
    let (mut count, mut last) = (Count::default(), None);
    loop {
        let batch = store.sealed_with_others(column, key, last.as_ref()).await?;
        let Some(end) = batch.last().cloned() else { return Ok(count) };
        for sealed in &batch {
            match again(keys, column, sealed) {
                // Where another value is by now, it was sealed by whoever wrote it.
                Ok(value) => {
                    count.resealed += u64::from(store.put_resealed(column, sealed, &value).await?);
                }
                Err(error) => {
                    count.failed += 1;
                    let (row, provider) = (sealed.owner, sealed.provider.as_str());
                    tracing::error!(%row, provider, column = column.name(), %error, "not sealed again");
                }
            }
        }
        last = Some(end);
    }
}

fn again(keys: &Keyring, column: SealedColumn, sealed: &Sealed) -> Result<Vec<u8>, Error> {
    let provider = Provider::from_name(&sealed.provider).ok_or(Error::Damaged)?;
    let connection = Owner::Connection(sealed.owner, provider);
    let (purpose, owner) = match column {
        SealedColumn::WebhookSecret | SealedColumn::PreviousWebhookSecret => {
            (Purpose::WebhookSecret, Owner::App(sealed.owner))
        }
        SealedColumn::SigningToken => (Purpose::SigningToken, Owner::App(sealed.owner)),
        SealedColumn::AccessToken => (Purpose::AccessToken, connection),
        SealedColumn::RefreshToken => (Purpose::RefreshToken, connection),
    };
    let secret: SecretString = keys.open_text(purpose, owner, &sealed.value)?;
    keys.seal(purpose, owner, secret.expose_secret().as_bytes())
}
