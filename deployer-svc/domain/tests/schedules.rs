//! Random schedules of pushes, reports, crashes, duplicates and reorderings, held against the invariants.
//!
//! A failure prints its seed; `SCHEDULE_SEED=<seed> cargo test -p deploy-domain` runs that one alone.

mod invariants;
mod world;

use std::ops::Range;

use self::world::World;

const SCHEDULES: u64 = 10_000;

#[test]
fn the_invariants_hold_on_ten_thousand_random_schedules() {
    let alone = std::env::var("SCHEDULE_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = alone.map_or(0..SCHEDULES, |seed: u64| seed..seed + 1);
    // One half each: this is what an edit of a rule waits for.
    let run = |seeds: Range<u64>| {
        for seed in seeds {
            let outcome = std::panic::catch_unwind(|| World::new(seed).run());
            assert!(outcome.is_ok(), "SCHEDULE_SEED={seed}");
        }
    };
    let middle = u64::midpoint(seeds.start, seeds.end);
    std::thread::scope(|scope| {
        scope.spawn(move || run(seeds.start..middle));
        run(middle..seeds.end);
    });
}

#[test]
fn the_schedules_reach_every_event() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..500 {
        for event in World::new(seed).run() {
            *seen.entry(event.name()).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 18, "a rule that no schedule comes to is not tested: {seen:?}");
}
