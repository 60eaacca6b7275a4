//! Apps whose webhooks register themselves: their provider is connected, and plays along.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{LinkedApp, Platform};
use crate::api::App;

impl Platform {
    /// Connects the default tenant to a provider.
    pub async fn connect(&self, provider: &str) -> Result<()> {
        self.forge.connect(&self.api, provider).await
    }

    /// Creates an app, a repository of the same name at the provider, and links them; the hook is there when this returns.
    /// The provider must be connected. `settings` add to or replace fields of the link.
    pub async fn connected_app(
        &self,
        name: &str,
        provider: &'static str,
        settings: Value,
    ) -> Result<LinkedApp> {
        let repo = format!("octo/{name}");
        self.forge.create_repo(provider, &repo).await?;
        let App { id, name, .. } = self.api.create_app(name).await?;
        let mut link = json!({ "provider": provider, "repo_full_name": repo });
        if let (Some(link), Value::Object(settings)) = (link.as_object_mut(), settings) {
            link.extend(settings);
        }
        self.api.link(id, link).await?;
        let hook = self.forge.hook(provider, &repo).await?;
        let secret = hook.secret.context("a hook without a secret")?;
        Ok(LinkedApp { id, name, provider, repo, secret })
    }
}
