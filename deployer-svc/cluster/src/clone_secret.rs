//! The clone credential of one build: a Secret of the run's name that the run owns. It is written, never read, and goes
//! when the run has ended, or with it at the latest.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, Resource as _, ResourceExt as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::FIELD_MANAGER;
use crate::agent::Agent;
use crate::errors::{Failure, redact, within};
use crate::pipeline_run::PipelineRun;

/// The workspace in which a Pipeline finds the credential; optional there, so that public repositories go without.
const WORKSPACE: &str = "git-credentials";
/// Kubernetes' own type of a user and a password.
const BASIC_AUTH: &str = "kubernetes.io/basic-auth";

/// With what to clone, and from where.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) username: String,
    pub(crate) password: SecretString,
    /// Scheme and authority, such as `https://github.com`: it is shown to nobody else.
    pub(crate) origin: String,
}

impl Credential {
    /// Each form in which an API server may quote the password back.
    fn forms(&self) -> Vec<String> {
        let password = self.password.expose_secret();
        let in_base64 = |text: &str| base64(text.as_bytes());
        let entry = self.store_entry();
        vec![in_base64(&entry), in_base64(password), encoded(password), password.to_owned()]
    }

    /// Takes the password out of a text that others wrote.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.forms().iter().fold(text.to_owned(), |text, form| redact(&text, form))
    }

    /// A line of git's credential store.
    fn store_entry(&self) -> String {
        let (scheme, authority) = self.origin.split_once("://").unwrap_or(("https", &self.origin));
        let password = encoded(self.password.expose_secret());
        format!("{scheme}://{}:{password}@{authority}\n", encoded(&self.username))
    }

    /// What the shipped clone step reads, and what Tekton's own `git-clone` and others expect beside it.
    fn data(&self) -> BTreeMap<String, ByteString> {
        let config = format!("[credential \"{}\"]\n\thelper = store\n", self.origin);
        let texts = [
            ("username", self.username.clone()),
            ("password", self.password.expose_secret().to_owned()),
            (".git-credentials", self.store_entry()),
            (".gitconfig", config),
        ];
        texts.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).into()
    }
}

/// How a run mounts its Secret.
pub(crate) fn workspace(run: &str) -> Value {
    json!({ "name": WORKSPACE, "secret": { "secretName": run } })
}

impl PipelineRun {
    /// Whether the run mounts a clone credential, and does not start without.
    fn mounts_a_credential(&self) -> bool {
        self.spec.workspaces.iter().any(|workspace| workspace["name"] == WORKSPACE)
    }
}

impl Agent {
    /// Gives a run the credential that it waits for. Without one, where an earlier call had one, it gets an empty Secret:
    /// the clone then fails and says why, instead of waiting for its timeout.
    pub(crate) async fn hand_over(
        &self,
        run: &PipelineRun,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        if !run.mounts_a_credential() || run.has_ended() {
            return Ok(());
        }
        let secret = secret(run, credential)
            .ok_or_else(|| Failure::Transient("the PipelineRun has no uid yet".to_owned()))?;
        let hide = |failure: Failure| match credential {
            Some(credential) => failure.rewritten(|text| credential.redact(text)),
            None => failure,
        };
        match (self.keep(&secret).await, credential) {
            // Of an earlier call, and what it was given may have run out since. Who may patch may read: we may not.
            (Err(Failure::Exists(_)), Some(_)) => {
                self.forget(&run.name_any()).await?;
                let kept = self.keep(&secret).await;
                kept.map_err(|failure| hide(failure.exists_is_stale()))
            }
            (Err(Failure::Exists(_)), None) => Ok(()),
            (kept, _) => kept.map_err(hide),
        }
    }

    /// Takes the credential of a run that has ended away. Nobody waits for that: the run owns it, and takes it along.
    pub(crate) async fn take_credential_away(&self, run: &PipelineRun) {
        if !run.mounts_a_credential() || !run.has_ended() {
            return;
        }
        let name = run.name_any();
        if let Err(failure) = self.forget(&name).await {
            let error = failure.shown("");
            tracing::warn!(run.name = name, error, "a clone credential stays until its run goes");
        }
    }

    async fn keep(&self, secret: &Secret) -> Result<(), Failure> {
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        within(self.secrets().create(&params, secret)).await.map(drop)
    }

    async fn forget(&self, name: &str) -> Result<(), Failure> {
        match within(self.secrets().delete(name, &DeleteParams::default())).await {
            Ok(_) | Err(Failure::Missing(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client().clone(), &self.settings().build_namespace)
    }
}

fn secret(run: &PipelineRun, credential: Option<&Credential>) -> Option<Secret> {
    let owner = OwnerReference {
        api_version: PipelineRun::api_version(&()).into_owned(),
        kind: PipelineRun::kind(&()).into_owned(),
        name: run.name_any(),
        uid: run.metadata.uid.clone()?,
        ..OwnerReference::default()
    };
    let none = || BTreeMap::from([(".git-credentials".to_owned(), ByteString::default())]);
    Some(Secret {
        metadata: ObjectMeta {
            name: run.metadata.name.clone(),
            labels: run.metadata.labels.clone().map(ours),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        type_: credential.map(|_| BASIC_AUTH.to_owned()),
        data: Some(credential.map_or_else(none, Credential::data)),
        ..Secret::default()
    })
}

/// Tekton adds labels to a run, which mean nothing on a Secret.
fn ours(mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.retain(|name, _| !name.starts_with("tekton.dev/"));
    labels
}

/// As it stands in a URL.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// As it stands in a Secret.
fn base64(bytes: &[u8]) -> String {
    let text = serde_json::to_value(ByteString(bytes.to_vec())).unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential {
            username: "x-access-token".to_owned(),
            password: "p@ss/wörd".into(),
            origin: "https://git.example.com:8443".to_owned(),
        }
    }

    #[test]
    fn the_credential_is_there_in_every_form_that_clone_steps_read() {
        let data = credential().data();
        let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
        let entry = "https://x%2Daccess%2Dtoken:p%40ss%2Fw%C3%B6rd@git.example.com:8443\n";
        assert_eq!(text(".git-credentials"), entry);
        let config = "[credential \"https://git.example.com:8443\"]\n\thelper = store\n";
        assert_eq!(text(".gitconfig"), config);
        assert_eq!(
            (text("username"), text("password")),
            ("x-access-token".into(), "p@ss/wörd".into())
        );
    }

    #[test]
    fn the_password_is_taken_out_of_a_text_in_every_form() {
        let credential = credential();
        let data = serde_json::to_string(&credential.data()).unwrap();
        let text = format!("denied: {data} p@ss/wörd {}", credential.store_entry());
        let shown = credential.redact(&text);
        for form in credential.forms() {
            assert!(text.contains(&form) && !shown.contains(&form), "{form} in {shown}");
        }
    }

    #[test]
    fn it_never_shows_itself() {
        assert!(!format!("{:?}", credential()).contains("p@ss"));
    }
}
