//! An app's timeline: what is there, ordered by time; then, if it is followed, what comes, as it comes.
//!
//! Nothing runs on its own: whoever stops reading the stream ends all of it, and as much is read as is asked for.

mod tail;

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, stream, stream::BoxStream};
use paas_proto::deploys::DeployState;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        broadcast::{Receiver, error::RecvError},
    },
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    app::{AppLog, Beginning, unreachable},
    cursor::Cursor,
    line::{Line, Source},
    queues::Queues,
};
use crate::{
    cluster_port::{self, Cluster},
    store::{self, App, Notifications, Scope, Store, ToldEvent},
};

/// Timelines that one process tells at once.
const AT_ONCE: usize = 256;
/// Of these, so many ask the database at once: its connections are the deploys' first.
const ASKING: usize = 4;
/// Word of a change may be lost.
const POLL: Duration = Duration::from_secs(1);
/// Read at once.
const EVENTS: u32 = 500;
const CHUNKS: u32 = 8;
/// The cluster has so long for the next of the lines that are there.
const APP_PATIENCE: Duration = Duration::from_secs(5);
/// A deploy's timeline waits no longer than this after its end for the rest of its build's log.
const LATE: Duration = Duration::from_secs(30);

/// Why a timeline is not told, or breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{AT_ONCE} logs are being read: try again when one has ended")]
    Busy,
    #[error("this deployer is shutting down; try again")]
    Draining,
}

/// What somebody wants to read.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) app: App,
    /// Only this deploy's events and build.
    pub(crate) deploy: Option<Uuid>,
    pub(crate) sources: Vec<Source>,
    /// Of what is there, the latest lines; at least one.
    pub(crate) tail: u32,
    /// Behind this line; then `tail` does not count.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) follow: bool,
}

impl Order {
    fn wants(&self, source: Source) -> bool {
        self.sources.contains(&source) && (source != Source::App || self.deploy.is_none())
    }

    fn scope(&self) -> Scope {
        Scope { app: self.app.id, deploy: self.deploy }
    }
}

/// A line, and the cursor that goes on behind it.
pub(crate) type Told = (Line, Cursor);

/// Tells timelines. A clone shares the limit on them.
#[derive(Debug, Clone)]
pub(crate) struct Timelines {
    store: Store,
    notifications: Notifications,
    cluster: Cluster,
    shutdown: CancellationToken,
    few: Arc<Semaphore>,
    asking: Arc<Semaphore>,
}

impl Timelines {
    pub(crate) fn new(
        store: Store,
        notifications: Notifications,
        cluster: Cluster,
        shutdown: CancellationToken,
    ) -> Self {
        let (few, asking) = (Semaphore::new(AT_ONCE), Semaphore::new(ASKING));
        let (few, asking) = (Arc::new(few), Arc::new(asking));
        Self { store, notifications, cluster, shutdown, few, asking }
    }

