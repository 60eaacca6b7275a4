//! A provider, asked with a token. Repositories are named by `owner/name`.

use secrecy::SecretString;

use crate::{
    Account, Client, Commit, Delivery, Error, Hook, HookSettings, Kind, Repository, Status,
    forgejo::Forgejo, github::Github, gitlab::Gitlab,
};

/// A client with a token.
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
    token: SecretString,
}

/// The same act at whichever provider it is.
macro_rules! ask {
    ($session:ident . $act:ident ( $($argument:expr),* )) => {
        match $session.kind() {
            Kind::Github => $session.github().$act($($argument),*).await,
            Kind::Gitlab => $session.gitlab().$act($($argument),*).await,
            Kind::Forgejo => $session.forgejo().$act($($argument),*).await,
        }
    };
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
        ask!(self.account())
    }

    /// A repository.
    pub async fn repository(&self, repo: &str) -> Result<Repository, Error> {
        ask!(self.repository(repo))
    }

    /// The head of a branch; `None` when there is no such branch.
    pub async fn branch_head(&self, repo: &str, branch: &str) -> Result<Option<Commit>, Error> {
        match ask!(self.branch_head(repo, branch)) {
            Ok(commit) => Ok(Some(commit)),
            // The branch, or the whole repository? The answer does not say everywhere.
            Err(Error::NotFound { .. }) => self.repository(repo).await.map(|_| None),
            Err(error) => Err(error),
        }
    }

    /// All webhooks of a repository, over all pages.
    pub async fn hooks(&self, repo: &str) -> Result<Vec<Hook>, Error> {
        ask!(self.hooks(repo))
    }

    /// One webhook; `None` when it is gone.
    pub async fn hook(&self, repo: &str, id: &str) -> Result<Option<Hook>, Error> {
        match ask!(self.hook(repo, id)) {
            Ok(hook) => Ok(Some(hook)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a webhook.
    pub async fn create_hook(&self, repo: &str, settings: &HookSettings) -> Result<Hook, Error> {
        ask!(self.create_hook(repo, settings))
    }

    /// Sets a webhook's URL, events and secrets, and switches it on; [`Error::NotFound`] when it is gone. In place, save with
    /// Forgejo and Gitea, which cannot change a secret: there it is removed and made anew. So keep the id that comes back.
    pub async fn update_hook(
        &self,
        repo: &str,
        id: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        ask!(self.update_hook(repo, id, settings))
    }

    /// Removes a webhook; one that is gone is fine.
    pub async fn delete_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        match ask!(self.delete_hook(repo, id)) {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Switches a webhook on again. GitLab: by a test delivery, which must be answered with 2xx.
    pub async fn enable_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        ask!(self.enable_hook(repo, id))
    }

    /// The latest attempts at deliveries of a webhook, newest first, at most a page of 100. Only GitHub lists them: elsewhere
    /// there are none.
    pub async fn deliveries(&self, repo: &str, id: &str) -> Result<Vec<Delivery>, Error> {
        match self.kind() {
            Kind::Github => self.github().deliveries(repo, id).await,
            Kind::Gitlab | Kind::Forgejo => Ok(Vec::new()),
        }
    }

    /// Has GitHub attempt a delivery again.
    pub async fn redeliver(&self, repo: &str, id: &str, delivery: u64) -> Result<(), Error> {
        match self.kind() {
            Kind::Github => self.github().redeliver(repo, id, delivery).await,
            Kind::Gitlab | Kind::Forgejo => Err(Error::Rejected {
                provider: self.kind().title(),
                message: "it has no API to deliver again".to_owned(),
            }),
        }
    }

    /// Sets a commit's status; GitLab's "Cannot transition status" is success.
    pub async fn set_status(&self, repo: &str, sha: &str, status: &Status) -> Result<(), Error> {
        ask!(self.set_status(repo, sha, status))
    }

    fn github(&self) -> Github<'_> {
        Github { http: self.client.http(), token: &self.token }
    }

    fn gitlab(&self) -> Gitlab<'_> {
        Gitlab { http: self.client.http(), token: &self.token }
    }

    fn forgejo(&self) -> Forgejo<'_> {
        Forgejo { http: self.client.http(), token: &self.token }
    }
}
