//! How long to wait after so many failures in a row.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// Failures after which the short wait grows no more.
const SHORT: u32 = 4;

/// Twice as long after each failure, up to half a minute; up to half of it less, so that those who failed together do
/// not come back together.
pub(crate) fn delay(failures: u32) -> Duration {
    jittered(full(failures))
}

/// The same for what costs nothing to try and holds everything up while it is away: at most four seconds.
pub(crate) fn short_delay(failures: u32) -> Duration {
    delay(failures.min(SHORT))
}

/// At random between half the duration and all of it.
pub(crate) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.5..=1.0))
}

fn full(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_up_to_half_a_minute() {
        let millis = [1, 2, 3, 7, u32::MAX].map(|failures| full(failures).as_millis());
        assert_eq!(millis, [500, 1_000, 2_000, 30_000, 30_000]);
    }

    #[test]
    fn a_wait_is_never_shorter_than_half_nor_longer_than_whole() {
        for _ in 0..200 {
            let wait = delay(7);
            assert!(wait >= LONGEST / 2 && wait <= LONGEST, "{wait:?}");
            assert!(short_delay(u32::MAX) <= Duration::from_secs(4));
        }
    }
}
