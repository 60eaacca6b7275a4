//! `paas git link`: an app follows a branch of a repository.

use std::path::PathBuf;

use secrecy::ExposeSecret as _;

use crate::{
    api::Api,
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{NewSource, Provider, Secret, Source},
    screen::Screen,
    settings, show,
};

/// What it takes: the link as it is to be, whole. What is left out takes its default.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// Where the code is.
    #[arg(value_enum)]
    provider: Provider,
    /// The repository: owner/name, at GitLab with its groups.
    repo: String,
    /// The branch whose pushes go live.
    #[arg(long, default_value = "main")]
    branch: String,
    /// Deploy only pushes that change a path like this, for instance `services/shop/**`; may be given several times.
    #[arg(long = "watch-path", value_name = "GLOB")]
    watch_paths: Vec<String>,
    /// Where the build clones from; without it, the repository at the provider.
    #[arg(long, value_name = "URL")]
    clone_url: Option<String>,
    /// Take pushes in without deploying them.
    #[arg(long)]
    no_auto_deploy: bool,
    /// File with a signing token of GitLab's (`whsec_…`), readable by its owner only.
    #[arg(long, value_name = "FILE")]
    signing_token_file: Option<PathBuf>,
    /// Refuse unsigned deliveries.
    #[arg(long, requires = "signing_token_file")]
    signing_required: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let token = self.signing_token_file.as_deref().map(settings::secret_in).transpose()?;
        let path = format!("/v1/apps/{}/git/source", api.app(&self.app).await?);
        let new = NewSource {
            provider: self.provider,
            repo_full_name: &self.repo,
            branch: &self.branch,
            auto_deploy_enabled: !self.no_auto_deploy,
            clone_url: self.clone_url.as_deref(),
            watch_paths: self.watch_paths.iter().map(String::as_str).collect(),
            signing_token: token.map(|token| Secret::from(token.expose_secret().trim().to_owned())),
            signing_required: self.signing_required,
        };
        let source: Source = api.put(&path, &new).await?;
        screen.answer(&source, || show::links::linked(&source))?;
        Ok(Exit::Done)
    }
}
