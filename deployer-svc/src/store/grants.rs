//! What each service may do in the database, for an installation in which neither owns the tables: `migrate` runs as
//! their owner and grants it, in step with the schema.

use std::{fmt, str::FromStr};

use super::{Error, Link, Settings, drive};

/// What the ingress needs, and no more: it writes what people set, keeps its ledger, and looks up what became of a
/// commit.
const INGRESS: &str = "select, insert on tenants; \
    select, insert on apps; \
    select, insert, update, delete on app_git_sources; \
    select, insert, update, delete on app_hooks; \
    select, insert, update on api_tokens; \
    select, insert, update on audit_log; \
    select, insert, update, delete on idempotency_keys; \
    select, insert, delete on oauth_states; \
    select, insert, update, delete on tenant_git_credentials; \
    select, insert, delete on deliveries; \
    select, insert, update, delete on duties; \
    select on deploys";

/// What the deployer needs, and no more: it never sees the sealed secrets of a link.
pub(super) const DEPLOYER: &str = "select on apps; \
    update (name, deleted_at, deleted_name, removed_at) on apps; \
    select (app_id, provider, repo_full_name, repo_id, clone_url, branch, auto_deploy_enabled, \
        auto_deploy_paused_by, last_deploy_sha, created_at, updated_at), \
        update (last_deploy_sha, auto_deploy_paused_by, updated_at) on app_git_sources; \
    select, insert, update on line_events; \
    select, insert, update on lines; \
    select, insert, update on deploys; \
    select, insert on releases; \
    select, insert, update, delete on build_logs; \
    select, insert, delete on build_log_chunks; \
    select, insert, update, delete on inbox; \
    select, insert, update, delete on dead_letters; \
    select, insert, update on dead_letter_outcomes; \
    select, update on relay; \
    select, insert, update, delete on suspects; \
    select on schema_floor; \
    select on refinery_schema_history";

/// Who the services are in the database, where they are not its owner.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Roles {
    /// Role of Postgres as which the ingress connects: it is granted what it needs, and what else it had is taken away
    #[arg(long, env)]
    pub ingress_role: Option<Role>,
    /// Role of Postgres as which the deployer connects, granted likewise
    #[arg(long, env)]
    pub deployer_role: Option<Role>,
}

/// Name of a role of Postgres that needs no quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role(String);

/// A text that is no such name.
#[derive(Debug, thiserror::Error)]
#[error("a role is at most 63 lower-case letters, digits and `_`, and begins with a letter")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && text.len() <= 63 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRole)
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives each role exactly its rights, at once; nothing where no role is named.
pub async fn grant(settings: &Settings, roles: &Roles) -> Result<(), Error> {
    let given = [(&roles.ingress_role, INGRESS), (&roles.deployer_role, DEPLOYER)];
    let sql: String = given
        .into_iter()
        .filter_map(|(role, rights)| Some(statements(role.as_ref()?, rights)))
        .collect();
    if sql.is_empty() {
        return Ok(());
    }
    let (client, driver) = Link::new(settings)?.open().await?;
    drive(driver);
    client.batch_execute(&format!("begin; set local lock_timeout = '5s'; {sql} commit")).await?;
    tracing::info!("each role has its rights");
    Ok(())
}

fn statements(role: &Role, rights: &str) -> String {
    let nothing = format!("revoke all on all tables in schema public from \"{role}\";");
    let granted = rights.split(';').map(|right| format!("grant {} to \"{role}\";", right.trim()));
    std::iter::once(nothing).chain(granted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_plain_name() {
        assert!("paas_ingress".parse::<Role>().is_ok());
        for wrong in ["", "Paas", "1st", "a\"; drop table apps", &"a".repeat(64)] {
            assert!(wrong.parse::<Role>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_role_loses_what_it_is_not_granted() {
        let sql = statements(&"paas_ingress".parse().unwrap(), "select on apps; select on deploys");
        assert_eq!(
            sql,
            "revoke all on all tables in schema public from \"paas_ingress\";\
             grant select on apps to \"paas_ingress\";grant select on deploys to \"paas_ingress\";"
        );
    }

    /// A migration that brings a table says here who may use it.
    #[test]
    fn every_table_is_granted_to_whoever_needs_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        for file in std::fs::read_dir(folder).unwrap() {
            let sql = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for table in sql.lines().filter_map(|line| line.strip_prefix("create table ")) {
                let table = table.trim_end_matches(" (");
                let is_named = |right: &str| right.trim().ends_with(&format!(" on {table}"));
                let granted =
                    [INGRESS, DEPLOYER].iter().any(|rights| rights.split(';').any(is_named));
                assert!(granted, "who may use {table}?");
            }
        }
    }
}
