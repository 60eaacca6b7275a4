//! Who somebody is to the platform: tenants, tokens and what these may do.

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Secret, list::list};

/// Whom the platform takes the caller for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WhoAmI {
    pub(crate) tenant: NamedTenant,
    /// `operator` or `token`.
    pub(crate) actor: String,
    pub(crate) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<OwnToken>,
}

/// The tenant for whom the caller acts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NamedTenant {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

/// The token that the caller came with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwnToken {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
}

/// A tenant.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: Option<Timestamp>,
}

/// A tenant to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewTenant<'a> {
    pub(crate) name: &'a str,
}

/// What a token may do: each of them what the ones before may, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Look at everything.
    Read,
    /// Create, link, deploy, cancel and roll back apps.
    Deploy,
    /// Connect providers, delete apps, see to tokens.
    Admin,
}

/// A token, without itself but where it was just made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) scope: String,
    pub(crate) created_by: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<Timestamp>,
    #[serde(rename = "token", skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
}

/// A token to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_days: Option<u32>,
}

list! {
    /// The tenants of the platform.
    Tenants { tenants: Tenant }
}

list! {
    /// The tokens of a tenant.
    Tokens { tokens: Token }
}
