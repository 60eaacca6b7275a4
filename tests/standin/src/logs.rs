//! What the containers are said to have written. Nothing runs, so each log is made up from when its container began and
//! ended: the same lines at the same times, however often it is read.

use jiff::{SignedDuration, Timestamp};

use crate::switches::Logs;

/// Lines of a burst that share their time, so that whoever resumes has to count.
const AT_ONCE: u64 = 3;

/// The log of one container.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) began: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// What it says first.
    pub(crate) first: Vec<String>,
    /// What it says last, when it has ended.
    pub(crate) last: Vec<String>,
    pub(crate) logs: Logs,
}

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) timestamps: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) tail: Option<u64>,
}

impl Log {
    /// The line with this number and its time; `None` when there is none yet, or never will be.
    pub(crate) fn line(&self, number: u64) -> Option<(Timestamp, String)> {
        let first = u64::try_from(self.first.len()).unwrap_or(u64::MAX);
        if let Some(text) = usize::try_from(number).ok().and_then(|at| self.first.get(at)) {
            return Some((self.began, text.clone()));
        }
        let number = number - first;
        if number < self.logs.lines {
            let at = self.after(self.burst(number));
            return Some((at, format!("line {} of {}", number + 1, self.logs.lines)));
        }
        let number = number - self.logs.lines;
        let at = self.after(self.burst(self.logs.lines).saturating_add(self.tick(number + 1)?));
        match self.ended {
            Some(ended) if at > ended => {
                let told = self.ticks_until(ended);
                let text = usize::try_from(number - told).ok().and_then(|at| self.last.get(at))?;
                Some((ended, text.clone()))
            }
            _ => Some((at, format!("tick {}", number + 1))),
        }
    }

    /// The lines that are there at a time, from the number on that is wanted.
    pub(crate) fn first_number(&self, wanted: &Wanted, now: Timestamp) -> u64 {
        let since = wanted.since.unwrap_or(Timestamp::MIN);
        let there = || (0..).map_while(|number| self.line(number)).take_while(|(at, _)| *at <= now);
        let before = there().take_while(|(at, _)| *at < since).count() as u64;
        let all = wanted.tail.map_or(0, |tail| (there().count() as u64).saturating_sub(tail));
        before.max(all)
    }

    /// A line as it is sent.
    pub(crate) fn shown(wanted: &Wanted, at: Timestamp, text: &str) -> String {
        if wanted.timestamps {
            format!("{} {text}\n", at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ"))
        } else {
            format!("{text}\n")
        }
    }

    fn after(&self, delay: SignedDuration) -> Timestamp {
        self.began.checked_add(delay).unwrap_or(Timestamp::MAX)
    }

    /// When a line of the burst is written: some at a time, a microsecond apart.
    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    fn burst(&self, number: u64) -> SignedDuration {
        SignedDuration::from_micros(i64::try_from(number / AT_ONCE).unwrap_or(i64::MAX))
    }

    /// When a tick is written, after the burst. Without a rate never, but for whoever has ended.
    fn tick(&self, number: u64) -> Option<SignedDuration> {
        let rate = u64::from(self.logs.per_second);
        match (rate, self.ended) {
            (0, None) => None,
            (0, Some(_)) => Some(SignedDuration::MAX),
            _ => {
                let nanos = number.saturating_mul(1_000_000_000) / rate;
                Some(SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
            }
        }
    }

    fn ticks_until(&self, end: Timestamp) -> u64 {
        let lasted = end.duration_since(self.after(self.burst(self.logs.lines)));
        let nanos = u128::try_from(lasted.as_nanos()).unwrap_or(0);
        let ticks = ((nanos + 1) * u128::from(self.logs.per_second)).div_ceil(1_000_000_000);
        u64::try_from(ticks).unwrap_or(u64::MAX).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(seconds: i64, lines: u64, per_second: u32) -> Log {
        let began = "2026-11-23T12:00:00Z".parse().unwrap();
        Log {
            began,
            ended: Some(began + SignedDuration::from_secs(seconds)),
            first: vec!["first".to_owned()],
            last: vec!["last".to_owned()],
            logs: Logs { lines, per_second, ..Logs::default() },
        }
    }

    fn texts(log: &Log) -> Vec<String> {
        (0..).map_while(|number| log.line(number)).map(|(_, text)| text).collect()
    }

    #[test]
    fn a_log_that_has_ended_is_the_same_however_it_is_read() {
        let log = log(2, 3, 2);
        let burst = ["first", "line 1 of 3", "line 2 of 3", "line 3 of 3"];
        let expected = [&burst[..], &["tick 1", "tick 2", "tick 3", "last"]].concat();
        assert_eq!(texts(&log), expected, "the fourth tick would come a moment too late");
        let times: Vec<_> = (0..8).map(|number| log.line(number).unwrap().0).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn a_quiet_container_says_its_first_and_its_last() {
        assert_eq!(texts(&log(1, 0, 0)), ["first", "last"]);
        let runs = Log { ended: None, ..log(1, 0, 0) };
        assert_eq!(texts(&runs), ["first"]);
    }

    #[test]
    fn a_tail_and_a_time_leave_out_what_came_before() {
        let log = log(2, 0, 2);
        let first = |since: Option<&str>, tail| {
            let since = since.map(|since| since.parse().unwrap());
            let wanted = Wanted { timestamps: true, since, tail };
            log.line(log.first_number(&wanted, Timestamp::MAX)).map(|(_, text)| text)
        };
        assert_eq!(first(None, None).unwrap(), "first");
        assert_eq!(first(Some("2026-11-23T12:00:01Z"), None).unwrap(), "tick 2");
        assert_eq!(first(None, Some(2)).unwrap(), "tick 4");
        assert_eq!(first(None, Some(0)), None);
    }
}
