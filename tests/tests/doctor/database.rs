//! What can be wrong with Postgres.

use super::{doctor, production};

/// A clock that others read in place of the server's: there is but one of the machine.
const ANOTHER_CLOCK: &str = "
    create schema skewed;
    create function skewed.clock_timestamp() returns timestamptz language sql
        as $$ select pg_catalog.clock_timestamp() + interval '90 seconds' $$;
    do $$ begin
        execute format('alter database %I set search_path = skewed, pg_catalog, public', current_database());
    end $$";

#[tokio::test]
async fn settings_that_lose_what_was_acknowledged_are_found() {
    let (_servers, platform) = production().await;
    let database = platform.database().await.unwrap();
    let said = |setting: &str| format!("{setting} off");
    for setting in ["fsync", "full_page_writes"] {
        database.batch_execute(&format!("alter system set {setting} = off")).await.unwrap();
        database.batch_execute("select pg_reload_conf()").await.unwrap();
        let report = doctor(platform.wiring(), &[]).await;
        report.finds("warn", "database", &said(setting), "alter system set");
        database.batch_execute(&format!("alter system reset {setting}")).await.unwrap();
        database.batch_execute("select pg_reload_conf()").await.unwrap();
    }
    database.batch_execute("alter role paas set synchronous_commit = off").await.unwrap();
    let report = doctor(platform.wiring(), &[]).await;
    report.finds("warn", "database", "synchronous_commit off", "synchronous_commit = on");
}

#[tokio::test]
async fn a_server_that_hinders_the_work_is_found() {
    let (_servers, platform) = production().await;
    let (wiring, database) = (platform.wiring(), platform.database().await.unwrap());

    let report = doctor(wiring, &[("INGRESS_REPLICAS", "20")]).await;
    report.finds("warn", "database", "the replicas may want 356", "max_connections");

    let never = "alter system set idle_in_transaction_session_timeout = 0";
    database.batch_execute(never).await.unwrap();
    database.batch_execute("select pg_reload_conf()").await.unwrap();
    database.batch_execute(ANOTHER_CLOCK).await.unwrap();
    database.batch_execute("create role poor login password 'poor'").await.unwrap();
    let report = doctor(wiring, &[]).await;
    let forgotten = "idle_in_transaction_session_timeout";
    report.finds("warn", "database", "a transaction that a client forgets", forgotten);
    report.finds("warn", "database", "its clock is 90 s ahead of", "NTP");

    let (_, server) = wiring.database_url.rsplit_once('@').unwrap();
    let report =
        doctor(wiring, &[("DATABASE_URL", &format!("postgres://poor:poor@{server}"))]).await;
    report.finds("fail", "database", "update on relay", "DEPLOYER_ROLE");
}

#[tokio::test]
async fn a_schema_that_is_missing_or_of_another_version_is_found() {
    let (_servers, platform) = production().await;
    let (wiring, database) = (platform.wiring(), platform.database().await.unwrap());
    database.batch_execute("create database bare").await.unwrap();
    let (server, _) = wiring.database_url.rsplit_once('/').unwrap();
    let report = doctor(wiring, &[("DATABASE_URL", &format!("{server}/bare"))]).await;
    report.finds("fail", "database", "older than this program", "deployer-svc migrate");

    let newer = "insert into refinery_schema_history (version, name, applied_on, checksum)
                     values (9999, 'from_the_future', '2030-01-01T00:00:00Z', '1');
                 update schema_floor set version = 9999";
    database.batch_execute(newer).await.unwrap();
    let report = doctor(wiring, &[]).await;
    report.finds("fail", "database", "migrated by a newer version", "newest version");

    let report = doctor(wiring, &[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")]).await;
    report.finds("fail", "database", "", "start Postgres, or correct DATABASE_URL");
}
