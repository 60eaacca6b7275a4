//! What was found, and what to do about it in one line.

use std::{fmt, time::Duration};

use jiff::SignedDuration;
use serde::Serialize;

/// A clock that is off by more makes tokens, certificates and times on record wrong.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Area {
    Keys,
    Database,
    Broker,
    Cluster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// Works, but not as well as it should.
    Warn,
    /// Deploys cannot work.
    Fail,
}

/// What was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    area: Area,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Area {
    pub(super) fn ok(self, text: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Ok, area: self, text: one_line(text), fix: None }
    }

    pub(super) fn warn(self, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        let fix = Some(one_line(fix));
        Finding { verdict: Verdict::Warn, area: self, text: one_line(text), fix }
    }

    pub(super) fn fail(self, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        let fix = Some(one_line(fix));
        Finding { verdict: Verdict::Fail, area: self, text: one_line(text), fix }
    }

    /// What a clock that is ahead of ours by so much means; `blur` is how exactly that is known.
    pub(super) fn clock(self, ahead: SignedDuration, blur: Duration) -> Finding {
        let off = ahead.unsigned_abs();
        if off <= CLOCK_TOLERANCE + blur {
            return self.ok("its clock agrees with this machine's");
        }
        let side = if ahead.is_negative() { "behind" } else { "ahead of" };
        self.warn(
            format!("its clock is {} s {side} this machine's", off.as_secs()),
            "keep both machines' time by NTP (`timedatectl set-ntp true`)",
        )
    }
}

/// Errors of others may have several.
fn one_line(text: impl Into<String>) -> String {
    text.into().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        let area = match self.area {
            Area::Keys => "keys",
            Area::Database => "database",
            Area::Broker => "broker",
            Area::Cluster => "cluster",
        };
        write!(f, "{verdict:<5}{area}: {}", self.text)?;
        self.fix.iter().try_for_each(|fix| write!(f, "\n     -> {fix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_to_do() {
        assert_eq!(Area::Database.ok("answers").to_string(), "ok   database: answers");
        let finding = Area::Database.fail("no\n schema", "run migrate");
        assert_eq!(finding.to_string(), "fail database: no schema\n     -> run migrate");
    }

    #[test]
    fn a_clock_is_off_only_when_the_question_took_less_than_that() {
        let blur = Duration::from_millis(100);
        let verdict = |ahead| Area::Broker.clock(SignedDuration::from_secs(ahead), blur).verdict;
        assert_eq!([verdict(0), verdict(2), verdict(-2)], [Verdict::Ok; 3]);
        assert_eq!([verdict(3), verdict(-3)], [Verdict::Warn; 2]);
        let slow = Area::Broker.clock(SignedDuration::from_secs(3), Duration::from_secs(1));
        assert_eq!(slow.verdict, Verdict::Ok);
        let late = Area::Broker.clock(SignedDuration::from_secs(-90), blur);
        assert!(late.text.contains("90 s behind"), "{late}");
    }
}
