//! Points in time and how long things took, as people write them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Day and time, at the person's place.
pub(crate) fn moment(at: Option<Timestamp>, zone: &TimeZone) -> String {
    format(at, zone, "%F %T")
}

/// The time of the day, at the person's place.
pub(crate) fn clock(at: Option<Timestamp>, zone: &TimeZone) -> String {
    format(at, zone, "%T")
}

fn format(at: Option<Timestamp>, zone: &TimeZone, format: &str) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_zoned(zone.clone()).strftime(format).to_string())
}

/// How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn took(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<String> {
    let took = to?.duration_since(from?).max(SignedDuration::ZERO);
    let seconds = took.as_secs();
    Some(match seconds {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_the_persons_zone() {
        let at = Some("2026-11-23T23:30:05Z".parse().unwrap());
        assert_eq!(moment(at, &TimeZone::UTC), "2026-11-23 23:30:05");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(
            (moment(at, &zone), clock(at, &zone)),
            ("2026-11-24 01:30:05".into(), "01:30:05".into())
        );
        assert_eq!(moment(None, &zone), "-");
    }

    #[test]
    fn how_long_it_took_is_told_as_exactly_as_matters() {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        let after = |milliseconds| {
            took(Some(start), start.checked_add(SignedDuration::from_millis(milliseconds)).ok())
        };
        assert_eq!(after(420).unwrap(), "0.4 s");
        assert_eq!(after(12_900).unwrap(), "12 s");
        assert_eq!(after(185_000).unwrap(), "3 min 5 s");
        assert_eq!(after(7_800_000).unwrap(), "2 h 10 min");
        assert_eq!(after(-5).unwrap(), "0.0 s");
        assert_eq!(took(None, Some(start)), None);
    }
}
