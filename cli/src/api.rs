//! The platform's REST API: what is asked, how long we wait, what is asked again, and what its refusals mean.

pub(crate) use self::{
    logs::{Heard, LogQuery},
    watch::News,
};

mod answer;
mod lines;
mod logs;
mod watch;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    args::AppRef,
    error::Error,
    model::{App, Apps, Deploy, List, Source},
    settings::{Settings, is_loopback},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Pages of the platform hold no more.
const LARGEST_PAGE: usize = 200;
/// The platform says something every 15 s, be it that there is nothing to say.
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// A client of the platform.
#[derive(Debug)]
pub(crate) struct Api {
    http: Client,
    url: Url,
    token: SecretString,
    tenant: Option<String>,
}

impl Api {
    pub(crate) fn new(Settings { url, token, tenant }: Settings) -> Result<Self, Error> {
        let mut client = Client::builder()
            .user_agent(concat!("paas/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(LONGEST_SILENCE)
            // The token is for this platform, and not for wherever it would send us.
            .redirect(redirect::Policy::none());
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let http = client.build().map_err(|error| Error::Unexpected(answer::cause(error)))?;
        Ok(Self { http, url, token, tenant })
    }

    /// Reads something; what may pass by itself is tried again.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let attempt = || async {
            let request = self.request(Method::GET, path).timeout(ANSWER_WITHIN).query(query);
            self.read(self.send(request).await?).await
        };
        attempt.retry(pauses()).when(Error::is_passing).await
    }

    /// Reads a list, newest first, to so many of its items; more than one page if need be.
    pub(crate) async fn list<L: List>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<L, Error> {
        let mut all = L::default();
        loop {
            let size = (limit - all.count()).min(LARGEST_PAGE).to_string();
            let mut query = query.to_vec();
            query.push(("page_size", &size));
            query.extend(all.next_page_token().map(|token| ("page_token", token)));
            let page: L = self.get(path, &query).await?;
            let is_empty = page.count() == 0;
            all.append(page, limit);
            if is_empty || all.next_page_token().is_none() || all.count() >= limit {
                return Ok(all);
            }
        }
    }

    /// Does something. It is tried again under the same key, so that it is done once however often it is asked for.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.do_once(path, None::<&Value>).await
    }

    /// The same with a body.
    pub(crate) async fn post_with<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.do_once(path, Some(body)).await
    }

    async fn do_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let key = Uuid::new_v4().to_string();
        let attempt = || async {
            let request = self.request(Method::POST, path).timeout(ANSWER_WITHIN);
            let request = request.header("idempotency-key", &key);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            self.read(self.send(request).await?).await
        };
        attempt.retry(pauses()).when(Error::is_passing).await
    }

    /// Sets something. It is not tried again: secrets are shown by the first answer only.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let request = self.request_with(Method::PUT, path, body).timeout(ANSWER_WITHIN);
        self.read(self.send(request).await?).await
    }

    /// Removes something. It is not tried again: what is gone already would not be found.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let request = self.request(Method::DELETE, path).timeout(ANSWER_WITHIN);
        self.read(self.send(request).await?).await
    }

    /// The app that is meant.
    pub(crate) async fn app(&self, wanted: &AppRef) -> Result<Uuid, Error> {
        let name = match wanted {
            AppRef::Id(id) => return Ok(*id),
            AppRef::Name(name) => name,
        };
        let app = self.apps().await?.into_iter().find(|app| app.name == *name);
        app.map(|app| app.id).ok_or_else(|| Error::NotFound(format!("there is no app {name:?}")))
    }

    pub(crate) async fn apps(&self) -> Result<Vec<App>, Error> {
        Ok(self.list::<Apps>("/v1/apps", &[], usize::MAX).await?.apps)
    }

    pub(crate) async fn deploy(&self, id: Uuid) -> Result<Deploy, Error> {
        self.get(&format!("/v1/deploys/{id}"), &[]).await
    }

    /// Which repository an app follows, if it does.
    pub(crate) async fn source(&self, app: Uuid) -> Result<Option<Source>, Error> {
        match self.get(&format!("/v1/apps/{app}/git/source"), &[]).await {
            Ok(source) => Ok(Some(source)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        // It is marked as sensitive, so that no log of the client's shows it.
        let request = self.http.request(method, url).bearer_auth(self.token.expose_secret());
        match &self.tenant {
            Some(tenant) => request.header("x-paas-tenant", tenant),
            None => request,
        }
    }

    fn request_with(&self, method: Method, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.request(method, path).json(body)
    }

    /// The answer, once it is one of success.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(answer::refusal(answer, self.token.expose_secret()).await)
    }

    async fn read<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Error> {
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?;
        parse(&body)
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        Error::Unreachable { url: self.url.to_string(), cause: answer::cause(error) }
    }
}

/// Between attempts: about three seconds in all.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_times(4)
        .with_jitter()
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    // An answer without a body has nothing to say.
    let json = if json.is_empty() { b"null" } else { json };
    // What stands there is not repeated: it may be anything.
    serde_json::from_slice(json).map_err(|_| Error::Unexpected("it is not what we know".to_owned()))
}
