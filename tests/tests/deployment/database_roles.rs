//! What the database refuses each service's role, by `deploy/postgres/roles.sql` and the grants of `migrate`.

use tokio_postgres::error::SqlState;

use super::installed::Installed;

async fn is_refused(client: &tokio_postgres::Client, sql: &str) -> bool {
    let answer = client.simple_query(sql).await;
    answer.is_err_and(|error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
}

async fn refuses(name: &str, statements: &[&str]) {
    let installed = Installed::start().await.unwrap();
    let client = installed.database(name).await.unwrap();
    for sql in statements {
        assert!(is_refused(&client, sql).await, "{name} may: {sql}");
    }
}

#[tokio::test]
async fn the_ingress_reads_no_log_and_changes_no_deploy() {
    refuses(
        "ingress",
        &[
            "select * from line_events",
            "select * from lines",
            "select * from dead_letters",
            "select * from releases",
            "insert into inbox (stream, message_id, sequence) values ('PUSHES', 'x', 1)",
            "update deploys set state = 'live'",
            "delete from deploys",
            "delete from apps",
            "update schema_floor set version = 99",
            "drop table apps",
            "create table mine (id int)",
            "truncate apps",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_deployer_sees_no_secret_and_changes_no_tables() {
    refuses(
        "deployer",
        &[
            "select webhook_secret from app_git_sources",
            "select signing_token from app_git_sources",
            "select * from app_git_sources",
            "update app_git_sources set webhook_secret = '\\x00'",
            "insert into apps (app_id, tenant_id, name) select app_id, tenant_id, 'x' from apps",
            "delete from apps",
            "delete from line_events",
            "delete from deploys",
            "insert into relay default values",
            "insert into refinery_schema_history (version) values (99)",
            "update schema_floor set version = 99",
            "alter table lines add column mine int",
            "create table mine (id int)",
            "truncate line_events",
        ],
    )
    .await;
}
