//! Who asks: every request of the management API is somebody's, for one tenant and within one scope.

pub(crate) mod audit;
mod authenticate;
mod guard;
mod routes;

use std::{
    fmt,
    future::{Ready, ready},
};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::routes::list;
pub(crate) use self::{
    authenticate::caller,
    guard::guard,
    routes::{Access, ROUTES, Route},
};
use crate::error::Error;

/// The tenant that the first migration makes.
pub(crate) const DEFAULT_TENANT: Uuid = Uuid::from_u128(1);

/// What a token is good for; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Look.
    Read,
    /// Link, deploy, roll back.
    Deploy,
    /// Connect providers, make tokens, delete apps.
    Admin,
}

impl Scope {
    /// Its name in the API and the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Deploy, Self::Admin].into_iter().find(|scope| scope.name() == name)
    }
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The installation's own (`API_TOKEN_SHA256`): it may act for every tenant.
    Operator,
    /// A row of `api_tokens`.
    Token {
        /// Of the row.
        id: Uuid,
        /// As people named it.
        name: String,
    },
}

impl Actor {
    /// The token's id, unless it is the operator's, which has none.
    pub(crate) fn token(&self) -> Option<Uuid> {
        match self {
            Self::Operator => None,
            Self::Token { id, .. } => Some(*id),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Token { name, .. } => write!(f, "token {name}"),
        }
    }
}

/// Who asks; the middleware lets nobody else in, so a handler takes it as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
    pub(crate) scope: Scope,
}

impl Caller {
    /// The installation's own, for its default tenant.
    pub(crate) fn operator() -> Self {
        Self { tenant: DEFAULT_TENANT, actor: Actor::Operator, scope: Scope::Admin }
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(Error::ApiToken))
    }
}
