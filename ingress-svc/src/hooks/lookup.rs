//! A repository that is to be linked, as its provider knows it, before anything is written down.

use actix_web::web;
use git_providers::{Repository, Session};
use paas_proto::events::Provider;
use uuid::Uuid;

use super::{Trouble, Verdict, renewed, settling::head_of};
use crate::{Ingress, connections::NoSession};

/// What is known of it.
#[derive(Debug)]
pub(crate) enum LookedUp {
    /// The tenant has not connected the provider: its webhook is a person's to enter.
    ByHand,
    /// What the provider says.
    Found(Box<Found>),
    /// The provider cannot be asked now; it will be when its webhook is settled.
    Later,
}

/// A repository and where the branch is that is to be followed.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) repository: Repository,
    /// The one that was asked for, or else the default branch.
    pub(crate) branch: Option<String>,
    /// Zeros when there is no such branch.
    pub(crate) head: Option<String>,
}

/// Asks the provider, if the tenant has connected it. An error is one that does not pass by waiting.
pub(crate) async fn look_up(
    ingress: web::Data<Ingress>,
    tenant: Uuid,
    provider: Provider,
    repo: String,
    branch: Option<String>,
) -> Result<LookedUp, Trouble> {
    let connections = ingress.connections.clone();
    let asked = connections.to_its_end(async move {
        let session = ingress.session(tenant, provider).await?;
        let found = find(&session, provider, &repo, branch.clone()).await;
        let Err(trouble) = &found else { return found };
        match renewed(&ingress, tenant, provider, &session, trouble).await {
            Some(session) => find(&session, provider, &repo, branch).await,
            None => found,
        }
    });
    match asked.await.map_err(Trouble::gone)? {
        Ok(found) => Ok(LookedUp::Found(Box::new(found))),
        Err(Trouble::Session(NoSession::NotConnected)) => Ok(LookedUp::ByHand),
        Err(trouble) if matches!(trouble.verdict(), Verdict::Later(_)) => {
            tracing::warn!(error = %trouble, "a repository is looked up later");
            Ok(LookedUp::Later)
        }
        Err(trouble) => Err(trouble),
    }
}

async fn find(
    session: &Session,
    provider: Provider,
    repo: &str,
    branch: Option<String>,
) -> Result<Found, Trouble> {
    let repository = session.repository(repo).await?;
    if repository.may_manage_hooks == Some(false) {
        let role = if provider == Provider::Gitlab { "maintainer" } else { "administrator" };
        return Err(Trouble::Role { repo: repository.full_name, role });
    }
    let branch = branch.or_else(|| repository.default_branch.clone());
    let head = match &branch {
        Some(branch) => head_of(session, &repository.full_name, branch).await.ok(),
        None => None,
    };
    Ok(Found { repository, branch, head })
}
