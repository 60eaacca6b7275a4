//! The API's `Status` errors, worded as the recordings have them. The only file that names status codes.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde_json::{Value, json};

use crate::kinds::Kind;

/// An error answer of the API server.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

/// One cause of a conflict or of a failed validation.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Cause {
    /// A field that must be given.
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let suffix = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let message = format!("Required value{suffix}");
        Self { reason: "FieldValueRequired", message, field: field.into() }
    }

    /// A field whose value is refused.
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { reason: "FieldValueInvalid", message, field: field.into() }
    }

    fn to_json(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        let mut details = json!({"kind": kind.plural});
        if !name.is_empty() {
            details["name"] = name.into();
        }
        if !kind.group.is_empty() {
            details["group"] = kind.group.into();
        }
        self.details = Some(details);
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified()))
            .about(kind, name)
    }

    pub(crate) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self { details: Some(json!({})), ..Self::new(404, "NotFound", message) }
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// The resourceVersion that was sent is not the object's.
    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again",
            kind.qualified()
        );
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// The object is not the one that a delete was meant for.
    pub(crate) fn precondition_failed(
        kind: &Kind,
        name: &str,
        field: &str,
        wanted: &Value,
        found: &Value,
    ) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": Precondition failed: {field} in precondition: {}, \
             {field} in object meta: {}",
            kind.qualified(),
            text(wanted),
            text(found)
        );
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// Fields of other managers stand in the way of an apply.
    pub(crate) fn field_manager_conflict(causes: Vec<Cause>) -> Self {
        let message = match causes.as_slice() {
            [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
            many => {
                let lines = many.iter().map(|c| format!("\n- {}: {}", c.message, c.field));
                format!("Apply failed with {} conflicts:{}", many.len(), lines.collect::<String>())
            }
        };
        let causes: Vec<_> = causes.iter().map(Cause::to_json).collect();
        let details = Some(json!({"causes": causes}));
        Self { details, ..Self::new(409, "Conflict", message) }
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let message =
            format!("{} \"{name}\" is invalid: {}", kind.qualified_kind(), joined(causes));
        let causes: Vec<_> = causes.iter().map(Cause::to_json).collect();
        let mut status = Self::new(422, "Invalid", message).about(kind, name);
        if let Some(details) = &mut status.details {
            details["kind"] = kind.name.into();
            details["causes"] = causes.into();
        }
        status
    }

    /// An invalid query option, for instance an apply without `fieldManager`.
    pub(crate) fn invalid_options(options: &str, causes: &[Cause]) -> Self {
        let group = "meta.k8s.io";
        let message = format!("{options}.{group} \"\" is invalid: {}", joined(causes));
        let causes: Vec<_> = causes.iter().map(Cause::to_json).collect();
        let details = Some(json!({"group": group, "kind": options, "causes": causes}));
        Self { details, ..Self::new(422, "Invalid", message) }
    }

    /// A patch whose result has fields that strict validation does not know.
    pub(crate) fn invalid_patch(patched: &Value, error: &str) -> Self {
        let cause = format!("Invalid value: {}: {error}", Value::String(patched.to_string()));
        let details = json!({"causes": [
            {"reason": "FieldValueInvalid", "message": cause, "field": "patch"}
        ]});
        let message = format!(" \"\" is invalid: patch: {cause}");
        Self { details: Some(details), ..Self::new(422, "Invalid", message) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// Tekton's admission webhook refused.
    pub(crate) fn denied(message: &str) -> Self {
        let webhook = "validation.webhook.pipeline.tekton.dev";
        let message = format!(
            "admission webhook \"{webhook}\" denied the request: validation failed: {message}"
        );
        Self::bad_request(message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// RBAC refuses `verb` on a resource.
    pub(crate) fn forbidden(
        user: &str,
        verb: &str,
        kind: &Kind,
        namespace: &str,
        name: &str,
    ) -> Self {
        let object = if name.is_empty() {
            kind.qualified()
        } else {
            format!("{} \"{name}\"", kind.qualified())
        };
        let scope = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let message = format!(
            "{object} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" {scope}",
            kind.plural, kind.group
        );
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types \
                       include: application/merge-patch+json, application/apply-patch+yaml, \
                       application/strategic-merge-patch+json";
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self { details: Some(json!({})), ..Self::new(405, "MethodNotAllowed", message) }
    }

    /// A server error without a reason, as the API server gives them.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The answer that a switch asks for.
    pub(crate) fn on_demand(code: u16) -> Self {
        match code {
            503 => Self::new(503, "ServiceUnavailable", "the stand-in was asked to be unavailable"),
            429 => Self::new(429, "TooManyRequests", "the stand-in was asked to refuse requests"),
            _ => Self::new(code, "InternalError", "the stand-in was asked to fail"),
        }
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }
}

fn joined(causes: &[Cause]) -> String {
    let texts: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

impl ResponseError for Status {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self.to_json())
    }
}
