//! A request to one of the providers, taken apart.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web::Bytes};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::state::Provider;

/// A request below a provider's path.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) provider: Provider,
    pub(crate) method: String,
    /// Below the provider's, as it was sent.
    pub(crate) path: String,
    /// The same, taken apart and decoded.
    pub(crate) segments: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
    /// The stand-in's own URL, as the client knows it.
    pub(crate) origin: String,
}

impl Call {
    /// `None` for a path that is below no provider's.
    pub(crate) fn of(request: &HttpRequest, body: Bytes) -> Option<Self> {
        let whole = request.uri().path();
        let (name, rest) = whole.trim_start_matches('/').split_once('/')?;
        let headers: BTreeMap<_, _> = request
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        Some(Self {
            provider: Provider::named(name)?,
            method: request.method().to_string(),
            path: format!("/{rest}"),
            segments: rest.split('/').map(decoded).collect(),
            query: pairs(request.query_string().as_bytes()),
            origin: format!("http://{}", headers.get("host").map_or("localhost", String::as_str)),
            headers,
            body,
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Path segments, for matching.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").split(';').next().unwrap_or_default().trim()
    }

    pub(crate) fn is_form(&self) -> bool {
        self.content_type() == "application/x-www-form-urlencoded"
    }

    /// The body as a JSON object, if it is one.
    pub(crate) fn object(&self) -> Option<Value> {
        let value: Value = serde_json::from_slice(&self.body).ok()?;
        value.is_object().then_some(value)
    }

    /// Parameters of an OAuth request: those of the query, and of the body as a form or as JSON.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let mut all = self.query.clone();
        if self.is_form() {
            all.extend(pairs(&self.body));
        } else if let Some(Value::Object(fields)) = self.object() {
            let texts = fields.into_iter();
            all.extend(texts.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))));
        }
        all
    }

    /// The token of `Authorization: Bearer …` or `token …`, or GitLab's `PRIVATE-TOKEN`.
    pub(crate) fn token(&self) -> Option<&str> {
        let private = self.headers.get("private-token").map(String::as_str);
        let given = self.header("authorization").split_once(' ');
        let bearer = given
            .filter(|(kind, _)| ["bearer", "token"].contains(&kind.to_ascii_lowercase().as_str()))
            .map(|(_, token)| token);
        bearer.or(private.filter(|_| self.provider == Provider::Gitlab))
    }

    /// User and password of `Authorization: Basic …`.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let (_, encoded) = self.header("authorization").split_once(' ')?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// The body as the journal shows it.
    pub(crate) fn shown_body(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        if self.is_form() {
            return serde_json::to_value(pairs(&self.body)).unwrap_or_default();
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.body).into_owned().into())
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}
