//! The private servers that everything else here stands on.

use std::time::Duration;

use e2e::{
    servers::{Addresses, TestServers},
    wait,
};
use tokio_postgres::NoTls;

const PATIENCE: Duration = Duration::from_secs(20);

async fn answers(addresses: &Addresses) -> bool {
    let database = tokio_postgres::connect(&addresses.database_url, NoTls).await.is_ok();
    let broker = async_nats::connect(&addresses.nats_url).await.is_ok();
    database && broker
}

#[tokio::test]
async fn private_servers_take_clients_and_leave_nothing_when_stopped() {
    let servers = TestServers::start().await.unwrap();
    let addresses = servers.addresses().clone();
    assert!(answers(&addresses).await);
    servers.stop().await.unwrap();
    assert!(tokio_postgres::connect(&addresses.database_url, NoTls).await.is_err());
    assert!(async_nats::connect(&addresses.nats_url).await.is_err());
}

#[tokio::test]
async fn servers_die_with_the_process_that_started_them() {
    let servers = TestServers::start().await.unwrap();
    let addresses = servers.addresses().clone();
    drop(servers);
    let gone = || async { Ok((!answers(&addresses).await).then_some(())) };
    wait::until("the servers to be gone", PATIENCE, gone).await.unwrap();
}
