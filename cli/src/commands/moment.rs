//! A point in time on the command line: how long ago, or when.

use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// As a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Ago(SignedDuration),
    At(Timestamp),
}

impl Moment {
    /// The point in time that is meant.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            // So long ago that there is no date for it is as long ago as can be.
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let ago = text.parse::<Span>().ok().and_then(|span| {
            span.to_duration(SpanRelativeTo::days_are_24_hours())
                .ok()
                .filter(|ago| !ago.is_negative())
        });
        ago.map(Self::Ago).ok_or(
            "neither a time like 2026-11-23T10:00:00Z nor how long ago, like 90s, 30m, 2h or 1d",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let before =
            |text: &str| text.parse::<Moment>().map(|moment| moment.before(now).to_string());
        for (text, time) in [
            ("2h", "2026-11-23T08:00:00Z"),
            ("90s", "2026-11-23T09:58:30Z"),
            ("1h30m", "2026-11-23T08:30:00Z"),
            ("1d", "2026-11-22T10:00:00Z"),
            ("2w", "2026-11-09T10:00:00Z"),
            ("0s", "2026-11-23T10:00:00Z"),
            ("2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
        ] {
            assert_eq!(before(text).unwrap(), time, "{text}");
        }
        for wrong in
            ["", "2", "h", "-2h", "yesterday", "2026-11-23", "2026-11-23T10:00:00", "1 month"]
        {
            assert!(before(wrong).is_err(), "{wrong}");
        }
    }
}
