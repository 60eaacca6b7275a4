//! A provider that can be asked.

use secrecy::SecretString;
use url::Url;

use crate::{Challenge, Error, Grant, InvalidSettings, Kind, Session, Settings, Verifier};

/// One provider; clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    settings: std::sync::Arc<Settings>,
}

impl Client {
    /// Connects to nothing yet. A TLS provider must be installed.
    pub fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        Ok(Self { settings: std::sync::Arc::new(settings) })
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.settings.kind
    }

    /// Base of what people see.
    #[must_use]
    pub fn web_url(&self) -> &Url {
        &self.settings.web_url
    }

    /// Whether the administrator registered an OAuth application.
    #[must_use]
    pub fn has_oauth(&self) -> bool {
        self.settings.oauth.is_some()
    }

    /// Whether the administrator registered a GitHub App.
    #[must_use]
    pub fn has_app(&self) -> bool {
        self.settings.app.is_some()
    }

    /// Where the browser goes to consent.
    pub fn authorize_url(
        &self,
        _redirect_uri: &str,
        _state: &str,
        _challenge: &Challenge,
    ) -> Result<Url, Error> {
        todo!()
    }

    /// Exchanges the code that the browser brought back; a code works once.
    pub async fn exchange_code(
        &self,
        _code: &SecretString,
        _redirect_uri: &str,
        _verifier: &Verifier,
    ) -> Result<Grant, Error> {
        todo!()
    }

    /// The next access token; the refresh token is spent with it.
    pub async fn refresh(
        &self,
        _refresh_token: &SecretString,
        _redirect_uri: &str,
    ) -> Result<Grant, Error> {
        todo!()
    }

    /// Ends a grant at the provider; one that is gone already is fine.
    pub async fn revoke(&self, _access_token: &SecretString) -> Result<(), Error> {
        todo!()
    }

    /// An hour's token of a GitHub App's installation.
    pub async fn installation_grant(&self, _installation: u64) -> Result<Grant, Error> {
        todo!()
    }

    /// Speaks with this token from here on.
    #[must_use]
    pub fn session(&self, access_token: SecretString) -> Session {
        Session::new(self.clone(), access_token)
    }
}
