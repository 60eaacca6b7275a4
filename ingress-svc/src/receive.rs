//! The raw body of a request: capped while it streams in, within one deadline, and within what all requests together
//! may hold. Nothing is decompressed: the signature covers the bytes as they were sent.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::verify::Header;

/// What GitHub and GitLab send at most.
pub(crate) const MAX_DELIVERY_BYTES: usize = 25 * 1024 * 1024;

const DEADLINE: Duration = Duration::from_secs(10);
/// Memory that is taken before the first byte has come, whatever length was announced.
const MAX_HEADSTART_BYTES: usize = 64 * 1024;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Longer than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// Not all there in time.
    #[error("the body took too long")]
    TooSlow,
    /// Compressed.
    #[error("the body is encoded")]
    Encoded,
    /// The sender went away, or broke the protocol.
    #[error("the body is incomplete")]
    Incomplete,
    /// All requests together hold too much.
    #[error("too many bytes in flight")]
    Busy,
}

/// The bytes that all bodies together may hold.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    bytes: u32,
    free: Arc<Semaphore>,
}

impl Budget {
    /// So many bytes.
    pub(crate) fn new(bytes: u32) -> Self {
        Self { bytes, free: Arc::new(Semaphore::new(bytes as usize)) }
    }

    /// How many they hold now.
    pub(crate) fn held(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.bytes.saturating_sub(free)
    }
}

/// A body, and its share of the budget until it is dropped.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Receives a body of at most `cap` bytes.
pub(crate) async fn body(
    request: &HttpRequest,
    payload: web::Payload,
    cap: usize,
    budget: &Budget,
) -> Result<Body, Error> {
    let announced = match Header::read(request.headers(), CONTENT_LENGTH.as_str()) {
        Header::Once(length) => length.parse().map_err(|_| Error::Incomplete)?,
        Header::Absent => 0,
        Header::Unusable => return Err(Error::Incomplete),
    };
    if announced > cap {
        return Err(Error::TooLarge);
    }
    match Header::read(request.headers(), CONTENT_ENCODING.as_str()) {
        Header::Absent | Header::Once("") => {}
        Header::Once(encoding) if encoding.eq_ignore_ascii_case("identity") => {}
        Header::Once(_) | Header::Unusable => return Err(Error::Encoded),
    }
    let collected = collect(payload, cap, announced, budget);
    tokio::time::timeout(DEADLINE, collected).await.map_err(|_| Error::TooSlow)?
}

async fn collect(
    mut payload: web::Payload,
    cap: usize,
    announced: usize,
    budget: &Budget,
) -> Result<Body, Error> {
    let mut bytes = BytesMut::with_capacity(announced.min(MAX_HEADSTART_BYTES));
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Error::Incomplete)?;
        if bytes.len() + chunk.len() > cap {
            return Err(Error::TooLarge);
        }
        // By what came, not by what was announced: an announcement costs the sender nothing.
        let more = u32::try_from(chunk.len()).map_err(|_| Error::TooLarge)?;
        let more =
            Arc::clone(&budget.free).try_acquire_many_owned(more).map_err(|_| Error::Busy)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes: bytes.freeze(), _share: share })
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest as _, test::TestRequest};

    use super::*;

    const CAP: usize = 8;

    async fn received(request: TestRequest, budget: &Budget) -> Result<Body, Error> {
        let (request, mut payload) = request.to_http_parts();
        let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
        body(&request, payload, CAP, budget).await
    }

    #[actix_web::test]
    async fn a_body_is_received_as_it_was_sent() {
        let budget = Budget::new(100);
        let body = received(TestRequest::post().set_payload("12345678"), &budget).await.unwrap();
        assert_eq!(&*body, b"12345678");
        let empty = received(TestRequest::post(), &budget).await.unwrap();
        assert!(empty.is_empty());
    }

    #[actix_web::test]
    async fn a_body_over_the_cap_is_refused_announced_or_not() {
        let budget = Budget::new(100);
        let announced = TestRequest::post().insert_header(("content-length", "9"));
        assert!(matches!(received(announced, &budget).await, Err(Error::TooLarge)));
        let streamed = TestRequest::post().set_payload("123456789");
        assert!(matches!(received(streamed, &budget).await, Err(Error::TooLarge)));
    }

    #[actix_web::test]
    async fn an_encoded_body_is_refused() {
        let budget = Budget::new(100);
        let encoded = |name| TestRequest::post().insert_header(("content-encoding", name));
        assert!(matches!(received(encoded("gzip"), &budget).await, Err(Error::Encoded)));
        assert!(received(encoded("identity"), &budget).await.is_ok());
    }

    #[actix_web::test]
    async fn all_bodies_together_stay_within_the_budget() {
        let budget = Budget::new(10);
        let six = || TestRequest::post().set_payload("123456");
        let first = received(six(), &budget).await.unwrap();
        assert!(matches!(received(six(), &budget).await, Err(Error::Busy)));
        drop(first);
        assert!(received(six(), &budget).await.is_ok());
    }
}
