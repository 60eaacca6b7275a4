//! One HTTP client a provider: over TLS, to the configured hosts only, within deadlines, without redirects, and with
//! answers of a bounded size. What an answer means is `http/answer.rs`'s.

mod answer;
mod pages;

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method, RequestBuilder,
    header::{ACCEPT, CONTENT_TYPE},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Host, Url};

use crate::{Error, InvalidSettings, Kind, Settings};
pub(crate) use answer::Answer;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1024 * 1024;
/// No repository has more webhooks than fit on these.
const MOST_PAGES: usize = 20;

/// What may stand in a path segment as it is (RFC 3986 section 2.3: unreserved).
const IN_A_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One provider over HTTP.
pub(crate) struct Http {
    client: reqwest::Client,
    kind: Kind,
    web: Url,
    api: Url,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, InvalidSettings> {
        let (web, api) = match settings.kind {
            Kind::Github => ("GITHUB_URL", "GITHUB_API_URL"),
            Kind::Gitlab => ("GITLAB_URL", "GITLAB_URL"),
            Kind::Forgejo => ("FORGEJO_URL", "FORGEJO_URL"),
        };
        check(&settings.web_url, settings.allow_loopback, web)?;
        check(&settings.api_url, settings.allow_loopback, api)?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("webhook-deploy/", env!("CARGO_PKG_VERSION")))
            // A connection lives on the runtime that opened it, and callers have several: none is kept.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(InvalidSettings::Http)?;
        Ok(Self {
            client,
            kind: settings.kind,
            web: settings.web_url.clone(),
            api: settings.api_url.clone(),
        })
    }

    /// For people.
    pub(crate) fn provider(&self) -> &'static str {
        self.kind.title()
    }

    /// A request to the API, `path` being relative to its base.
    pub(crate) fn api(&self, method: Method, path: &str) -> Call<'_> {
        self.api_at(method, self.below(&self.api, path))
    }

    /// A request to what people see, where OAuth is.
    pub(crate) fn web(&self, method: Method, path: &str) -> Call<'_> {
        let request = self
            .below(&self.web, path)
            .map(|url| self.client.request(method, url).header(ACCEPT, "application/json"));
        Call { http: self, request, hidden: Vec::new() }
    }

    /// A URL below a base.
    pub(crate) fn below(&self, base: &Url, path: &str) -> Result<Url, Error> {
        let text = format!("{}/{path}", base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|_| self.unexpected("a path that makes no URL"))
    }

    pub(crate) fn unexpected(&self, what: impl Into<String>) -> Error {
        Error::Unexpected { provider: self.provider(), what: what.into() }
    }

    /// `owner` and `name` of a repository, for a path.
    pub(crate) fn owner_and_name(&self, repo: &str) -> Result<String, Error> {
        let (owner, name) = repo.split_once('/').ok_or_else(|| self.no_name())?;
        Ok(format!("{}/{}", self.segment(owner)?, self.segment(name)?))
    }

    /// One segment of a path; `.` and `..` would be taken for steps.
    pub(crate) fn segment(&self, text: &str) -> Result<String, Error> {
        if text.is_empty() || text == "." || text == ".." {
            return Err(self.no_name());
        }
        Ok(utf8_percent_encode(text, IN_A_SEGMENT).to_string())
    }

    fn no_name(&self) -> Error {
        Error::Rejected {
            provider: self.provider(),
            message: "that is no name of a repository, branch or webhook".to_owned(),
        }
    }

    fn api_at(&self, method: Method, url: Result<Url, Error>) -> Call<'_> {
        let request = url.map(|url| {
            let request = self.client.request(method, url);
            match self.kind {
                Kind::Github => request
                    .header(ACCEPT, "application/vnd.github+json")
                    .header("x-github-api-version", "2022-11-28"),
                Kind::Gitlab | Kind::Forgejo => request.header(ACCEPT, "application/json"),
            }
        });
        Call { http: self, request, hidden: Vec::new() }
    }

    /// All of a list that the API gives in pages.
    pub(crate) async fn all<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        token: &SecretString,
        what: &'static str,
    ) -> Result<Vec<T>, Error> {
        let mut list = Vec::new();
        let mut call = self.api(Method::GET, path);
        for _ in 0..MOST_PAGES {
            let answer = call.bearer(token).send(what).await?;
            list.extend(answer.json::<Vec<T>>()?);
            let Some(next) = pages::next(answer.headers()) else { return Ok(list) };
            call = self.api_at(Method::GET, self.same_place(&next));
        }
        Err(self.unexpected("a list that does not end"))
    }

    /// A URL that the provider names: followed only to the configured API.
    fn same_place(&self, url: &str) -> Result<Url, Error> {
        Url::parse(url)
            .ok()
            .filter(|url| url.origin() == self.api.origin() && url.username().is_empty())
            .ok_or_else(|| self.unexpected("a next page in another place"))
    }
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    http: &'a Http,
    request: Result<RequestBuilder, Error>,
    /// Never to be seen in an error, whatever the provider answers.
    hidden: Vec<SecretString>,
}

