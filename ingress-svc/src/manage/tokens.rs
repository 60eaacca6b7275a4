//! API tokens of a tenant: made, listed and revoked. A token is shown once, when it is made.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::pages::{self, Page};
use crate::{
    Ingress,
    access::{Caller, Scope},
    error::{self, Error},
    store::{ApiToken, NewApiToken},
    token,
};

const MAX_NAME_CHARACTERS: usize = 100;
const MAX_DAYS: u32 = 3650;

/// A token's name, for people.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct TokenName(String);

impl TryFrom<String> for TokenName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_short = (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count());
        let is_plain = !text.chars().any(char::is_control) && text.trim().len() == text.len();
        if is_short && is_plain {
            Ok(Self(text))
        } else {
            Err("name must be 1 to 100 printable characters without spaces around them")
        }
    }
}

/// For how many days.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct Days(u32);

impl TryFrom<u32> for Days {
    type Error = &'static str;

    fn try_from(days: u32) -> Result<Self, Self::Error> {
        let is_sensible = (1..=MAX_DAYS).contains(&days);
        is_sensible.then_some(Self(days)).ok_or("expires_in_days must be 1 to 3650")
    }
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// For people.
    #[schema(value_type = String, min_length = 1, max_length = 100, pattern = r"^[!-~]([ -~]{0,98}[!-~])?$")]
    name: TokenName,
    scope: Scope,
    /// Without it, the token lasts until it is revoked.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3650)]
    expires_in_days: Option<Days>,
}

/// A token, without what it consists of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    id: Uuid,
    name: String,
    /// Its first characters.
    prefix: String,
    /// `read`, `deploy` or `admin`.
    #[schema(pattern = "^(read|deploy|admin)$")]
    scope: String,
    created_by: String,
    created_at: Timestamp,
    /// Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_at: Option<Timestamp>,
    /// To the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_used_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_at: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    #[serde(flatten)]
    view: TokenView,
    /// The token. Never shown again.
    token: String,
}

/// A page of tokens, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenPage {
    tokens: Vec<TokenView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page_token: Option<String>,
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            scope: token.scope,
            created_by: token.created_by,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// Makes a token, and shows it this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "access", request_body = NewToken,
    responses((status = 201, body = MadeToken)))]
pub(crate) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let new: NewToken = super::read(&request, payload, &ingress).await?;
    let made = token::generate();
    let days = |days: Days| SignedDuration::from_hours(24 * i64::from(days.0));
    let expires_at = new.expires_in_days.map(|after| Timestamp::now() + days(after));
    let row = NewApiToken {
        id: Uuid::now_v7(),
        name: &new.name.0,
        prefix: &made.prefix,
        hash: made.hash.bytes(),
        scope: new.scope,
        created_by: &caller.actor.to_string(),
        expires_at,
    };
    let stored = ingress.store.of(caller.tenant).create_token(&row).await;
    let view = TokenView::from(stored.map_err(Error::cannot_answer)?);
    tracing::info!(token.id = %view.id, token.name = view.name, scope = view.scope, "token made");
    Ok(error::created(MadeToken { view, token: made.token.expose_secret().to_owned() }))
}

/// Lists the tenant's tokens, newest first, those that are no longer valid among them.
#[utoipa::path(get, path = "/v1/tokens", tag = "access", params(Page), responses((status = 200, body = TokenPage)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let page: Page = super::query(&request)?;
    let before = page.after::<pages::Id>()?.map(|id| id.0);
    let tokens = ingress.store.of(caller.tenant).tokens(before, page.rows()).await;
    let (tokens, next_page_token) =
        page.cut(tokens.map_err(Error::cannot_answer)?, |token| pages::token(&token.id));
    let tokens = tokens.into_iter().map(TokenView::from).collect();
    Ok(error::ok(TokenPage { tokens, next_page_token }))
}

/// Revokes a token: it opens nothing from now on.
#[utoipa::path(delete, path = "/v1/tokens/{token_id}", tag = "access", params(("token_id" = Uuid, Path)),
    responses((status = 204, description = "Revoked, now or before")))]
pub(crate) async fn revoke(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let id = crate::server::uuid(&request, "token_id").ok_or(Error::NotFound("no such token"))?;
    let revoked = ingress.store.of(caller.tenant).revoke_token(id).await;
    if !revoked.map_err(Error::cannot_answer)? {
        return Err(Error::NotFound("no such token"));
    }
    tracing::info!(token.id = %id, "token revoked");
    Ok(error::no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_to_be_made_has_a_name_a_scope_and_perhaps_an_end() {
        let read = |json: &str| serde_json::from_str::<NewToken>(json);
        assert!(read(r#"{"name":"ci","scope":"deploy"}"#).is_ok());
        assert!(read(r#"{"name":"ci of Ada","scope":"read","expires_in_days":3650}"#).is_ok());
        for wrong in [
            r#"{"name":"","scope":"read"}"#,
            r#"{"name":" ci","scope":"read"}"#,
            r#"{"name":"c\u0000i","scope":"read"}"#,
            r#"{"name":"ci"}"#,
            r#"{"name":"ci","scope":"operator"}"#,
            r#"{"name":"ci","scope":"Read"}"#,
            r#"{"name":"ci","scope":"read","expires_in_days":0}"#,
            r#"{"name":"ci","scope":"read","expires_in_days":3651}"#,
            r#"{"name":"ci","scope":"read","token":"mine"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let long = |count| format!(r#"{{"name":"{}","scope":"read"}}"#, "ä".repeat(count));
        assert!(read(&long(100)).is_ok());
        assert!(read(&long(101)).is_err());
    }
}
