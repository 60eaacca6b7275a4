//! A provider, asked with a token. Repositories are named by `owner/name`.

use secrecy::SecretString;

use crate::{
    Account, Client, Commit, Delivery, Error, Hook, HookSettings, Kind, Repository, Status,
};

/// A client with a token.
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
    token: SecretString,
}

impl Session {
    pub(crate) fn new(client: Client, token: SecretString) -> Self {
        Self { client, token }
    }

    /// Which kind of provider it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.client.kind()
    }

    /// User and password for `git clone` over HTTPS.
    #[must_use]
    pub fn clone_credential(&self) -> (&'static str, &SecretString) {
        let user = match self.kind() {
            Kind::Github => "x-access-token",
            Kind::Gitlab | Kind::Forgejo => "oauth2",
        };
        (user, &self.token)
    }

    /// Whose token it is. (A GitHub App's installation is nobody's: its login is empty.)
    pub async fn account(&self) -> Result<Account, Error> {
        todo!()
    }

    /// A repository.
    pub async fn repository(&self, _repo: &str) -> Result<Repository, Error> {
        todo!()
    }

    /// The head of a branch; `None` when there is no such branch.
    pub async fn branch_head(&self, _repo: &str, _branch: &str) -> Result<Option<Commit>, Error> {
        todo!()
    }

    /// All webhooks of a repository, over all pages.
    pub async fn hooks(&self, _repo: &str) -> Result<Vec<Hook>, Error> {
        todo!()
    }

    /// One webhook; `None` when it is gone.
    pub async fn hook(&self, _repo: &str, _id: &str) -> Result<Option<Hook>, Error> {
        todo!()
    }

    /// Makes a webhook.
    pub async fn create_hook(&self, _repo: &str, _settings: &HookSettings) -> Result<Hook, Error> {
        todo!()
    }

    /// Sets a webhook's URL, events and secrets in place, and switches it on.
    pub async fn update_hook(
        &self,
        _repo: &str,
        _id: &str,
        _settings: &HookSettings,
    ) -> Result<Hook, Error> {
        todo!()
    }

    /// Removes a webhook; one that is gone is fine.
    pub async fn delete_hook(&self, _repo: &str, _id: &str) -> Result<(), Error> {
        todo!()
    }

    /// Switches a webhook on again. GitLab: by a test delivery, which must be answered with 2xx.
    pub async fn enable_hook(&self, _repo: &str, _id: &str) -> Result<(), Error> {
        todo!()
    }

    /// The latest attempts at deliveries of a webhook, newest first, at most a page of 100. Only GitHub lists them: elsewhere
    /// there are none.
    pub async fn deliveries(&self, _repo: &str, _id: &str) -> Result<Vec<Delivery>, Error> {
        todo!()
    }

    /// Has GitHub attempt a delivery again.
    pub async fn redeliver(&self, _repo: &str, _id: &str, _delivery: u64) -> Result<(), Error> {
        todo!()
    }

    /// Sets a commit's status; GitLab's "Cannot transition status" is success.
    pub async fn set_status(&self, _repo: &str, _sha: &str, _status: &Status) -> Result<(), Error> {
        todo!()
    }
}
