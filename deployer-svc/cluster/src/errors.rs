//! What can go wrong between us and the API server, told apart by what the caller does next. The only file that names a
//! gRPC code; no text here ever holds a credential.

use std::error::Error as StdError;
use std::time::Duration;

use kube::config::{InferConfigError, KubeconfigError};
use kube::core::Status as ApiStatus;
use tonic::{Code, Status};

use crate::request::Invalid;

/// No single call to the API server may take longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longer messages are cut: some admission webhooks repeat the whole object.
const LONGEST_TEXT: usize = 600;

/// Why the agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot work.
    #[error("{setting} {problem}")]
    Setting {
        /// The variable's name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither kubeconfig nor service account.
    #[error(
        "no way to a Kubernetes API server: set KUBECONFIG to a kubeconfig file, or run in a pod that has a service account ({0})"
    )]
    NoCluster(String),
    /// The client could not be set up from what was found.
    #[error("the Kubernetes configuration cannot be used: {0}")]
    Client(String),
    /// The API server did not answer as it should.
    #[error("the Kubernetes API server did not answer: {0}")]
    Call(String),
}

impl Error {
    /// A client that cannot be built from what was found; an exec plugin's output stays out.
    pub(crate) fn client(error: &kube::Error) -> Self {
        if matches!(error, kube::Error::Auth(_)) {
            return Self::Client("its credentials cannot be had".to_owned());
        }
        Self::Client(chain(error))
    }
}

impl From<InferConfigError> for Error {
    fn from(error: InferConfigError) -> Self {
        let kubeconfig = error.source().and_then(|source| source.downcast_ref::<KubeconfigError>());
        Self::NoCluster(match kubeconfig {
            // The parser quotes the line it stumbled over, which may hold a token.
            Some(KubeconfigError::Parse(_)) => "the kubeconfig is not valid YAML".to_owned(),
            _ => error.to_string(),
        })
    }
}

/// How a call to the API server failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing is known to have happened: try again.
    Transient(String),
    /// The object, its namespace or its kind is not there.
    Missing(String),
    /// An object of that name is there already.
    Exists(String),
    /// Somebody wrote since we read: read again.
    Stale(String),
    /// Another manager owns a field that we set.
    Taken(String),
    /// We may not.
    Denied(String),
    /// The API server will never take it.
    Refused(String),
}

impl Failure {
    fn of_api(status: &ApiStatus) -> Self {
        let text = status.message.clone();
        match status.code {
            401 => Self::Denied(format!("the API server refused our credentials: {text}")),
            403 => Self::Denied(format!("{text} (see k8s/README.md on permissions)")),
            404 => Self::Missing(text),
            409 if status.is_already_exists() => Self::Exists(text),
            409 if is_field_conflict(status) => Self::Taken(text),
            409 => Self::Stale(text),
            // The stored history is gone, or we are to slow down; both pass.
            410 | 429 => Self::Transient(text),
            400..=499 => Self::Refused(text),
            code => Self::Transient(format!("the API server answered {code}: {text}")),
        }
    }

    /// For an object that was not there when we looked: somebody made it since.
    pub(crate) fn exists_is_stale(self) -> Self {
        if let Self::Exists(text) = self { Self::Stale(text) } else { self }
    }

    /// What to tell people. `secret` is what the API server may have quoted; it goes before the text is cut.
    pub(crate) fn shown(&self, secret: &str) -> String {
        clip(&redact(self.text(), secret))
    }