impl Call<'_> {
    pub(crate) fn bearer(self, token: &SecretString) -> Self {
        self.hiding(token).with(|request| request.bearer_auth(token.expose_secret()))
    }

    pub(crate) fn basic(self, user: &str, password: &SecretString) -> Self {
        self.hiding(password)
            .with(|request| request.basic_auth(user, Some(password.expose_secret())))
    }

    pub(crate) fn hiding(mut self, secret: &SecretString) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with(|request| request.header(CONTENT_TYPE, "application/json").body(body.to_string()))
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.with(|request| request.form(fields))
    }

    fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { request: self.request.map(change), ..self }
    }

    /// Sends it; `what` is asked for.
    pub(crate) async fn send(self, what: &'static str) -> Result<Answer, Error> {
        self.raw().await?.check(what)
    }

    /// Sends it, and takes any status for an answer.
    pub(crate) async fn raw(self) -> Result<Answer, Error> {
        let provider = self.http.provider();
        let gone = |error: reqwest::Error| Error::Unavailable { provider, because: cause(&error) };
        let mut response = self.request?.send().await.map_err(gone)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(gone)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(self.http.unexpected("an answer of more than 1 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(provider, status, headers, body, self.hidden))
    }
}

/// In our own words: a client's error may name the URL.
fn cause(error: &reqwest::Error) -> String {
    let words = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    words.to_owned()
}

fn check(url: &Url, allow_loopback: bool, setting: &'static str) -> Result<(), InvalidSettings> {
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let is_safe = match url.scheme() {
        "https" => url.has_host(),
        "http" => allow_loopback && is_loopback(url),
        _ => false,
    };
    if is_bare && is_safe { Ok(()) } else { Err(InvalidSettings::Url(setting)) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, allow_loopback: bool) -> bool {
        check(&url.parse().unwrap(), allow_loopback, "X").is_ok()
    }

    #[test]
    fn plain_http_goes_to_loopback_only_and_only_where_it_is_allowed() {
        assert!(checked("https://git.example.com/sub", false));
        for url in ["http://127.0.0.1:3000", "http://localhost/api/v1", "http://[::1]:80"] {
            assert!(checked(url, true), "{url}");
            assert!(!checked(url, false), "{url}");
        }
        for url in ["http://10.0.0.1", "http://localhost.example.com", "ftp://127.0.0.1"] {
            assert!(!checked(url, true), "{url}");
        }
    }

    #[test]
    fn a_base_url_carries_no_credentials_and_no_query() {
        for url in ["https://me:word@a.example", "https://a.example/?x", "https://a.example/#x"] {
            assert!(!checked(url, false), "{url}");
        }
    }
}
