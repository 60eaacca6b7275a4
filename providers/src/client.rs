//! A provider that can be asked.

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use url::Url;

use crate::{
    Challenge, Error, Grant, InvalidSettings, Kind, Session, Settings, Verifier, app::App,
    http::Http, oauth::Endpoint,
};

/// One provider; clones share its HTTP client.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    http: Http,
    app: Option<App>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} at {})", self.kind().title(), self.web_url())
    }
}

impl Client {
    /// Connects to nothing yet. A TLS provider must be installed.
    pub fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        let http = Http::new(&settings)?;
        let app = settings.app.as_ref().map(App::new).transpose()?;
        Ok(Self { inner: Arc::new(Inner { settings, http, app }) })
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.inner.settings.kind
    }

    /// Base of what people see.
    #[must_use]
    pub fn web_url(&self) -> &Url {
        &self.inner.settings.web_url
    }

    /// Whether the administrator registered an OAuth application.
    #[must_use]
    pub fn has_oauth(&self) -> bool {
        self.inner.settings.oauth.is_some()
    }

    /// Whether the administrator registered a GitHub App.
    #[must_use]
    pub fn has_app(&self) -> bool {
        self.inner.app.is_some()
    }

    /// Where the browser goes to consent.
    pub fn authorize_url(
        &self,
        redirect_uri: &str,
        state: &str,
        challenge: &Challenge,
    ) -> Result<Url, Error> {
        self.oauth()?.authorize_url(self.web_url(), redirect_uri, state, challenge)
    }

    /// Exchanges the code that the browser brought back; a code works once.
    pub async fn exchange_code(
        &self,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &Verifier,
    ) -> Result<Grant, Error> {
        self.oauth()?.exchange(code, redirect_uri, verifier).await
    }

    /// The next access token; the refresh token is spent with it.
    pub async fn refresh(
        &self,
        refresh_token: &SecretString,
        redirect_uri: &str,
    ) -> Result<Grant, Error> {
        self.oauth()?.refresh(refresh_token, redirect_uri).await
    }

    /// Ends an OAuth grant at the provider; one that is gone already is fine. Forgejo has no way to: there it ends by itself. Not
    /// for personal access tokens, which are their owner's.
    pub async fn revoke(&self, access_token: &SecretString) -> Result<(), Error> {
        self.oauth()?.revoke(access_token).await
    }

    /// An hour's token of a GitHub App's installation.
    pub async fn installation_grant(&self, installation: u64) -> Result<Grant, Error> {
        let app = self.inner.app.as_ref().ok_or(Error::NotConfigured)?;
        app.grant(&self.inner.http, installation).await
    }

    /// Speaks with this token from here on.
    #[must_use]
    pub fn session(&self, access_token: SecretString) -> Session {
        Session::new(self.clone(), access_token)
    }

    pub(crate) fn http(&self) -> &Http {
        &self.inner.http
    }

    fn oauth(&self) -> Result<Endpoint<'_>, Error> {
        let app = self.inner.settings.oauth.as_ref().ok_or(Error::NotConfigured)?;
        Ok(Endpoint { http: &self.inner.http, kind: self.kind(), app })
    }
}
