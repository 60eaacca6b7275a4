//! Answers that are given again: one row a key, claimed before the request is handled.

use jiff::Timestamp;

use super::{Error, Store, Tenancy};

/// A key is free again after a day; one whose request was never answered, for the same request, after a minute.
const CLAIM: &str = "
    insert into idempotency_keys as k (tenant_id, key, request_hash) values ($1, $2, $3)
    on conflict (tenant_id, key) do update
        set request_hash = excluded.request_hash, claimed_at = now(), status = null, answer = null
        where k.claimed_at < now() - interval '24 hours'
           or (k.status is null and k.request_hash = excluded.request_hash
               and k.claimed_at < now() - interval '1 minute')
    returning claimed_at";

const EARLIER: &str = "
    select request_hash = $3 as is_same, status, answer from idempotency_keys
    where tenant_id = $1 and key = $2";

const ANSWER: &str = "
    update idempotency_keys set status = $4, answer = $5
    where tenant_id = $1 and key = $2 and claimed_at = $3";

const RELEASE: &str =
    "delete from idempotency_keys where tenant_id = $1 and key = $2 and claimed_at = $3";

const PRUNE: &str = "
    delete from idempotency_keys where (tenant_id, key) in
        (select tenant_id, key from idempotency_keys where claimed_at < now() - interval '24 hours' limit 1000)";

/// What a key turns out to be.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Ours from this time on.
    Ours(Timestamp),
    /// Another request's.
    Another,
    /// The same request's, which is still underway.
    Underway,
    /// The same request's, which was answered like this; the body is sealed.
    Answered { status: u16, answer: Vec<u8> },
}

impl Tenancy<'_> {
    /// Takes a key for a request, or tells what came of the one that has it.
    pub(crate) async fn claim_key(&self, key: &str, request: &[u8; 32]) -> Result<Claim, Error> {
        let hash = request.as_slice();
        self.transaction(async |client| {
            let statement = client.prepare_cached(CLAIM).await?;
            if let Some(row) = client.query_opt(&statement, &[&self.tenant, &key, &hash]).await? {
                return Ok(Claim::Ours(row.try_get("claimed_at")?));
            }
            let statement = client.prepare_cached(EARLIER).await?;
            // None: it was released between the two.
            let Some(row) = client.query_opt(&statement, &[&self.tenant, &key, &hash]).await?
            else {
                return Ok(Claim::Underway);
            };
            if !row.try_get::<_, bool>("is_same")? {
                return Ok(Claim::Another);
            }
            let status: Option<i32> = row.try_get("status")?;
            let answer: Option<Vec<u8>> = row.try_get("answer")?;
            let answered = status.and_then(|status| u16::try_from(status).ok()).zip(answer);
            Ok(answered
                .map_or(Claim::Underway, |(status, answer)| Claim::Answered { status, answer }))
        })
        .await
    }

    /// Keeps the answer to a request that has its key since then.
    pub(crate) async fn answer_key(
        &self,
        key: &str,
        since: Timestamp,
        status: u16,
        answer: &[u8],
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(ANSWER).await?;
            let status = i32::from(status);
            client
                .execute(&statement, &[&self.tenant, &key, &since, &status, &answer])
                .await
                .map(drop)
        })
        .await
    }

    /// Gives back the key of a request that changed nothing.
    pub(crate) async fn release_key(&self, key: &str, since: Timestamp) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(RELEASE).await?;
            client.execute(&statement, &[&self.tenant, &key, &since]).await.map(drop)
        })
        .await
    }
}

impl Store {
    /// Deletes some of the keys that are free again; how many.
    pub(crate) async fn prune_keys(&self) -> Result<u64, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(PRUNE).await?;
            client.execute(&statement, &[]).await
        })
        .await
    }
}
