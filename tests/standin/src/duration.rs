//! Durations as Go writes them (`1h0m0s`), which is how Tekton's timeouts are given and shown.

use std::time::Duration;

/// Reads `90s`, `30m` or `1h2m3s`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let number: u64 = number.parse().ok()?;
        total += match unit {
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Writes whole seconds as Go does.
pub(crate) fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_as_go_shows_it() {
        for (given, shown) in [("30m", "30m0s"), ("1h", "1h0m0s"), ("3s", "3s"), ("90s", "1m30s")] {
            assert_eq!(parse(given).map(format).as_deref(), Some(shown));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "m", "30", "5 s", "-1s"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