    /// The lines, each with its cursor. What is there is read when the first of them is asked for: a cluster that is
    /// slow holds up the answer's lines, and not the answer.
    pub(crate) fn tell(
        &self,
        order: Order,
    ) -> Result<impl Stream<Item = Result<Told, Error>> + Send + use<>, Error> {
        let permit = self.few.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let timeline = Timeline::new(self, order, permit);
        Ok(stream::unfold(Some(timeline), |timeline| async {
            let mut timeline = timeline?;
            match timeline.next().await {
                Ok(told) => told.map(|told| (Ok(told), Some(timeline))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

struct Timeline {
    store: Store,
    shutdown: CancellationToken,
    order: Order,
    app_log: AppLog,
    cursor: Cursor,
    queues: Queues,
    /// Whether it was looked what is there.
    has_begun: bool,
    /// What is there and was not told yet; nothing once all of it was.
    there: Option<There>,
    /// The app's lines as they come.
    coming: Option<BoxStream<'static, Line>>,
    /// Whether it was said that the app's lines cannot be had.
    has_told: bool,
    /// What the last look gave. While events wait for lines of their build, what the app says comes after them.
    seen: Page,
    moved: Receiver<Uuid>,
    kept: Receiver<Uuid>,
    poll: Interval,
    asking: Arc<Semaphore>,
    _one_of_few: OwnedSemaphorePermit,
}

/// What is still to be read of what was there at the beginning.
struct There {
    events: bool,
    chunks: bool,
    app: Option<BoxStream<'static, Result<Line, cluster_port::Error>>>,
}

/// What looking for more came to.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    GoesOn,
    Over,
}

impl Timeline {
    fn new(timelines: &Timelines, order: Order, permit: OwnedSemaphorePermit) -> Self {
        let Timelines { store, notifications, cluster, shutdown, asking, .. } = timelines.clone();
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            app_log: AppLog { cluster, app: order.app.clone() },
            cursor: order.cursor.clone().unwrap_or_default(),
            // Listening comes first: what happens while the rest is read is then heard, not lost.
            moved: notifications.subscribe(),
            kept: notifications.subscribe_logs(),
            store,
            shutdown,
            order,
            queues: Queues::default(),
            has_begun: false,
            there: None,
            coming: None,
            has_told: false,
            seen: Page::Full,
            poll,
            asking,
            _one_of_few: permit,
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.there = Some(if self.order.cursor.is_some() {
            There { events: true, chunks: true, app: self.app_lines_there().await }
        } else {
            self.take_tail().await?;
            There { events: false, chunks: false, app: None }
        });
        Ok(())
    }

    /// The next line, once there is one; `None` at the end.
    async fn next(&mut self) -> Result<Option<Told>, Error> {
        if !self.has_begun {
            self.has_begun = true;
            self.begin().await?;
        }
        loop {
            if self.shutdown.is_cancelled() {
                return Err(Error::Draining);
            }
            self.fill().await?;
            if let Some(line) = self.queues.pop() {
                self.cursor.pass(&line.place);
                return Ok(Some((line, self.cursor.clone())));
            }
            if self.there.take().is_some() {
                if !self.order.follow {
                    return Ok(None);
                }
                self.coming = self.follow_app();
            } else if self.wait().await? == Look::Over {
                return Ok(None);
            }
        }
    }

    /// Of what is there, at least one line of each source that has one: only then is it known which comes first.
    async fn fill(&mut self) -> Result<(), Error> {
        let Some(mut there) = self.there.take() else { return Ok(()) };
        if there.events && self.queues.deploy.is_empty() {
            there.events = self.read_events().await? == Page::Full;
        }
        if there.chunks && self.queues.build.is_empty() {
            there.chunks = self.read_chunks().await? == Page::Full;
        }
        if self.queues.app.is_empty()
            && let Some(lines) = &mut there.app
        {
            match timeout(APP_PATIENCE, lines.next()).await {
                Ok(Some(Ok(line))) => self.queues.app.push_back(line),
                Ok(None) => there.app = None,
                Ok(Some(Err(_))) | Err(_) => {
                    there.app = None;
                    let note = self.unreachable();
                    self.queues.app.push_back(note);
                }
            }
        }
        self.there = Some(there);
        Ok(())
    }

    async fn app_lines_there(
        &mut self,
    ) -> Option<BoxStream<'static, Result<Line, cluster_port::Error>>> {
        if !self.order.wants(Source::App) {
            return None;
        }
        let lines = timeout(APP_PATIENCE, self.app_log.there(self.app_from())).await;
        if let Ok(Ok(lines)) = lines {
            return Some(lines);
        }
        let note = self.unreachable();
        self.queues.app.push_back(note);
        None
    }

    fn unreachable(&mut self) -> Line {
        self.has_told = true;
        unreachable()
    }

    fn app_from(&self) -> Beginning {
        tail::from(&self.cursor.app)
    }

    fn follow_app(&self) -> Option<BoxStream<'static, Line>> {
        let wanted = self.order.wants(Source::App);
        wanted.then(|| self.app_log.clone().followed(self.app_from(), self.has_told))
    }

    /// Waits until there may be more.
    async fn wait(&mut self) -> Result<Look, Error> {
        let app = self.order.app.id;
        if self.seen != Page::Full {
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(Error::Draining),
                line = next_of(&mut self.coming), if self.seen != Page::Held => {
                    self.queues.app.push_back(line);
                    return Ok(Look::GoesOn);
                }
                () = word_of(&mut self.moved, app) => {}
                () = word_of(&mut self.kept, app) => {}
                _ = self.poll.tick() => {}
            }
        }
        self.look().await
    }

    /// Reads what came.
    async fn look(&mut self) -> Result<Look, Error> {
        let asking = Arc::clone(&self.asking);
        let _turn = asking.acquire().await;
        // Asked first: what is read after the end is all of it.
        let is_over = self.is_over().await?;
        let events = self.read_events().await?;
        let chunks = self.read_chunks().await?;
        self.seen = if chunks == Page::Full { chunks } else { events };
        let nothing_came = self.queues.len() == 0 && self.seen == Page::Short;
        Ok(if is_over && nothing_came { Look::Over } else { Look::GoesOn })
    }

    /// Whether the one deploy that is followed has ended, and nothing of its build is still to come.
    async fn is_over(&mut self) -> Result<bool, Error> {
        let Some(deploy) = self.order.deploy else { return Ok(false) };
        let Some(standing) = self.store.standing(deploy).await? else { return Ok(true) };
        let has_ended = DeployState::from_name(&standing.state).is_some_and(DeployState::has_ended);
        let waits = self.order.wants(Source::Build) && standing.log_is_open;
        Ok(has_ended && (!waits || standing.since > LATE))
    }

    async fn read_events(&mut self) -> Result<Page, Error> {
        if !self.order.wants(Source::Deploy) {
            return Ok(Page::Short);
        }
        let (scope, behind) = (self.order.scope(), self.cursor.version);
        let page = self.store.events_behind(scope, behind, EVENTS).await?;
        let found = page.len();
        let ready = self.ready(page);
        let told = ready.len();
        self.queues.deploy.extend(ready);
        Ok(if told < found {
            Page::Held
        } else if is_full(found, EVENTS) {
            Page::Full
        } else {
            Page::Short
        })
    }

    /// The events up to the first that waits for lines of its build, as lines.
    fn ready(&self, page: Vec<ToldEvent>) -> Vec<Line> {
        let waits = self.order.follow && self.order.wants(Source::Build);
        page.into_iter()
            .take_while(|event| !(waits && event.is_early))
            .map(Line::of_event)
            .collect()
    }

    async fn read_chunks(&mut self) -> Result<Page, Error> {
        if !self.order.wants(Source::Build) {
            return Ok(Page::Short);
        }
        let Cursor { chunk: position, line, .. } = self.cursor;
        let page = self.store.chunks_from(self.order.scope(), position, CHUNKS).await?;
        for chunk in &page {
            let told = if chunk.position == position { line } else { 0 };
            self.queues.build.extend(Line::of_chunk(chunk, told));
        }
        Ok(if is_full(page.len(), CHUNKS) { Page::Full } else { Page::Short })
    }
}

/// How much a reading gave.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    /// There may be more.
    Full,
    Short,
    /// The rest has to wait.
    Held,
}

fn is_full(found: usize, limit: u32) -> bool {
    u32::try_from(found).is_ok_and(|found| found >= limit)
}

async fn next_of(lines: &mut Option<BoxStream<'static, Line>>) -> Line {
    if let Some(lines) = lines
        && let Some(line) = lines.next().await
    {
        return line;
    }
    std::future::pending().await
}

async fn word_of(news: &mut Receiver<Uuid>, app: Uuid) {
    loop {
        match news.recv().await {
            Ok(other) if other != app => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
