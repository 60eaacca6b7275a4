//! The version before and this one, side by side and in each other's place, under load. `tests/previous-version` names
//! the version before; `./dev test` builds it, and leaves these tests out where it cannot.

use std::{path::PathBuf, time::Duration};

use e2e::{
    api::Api,
    binaries,
    harness::{LinkedApp, Options, Platform, Replica},
    wait,
};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::aftermath::PATIENCE;

const APPS: usize = 4;
/// Between the pushes of an app: longer than a deploy takes, or each would be superseded by the next.
const PACE: Duration = Duration::from_millis(1500);
const REDELIVERY: Duration = Duration::from_millis(100);
/// Deploys that have to end on each mixture of versions before the next replica is exchanged.
const ROUND: i64 = 2;
/// The last version of the schema that the version before knows.
const SCHEMA_BEFORE: i32 = 8;

async fn platform(programs: PathBuf) -> Platform {
    let options =
        Options { ingress: 2, deployer: 2, programs: Some(programs), ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

#[tokio::test]
async fn replicas_are_exchanged_one_by_one_and_back_again_under_load() {
    let (before, now) = (binaries::previous().unwrap(), binaries::present().unwrap());
    let mut platform = platform(before.clone()).await;
    assert_eq!(schema(&platform).await, SCHEMA_BEFORE);
    let load = Load::begin(&platform).await;
    goes_on(&platform).await;

    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    assert!(schema(&platform).await > SCHEMA_BEFORE, "this version brings no schema of its own");
    goes_on(&platform).await;
    for programs in [&now, &before] {
        for number in 0..2 {
            exchange(&mut platform.deployer[number], programs).await;
            goes_on(&platform).await;
            exchange(&mut platform.ingress[number], programs).await;
            goes_on(&platform).await;
        }
    }
    is_in_order(&platform, load).await;
}

#[tokio::test]
async fn this_version_runs_on_the_schema_of_the_version_before() {
    let mut platform = platform(binaries::previous().unwrap()).await;
    let now = binaries::present().unwrap();
    for number in 0..2 {
        exchange(&mut platform.deployer[number], &now).await;
        exchange(&mut platform.ingress[number], &now).await;
    }
    let load = Load::begin(&platform).await;
    for number in 0..2 {
        goes_on(&platform).await;
        platform.deployer[number].kill().await.unwrap();
        platform.deployer[number].start().await.unwrap();
        platform.deployer[number].ready().await.unwrap();
    }
    goes_on(&platform).await;
    assert_eq!(schema(&platform).await, SCHEMA_BEFORE);
    is_in_order(&platform, load).await;
}

/// As an orchestrator does it: the old one is asked to stop, the new one is waited for.
async fn exchange(replica: &mut Replica, programs: &std::path::Path) {
    let ended = replica.terminate().await.unwrap().unwrap();
    assert!(ended.success(), "{} ended with {ended}:\n{}", replica.address(), replica.log());
    replica.exchange(programs);
    replica.start().await.unwrap();
    replica.ready().await.unwrap();
}

async fn schema(platform: &Platform) -> i32 {
    let newest = "select max(version) from refinery_schema_history";
    platform.database().await.unwrap().query_one(newest, &[]).await.unwrap().get(0)
}

/// Waits until deploys that began after this call have gone live.
async fn goes_on(platform: &Platform) {
    let database = platform.database().await.unwrap();
    let now = "select coalesce(max(position), 0) from line_events";
    let since: i64 = database.query_one(now, &[]).await.unwrap().get(0);
    wait::until("deploys to go live meanwhile", PATIENCE, || async {
        let live = "select count(*) from line_events l join line_events r using (deploy_id)
            where l.type = 'went_live' and r.type = 'requested' and r.position > $1";
        let live: i64 = database.query_one(live, &[&since]).await?.get(0);
        Ok((live >= ROUND).then_some(()))
    })
    .await
    .unwrap();
}

/// Somebody pushes to each app, again and again.
struct Load {
    senders: JoinSet<Vec<Uuid>>,
    enough: CancellationToken,
}

impl Load {
    async fn begin(platform: &Platform) -> Self {
        let (mut senders, enough) = (JoinSet::new(), CancellationToken::new());
        for number in 0..APPS {
            let app = platform.app(&format!("app-{number}")).await.unwrap();
            senders.spawn(push(platform.api.clone(), app, enough.clone()));
        }
        Self { senders, enough }
    }

    /// Ends it; what was accepted.
    async fn end(self) -> Vec<Uuid> {
        self.enough.cancel();
        self.senders.join_all().await.concat()
    }
}

async fn push(api: Api, app: LinkedApp, enough: CancellationToken) -> Vec<Uuid> {
    let (mut accepted, mut push) = (Vec::new(), app.push());
    let mut pace = time::interval(PACE);
    while !enough.is_cancelled() {
        pace.tick().await;
        accepted.push(deliver(&api, &app, &push).await);
        push = push.then(&e2e::deliveries::random_sha());
    }
    accepted
}

/// Sends a push until it is accepted, as the provider's button does.
async fn deliver(api: &Api, app: &LinkedApp, push: &e2e::deliveries::Push) -> Uuid {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // No answer: the replica was just being exchanged.
        if let Ok(answer) = api.deliver(app.id, &app.delivery(push)).await {
            if let Some(id) = answer.deploy_id() {
                return id;
            }
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        assert!(Instant::now() < deadline, "no replica accepts a push");
        time::sleep(REDELIVERY).await;
    }
}

async fn is_in_order(platform: &Platform, load: Load) {
    let accepted = load.end().await;
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
}
