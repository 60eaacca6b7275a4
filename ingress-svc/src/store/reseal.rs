//! Every sealed value, for the command that seals them again with another key.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store};

const BATCH: i64 = 500;

/// A column with sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealedColumn {
    /// Of an app's source.
    WebhookSecret,
    /// Of an app's source.
    PreviousWebhookSecret,
    /// Of an app's source.
    SigningToken,
    /// Of a tenant's connection.
    AccessToken,
    /// Of a tenant's connection.
    RefreshToken,
}

impl SealedColumn {
    /// All that last. (The verifier of a connection that was begun does not: it is of no use after five minutes.)
    pub(crate) const ALL: [Self; 5] = [
        Self::WebhookSecret,
        Self::PreviousWebhookSecret,
        Self::SigningToken,
        Self::AccessToken,
        Self::RefreshToken,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebhookSecret => "webhook_secret",
            Self::PreviousWebhookSecret => "previous_webhook_secret",
            Self::SigningToken => "signing_token",
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// The table, and the columns that name its rows.
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::WebhookSecret | Self::PreviousWebhookSecret | Self::SigningToken => {
                ("app_git_sources", "app_id")
            }
            Self::AccessToken | Self::RefreshToken => ("tenant_git_credentials", "tenant_id"),
        }
    }
}

/// A sealed value and its row.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// The app, or the tenant.
    pub(crate) owner: Uuid,
    /// Of the connection or of the source.
    pub(crate) provider: String,
    pub(crate) value: Vec<u8>,
}

impl Store {
    /// Values of a column that were sealed with another key than this, in the order of their rows and after this row.
    pub(crate) async fn sealed_with_others(
        &self,
        column: SealedColumn,
        key: u8,
        after: Option<&Sealed>,
    ) -> Result<Vec<Sealed>, Error> {
        let ((table, owner), name) = (column.table(), column.name());
        let text = format!(
            "select {owner}, provider, {name} from {table} \
             where get_byte({name}, 0) <> $1 and ({owner}, provider) > ($2, $3) \
             order by {owner}, provider limit {BATCH}"
        );
        let (owner, provider) = after.map_or((Uuid::nil(), ""), |row| (row.owner, &row.provider));
        self.with_client(async |client| {
            let rows = client.query(&text, &[&i32::from(key), &owner, &provider]).await?;
            rows.iter().map(sealed).collect()
        })
        .await
    }

    /// Replaces a value; false when another is there by now.
    pub(crate) async fn put_resealed(
        &self,
        column: SealedColumn,
        old: &Sealed,
        new: &[u8],
    ) -> Result<bool, Error> {
        let ((table, owner), name) = (column.table(), column.name());
        let text = format!(
            "update {table} set {name} = $4 where {owner} = $1 and provider = $2 and {name} = $3"
        );
        self.with_client(async |client| {
            let put = client.execute(&text, &[&old.owner, &old.provider, &old.value, &new]).await?;
            Ok(put == 1)
        })
        .await
    }
}

fn sealed(row: &Row) -> Result<Sealed, tokio_postgres::Error> {
    Ok(Sealed { owner: row.try_get(0)?, provider: row.try_get(1)?, value: row.try_get(2)? })
}
