//! The head of an app's branch: is it the newest push that is known? If none told of it, it is taken in like a delivery.
//!
//! Nothing is deployed twice by that. A delivery that comes all the same means the same commit, which the deployer knows;
//! and a head that is older than a push that came meanwhile is ordered before it: GitHub's by the time of the push, the
//! others' by where they start, and all by looking again at what is known just before the head is taken in.

use std::time::Duration;

use git_providers::{Commit, Repository};
use jiff::Timestamp;
use paas_proto::ids::Identity;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Look, Trouble};
use crate::{
    delivery::{Push, Sha},
    filters,
    intake::Intake,
    ledger::{Entry, Origin, Verdict},
    metrics::Found,
    store::Newest,
};

/// A delivery may be on its way: it is given this long.
const UNDERWAY_FOR: Duration = Duration::from_secs(2);
const PUBLISH_WITHIN: Duration = Duration::from_secs(8);

/// What a head means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Its push came, or it was there when the app was linked.
    Known,
    /// Nobody has looked before: from here on, heads are compared with this one.
    First,
    /// Nobody told of it.
    Missed,
}

impl Look<'_> {
    pub(super) async fn head(&self) -> Result<(), Trouble> {
        let tenancy = self.sweeper.ingress.store.of(self.tenant);
        let Some(newest) = tenancy.newest_push(self.app).await? else { return Ok(()) };
        let (repo, branch) = (&newest.repo_full_name, &newest.branch);
        let Some(head) = self.session.branch_head(repo, branch).await? else { return Ok(()) };
        match means(&newest, &head.sha) {
            Head::Known | Head::First => {
                if newest.settled_head.as_ref() != Some(&head.sha) {
                    tenancy.settle_head(self.app, &newest, &head.sha).await?;
                }
                Ok(())
            }
            Head::Missed if newest.auto_deploy => self.missed(newest, head).await,
            Head::Missed => Ok(()),
        }
    }

    /// Takes the head in, unless something has moved meanwhile: then the next sweep looks again.
    async fn missed(&self, newest: Newest, head: Commit) -> Result<(), Trouble> {
        let tenancy = self.sweeper.ingress.store.of(self.tenant);
        sleep(UNDERWAY_FOR).await;
        // In this order: the time of the push must not be later than the head's.
        let repository = self.session.repository(&newest.repo_full_name).await?;
        let again = self.session.branch_head(&newest.repo_full_name, &newest.branch).await?;
        let now = tenancy.newest_push(self.app).await?;
        if again.as_ref() != Some(&head) || now.as_ref() != Some(&newest) {
            return Ok(());
        }
        let Some(push) = push(&newest, &repository, &head) else { return Ok(()) };
        if self.take_in(&newest, &push).await? {
            tenancy.settle_head(self.app, &newest, &head.sha).await?;
        }
        Ok(())
    }

    /// Whether it was: not when the link is another one by now.
    async fn take_in(&self, newest: &Newest, push: &Push) -> Result<bool, Trouble> {
        let (ingress, received_at) = (&self.sweeper.ingress, Timestamp::now());
        let known = newest.deploy.as_ref().map_or(Uuid::nil(), |(id, _)| *id).to_string();
        let identity = Identity::of_sweep(self.provider, &known, push.after.as_str());
        let name = self.provider.name();
        let source = ingress.store.source_of_delivery(self.app, name, Some(&identity)).await?;
        let is_same =
            |branch: &str, repo: &str| (branch, repo) == (&*newest.branch, &*newest.repo_full_name);
        let Some(source) = source.filter(|now| is_same(&now.branch, &now.repo_full_name)) else {
            return Ok(false);
        };
        let intake = Intake {
            ingress,
            app: self.app,
            provider: self.provider,
            source: &source,
            identity: Some(identity),
            origin: Origin::Sweep,
            delivery_id: String::new(),
            received_at,
            answer_by: Instant::now() + PUBLISH_WITHIN,
        };
        let taken = intake.take(push).await.map_err(|_| Trouble::Intake)?;
        if taken.verdict == Verdict::Duplicate {
            return Ok(true);
        }
        self.sweeper.found(Found::MissedPush);
        tracing::info!(sha = %push.after, "a push was found of which no delivery came");
        ingress.ledger.note(Entry {
            app: self.app,
            provider: self.provider,
            origin: Origin::Sweep,
            delivery_id: String::new(),
            event: "push".to_owned(),
            verdict: taken.verdict,
            deploy_id: taken.deploy_id,
            sha: Some(push.after.to_string()),
            branch: push.branch().map(str::to_owned),
            secret: None,
            received_at,
        });
        Ok(true)
    }
}

