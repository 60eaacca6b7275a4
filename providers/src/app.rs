//! Being a GitHub App: a JWT of the App's own buys an hour's token of an installation
//! (<https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>).

use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Error, GithubApp, Grant, InvalidSettings, http::Http};

/// Back, because clocks differ; and less than GitHub's ten minutes ahead.
const BACK_SECONDS: i64 = 60;
const AHEAD_SECONDS: i64 = 9 * 60;

/// A GitHub App whose key has been read.
pub(crate) struct App {
    id: String,
    key: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    token: String,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

impl App {
    pub(crate) fn new(app: &GithubApp) -> Result<Self, InvalidSettings> {
        let key = EncodingKey::from_rsa_pem(app.private_key.expose_secret().as_bytes())
            .map_err(|_| InvalidSettings::PrivateKey)?;
        let app = Self { id: app.app_id.clone(), key };
        // A key can parse and still be none to sign with.
        app.jwt(Timestamp::UNIX_EPOCH).ok_or(InvalidSettings::PrivateKey)?;
        Ok(app)
    }

    fn jwt(&self, now: Timestamp) -> Option<SecretString> {
        let now = now.as_second();
        let claims = Claims { iat: now - BACK_SECONDS, exp: now + AHEAD_SECONDS, iss: &self.id };
        let token =
            jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key).ok()?;
        Some(token.into())
    }

    pub(crate) async fn grant(&self, http: &Http, installation: u64) -> Result<Grant, Error> {
        let jwt = self
            .jwt(Timestamp::now())
            .ok_or_else(|| http.unexpected("a token that cannot be signed"))?;
        let path = format!("app/installations/{installation}/access_tokens");
        let granted: Granted =
            http.api(Method::POST, &path).bearer(&jwt).send("installation").await?.json()?;
        let scopes: Vec<String> =
            granted.permissions.iter().map(|(what, how)| format!("{what}:{how}")).collect();
        Ok(Grant {
            access_token: granted.token.into(),
            refresh_token: None,
            expires_at: Some(granted.expires_at),
            scopes: scopes.join(" "),
        })
    }
}
