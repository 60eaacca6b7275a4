//! An app's timeline: parse what is asked for, have it told, answer line by line.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use paas_proto::deploys::{LogLine, LogSource, LogsRequest, LogsResponse};
use tonic::Status;

use super::{deploys::Deploys, errors, messages};
use crate::{
    logs::{Cursor, Line, Order, Source},
    store::App,
};

const DEFAULT_TAIL: u32 = 100;
const LONGEST_TAIL: u32 = 10_000;

pub(super) type Told = Pin<Box<dyn Stream<Item = Result<LogsResponse, Status>> + Send>>;

impl Deploys {
    pub(super) async fn told(&self, request: LogsRequest) -> Result<Told, Status> {
        let app = messages::id("app_id", &request.app_id)?;
        let deploy = messages::optional_id("deploy_id", &request.deploy_id)?;
        let asked = Asked::parse(&request)?;
        let app = self.app(app).await?;
        if let Some(deploy) = deploy
            && self.deploy(deploy).await?.app != app.id
        {
            return Err(errors::no_deploy(deploy));
        }
        let order = asked.order(app, deploy, request.follow);
        let told = self.timelines.tell(order).map_err(errors::of_logs)?;
        Ok(Box::pin(told.map(|told| match told {
            Ok((line, cursor)) => Ok(answer(line, &cursor)),
            Err(error) => Err(errors::of_logs(error)),
        })))
    }
}

/// What was asked for, beside whose lines.
struct Asked {
    sources: Vec<Source>,
    tail: u32,
    cursor: Option<Cursor>,
}

impl Asked {
    fn parse(request: &LogsRequest) -> Result<Self, Status> {
        let sources: Vec<Source> =
            request.sources.iter().map(|number| source(*number)).collect::<Result<_, _>>()?;
        if !request.deploy_id.is_empty()
            && !sources.is_empty()
            && sources.iter().all(|source| *source == Source::App)
        {
            let problem = "sources: the app's own lines belong to no deploy";
            return Err(Status::invalid_argument(problem));
        }
        let cursor = Some(request.cursor.as_str()).filter(|text| !text.is_empty());
        Ok(Self {
            sources: if sources.is_empty() {
                vec![Source::Deploy, Source::Build, Source::App]
            } else {
                sources
            },
            tail: match request.tail {
                0 => DEFAULT_TAIL,
                tail => tail.min(LONGEST_TAIL),
            },
            cursor: cursor.map(str::parse).transpose().map_err(errors::no_cursor)?,
        })
    }

    fn order(self, app: App, deploy: Option<uuid::Uuid>, follow: bool) -> Order {
        let Self { sources, tail, cursor } = self;
        Order { app, deploy, sources, tail, cursor, follow }
    }
}

fn source(number: i32) -> Result<Source, Status> {
    match LogSource::try_from(number) {
        Ok(LogSource::Deploy) => Ok(Source::Deploy),
        Ok(LogSource::Build) => Ok(Source::Build),
        Ok(LogSource::App) => Ok(Source::App),
        Ok(LogSource::Unspecified) | Err(_) => {
            Err(Status::invalid_argument("sources: that is no source of a line"))
        }
    }
}

fn answer(line: Line, cursor: &Cursor) -> LogsResponse {
    let source = match line.source {
        Source::Deploy => LogSource::Deploy,
        Source::Build => LogSource::Build,
        Source::App => LogSource::App,
    };
    let line = LogLine {
        at: Some(messages::timestamp(line.at)),
        source: source.into(),
        deploy_id: line.deploy.map(|id| id.to_string()).unwrap_or_default(),
        origin: line.origin,
        text: line.text,
        cursor: cursor.to_string(),
    };
    LogsResponse { line: Some(line) }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn refused(request: &LogsRequest) -> String {
        let Err(status) = Asked::parse(request) else { panic!("{request:?} is refused") };
        assert_eq!(status.code(), Code::InvalidArgument);
        status.message().to_owned()
    }

    #[test]
    fn everything_is_told_unless_something_is_asked_for() {
        let asked = Asked::parse(&LogsRequest::default()).unwrap();
        assert_eq!(asked.sources, [Source::Deploy, Source::Build, Source::App]);
        assert_eq!((asked.tail, asked.cursor), (DEFAULT_TAIL, None));
        let many = LogsRequest { tail: u32::MAX, ..LogsRequest::default() };
        assert_eq!(Asked::parse(&many).unwrap().tail, LONGEST_TAIL);
    }

    #[test]
    fn what_means_nothing_is_refused_by_its_name() {
        let cursor = LogsRequest { cursor: "junk".to_owned(), ..LogsRequest::default() };
        assert!(refused(&cursor).contains("cursor"));
        for number in [0, 9] {
            let source = LogsRequest { sources: vec![number], ..LogsRequest::default() };
            assert!(refused(&source).contains("sources"));
        }
        let of_deploy = LogsRequest {
            deploy_id: uuid::Uuid::nil().to_string(),
            sources: vec![LogSource::App.into()],
            ..LogsRequest::default()
        };
        assert!(refused(&of_deploy).contains("belong to no deploy"));
    }
}