    /// The same failure in other words.
    pub(crate) fn rewritten(self, rewrite: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Transient(text) => Self::Transient(rewrite(&text)),
            Self::Missing(text) => Self::Missing(rewrite(&text)),
            Self::Exists(text) => Self::Exists(rewrite(&text)),
            Self::Stale(text) => Self::Stale(rewrite(&text)),
            Self::Taken(text) => Self::Taken(rewrite(&text)),
            Self::Denied(text) => Self::Denied(rewrite(&text)),
            Self::Refused(text) => Self::Refused(rewrite(&text)),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Transient(text)
            | Self::Missing(text)
            | Self::Exists(text)
            | Self::Stale(text)
            | Self::Taken(text)
            | Self::Denied(text)
            | Self::Refused(text) => text,
        }
    }

    /// The failure as an answer, without the secret.
    pub(crate) fn into_status(self, secret: &str) -> Status {
        let code = match &self {
            Self::Transient(_) | Self::Stale(_) => Code::Unavailable,
            Self::Denied(_) => Code::PermissionDenied,
            Self::Missing(_) | Self::Exists(_) | Self::Taken(_) | Self::Refused(_) => {
                Code::FailedPrecondition
            }
        };
        Status::new(code, self.shown(secret))
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = &error {
            return Self::of_api(status);
        }
        if matches!(error, kube::Error::Auth(_)) {
            // An exec plugin's output may be the credential itself.
            return Self::Denied("no credentials for the Kubernetes API could be had".to_owned());
        }
        Self::Transient(chain(&error))
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.into_status("")
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Call(failure.shown(""))
    }
}

impl From<Invalid> for Status {
    fn from(Invalid(field, problem): Invalid) -> Self {
        Self::invalid_argument(format!("{field} {problem}"))
    }
}

/// An object of ours has a name that somebody else took.
pub(crate) fn taken_name(text: String) -> Status {
    Status::failed_precondition(text)
}

/// One call, with its deadline.
pub(crate) async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::Transient(format!("the API server took over {DEADLINE:?}"))),
    }
}

/// Takes a secret out of a text that others wrote.
pub(crate) fn redact(text: &str, secret: &str) -> String {
    if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[redacted]") }
}

fn is_field_conflict(status: &ApiStatus) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "FieldManagerConflict")
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: serde_json::Value) -> Failure {
        Failure::from(kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())))
    }

    fn code(status: serde_json::Value) -> Code {
        Status::from(failure(status)).code()
    }

    #[test]
    fn trouble_that_passes_is_unavailable() {
        for code_ in [410, 429, 500, 502, 503, 504] {
            let status =
                serde_json::json!({"message": "etcdserver: request timed out", "code": code_});
            assert_eq!(code(status), Code::Unavailable, "{code_}");
        }
    }

    #[test]
    fn a_missing_permission_says_which_verb_on_what() {
        let status = serde_json::json!({"message": "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:demo:deployer\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"demo\"", "reason": "Forbidden", "code": 403});
        let status = Status::from(failure(status));
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(status.message().contains("cannot create resource \"deployments\""), "{status}");
    }

    #[test]
    fn two_kinds_of_conflict_are_told_apart() {
        let stale = serde_json::json!({"message": "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified", "reason": "Conflict", "details": {"name": "web", "group": "apps", "kind": "deployments"}, "code": 409});
        assert!(matches!(failure(stale), Failure::Stale(_)));
        let taken = serde_json::json!({"message": "Apply failed with 1 conflict: conflict with \"installer\": .spec.template.spec.containers[name=\"web\"].image", "reason": "Conflict", "details": {"causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"installer\"", "field": ".spec.template.spec.containers[name=\"web\"].image"}]}, "code": 409});
        assert!(matches!(failure(taken), Failure::Taken(text) if text.contains("installer")));
        let exists = serde_json::json!({"message": "pipelineruns.tekton.dev \"d\" already exists", "reason": "AlreadyExists", "code": 409});
        assert!(matches!(failure(exists), Failure::Exists(_)));
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        for (code_, reason) in [(400, "BadRequest"), (422, "Invalid")] {
            let status = serde_json::json!({"message": "no", "reason": reason, "code": code_});
            assert_eq!(code(status), Code::FailedPrecondition);
        }
    }

    #[test]
    fn a_quoted_token_does_not_come_back() {
        let refused = Failure::Refused("invalid value: {\"callback-token\": \"0707\"}".to_owned());
        assert!(!refused.into_status("0707").message().contains("0707"));
    }

    #[test]
    fn a_message_that_repeats_the_object_is_cut() {
        let status = serde_json::json!({"message": "ä".repeat(5000), "code": 422});
        assert!(failure(status).shown("").chars().count() <= LONGEST_TEXT + 1);
    }
}
