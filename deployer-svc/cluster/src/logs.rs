//! What a build's steps and an app's pods write. First what is there, ordered by time; then, if it is followed, what
//! comes, as it comes. Nothing runs on its own here: whoever stops reading the stream ends all of it.
//!
//! `containers` finds who writes, `reader` reads one of them over every interruption, `line` cuts its bytes into lines,
//! `backlog` and `follow` bring several readers together, `cursor` says how far somebody has read.

mod backlog;
mod containers;
mod cursor;
mod follow;
mod line;
mod reader;

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use paas_proto::cluster::LogsResponse;
use tonic::Status;
use uuid::Uuid;

pub(crate) use cursor::Cursor;

use crate::agent::Agent;
use crate::errors::{Failure, redact, within};
use crate::request::{App, Label};
use backlog::Backlog;
use follow::Follow;
use line::Line;

/// Whose lines.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The steps of a build.
    Build { run: Label, deploy: Uuid },
    /// The pods of an app.
    App(App),
}

/// Which lines.
#[derive(Debug)]
pub(crate) struct LogOrder {
    pub(crate) source: Source,
    pub(crate) follow: bool,
    pub(crate) cursor: Cursor,
    /// At most so many of the latest lines of each container; not with a cursor.
    pub(crate) tail: Option<u32>,
}

/// How far the stream is.
enum Stage {
    Start(Arc<Subject>, LogOrder),
    Backlog(Box<Backlog>, bool),
    Follow(Box<Follow>),
    Over,
}

impl Agent {
    /// The lines, one message each. An error ends them; the cursor of the last one leads on.
    pub(crate) async fn lines(
        &self,
        order: LogOrder,
    ) -> Result<BoxStream<'static, Result<LogsResponse, Status>>, Status> {
        let subject = Subject::new(self, &order.source).await?;
        Ok(stream::unfold(Stage::Start(subject, order), next).boxed())
    }
}

async fn next(mut stage: Stage) -> Option<(Result<LogsResponse, Status>, Stage)> {
    loop {
        stage = match stage {
            Stage::Start(subject, order) => {
                let follow = order.follow;
                match Backlog::open(subject, order).await {
                    Ok(backlog) => Stage::Backlog(Box::new(backlog), follow),
                    Err(status) => return Some((Err(status), Stage::Over)),
                }
            }
            Stage::Backlog(mut backlog, follow) => match backlog.next().await {
                Some(Ok(line)) => return Some((Ok(line), Stage::Backlog(backlog, follow))),
                Some(Err(status)) => return Some((Err(status), Stage::Over)),
                None if follow => Stage::Follow(Box::new(backlog.followed())),
                None => return None,
            },
            Stage::Follow(mut follow) => match follow.next().await? {
                Ok(line) => return Some((Ok(line), Stage::Follow(follow))),
                Err(status) => return Some((Err(status), Stage::Over)),
            },
            Stage::Over => return None,
        };
    }
}

/// Whose lines are read, and by whom.
struct Subject {
    agent: Agent,
    source: Source,
    /// What a build was told and nobody else is to read.
    secret: String,
}

impl Subject {
    /// A run of somebody else's is refused; one that is not there has no lines.
    async fn new(agent: &Agent, source: &Source) -> Result<Arc<Self>, Status> {
        let secret = match source {
            Source::Build { run, deploy } => {
                agent.find(run, *deploy).await?;
                agent.callback_key().token(*deploy)
            }
            Source::App(_) => String::new(),
        };
        Ok(Arc::new(Self { agent: agent.clone(), source: source.clone(), secret }))
    }

    /// Whether no more pods will come.
    async fn has_ended(&self) -> Result<bool, Failure> {
        let Source::Build { run, .. } = &self.source else { return Ok(false) };
        let run = within(self.agent.runs().get_opt(&run.to_string())).await?;
        Ok(run.is_none_or(|run| run.has_ended()))
    }
}

/// A line as it is answered; `cursor` stands behind it.
fn answer(subject: &Subject, line: Line, origin: &str, cursor: &Cursor) -> LogsResponse {
    LogsResponse {
        at: line.at.map(|at| prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: at.subsec_nanosecond(),
        }),
        origin: origin.to_owned(),
        text: redact(&line.text, &subject.secret),
        cursor: cursor.to_string(),
    }
}
