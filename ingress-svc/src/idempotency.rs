//! `Idempotency-Key` on a POST: the same request again has the answer that the first one had, for a day.
//!
//! The key is claimed before the request is handled, and the answer kept after. A request that changed nothing (any
//! answer but success) gives its key back. One that was cut off leaves a claim without an answer, and after a minute the
//! same request may try again: what it makes has the same id, so it finds its own work.

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse,
    body::{self, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::Method,
    web,
};
use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    Ingress,
    access::{Caller, Route},
    error::{self, Error},
    manage::MAX_BODY_BYTES,
    receive,
    secrets::{Keyring, Owner, Purpose},
    store::{self, Store},
    verify::Header,
};

const KEY: &str = "idempotency-key";
const MAX_KEY_BYTES: usize = 200;
/// Its answer goes on for as long as it likes, and what it does twice is done once.
const STREAM: &str = "/v1/replays";

/// What is to be done about a request.
pub(crate) enum Claimed<'a> {
    /// It has no key.
    Not,
    /// Handle it, and keep the answer.
    Ours(Claim<'a>),
    /// It was answered before.
    Answered(HttpResponse),
}

/// A key that this request holds.
pub(crate) struct Claim<'a> {
    store: &'a Store,
    keyring: &'a Keyring,
    tenant: Uuid,
    key: String,
    request: [u8; 32],
    since: jiff::Timestamp,
}

/// The id of what a request with a key makes.
#[derive(Debug, Clone, Copy)]
struct Made(Uuid);

/// The id of what this request makes: the same when it comes again under its key.
pub(crate) fn id(request: &HttpRequest) -> Uuid {
    request.extensions().get::<Made>().map_or_else(Uuid::now_v7, |made| made.0)
}

/// The caller's name for a request; `None` when it has none.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<&str>, Error> {
    match Header::read(request.headers(), KEY) {
        Header::Absent | Header::Once("") => Ok(None),
        Header::Once(key) if key.len() <= MAX_KEY_BYTES => Ok(Some(key)),
        Header::Once(_) | Header::Unusable => {
            Err(Error::Invalid("Idempotency-Key must be one of at most 200 characters".to_owned()))
        }
    }
}

/// Whether a route takes a key.
pub(crate) fn takes_key(route: &Route) -> bool {
    route.access.is_managed() && route.method == "POST" && route.pattern != STREAM
}

/// Claims the key of a request that has one.
pub(crate) async fn claim<'a>(
    request: &mut ServiceRequest,
    route: &Route,
    caller: &Caller,
    ingress: &'a Ingress,
) -> Result<Claimed<'a>, Error> {
    if request.method() != Method::POST || !takes_key(route) {
        return Ok(Claimed::Not);
    }
    let Some(key) = key(request.request())?.map(str::to_owned) else { return Ok(Claimed::Not) };
    let body = take_body(request, ingress).await?;
    let hash = hash(caller, request.request(), &body);
    give_back(request, body);
    let (store, keyring) = (&ingress.store, &ingress.keys.secrets);
    let tenant = caller.tenant;
    let found = match store.of(tenant).claim_key(&key, &hash).await {
        // Deploys have their key with the deployer, too; the rest can do without for as long as an upgrade takes.
        Err(error) if error.is_of_older_schema() => return Ok(Claimed::Not),
        found => found.map_err(Error::cannot_answer)?,
    };
    match found {
        store::Claim::Ours(since) => {
            // Under another key it is another thing, even if it is asked for in the same words.
            let name = [key.as_bytes(), hash.as_slice()].concat();
            request.extensions_mut().insert(Made(Uuid::new_v5(&tenant, &name)));
            Ok(Claimed::Ours(Claim { store, keyring, tenant, key, request: hash, since }))
        }
        store::Claim::Another => {
            Err(Error::Invalid("this Idempotency-Key was used for another request".to_owned()))
        }
        store::Claim::Underway => Err(Error::Underway),
        store::Claim::Answered { status, answer } => {
            let opened = keyring.open(Purpose::Answer, Owner::Request(&hash), &answer);
            Ok(Claimed::Answered(error::again(status, opened.map_err(Error::cannot_answer)?)))
        }
    }
}

