//! The database, the broker and the API server each go away under load, in two ways: connections are refused, or nothing
//! gets through and nobody says so. And the servers themselves crash and come back on what they had stored.

use std::time::Duration;

use e2e::{
    api::Answer,
    harness::{LinkedApp, Options, Platform},
    proxy::Proxy,
    servers::{Durability, TestServers},
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, interval_at},
};
use uuid::Uuid;

const OUTAGE: Duration = Duration::from_secs(10);
/// Between deliveries.
const PACE: Duration = Duration::from_millis(100);
/// GitHub hangs up after ten seconds; the rest is for a test machine that is busy otherwise.
const LONGEST_ANSWER: Duration = Duration::from_secs(11);
/// Deliveries that are accepted in a row before the load ends.
const RECOVERED: usize = 10;
const PATIENCE: Duration = Duration::from_mins(1);

/// What goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dependency {
    Database,
    Broker,
    Cluster,
}

/// How it does.
#[derive(Debug, Clone, Copy)]
enum Way {
    Refused,
    Silent,
}

impl Dependency {
    fn links(self, platform: &Platform) -> Vec<&Proxy> {
        let links = &platform.links;
        match self {
            Self::Database => vec![&links.ingress_to_postgres, &links.deployer_to_postgres],
            Self::Broker => vec![&links.ingress_to_nats, &links.deployer_to_nats],
            Self::Cluster => vec![&links.deployer_to_cluster],
        }
    }
}

#[tokio::test]
async fn a_database_that_refuses_for_ten_seconds_costs_nothing_but_503s() {
    goes_away(Dependency::Database, Way::Refused).await;
}

#[tokio::test]
async fn a_database_that_is_silent_for_ten_seconds_costs_nothing_but_503s() {
    goes_away(Dependency::Database, Way::Silent).await;
}

#[tokio::test]
async fn a_broker_that_refuses_for_ten_seconds_costs_nothing_but_503s() {
    goes_away(Dependency::Broker, Way::Refused).await;
}

#[tokio::test]
async fn a_broker_that_is_silent_for_ten_seconds_costs_nothing_but_503s() {
    goes_away(Dependency::Broker, Way::Silent).await;
}

#[tokio::test]
async fn an_api_server_that_refuses_for_ten_seconds_is_noticed_by_no_provider() {
    goes_away(Dependency::Cluster, Way::Refused).await;
}

#[tokio::test]
async fn an_api_server_that_is_silent_for_ten_seconds_is_noticed_by_no_provider() {
    goes_away(Dependency::Cluster, Way::Silent).await;
}

#[tokio::test]
async fn a_broker_that_is_killed_and_started_again_has_lost_nothing() {
    let mut servers = TestServers::start().await.unwrap();
    let platform = platform_on(&servers).await;
    let deliveries = load(&platform, async |begins| {
        let done = if begins { servers.kill_broker().await } else { servers.start_broker().await };
        done.unwrap();
    })
    .await;
    during(&deliveries).for_each(is_unavailable);
    recovers(platform, deliveries).await;
}

#[tokio::test]
async fn a_database_that_crashes_and_recovers_has_lost_nothing() {
    let mut servers = TestServers::start_with(Durability::Full).await.unwrap();
    let platform = platform_on(&servers).await;
    let deliveries = load(&platform, async |begins| {
        let done =
            if begins { servers.crash_database().await } else { servers.start_database().await };
        done.unwrap();
    })
    .await;
    during(&deliveries).for_each(is_unavailable);
    recovers(platform, deliveries).await;
}

async fn goes_away(dependency: Dependency, way: Way) {
    let platform = Platform::start_with(options()).await.unwrap();
    let deliveries = load(&platform, async |begins| {
        for link in dependency.links(&platform) {
            match (begins, way) {
                (true, Way::Refused) => link.refuse(),
                (true, Way::Silent) => link.stall(),
                (false, _) => link.restore(),
            }
        }
    })
    .await;
    match dependency {
        Dependency::Cluster => during(&deliveries).for_each(is_accepted),
        Dependency::Database | Dependency::Broker => {
            during(&deliveries).for_each(is_unavailable);
        }
    }
    recovers(platform, deliveries).await;
}

fn options() -> Options {
    Options { ingress: 2, deployer: 2, ..Options::default() }
}

