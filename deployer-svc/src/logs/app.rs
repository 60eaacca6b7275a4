//! The app's own lines, as the cluster has them. A cluster that cannot be asked costs these lines only: that is said
//! among them, and it is asked again.

use std::time::Duration;

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use paas_proto::cluster::{App as AppMessage, LogsRequest, LogsResponse, logs_request::Of};
use tokio::time::{Instant, sleep};

use super::{
    cursor::Place,
    line::{Line, Source},
};
use crate::{
    backoff,
    cluster_port::{Cluster, Error},
    store::App,
};

/// A stream that lasted so long had not failed.
const LASTED: Duration = Duration::from_secs(10);
/// Failures in a row after which that is said: one alone is a stream that was cut.
const TELLING: u32 = 2;

/// Where the lines of one app are.
#[derive(Debug, Clone)]
pub(super) struct AppLog {
    pub(super) cluster: Cluster,
    pub(super) app: App,
}

/// From where on.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    /// Behind the line with this cursor; empty: from the beginning.
    pub(super) cursor: String,
    /// Without a cursor: at most so many of the latest lines of each container; 0: all.
    pub(super) tail: u32,
}

impl AppLog {
    /// The lines that are there.
    pub(super) async fn there(
        &self,
        from: Beginning,
    ) -> Result<BoxStream<'static, Result<Line, Error>>, Error> {
        Ok(self.cluster.logs(self.request(from, false)).await?.map_ok(line).boxed())
    }

    /// The lines that are there, and those that come; `has_told` whether it was said already that they cannot be had.
    /// Never ends.
    pub(super) fn followed(self, from: Beginning, has_told: bool) -> BoxStream<'static, Line> {
        let follow = Followed { log: self, from, open: None, failures: 0, has_told };
        stream::unfold(follow, |mut follow| async { Some((follow.next().await, follow)) }).boxed()
    }

    fn request(&self, Beginning { cursor, tail }: Beginning, follow: bool) -> LogsRequest {
        let App { id, name, tenant_id } = &self.app;
        let app = AppMessage {
            app_id: id.to_string(),
            name: name.clone(),
            tenant_id: tenant_id.to_string(),
        };
        LogsRequest { of: Some(Of::App(app)), follow, cursor, tail }
    }
}

/// What is said when the lines cannot be had.
pub(super) fn unreachable() -> Line {
    Line::note("the cluster cannot be asked for the app's lines now; trying again".to_owned())
}

/// A stream that is open, and since when.
type Open = (BoxStream<'static, Result<LogsResponse, Error>>, Instant);

struct Followed {
    log: AppLog,
    from: Beginning,
    open: Option<Open>,
    failures: u32,
    has_told: bool,
}

impl Followed {
    async fn next(&mut self) -> Line {
        loop {
            match self.read().await {
                Ok(Some(line)) => {
                    (self.failures, self.has_told) = (0, false);
                    self.from.cursor.clone_from(&line.cursor);
                    return self::line(line);
                }
                // It does not end by itself: whoever served it went away.
                Ok(None) => self.failed(),
                Err(error) => {
                    self.failed();
                    tracing::debug!(app.id = %self.log.app.id, %error, "an app's lines cannot be read");
                    if self.failures >= TELLING && !self.has_told {
                        self.has_told = true;
                        return unreachable();
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Option<LogsResponse>, Error> {
        let (lines, _) = if let Some(open) = &mut self.open {
            open
        } else {
            if self.failures > 0 {
                sleep(backoff::short_delay(self.failures)).await;
            }
            let request = self.log.request(self.from.clone(), true);
            let lines = self.log.cluster.logs(request).await?.boxed();
            self.open.insert((lines, Instant::now()))
        };
        lines.next().await.transpose()
    }

    fn failed(&mut self) {
        let lasted = self.open.take().is_some_and(|(_, since)| since.elapsed() > LASTED);
        self.failures = if lasted { 1 } else { self.failures.saturating_add(1) };
    }
}

fn line(line: LogsResponse) -> Line {
    let at = line.at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    Line {
        at: at.unwrap_or_else(Timestamp::now),
        source: Source::App,
        deploy: None,
        origin: line.origin,
        text: line.text,
        place: Place::App(line.cursor),
    }
}
