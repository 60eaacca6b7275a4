//! Two replicas of each service under a storm of pushes: duplicated, shuffled, some of them failing, and then with
//! replicas that are killed meanwhile. What is on record afterwards is judged by the checker alone.

use std::{collections::BTreeSet, time::Duration};

use anstream::eprintln;
use e2e::{
    api::Api,
    checker::World,
    deliveries::{Delivery, Push, random_sha},
    harness::{LinkedApp, Options, Platform},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Map, json};
use tokio::{task::JoinSet, time};
use uuid::Uuid;

const APPS: usize = 20;
const PUSHES_PER_APP: usize = 10;
const SENDERS: usize = 5;
/// How often somebody who sees a delivery fail sends it again.
const REDELIVERY: Duration = Duration::from_millis(200);
const KILL_EVERY: Duration = Duration::from_millis(900);
const FEWEST_KILLS: usize = 10;
/// For two hundred deploys on a machine that runs other tests as well.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_storm_of_pushes_ends_in_order() {
    let platform = platform().await;
    let storm = Storm::prepare(&platform).await;
    let accepted = storm.blow(&platform).join_all().await.concat();
    check(&platform, accepted).await;
}

#[tokio::test]
async fn a_storm_of_pushes_ends_in_order_while_replicas_are_killed() {
    let mut platform = platform().await;
    let storm = Storm::prepare(&platform).await;
    let mut rng = StdRng::seed_from_u64(storm.seed);
    let senders = tokio::spawn(storm.blow(&platform).join_all());
    let mut every = time::interval(KILL_EVERY);
    let mut kills = 0;
    while kills < FEWEST_KILLS || !senders.is_finished() {
        every.tick().await;
        let is_ingress = rng.random();
        let replicas = if is_ingress { &mut platform.ingress } else { &mut platform.deployer };
        let index = rng.random_range(0..replicas.len());
        let victim = &mut replicas[index];
        victim.kill().await.unwrap();
        victim.start().await.unwrap();
        kills += 1;
    }
    let accepted = senders.await.unwrap().concat();
    check(&platform, accepted).await;
}

async fn platform() -> Platform {
    let options = Options { ingress: 2, deployer: 2, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

/// Deliveries, in the order of each sender.
struct Storm {
    seed: u64,
    lanes: Vec<Vec<(Uuid, Delivery)>>,
}

impl Storm {
    async fn prepare(platform: &Platform) -> Self {
        let seed = std::env::var("STORM_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(rand::random);
        eprintln!("STORM_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut lanes: Vec<Vec<(Uuid, Delivery)>> = vec![Vec::new(); SENDERS];
        let mut courses = Map::new();
        for number in 0..APPS {
            let provider = if number % 4 == 0 { "gitlab" } else { "github" };
            let name = format!("app-{number}");
            let app = platform.linked_app(&name, provider, json!({})).await.unwrap();
            let pushes = history(&app);
            for push in &pushes {
                match rng.random_range(0..20) {
                    0 | 1 => courses.insert(push.after.clone(), json!({ "build": "fail" })),
                    2 => courses.insert(push.after.clone(), json!({ "rollout": "fail" })),
                    _ => None,
                };
            }
            let copies = pushes.iter().flat_map(|push| {
                let copies = rng.random_range(1..=3);
                std::iter::repeat_n((app.id, app.delivery(push)), copies)
            });
            let mut deliveries: Vec<_> = copies.collect();
            if provider == "github" {
                // Each says when it was pushed, so any order and any number of senders will do.
                deliveries.shuffle(&mut rng);
                for delivery in deliveries {
                    lanes[rng.random_range(0..SENDERS)].push(delivery);
                }
            } else {
                // These are told apart by arrival, save for neighbours.
                lanes[number % SENDERS].extend(deliveries);
            }
        }
        platform.switch(json!({ "commits": courses })).await.unwrap();
        Self { seed, lanes }
    }

    /// Sends everything, each lane beside the others; what each was promised.
    fn blow(self, platform: &Platform) -> JoinSet<Vec<Uuid>> {
        let mut senders = JoinSet::new();
        for lane in self.lanes {
            let api = platform.api.clone();
            senders.spawn(async move {
                let mut promised = Vec::new();
                for (app, delivery) in lane {
                    promised.extend(deliver(&api, app, &delivery).await);
                }
                promised
            });
        }
        senders
    }
}

/// The pushes of an app in their order: each begins where the one before ended.
fn history(app: &LinkedApp) -> Vec<Push> {
    let first = app.push();
    std::iter::successors(Some(first), |push| Some(push.then(&random_sha())))
        .take(PUSHES_PER_APP)
        .collect()
}

/// Sends a delivery until it is answered with a 202, as the provider's button does; the deploy that was promised.
async fn deliver(api: &Api, app: Uuid, delivery: &Delivery) -> Option<Uuid> {
    let mut again = time::interval(REDELIVERY);
    loop {
        again.tick().await;
        // No answer: the replica was killed with the request in its hands.
        let Ok(answer) = api.deliver(app, delivery).await else { continue };
        match answer.status {
            202 => return answer.deploy_id(),
            503 => {}
            _ => panic!("{answer:?}"),
        }
    }
}

async fn check(platform: &Platform, accepted: Vec<Uuid>) {
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
    was_a_storm(&world);
}

/// That the checker had something to find fault with.
fn was_a_storm(world: &World) {
    assert_eq!(world.apps.len(), APPS);
    assert!(world.pushes.len() >= APPS * PUSHES_PER_APP, "{} pushes", world.pushes.len());
    let states: BTreeSet<_> = world.deploys.values().map(|deploy| deploy.state.as_str()).collect();
    for state in ["live", "failed", "superseded"] {
        assert!(states.contains(state), "no deploy is {state}");
    }
}
