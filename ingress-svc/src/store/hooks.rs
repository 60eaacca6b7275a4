//! The webhooks that are registered at providers, and whose turn it is to change an app's.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store, Tenancy};

const FACTS: &str = "
    select s.provider, s.repo_full_name, s.repo_id, s.branch, s.webhook_secret, s.signing_token, s.signing_required,
           s.head_at_link
    from apps a join app_git_sources s using (app_id)
    where a.app_id = $1 and a.tenant_id = $2";

const ROWS: &str = "
    select h.provider, h.repo_full_name, h.hook_id, h.state, h.problem
    from app_hooks h join apps a using (app_id)
    where h.app_id = $1 and a.tenant_id = $2
    order by h.state, h.provider, h.repo_full_name";

const REGISTERING: &str = "
    update app_hooks h set state = 'registering', hook_id = $5, updated_at = now()
    from apps a
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2
      and h.provider = $3 and h.repo_full_name = $4 and h.state <> 'removing'";

/// Only if the provider was told of the secret that counts.
const SETTLED: &str = "
    update app_hooks h set state = 'settled', hook_id = $5, problem = null, updated_at = now()
    from apps a, app_git_sources s
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2
      and h.provider = $3 and h.repo_full_name = $4 and h.state <> 'removing'
      and s.app_id = h.app_id and s.webhook_secret = $6 and s.signing_token is not distinct from $7";

/// The secret before this one has its last hours from now on.
const CONFIRMED: &str = "
    update app_git_sources set
        signing_required = signing_required or $2,
        previous_valid_until = case when previous_webhook_secret is not null
                                    then coalesce(previous_valid_until, now() + make_interval(hours => $3)) end
    where app_id = $1
      and (signing_required is distinct from (signing_required or $2)
           or previous_webhook_secret is not null and previous_valid_until is null)";

const PROBLEM: &str = "
    update app_hooks h set problem = $5, updated_at = now()
    from apps a
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2
      and h.provider = $3 and h.repo_full_name = $4 and h.state <> 'settled'";

const REMOVED: &str = "
    delete from app_hooks h using apps a
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2
      and h.provider = $3 and h.repo_full_name = $4 and h.state = 'removing'";

const REMOVE_ALL: &str = "
    update app_hooks h set state = 'removing', problem = null, updated_at = now()
    from apps a
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2 and h.state <> 'removing'";

const LEARN: &str = "
    update app_git_sources s set
        repo_id = $3, repo_full_name = $4, head_at_link = coalesce(s.head_at_link, $5), updated_at = now()
    from apps a
    where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $2
      and s.provider = $6 and s.repo_full_name = $7";

/// The row of the hook goes by the repository's name, too.
const RENAME: &str = "
    update app_hooks h set repo_full_name = $5, updated_at = now()
    from apps a
    where h.app_id = $1 and a.app_id = h.app_id and a.tenant_id = $2
      and h.provider = $3 and h.repo_full_name = $4 and h.state <> 'removing'
      and not exists (select from app_hooks o
                      where o.app_id = h.app_id and o.provider = h.provider and o.repo_full_name = $5)";

const PUT_SIGNING_TOKEN: &str = "
    update app_git_sources s set signing_token = $3, updated_at = now()
    from apps a
    where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $2
      and s.provider = 'gitlab' and s.signing_token is null";

const UNFINISHED: &str = "
    select distinct a.tenant_id, h.app_id from app_hooks h join apps a using (app_id)
    where h.state <> 'settled' order by 1, 2 limit 1000";

/// Who held it and went away, or is late, has lost it.
const TAKE_TURN: &str = "
    insert into duties (name, holder, held_until) values ($1, $2, now() + make_interval(secs => $3))
    on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
    where duties.held_until < now() or duties.holder = excluded.holder";

const END_TURN: &str = "delete from duties where name = $1 and holder = $2";

