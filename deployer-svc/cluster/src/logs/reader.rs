//! Reads one container's log over every interruption. A stream ends for many reasons (the container ended, a kubelet was
//! restarted, a proxy grew tired), so its end means nothing until the container was looked at again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use kube::api::LogParams;
use tokio::time::{sleep, timeout};

use super::Subject;
use super::containers::{Container, Look};
use super::cursor::{Position, Repeated};
use super::line::{Line, Lines};
use crate::errors::{Failure, within};

/// Between two looks at a container that writes nothing yet, or nothing more.
const PAUSE: Duration = Duration::from_millis(500);
/// A followed stream that is silent for so long is opened anew: the other end may be long gone. Until the first line it
/// may not even have answered.
const SILENCE: Duration = Duration::from_mins(1);
/// What is there already comes at once.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a snapshot is tried.
const TRIES: u32 = 4;

/// Which part of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is there; at most so many of the last lines.
    Snapshot { tail: Option<u32> },
    /// Everything to come, until the container is gone.
    All,
}

/// One container's log, from a position on.
pub(crate) struct Reader {
    subject: Arc<Subject>,
    pub(crate) container: Container,
    position: Option<Position>,
    part: Part,
    open: Option<Open>,
    failures: u32,
    /// The instance whose log was read to its end.
    read: Option<i32>,
}

/// An open stream.
struct Open {
    lines: Lines,
    repeated: Option<Repeated>,
    /// How the container was when the stream was opened.
    look: Look,
}

/// What became of the try to open a stream.
enum Opened {
    Stream(Open),
    Later,
    Never,
}

impl Reader {
    pub(crate) fn new(
        subject: Arc<Subject>,
        container: Container,
        position: Option<Position>,
        part: Part,
    ) -> Self {
        Self { subject, container, position, part, open: None, failures: 0, read: None }
    }

    /// The next line; `None` when there will be no more. After an error there are none either.
    pub(crate) async fn next(&mut self) -> Option<Result<Line, Failure>> {
        loop {
            let Some(open) = &mut self.open else {
                match self.open().await {
                    Ok(Opened::Stream(open)) => self.open = Some(open),
                    Ok(Opened::Later) => sleep(PAUSE).await,
                    Ok(Opened::Never) => return None,
                    Err(failure) => {
                        if let Err(failure) = self.endure(failure).await {
                            return Some(Err(failure));
                        }
                    }
                }
                continue;
            };
            match timeout(self.part.patience(), open.lines.next()).await {
                Ok(Ok(Some(line))) => {
                    if self.is_new(&line) {
                        self.failures = 0;
                        return Some(Ok(line));
                    }
                }
                Ok(Ok(None)) => {
                    if self.ended() {
                        return None;
                    }
                }
                Err(_) if self.part == Part::All => self.open = None,
                Ok(Err(error)) => {
                    self.open = None;
                    let failure = Failure::Transient(format!("the stream broke: {error}"));
                    if let Err(failure) = self.endure(failure).await {
                        return Some(Err(failure));
                    }
                }
                Err(_) => return Some(Err(Failure::Transient("the log stalled".to_owned()))),
            }
        }
    }

    /// A stream from the position on, as the container is now.
    async fn open(&mut self) -> Result<Opened, Failure> {
        let look = self.subject.agent.look(&self.subject.source, &self.container).await?;
        match look {
            Look::Gone => return Ok(Opened::Never),
            Look::Waiting => return Ok(self.later()),
            Look::Ended { instance, for_good } if self.read == Some(instance) => {
                return Ok(if for_good { Opened::Never } else { self.later() });
            }
            Look::Running { .. } | Look::Ended { .. } => {}
        }
        match self.stream(look).await {
            Ok(open) => Ok(Opened::Stream(open)),
            // It is about to start, or about to go: the next look tells.
            Err(Failure::Missing(_)) => Ok(self.later()),
            Err(Failure::Refused(_)) => Ok(match look {
                Look::Ended { for_good: true, .. } => Opened::Never,
                Look::Gone | Look::Waiting | Look::Running { .. } | Look::Ended { .. } => {
                    self.later()
                }
            }),
            Err(failure) => Err(failure),
        }
    }

    async fn stream(&mut self, look: Look) -> Result<Open, Failure> {
        let is_running = matches!(look, Look::Running { .. });
        let tail = match self.part {
            Part::Snapshot { tail } => tail,
            Part::All => None,
        };
        let params = LogParams {
            container: Some(self.container.name.clone()),
            follow: is_running && self.part == Part::All,
            since_time: self.position.and_then(Position::since),
            tail_lines: tail.map(i64::from),
            timestamps: true,
            ..LogParams::default()
        };
        let pods = self.subject.agent.pods(&self.subject.source);
        let opening = pods.log_stream(&self.container.pod, &params);
        let stream = if params.follow {
            // The kubelet's answer begins with the first line.
            timeout(SILENCE, opening).await.map_or_else(
                |_| Err(Failure::Missing("nothing was written".to_owned())),
                |answer| answer.map_err(Failure::from),
            )?
        } else {
            within(opening).await?
        };
        let repeated = self.position.map(Position::repeated);
        Ok(Open { lines: Lines::new(stream, !is_running), repeated, look })
    }

    /// Whether the line was not read before; notes that it is now.
    fn is_new(&mut self, line: &Line) -> bool {
        let Some(at) = line.at else { return true };
        let repeated = self.open.as_mut().and_then(|open| open.repeated.as_mut());
        if repeated.is_some_and(|repeated| repeated.has(at)) {
            return false;
        }
        self.position = Some(Position::behind(self.position, at));
        true
    }

    /// The stream has ended; whether that was all of it.
    fn ended(&mut self) -> bool {
        let look = self.open.take().map(|open| open.look);
        match look {
            _ if self.part != Part::All => true,
            Some(Look::Ended { for_good: true, .. }) => true,
            Some(Look::Ended { instance, .. }) => {
                self.read = Some(instance);
                false
            }
            Some(Look::Gone | Look::Waiting | Look::Running { .. }) | None => false,
        }
    }

    fn later(&self) -> Opened {
        if self.part == Part::All { Opened::Later } else { Opened::Never }
    }

    /// Waits before the next try; an error is one that waiting does not mend.
    async fn endure(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failures += 1;
        let is_last = self.part != Part::All && self.failures >= TRIES;
        if is_last || matches!(failure, Failure::Denied(_)) {
            return Err(failure);
        }
        if self.failures == TRIES {
            tracing::warn!(
                k8s.pod.name = self.container.pod,
                error = failure.shown(&self.subject.secret),
                "a log cannot be read; trying again"
            );
        }
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(8)
            .build();
        let nth = usize::try_from(self.failures.min(8)).unwrap_or(8) - 1;
        sleep(pauses.take(8).nth(nth).unwrap_or(Duration::from_secs(5))).await;
        Ok(())
    }
}

impl Part {
    fn patience(self) -> Duration {
        if self == Self::All { SILENCE } else { DEADLINE }
    }
}
