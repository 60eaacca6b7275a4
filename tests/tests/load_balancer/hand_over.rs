//! Two replicas behind haproxy are restarted, one after the other, while deliveries come in.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anstream::eprintln;
use e2e::{
    api::{Answer, Api},
    deliveries::{Delivery, Push, random_sha},
    harness::{Options, Platform},
    process::Signal,
};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use uuid::Uuid;

use super::balancer::Balancer;

const DELIVERIES: usize = 2_000;
const CLIENTS: usize = 8;
/// Of few apps, so that most pushes are superseded by the next one.
const APPS: usize = 3;
/// Each client's pace: the restarts take about ten seconds.
const PACE: Duration = Duration::from_millis(50);
/// In this time a reset connection has been noticed by whoever holds its other end.
const NOTICED: Duration = Duration::from_millis(250);
/// For two thousand pushes, on a machine that runs other tests as well.
const REST: Duration = Duration::from_mins(3);

#[tokio::test]
async fn replicas_are_restarted_under_load_and_only_a_kill_is_noticed() {
    let options = Options {
        ingress: 2,
        ingress_env: vec![
            ("DRAIN_SECONDS", "3".to_owned()),
            ("TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ],
        ..Options::default()
    };
    let mut platform = Platform::start_with(options).await.unwrap();
    let replicas = [platform.ingress[0].address(), platform.ingress[1].address()];
    let balancer = Balancer::start(replicas).await.unwrap();
    let load = Load::begin(&platform, &balancer).await;

    for index in [0, 1] {
        load.goes_on(CLIENTS * 2).await;
        platform.ingress[index].signal(Signal::SIGTERM).unwrap();
        balancer.sees(index + 1, "DOWN").await.unwrap();
        assert!(platform.ingress[index].ended().await.unwrap().success());
        load.goes_on(CLIENTS * 2).await;
        platform.ingress[index].start().await.unwrap();
        balancer.sees(index + 1, "UP").await.unwrap();
    }
    load.goes_on(CLIENTS * 2).await;
    let began = Instant::now();
    platform.ingress[0].kill().await.unwrap();
    let killed = Instant::now();
    balancer.sees(1, "DOWN").await.unwrap();
    platform.ingress[0].start().await.unwrap();
    balancer.sees(1, "UP").await.unwrap();
    load.goes_on(CLIENTS * 2).await;

    let sent = load.end().await;
    let failed: Vec<_> = sent.iter().filter(|sent| sent.promised().is_none()).collect();
    eprintln!("{} deliveries, {} of them failed at the kill", sent.len(), failed.len());
    assert!(sent.len() >= DELIVERIES);
    for failure in &failed {
        let in_flight = failure.began <= killed + NOTICED && failure.ended >= began;
        assert!(in_flight, "{failure:?} was not in flight when a replica was killed");
        assert!(!failure.is_success(), "{failure:?}");
    }
    assert!(failed.len() <= CLIENTS, "each client has one request in flight: {failed:?}");

    let accepted: Vec<Uuid> = sent.iter().filter_map(Sent::promised).collect();
    platform.at_rest(&accepted, REST).await.unwrap();
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
}

/// A delivery, and what its sender saw.
#[derive(Debug)]
struct Sent {
    began: Instant,
    ended: Instant,
    /// `None` when the connection broke.
    answer: Option<Answer>,
}

impl Sent {
    fn promised(&self) -> Option<Uuid> {
        self.answer.as_ref().filter(|answer| answer.status == 202)?.deploy_id()
    }

    fn is_success(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status < 300)
    }
}

/// Clients that deliver one push after the other, each on a connection that it keeps.
struct Load {
    clients: JoinSet<Vec<Sent>>,
    answered: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    async fn begin(platform: &Platform, balancer: &Balancer) -> Self {
        let mut lanes = Vec::new();
        for number in 0..APPS {
            let app = platform.app(&format!("app-{number}")).await.unwrap();
            lanes.push((Arc::new(Mutex::new(app.push())), app));
        }
        let (answered, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let mut clients = JoinSet::new();
        for (last, app) in lanes.iter().cycle().take(CLIENTS).cloned() {
            let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
            let api = Api::new(balancer.url(), "").unwrap();
            clients.spawn(async move {
                let (mut sent, mut pace) = (Vec::new(), time::interval(PACE));
                while !is_over.load(Ordering::Relaxed)
                    || answered.load(Ordering::Relaxed) < DELIVERIES
                {
                    pace.tick().await;
                    let push = next(&last);
                    sent.push(deliver(&api, app.id, &app.delivery(&push)).await);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                sent
            });
        }
        Self { clients, answered, is_over }
    }

    /// Waits until so many more are answered.
    async fn goes_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        e2e::wait::until("more answers", REST, || async {
            Ok((self.answered.load(Ordering::Relaxed) >= wanted).then_some(()))
        })
        .await
        .unwrap();
    }

    /// What was sent, once it is enough.
    async fn end(self) -> Vec<Sent> {
        self.is_over.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

/// The next push to an app's repository: each begins where the one before ended.
fn next(last: &Mutex<Push>) -> Push {
    let mut last = last.lock().unwrap();
    *last = last.then(&random_sha());
    last.clone()
}

async fn deliver(api: &Api, app: Uuid, delivery: &Delivery) -> Sent {
    let began = Instant::now();
    let answer = api.deliver(app, delivery).await.ok();
    Sent { began, ended: Instant::now(), answer }
}