/// What an app's source says that concerns its webhook.
#[derive(Debug)]
pub(crate) struct LinkFacts {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) repo_id: Option<i64>,
    pub(crate) branch: String,
    /// Sealed.
    pub(crate) webhook_secret: Vec<u8>,
    /// Sealed.
    pub(crate) signing_token: Option<Vec<u8>>,
    pub(crate) signing_required: bool,
    pub(crate) head_at_link: Option<String>,
}

/// A webhook at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookRow {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) hook_id: Option<String>,
    pub(crate) state: HookState,
    pub(crate) problem: Option<String>,
}

impl HookRow {
    /// Whether it is the link's, and not one that is to go.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state != HookState::Removing
    }
}

/// What the provider is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookState {
    /// What the webhook is to be.
    Registering,
    /// Nothing: it knows.
    Settled,
    /// That the webhook is to go.
    Removing,
}

/// What the provider has been told.
#[derive(Debug)]
pub(crate) struct Confirmed<'a> {
    pub(crate) hook_id: &'a str,
    /// Sealed, as they were read.
    pub(crate) webhook_secret: &'a [u8],
    pub(crate) signing_token: Option<&'a [u8]>,
    /// Whether the provider signs with the signing token.
    pub(crate) is_signed: bool,
    pub(crate) overlap_hours: u32,
}

impl Tenancy<'_> {
    /// What an app's source says; `None` when it has none.
    pub(crate) async fn link_facts(&self, app: Uuid) -> Result<Option<LinkFacts>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(FACTS).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(link).transpose()
        })
        .await
    }

    /// The app's webhooks: one for each repository that has, or may have, one.
    pub(crate) async fn hooks(&self, app: Uuid) -> Result<Vec<HookRow>, Error> {
        let found = self
            .transaction(async |client| {
                let statement = client.prepare_cached(ROWS).await?;
                let hooks = client.query(&statement, &[&app, &self.tenant]).await?;
                hooks.iter().map(hook).collect()
            })
            .await;
        match found {
            Err(error) if error.is_of_older_schema() => Ok(Vec::new()),
            found => found,
        }
    }

    /// Says that the provider is being told; before it is.
    pub(crate) async fn registering(
        &self,
        app: Uuid,
        hook: &HookRow,
        hook_id: Option<&str>,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(REGISTERING).await?;
            client
                .execute(
                    &statement,
                    &[&app, &self.tenant, &hook.provider, &hook.repo_full_name, &hook_id],
                )
                .await
                .map(drop)
        })
        .await
    }

    /// Says that the provider knows; false when what it was told does not count any more.
    pub(crate) async fn settled(
        &self,
        app: Uuid,
        hook: &HookRow,
        confirmed: &Confirmed<'_>,
    ) -> Result<bool, Error> {
        let hours = i32::try_from(confirmed.overlap_hours).unwrap_or(i32::MAX);
        self.transaction(async |client| {
            let statement = client.prepare_cached(SETTLED).await?;
            let settled = client
                .execute(
                    &statement,
                    &[
                        &app,
                        &self.tenant,
                        &hook.provider,
                        &hook.repo_full_name,
                        &confirmed.hook_id,
                        &confirmed.webhook_secret,
                        &confirmed.signing_token,
                    ],
                )
                .await?;
            if settled == 1 {
                let statement = client.prepare_cached(CONFIRMED).await?;
                client.execute(&statement, &[&app, &confirmed.is_signed, &hours]).await?;
            }
            Ok(settled == 1)
        })
        .await
    }

    /// Says why the provider could not be told.
    pub(crate) async fn hook_problem(
        &self,
        app: Uuid,
        hook: &HookRow,
        problem: &str,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(PROBLEM).await?;
            let (provider, repo) = (&hook.provider, &hook.repo_full_name);
            client
                .execute(&statement, &[&app, &self.tenant, provider, repo, &problem])
                .await
                .map(drop)
        })
        .await
    }

    /// Says that all of an app's webhooks are to go.
    pub(crate) async fn remove_hooks(&self, app: Uuid) -> Result<(), Error> {
        let said = self
            .transaction(async |client| {
                let statement = client.prepare_cached(REMOVE_ALL).await?;
                client.execute(&statement, &[&app, &self.tenant]).await.map(drop)
            })
            .await;
        match said {
            Err(error) if error.is_of_older_schema() => Ok(()),
            said => said,
        }
    }

    /// Says that a webhook is gone.
    pub(crate) async fn hook_removed(&self, app: Uuid, hook: &HookRow) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(REMOVED).await?;
            let (provider, repo) = (&hook.provider, &hook.repo_full_name);
            client.execute(&statement, &[&app, &self.tenant, provider, repo]).await.map(drop)
        })
        .await
    }

    /// Keeps what the provider says of the linked repository.
    pub(crate) async fn learn_repository(
        &self,
        app: Uuid,
        link: &LinkFacts,
        repo_id: i64,
        name: &str,
        head: Option<&str>,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let (provider, known) = (&link.provider, &link.repo_full_name);
            let statement = client.prepare_cached(LEARN).await?;
            client
                .execute(&statement, &[&app, &self.tenant, &repo_id, &name, &head, provider, known])
                .await?;
            if name != known {
                let statement = client.prepare_cached(RENAME).await?;
                client.execute(&statement, &[&app, &self.tenant, provider, known, &name]).await?;
            }
            Ok(())
        })
        .await
    }

    /// Keeps a signing token, unless there is one.
    pub(crate) async fn put_signing_token(&self, app: Uuid, sealed: &[u8]) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(PUT_SIGNING_TOKEN).await?;
            client.execute(&statement, &[&app, &self.tenant, &sealed]).await.map(drop)
        })
        .await
    }
}

