//! Who changed what, when and from where: a row before the change, completed with the status of its answer. Nothing is
//! changed without its row.

use std::net::IpAddr;

use uuid::Uuid;

use super::Actor;
use crate::{
    Ingress,
    error::Error,
    store::{NewAuditEntry, Store},
};

const MAX_TARGET_BYTES: usize = 200;

/// A change that has begun.
#[must_use = "a row that is not completed says that it is not known how the change ended"]
pub(crate) struct Entry {
    store: Store,
    tenant: Uuid,
    /// `None` where there is no audit log.
    id: Option<Uuid>,
}

/// Notes a change before it is made: `action` is method and pattern of its route, `target` what its path names.
pub(crate) async fn begin(
    ingress: &Ingress,
    tenant: Uuid,
    actor: &Actor,
    action: &str,
    target: &str,
    client: IpAddr,
) -> Result<Entry, Error> {
    let id = Uuid::now_v7();
    let entry = NewAuditEntry {
        id,
        token: actor.token(),
        actor: &actor.to_string(),
        action,
        target: &target[..target.floor_char_boundary(MAX_TARGET_BYTES)],
        client: &client.to_string(),
    };
    let store = ingress.store.clone();
    match store.of(tenant).begin_audit(&entry).await {
        Ok(()) => Ok(Entry { store, tenant, id: Some(id) }),
        Err(error) if error.is_of_older_schema() => {
            tracing::warn!(action, "a change is not in the audit log: the schema has none yet");
            Ok(Entry { store, tenant, id: None })
        }
        Err(error) => Err(Error::cannot_answer(error)),
    }
}

impl Entry {
    /// Notes how it ended.
    pub(crate) async fn complete(self, status: u16) {
        let Some(id) = self.id else { return };
        if let Err(error) = self.store.of(self.tenant).complete_audit(id, status).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, audit.id = %id, status, "the audit log lacks how a change ended");
        }
    }
}
