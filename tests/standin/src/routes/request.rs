//! Reading a request: its path, query, headers and body.

use actix_web::{HttpRequest, http::header, web::Bytes};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    errors::Status,
    kinds::{self, Kind},
    verbs::PatchFormat,
};

/// The query parameters that any request may carry.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Params {
    pub(super) field_manager: Option<String>,
    pub(super) force: Option<String>,
    pub(super) dry_run: Option<String>,
    pub(super) field_validation: Option<String>,
    pub(super) label_selector: String,
    pub(super) field_selector: String,
    pub(super) limit: Option<usize>,
    #[serde(rename = "continue")]
    pub(super) from: Option<String>,
    pub(super) watch: Option<String>,
    pub(super) resource_version: Option<String>,
    pub(super) resource_version_match: Option<String>,
    pub(super) allow_watch_bookmarks: Option<String>,
    pub(super) send_initial_events: Option<String>,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) container: Option<String>,
    pub(super) follow: Option<String>,
    pub(super) timestamps: Option<String>,
    pub(super) since_time: Option<String>,
    pub(super) since_seconds: Option<i64>,
    pub(super) tail_lines: Option<u64>,
    pub(super) limit_bytes: Option<usize>,
}

/// What a path is about.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) subresource: String,
}

impl Target {
    /// Reads `api/v1/…` and `apis/<group>/<version>/…`.
    pub(super) fn parse(segments: &[&str]) -> Option<Self> {
        let (group, version, rest) = match segments {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", ""),
            [plural, name] => (*plural, *name, ""),
            [plural, name, subresource] => (*plural, *name, *subresource),
            _ => return None,
        };
        let kind = kinds::find(group, version, plural)?;
        // A name needs its namespace, and a namespace something that lives in it.
        if kind.namespaced && namespace.is_empty() && !name.is_empty() {
            return None;
        }
        let [namespace, name, subresource] = [namespace, name, subresource].map(str::to_owned);
        Some(Self { kind, namespace, name, subresource })
    }
}

pub(super) fn header_text<'a>(request: &'a HttpRequest, name: &header::HeaderName) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

pub(super) fn authenticate(request: &HttpRequest, token: &str) -> Result<(), Status> {
    let presented = header_text(request, &header::AUTHORIZATION).strip_prefix("Bearer ");
    if presented == Some(token) { Ok(()) } else { Err(Status::unauthorized()) }
}

pub(super) fn parse(body: &Bytes) -> Result<Value, Status> {
    serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("error decoding the body: {error}")))
}

pub(super) fn patch_format(content_type: &str, kind: &Kind) -> Result<PatchFormat, Status> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/merge-patch+json" => Ok(PatchFormat::Merge),
        "application/apply-patch+yaml" | "application/apply-patch+json" => Ok(PatchFormat::Apply),
        "application/strategic-merge-patch+json" if !kind.custom => Ok(PatchFormat::Strategic),
        _ => Err(Status::unsupported_media_type()),
    }
}

pub(super) fn is_true(value: Option<&String>) -> bool {
    value.is_some_and(|value| value == "1" || value == "true")
}