impl Store {
    /// Tenant and app of webhooks of which a provider has to be told, a thousand apps at most.
    pub(crate) async fn unfinished_hooks(&self) -> Result<Vec<(Uuid, Uuid)>, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(UNFINISHED).await?;
            let rows = client.query(&statement, &[]).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        })
        .await
    }

    /// Takes or keeps the turn to change an app's webhooks; false while another has it.
    pub(crate) async fn take_turn(
        &self,
        name: &str,
        holder: Uuid,
        lease: Duration,
    ) -> Result<bool, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(TAKE_TURN).await?;
            let taken = client.execute(&statement, &[&name, &holder, &lease.as_secs_f64()]).await?;
            Ok(taken == 1)
        })
        .await
    }

    /// Gives the turn away.
    pub(crate) async fn end_turn(&self, name: &str, holder: Uuid) -> Result<(), Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(END_TURN).await?;
            client.execute(&statement, &[&name, &holder]).await.map(drop)
        })
        .await
    }
}

fn link(row: &Row) -> Result<LinkFacts, tokio_postgres::Error> {
    Ok(LinkFacts {
        provider: row.try_get("provider")?,
        repo_full_name: row.try_get("repo_full_name")?,
        repo_id: row.try_get("repo_id")?,
        branch: row.try_get("branch")?,
        webhook_secret: row.try_get("webhook_secret")?,
        signing_token: row.try_get("signing_token")?,
        signing_required: row.try_get("signing_required")?,
        head_at_link: row.try_get("head_at_link")?,
    })
}

fn hook(row: &Row) -> Result<HookRow, tokio_postgres::Error> {
    let state = match row.try_get("state")? {
        "settled" => HookState::Settled,
        "removing" => HookState::Removing,
        _ => HookState::Registering,
    };
    Ok(HookRow {
        provider: row.try_get("provider")?,
        repo_full_name: row.try_get("repo_full_name")?,
        hook_id: row.try_get("hook_id")?,
        state,
        problem: row.try_get("problem")?,
    })
}
