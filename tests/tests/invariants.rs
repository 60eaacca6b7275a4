//! The invariants, on a platform that crashes meanwhile: judged by the checker, from the record alone.

use e2e::harness::{Options, Platform};

#[tokio::test]
async fn the_invariants_hold_over_duplicates_and_a_crash_after_the_commit() {
    let options = Options { ingress: 2, deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let deployer = &mut platform.deployer[0];
    deployer.start_with_failpoints("intake::committed=return").await.unwrap();

    let mut accepted = Vec::new();
    let mut newest = Vec::new();
    for name in ["one", "two", "three"] {
        let app = platform.app(name).await.unwrap();
        let first = app.push();
        let second = first.then(&e2e::deliveries::random_sha());
        for push in [&first, &second, &first] {
            accepted.push(platform.accepted(&app, push).await.unwrap());
        }
        newest.push(accepted[accepted.len() - 2]);
    }
    let ended = platform.deployer[0].ended().await.unwrap();
    assert!(!ended.success(), "it was to end at the boundary");
    platform.start_deployers().await.unwrap();
    for id in newest {
        platform.live(id).await.unwrap();
    }
    for id in &accepted {
        platform.ended(*id).await.unwrap();
    }

    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
    assert_eq!(world.pushes.len(), 6, "each push is stored once, however often it is delivered");
}
