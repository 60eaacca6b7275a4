//! The secrets that are planted, and the shapes in which they could show.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use e2e::harness::Platform;
use paas_proto::callback::CallbackKey;
use reqwest::Url;
use serde_json::Value;
use uuid::Uuid;

/// Each with what it is, for the complaint.
pub(super) struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    /// Those that the platform was started with.
    pub(super) fn of(platform: &Platform) -> Self {
        let wiring = platform.wiring();
        let keys = &wiring.keys;
        let mut secrets = Self(Vec::new());
        let (_, sealing) = keys.secrets_keys.split_once(':').unwrap();
        secrets.add("key that seals", sealing);
        secrets.add("callback key", &keys.callback_key);
        secrets.add("operator's token", &keys.api_token);
        secrets.add("deployer's token", &keys.deployer_token);
        secrets.add("Tekton's password", &keys.tekton_events_token);
        let database = Url::parse(&wiring.database_url).unwrap();
        secrets.add("password of the database", database.password().unwrap());
        let app_key = include_str!("../../forge/github-app-of-tests.pem");
        secrets.add("key of the GitHub App", app_key.lines().nth(1).unwrap());
        for provider in forge_standin::Provider::ALL {
            secrets.add("client secret", &forge_standin::client_secret(provider));
        }
        secrets
    }

    pub(super) fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 8, "too short to be looked for: {what}");
        self.0.push((what, secret.to_owned()));
    }

    /// Every value in the query of a URL.
    pub(super) fn add_those_of_a_url(&mut self, what: &'static str, url: &str) {
        for (_, value) in Url::parse(url).unwrap().query_pairs() {
            self.add(what, &value);
        }
    }

    /// Every token that a provider gave out.
    pub(super) fn add_those_of_the_providers(&mut self, platform: &Platform) {
        let state = std::fs::read(platform.wiring().logs.join("forge.json")).unwrap();
        let state: Value = serde_json::from_slice(&state).unwrap();
        for token in state["tokens"].as_array().unwrap() {
            self.add("access token", token["access"].as_str().unwrap());
            if let Some(refresh) = token["refresh"].as_str() {
                self.add("refresh token", refresh);
            }
        }
    }

    /// With which the deployer asks for a clone credential. (That of a build's callback is a parameter of its run.)
    pub(super) fn add_that_of_a_clone(&mut self, platform: &Platform, deploy: Uuid) {
        let key: CallbackKey = platform.wiring().keys.callback_key.parse().unwrap();
        self.add("token for a clone credential", &key.credential_token(deploy));
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.0.iter().map(|(_, secret)| secret.clone()).collect()
    }

    /// What is in the text, plain or in some disguise, each with what stands around it.
    pub(super) fn found_in(&self, text: &str) -> Vec<String> {
        let found = |(what, secret): &(&'static str, String)| {
            let at = shapes(secret).iter().find_map(|shape| text.find(shape))?;
            let begin = text.floor_char_boundary(at.saturating_sub(200));
            let end = text.ceil_char_boundary(at + 100);
            Some(format!("{what}: …{}…", &text[begin..end]))
        };
        self.0.iter().filter_map(found).collect()
    }
}

fn shapes(secret: &str) -> [String; 5] {
    let json = Value::from(secret).to_string();
    [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        hex::encode(secret),
        BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}
