//! What a request is answered with.

use actix_web::{HttpResponse, http::StatusCode, web::Bytes};
use serde_json::Value;

/// An answer, before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status; 0 cuts the connection instead of answering.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Json(Value),
    Text(&'static str, String),
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<Value>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body.into()) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::None }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, text: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Text(content_type, text.into()) }
    }

    pub(crate) fn html(status: u16, text: &str) -> Self {
        let page = format!("<!doctype html><title>{text}</title><p>{text}</p>");
        Self::text(status, "text/html; charset=utf-8", page)
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::empty(status).with("location", location)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        let Ok(status) = StatusCode::from_u16(self.status) else { return cut() };
        let mut response = HttpResponse::build(status);
        for header in self.headers {
            response.append_header(header);
        }
        match self.body {
            Body::None => response.finish(),
            Body::Json(value) => response.json(value),
            Body::Text(content_type, text) => response.content_type(content_type).body(text),
        }
    }
}

/// An answer that breaks off: to its client, the connection is gone.
fn cut() -> HttpResponse {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), Err(broken)]);
    HttpResponse::Ok().content_type("application/json").streaming(body)
}
