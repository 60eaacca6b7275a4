//! How the agent is set up: flags with their variables, defaults and helps in one declaration each, and the checks that
//! go beyond one value.

use paas_proto::callback::CallbackKey;
use secrecy::{ExposeSecret as _, SecretString};

use crate::errors::Error;
use crate::request::{Label, is_host, is_image_repository};

/// Where builds and apps live on the cluster, and how they are made.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Namespace in which builds run
    #[arg(long, env, default_value = "paas-builds")]
    pub build_namespace: String,
    /// Namespace in which apps run
    #[arg(long, env, default_value = "paas-apps")]
    pub apps_namespace: String,
    /// Tekton Pipeline that builds an app
    #[arg(long, env, default_value = "paas-build")]
    pub pipeline_name: String,
    /// Service account of the build pods
    #[arg(long, env, default_value = "paas-build")]
    pub build_service_account: String,
    /// Registry that takes the images, host and perhaps port and path
    #[arg(long, env, default_value = "registry.paas-registry.svc:5000")]
    pub registry: String,
    /// Domain below which apps get their host names
    #[arg(long, env, default_value = "apps.localhost")]
    pub app_domain: String,
    /// Ingress class of the apps; empty for the cluster's default
    #[arg(long, env, default_value = "")]
    pub ingress_class: String,
    /// Port on which an app listens; it is told by PORT
    #[arg(long, env, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    pub app_port: u16,
    /// Base URL of ingress-svc as seen from the cluster, for the callback of builds
    #[arg(long, env, default_value = "http://127.0.0.1:8080")]
    pub callback_url: String,
    /// Key of the callback tokens, 64 hex digits; the same as ingress-svc has
    #[arg(long, env, hide_env_values = true)]
    pub callback_key: SecretString,
    /// Seconds after which Tekton ends a build
    #[arg(long, env, default_value_t = 1800, value_parser = clap::value_parser!(u32).range(1..))]
    pub build_timeout_seconds: u32,
    /// Seconds without progress after which a rollout has failed
    #[arg(long, env, default_value_t = 600, value_parser = clap::value_parser!(i32).range(1..))]
    pub progress_deadline_seconds: i32,
}

impl Settings {
    /// Refuses at the start what would otherwise fail at the first deploy.
    pub(crate) fn check(&self) -> Result<CallbackKey, Error> {
        let names = [
            ("BUILD_NAMESPACE", &self.build_namespace),
            ("APPS_NAMESPACE", &self.apps_namespace),
            ("PIPELINE_NAME", &self.pipeline_name),
            ("BUILD_SERVICE_ACCOUNT", &self.build_service_account),
        ];
        for (setting, name) in names {
            if Label::parse(name).is_none() {
                return Err(wrong(setting, "is not a Kubernetes name (a DNS label)"));
            }
        }
        if !is_image_repository(&self.registry) {
            return Err(wrong("REGISTRY", "is not host[:port][/path] in lower case"));
        }
        if !is_host(&self.app_domain) {
            return Err(wrong("APP_DOMAIN", "is not a domain in lower case"));
        }
        if !self.ingress_class.is_empty() && !is_host(&self.ingress_class) {
            return Err(wrong("INGRESS_CLASS", "is not a Kubernetes name"));
        }
        if !is_base_url(&self.callback_url) {
            return Err(wrong(
                "CALLBACK_URL",
                "is not an http or https URL without user and query",
            ));
        }
        let key = self.callback_key.expose_secret().parse::<CallbackKey>();
        key.map_err(|error| wrong("CALLBACK_KEY", &format!("is refused: {error}")))
    }

    /// Where the pipeline of this deploy calls back.
    pub(crate) fn callback_url(&self, deploy: uuid::Uuid) -> String {
        format!("{}/v1/callbacks/builds/{deploy}", self.callback_url.trim_end_matches('/'))
    }
}

fn wrong(setting: &'static str, problem: &str) -> Error {
    Error::Setting { setting, problem: problem.to_owned() }
}

fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"@?#\\\"".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(more: &[&str]) -> Settings {
        let key = "07".repeat(32);
        let flags = ["test", "--callback-key", &key].into_iter().chain(more.iter().copied());
        Command::parse_from(flags).settings
    }

    #[test]
    fn the_defaults_are_good() {
        settings(&[]).check().unwrap();
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_name() {
        for (flag, value, name) in [
            ("--build-namespace", "Builds", "BUILD_NAMESPACE"),
            ("--registry", "https://registry", "REGISTRY"),
            ("--app-domain", "apps.example.com/", "APP_DOMAIN"),
            ("--callback-url", "http://user:secret@ingress", "CALLBACK_URL"),
            ("--callback-key", "short", "CALLBACK_KEY"),
        ] {
            let error = if flag == "--callback-key" {
                let mut wrong = settings(&[]);
                wrong.callback_key = value.into();
                wrong.check().unwrap_err()
            } else {
                settings(&[flag, value]).check().unwrap_err()
            };
            assert!(error.to_string().starts_with(name), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_key_never_shows_itself() {
        assert!(!format!("{:?}", settings(&[])).contains("0707"));
    }

    #[test]
    fn a_slash_at_the_end_of_the_callback_url_does_no_harm() {
        let url = settings(&["--callback-url", "http://ingress/"]).callback_url(uuid::Uuid::nil());
        assert_eq!(url, format!("http://ingress/v1/callbacks/builds/{}", uuid::Uuid::nil()));
    }
}