async fn platform_on(servers: &TestServers) -> Platform {
    Platform::start_on(servers.addresses().clone(), options()).await.unwrap()
}

/// When a delivery was sent, as seen from the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Before,
    During,
    After,
}

/// A delivery and its answer.
#[derive(Debug)]
struct Delivered {
    sent: Sent,
    /// Whether the answer came before the outage was over.
    answered_during: bool,
    took: Duration,
    answer: Answer,
}

/// Delivers a new push every `PACE` to one of the apps, in turn: until some are accepted, on for as long as the outage,
/// and on until they are accepted again. `outage` is called when it begins and when it ends.
async fn load(platform: &Platform, mut outage: impl AsyncFnMut(bool)) -> Vec<Delivered> {
    let apps = [platform.app("one").await.unwrap(), platform.app("two").await.unwrap()];
    let before = round(platform, &apps, Sent::Before).await;
    before.iter().for_each(is_accepted);
    outage(true).await;
    let began = Instant::now();
    let mut senders = JoinSet::new();
    let mut pace = interval_at(began + PACE, PACE);
    for app in apps.iter().cycle() {
        pace.tick().await;
        if began.elapsed() >= OUTAGE {
            break;
        }
        send(&mut senders, platform, app, Sent::During);
    }
    let mut deliveries = before;
    while let Some(answered) = senders.try_join_next() {
        deliveries.push(Delivered { answered_during: true, ..answered.unwrap() });
    }
    outage(false).await;
    let limit = Instant::now() + PATIENCE;
    loop {
        let after = round(platform, &apps, Sent::After).await;
        let recovered = after.iter().all(|delivered| delivered.answer.status == 202);
        deliveries.extend(after);
        if recovered {
            break;
        }
        assert!(
            Instant::now() < limit,
            "deliveries are still refused {PATIENCE:?} after the outage"
        );
    }
    deliveries.extend(senders.join_all().await);
    deliveries
}

/// A few deliveries at the usual pace, and their answers.
async fn round(platform: &Platform, apps: &[LinkedApp], sent: Sent) -> Vec<Delivered> {
    let mut senders = JoinSet::new();
    let mut pace = interval(PACE);
    for app in apps.iter().cycle().take(RECOVERED) {
        pace.tick().await;
        send(&mut senders, platform, app, sent);
    }
    senders.join_all().await
}

fn send(senders: &mut JoinSet<Delivered>, platform: &Platform, app: &LinkedApp, sent: Sent) {
    let (api, app, delivery) = (platform.api.clone(), app.id, app.delivery(&app.push()));
    senders.spawn(async move {
        let began = Instant::now();
        let answer = api.deliver(app, &delivery).await.unwrap();
        Delivered { sent, answered_during: false, took: began.elapsed(), answer }
    });
}

/// What was sent and answered while the outage lasted.
fn during(deliveries: &[Delivered]) -> impl Iterator<Item = &Delivered> {
    let answered =
        |delivered: &&Delivered| delivered.sent == Sent::During && delivered.answered_during;
    assert!(deliveries.iter().any(|delivered| answered(&delivered)), "no answer during the outage");
    deliveries.iter().filter(answered)
}

fn is_accepted(delivered: &Delivered) {
    assert!(delivered.answer.deploy_id().is_some(), "{delivered:?}");
}

fn is_unavailable(delivered: &Delivered) {
    assert_eq!(delivered.answer.status, 503, "{delivered:?}");
    assert!(delivered.answer.retry_after.is_some(), "{delivered:?}");
}

/// Every answer was a 202 or a 503, in time; nobody started a process again; nothing accepted is lost.
async fn recovers(mut platform: Platform, deliveries: Vec<Delivered>) {
    for delivered in &deliveries {
        assert!([202, 503].contains(&delivered.answer.status), "{delivered:?}");
        assert!(delivered.took < LONGEST_ANSWER, "{delivered:?}");
    }
    let accepted: Vec<Uuid> =
        deliveries.iter().filter_map(|delivered| delivered.answer.deploy_id()).collect();
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    for replica in platform.ingress.iter_mut().chain(&mut platform.deployer) {
        assert!(replica.is_running(), "{} has ended:\n{}", replica.address(), replica.log());
    }
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
}
