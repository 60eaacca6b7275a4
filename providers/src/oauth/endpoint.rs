//! Where each provider has consent, tokens and revocation, and what its token endpoint answers (RFC 6749 section 5).
//! GitHub: <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>; GitLab:
//! <https://docs.gitlab.com/api/oauth2/>; Forgejo: <https://forgejo.org/docs/latest/user/oauth2-provider/>.

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{
    Challenge, Error, Grant, Kind, OauthApp, Verifier,
    http::{Answer, Call, Http},
};

/// A provider's OAuth, as a registered application uses it.
pub(crate) struct Endpoint<'a> {
    pub(crate) http: &'a Http,
    pub(crate) kind: Kind,
    pub(crate) app: &'a OauthApp,
}

/// What the token endpoint says: a token, or an error (GitHub: with status 200).
#[derive(Deserialize)]
struct Said {
    access_token: Option<SecretText>,
    refresh_token: Option<SecretText>,
    expires_in: Option<i64>,
    scope: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(from = "String")]
struct SecretText(SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Endpoint<'_> {
    pub(crate) fn authorize_url(
        &self,
        web: &Url,
        redirect_uri: &str,
        state: &str,
        challenge: &Challenge,
    ) -> Result<Url, Error> {
        let path = match self.kind {
            Kind::Github | Kind::Forgejo => "login/oauth/authorize",
            Kind::Gitlab => "oauth/authorize",
        };
        // As little as registering webhooks, setting statuses and cloning private repositories takes.
        let scope = match self.kind {
            Kind::Github => "repo",
            Kind::Gitlab => "api",
            Kind::Forgejo => "write:repository read:user",
        };
        let mut url = self.http.below(web, path)?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.app.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("scope", scope)
            .append_pair("state", state)
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    pub(crate) async fn exchange(
        &self,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &Verifier,
    ) -> Result<Grant, Error> {
        let asked = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        self.token(&asked, [code, verifier.secret()]).await
    }

    pub(crate) async fn refresh(
        &self,
        refresh_token: &SecretString,
        redirect_uri: &str,
    ) -> Result<Grant, Error> {
        let asked = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("redirect_uri", redirect_uri),
        ];
        self.token(&asked, [refresh_token]).await
    }

    async fn token<'s>(
        &self,
        asked: &[(&str, &str)],
        hidden: impl IntoIterator<Item = &'s SecretString>,
    ) -> Result<Grant, Error> {
        let path = match self.kind {
            Kind::Github | Kind::Forgejo => "login/oauth/access_token",
            Kind::Gitlab => "oauth/token",
        };
        let secret = &self.app.client_secret;
        let mut form = vec![
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", secret.expose_secret()),
        ];
        form.extend(asked);
        let call = self.http.web(Method::POST, path).hiding(secret).form(&form);
        let call = hidden.into_iter().fold(call, Call::hiding);
        let answer = call.raw().await?;
        self.grant(&answer, Timestamp::now())
    }

    fn grant(&self, answer: &Answer, now: Timestamp) -> Result<Grant, Error> {
        let said = answer.json::<Said>();
        if let Ok(Said { error: Some(error), .. }) = &said
            && !answer.status().is_server_error()
        {
            return Err(Error::Refused { provider: self.kind.title(), code: code_of(error) });
        }
        if !answer.status().is_success() {
            // A 401 here is about our application, not about a tenant's credential.
            return Err(if answer.status() == StatusCode::UNAUTHORIZED {
                Error::Refused { provider: self.kind.title(), code: "invalid_client".to_owned() }
            } else {
                answer.error("OAuth application")
            });
        }
        let said = said?;
        let token = said.access_token.filter(|token| !token.0.expose_secret().is_empty());
        Ok(Grant {
            access_token: token.ok_or_else(|| self.http.unexpected("no access token"))?.0,
            refresh_token: said
                .refresh_token
                .map(|token| token.0)
                .filter(|token| !token.expose_secret().is_empty()),
            expires_at: said
                .expires_in
                .filter(|seconds| *seconds > 0)
                .and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok()),
            scopes: said.scope.unwrap_or_default().replace(',', " "),
        })
    }

    pub(crate) async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let (id, secret) = (&self.app.client_id, &self.app.client_secret);
        let answer = match self.kind {
            Kind::Github => {
                let path = format!("applications/{}/token", self.http.segment(id)?);
                let body = json!({ "access_token": token.expose_secret() });
                self.http.api(Method::DELETE, &path).basic(id, secret).hiding(token).json(&body)
            }
            Kind::Gitlab => {
                self.http.web(Method::POST, "oauth/revoke").hiding(secret).hiding(token).form(&[
                    ("client_id", id),
                    ("client_secret", secret.expose_secret()),
                    ("token", token.expose_secret()),
                ])
            }
            // Neither Forgejo nor Gitea has a way to.
            Kind::Forgejo => return Ok(()),
        }
        .raw()
        .await?;
        match answer.status() {
            // Not ours, or not there any more.
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(()),
            _ => answer.check("grant").map(drop),
        }
    }
}

/// An error's code, as far as it is one: it is shown to people.
fn code_of(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(60).collect()
}