impl Claim<'_> {
    /// Keeps the answer, or gives the key back when nothing was changed.
    pub(crate) async fn keep<B: MessageBody + 'static>(
        self,
        answer: ServiceResponse<B>,
    ) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
        let (request, answer) = answer.into_parts();
        let (answer, bytes) = answer.into_parts();
        let bytes = body::to_bytes(bytes).await.map_err(Into::into)?;
        if answer.status().is_success() {
            self.answered(answer.status().as_u16(), &bytes).await;
        } else {
            self.release().await;
        }
        Ok(ServiceResponse::new(request, answer.set_body(bytes).map_into_boxed_body()))
    }

    /// Gives the key back.
    pub(crate) async fn release(self) {
        let released = self.store.of(self.tenant).release_key(&self.key, self.since).await;
        if let Err(error) = released {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "an Idempotency-Key is held for a minute longer");
        }
    }

    async fn answered(self, status: u16, answer: &[u8]) {
        let sealed = self.keyring.seal(Purpose::Answer, Owner::Request(&self.request), answer);
        let kept = match sealed {
            Ok(sealed) => {
                let tenancy = self.store.of(self.tenant);
                tenancy.answer_key(&self.key, self.since, status, &sealed).await.map_err(Into::into)
            }
            Err(error) => Err(Box::<dyn std::error::Error + Send + Sync>::from(error)),
        };
        if let Err(error) = kept {
            let error = &*error as &dyn std::error::Error;
            tracing::warn!(error, "the answer to a request with an Idempotency-Key was not kept");
        }
    }
}

async fn take_body(request: &mut ServiceRequest, ingress: &Ingress) -> Result<Bytes, Error> {
    let payload = request.extract::<web::Payload>().await.map_err(|_| Error::IncompleteBody)?;
    let body = receive::body(request.request(), payload, MAX_BODY_BYTES, &ingress.bodies).await?;
    Ok(Bytes::copy_from_slice(&body))
}

/// The handler reads it as if nobody had.
fn give_back(request: &mut ServiceRequest, body: Bytes) {
    let payload = stream::once(async move { Ok(body) }.boxed_local());
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
}

/// What makes a request the same: who asks, for what. Each part is preceded by its length.
fn hash(caller: &Caller, request: &HttpRequest, body: &[u8]) -> [u8; 32] {
    let actor = caller.actor.token().unwrap_or_default();
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let mut hasher = Sha256::new();
    for part in [actor.as_bytes(), request.method().as_str().as_bytes(), path.as_bytes(), body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Deletes keys that are free again, for as long as the service runs.
pub(crate) async fn prune(store: Store) {
    let hour = std::time::Duration::from_hours(1);
    let mut hourly = tokio::time::interval_at(tokio::time::Instant::now() + hour, hour);
    loop {
        match store.prune_keys().await {
            Ok(1..) => continue,
            Ok(0) => {}
            Err(error) if error.is_of_older_schema() => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "old Idempotency-Keys were not deleted");
            }
        }
        hourly.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn hashed(method: Method, path: &str, body: &[u8]) -> [u8; 32] {
        let request = TestRequest::default().method(method).uri(path).to_http_request();
        hash(&Caller::operator(), &request, body)
    }

    #[test]
    fn requests_that_differ_in_anything_differ() {
        let one = hashed(Method::POST, "/v1/apps", b"{}");
        assert_eq!(one, hashed(Method::POST, "/v1/apps", b"{}"));
        assert_ne!(one, hashed(Method::PUT, "/v1/apps", b"{}"));
        assert_ne!(one, hashed(Method::POST, "/v1/apps?a", b"{}"));
        assert_ne!(one, hashed(Method::POST, "/v1/apps", b"{ }"));
        assert_ne!(hashed(Method::POST, "/ab", b"c"), hashed(Method::POST, "/a", b"bc"));
    }

    #[test]
    fn a_key_is_one_short_header() {
        let with = |keys: &[&str]| {
            let mut request = TestRequest::default();
            for key in keys {
                request = request.append_header((KEY, *key));
            }
            let request = request.to_http_request();
            key(&request).map(|key| key.map(str::to_owned))
        };
        assert_eq!(with(&[]).unwrap(), None);
        assert_eq!(with(&[""]).unwrap(), None);
        assert_eq!(with(&["incident-42"]).unwrap().as_deref(), Some("incident-42"));
        assert!(with(&["a", "a"]).is_err());
        assert!(with(&[&"a".repeat(201)]).is_err());
    }
}