fn means(newest: &Newest, head: &str) -> Head {
    let deployed = newest.deploy.as_ref().map(|(_, sha)| sha.as_str());
    let delivered = newest.delivery.as_ref().map(|(_, sha)| sha.as_str());
    let settled = newest.settled_head.as_deref();
    if [deployed, delivered, settled].contains(&Some(head)) {
        Head::Known
    } else if settled.is_none() {
        Head::First
    } else {
        Head::Missed
    }
}

/// The push that a delivery would have told of; `None` when the provider's answer has no commit in it. What it changed
/// is not known, so every path may be among it.
fn push(newest: &Newest, repository: &Repository, head: &Commit) -> Option<Push> {
    let after: Sha = head.sha.parse().ok().filter(|sha: &Sha| !sha.is_zeros())?;
    let deployed = newest.deploy.as_ref().map(|(_, sha)| sha.as_str());
    let before = deployed.or(newest.settled_head.as_deref()).and_then(|sha| sha.parse().ok());
    Some(Push {
        repo: repository.full_name.clone(),
        repo_id: Some(repository.id),
        reference: format!("refs/heads/{}", newest.branch),
        before: before.unwrap_or_else(|| after.zeros()),
        after,
        deleted: false,
        pushed_at: repository.pushed_at,
        changed_paths: Vec::new(),
        paths_truncated: true,
        asks_to_skip: filters::asks_to_skip(&head.message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    /// Linked at 1…, deployed up to 2….
    fn newest() -> Newest {
        Newest {
            provider: "github".to_owned(),
            repo_full_name: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            auto_deploy: true,
            settled_head: Some(sha('1')),
            deploy: Some((Uuid::nil(), sha('2'))),
            delivery: None,
        }
    }

    fn repository() -> Repository {
        Repository {
            id: 7,
            full_name: "acme/shop".to_owned(),
            clone_url: String::new(),
            default_branch: None,
            is_private: false,
            may_manage_hooks: None,
            pushed_at: Some(99),
        }
    }

    fn head(digit: char, message: &str) -> Commit {
        Commit { sha: sha(digit), message: message.to_owned() }
    }

    #[test]
    fn a_head_that_was_deployed_delivered_or_linked_is_known() {
        assert_eq!(means(&newest(), &sha('1')), Head::Known);
        assert_eq!(means(&newest(), &sha('2')), Head::Known);
        let filtered = Newest { delivery: Some((5, sha('3'))), ..newest() };
        assert_eq!(means(&filtered, &sha('3')), Head::Known);
    }

    #[test]
    fn a_head_that_nobody_told_of_was_missed() {
        assert_eq!(means(&newest(), &sha('3')), Head::Missed);
        let never = Newest { deploy: None, ..newest() };
        assert_eq!(means(&never, &sha('3')), Head::Missed);
        let empty = Newest { settled_head: Some(sha('0')), ..never };
        assert_eq!(means(&empty, &sha('1')), Head::Missed);
    }

    #[test]
    fn the_first_look_at_an_app_deploys_nothing() {
        let unseen = Newest { settled_head: None, ..newest() };
        assert_eq!(means(&unseen, &sha('3')), Head::First);
        assert_eq!(means(&unseen, &sha('2')), Head::Known);
    }

    #[test]
    fn a_push_is_made_up_that_starts_where_the_newest_ended() {
        let push = push(&newest(), &repository(), &head('3', "Fix")).unwrap();
        assert_eq!((push.before.as_str(), push.after.as_str()), (&*sha('2'), &*sha('3')));
        assert_eq!((push.branch(), push.pushed_at), (Some("main"), Some(99)));
        assert!(push.paths_truncated && !push.asks_to_skip);
    }

    #[test]
    fn without_any_deploy_it_starts_where_the_app_was_linked() {
        let never = Newest { deploy: None, ..newest() };
        assert_eq!(push(&never, &repository(), &head('3', "")).unwrap().before.as_str(), sha('1'));
        let unseen = Newest { settled_head: None, ..never };
        assert!(push(&unseen, &repository(), &head('3', "")).unwrap().before.is_zeros());
    }

    #[test]
    fn its_message_can_ask_that_it_is_not_deployed() {
        assert!(push(&newest(), &repository(), &head('3', "x [skip ci]")).unwrap().asks_to_skip);
    }

    #[test]
    fn an_answer_without_a_commit_is_no_push() {
        let odd = Commit { sha: "HEAD".to_owned(), message: String::new() };
        assert!(push(&newest(), &repository(), &odd).is_none());
        assert!(push(&newest(), &repository(), &head('0', "")).is_none());
    }
}
