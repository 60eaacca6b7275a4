//! Whether what the database acknowledged survives a power loss: its settings, as this role sees them.

use super::{Error, Store, connection::within};

/// The settings that decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durability {
    /// Writes reach the disk, not only the operating system.
    pub fsync: bool,
    /// A page that was half written can be restored.
    pub full_page_writes: bool,
    /// A commit is acknowledged only when it is on disk.
    pub synchronous_commit: bool,
}

impl Store {
    /// How durable a commit is.
    pub async fn durability(&self) -> Result<Durability, Error> {
        within(async {
            let row = self
                .client()
                .await?
                .query_one(
                    "select current_setting('fsync') = 'on',
                            current_setting('full_page_writes') = 'on',
                            current_setting('synchronous_commit') not in ('off', 'remote_write')",
                    &[],
                )
                .await?;
            Ok(Durability {
                fsync: row.try_get(0)?,
                full_page_writes: row.try_get(1)?,
                synchronous_commit: row.try_get(2)?,
            })
        })
        .await
    }
}
