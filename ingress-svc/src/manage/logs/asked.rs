//! Which lines somebody asks for.

use actix_web::{HttpRequest, web};
use paas_proto::deploys::{LogSource, LogsRequest};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{error::Error, verify::Header};

const LONGEST_TAIL: u32 = 10_000;
const LAST_EVENT_ID: &str = "last-event-id";

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SourceName {
    /// An event of a deploy.
    Deploy,
    /// A step of a build.
    Build,
    /// The app itself.
    App,
}

/// Which lines.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes what is read one by one")]
pub(super) struct Wanted {
    /// Go on with what comes; with `deploy_id`, until that deploy has ended.
    #[param(required = false, default = false)]
    follow: bool,
    /// Of what is there, so many of the latest lines; 100 unless given.
    #[param(required = false, minimum = 1, maximum = 10000)]
    tail: u32,
    /// Only lines of this source; may be given several times.
    #[param(required = false, inline, style = Form, explode)]
    source: Vec<SourceName>,
    /// Only this deploy's events and build.
    #[param(required = false)]
    deploy_id: Uuid,
    /// Behind the event with this id; `tail` does not count then.
    #[param(required = false)]
    after: String,
}

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    follow: bool,
    tail: u32,
    sources: Vec<SourceName>,
    deploy: Option<Uuid>,
    after: String,
}

impl Asked {
    /// Who comes back says in a header where they were: it is newer than what the address says.
    pub(super) fn parse(request: &HttpRequest) -> Result<Self, Error> {
        let mut asked = Self::of_query(request.query_string())?;
        match Header::read(request.headers(), LAST_EVENT_ID) {
            Header::Absent => {}
            Header::Once(id) => id.clone_into(&mut asked.after),
            Header::Unusable => {
                return Err(Error::Invalid("Last-Event-ID must be one id".to_owned()));
            }
        }
        Ok(asked)
    }

    fn of_query(query: &str) -> Result<Self, Error> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| Error::Invalid(error.to_string()))?
            .into_inner();
        let mut asked = Self::default();
        let mut seen = Vec::new();
        for (name, value) in pairs {
            if name != "source" && seen.contains(&name) {
                return Err(Error::Invalid(format!("{name} is there twice")));
            }
            asked.take(&name, value)?;
            seen.push(name);
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Error> {
        let wrong = |what: &str| Error::Invalid(format!("{name} must be {what}"));
        match name {
            "follow" => {
                self.follow = match value.as_str() {
                    "" | "true" => true,
                    "false" => false,
                    _ => return Err(wrong("true or false")),
                }
            }
            "tail" => {
                let tail = value.parse().ok().filter(|tail| (1..=LONGEST_TAIL).contains(tail));
                self.tail = tail.ok_or_else(|| wrong("a number from 1 to 10000"))?;
            }
            "source" => self.sources.push(match value.as_str() {
                "deploy" => SourceName::Deploy,
                "build" => SourceName::Build,
                "app" => SourceName::App,
                _ => return Err(wrong("deploy, build or app")),
            }),
            "deploy_id" => {
                let id = Uuid::try_parse(&value).map_err(|_| wrong("a UUID"))?;
                self.deploy = Some(id);
            }
            "after" => self.after = value,
            _ => return Err(Error::Invalid(format!("unknown parameter {name}"))),
        }
        Ok(())
    }

    /// The question to the deployer.
    pub(super) fn of(self, app: Uuid) -> LogsRequest {
        let source = |source: &SourceName| match source {
            SourceName::Deploy => LogSource::Deploy.into(),
            SourceName::Build => LogSource::Build.into(),
            SourceName::App => LogSource::App.into(),
        };
        LogsRequest {
            app_id: app.to_string(),
            deploy_id: self.deploy.map(|deploy| deploy.to_string()).unwrap_or_default(),
            sources: self.sources.iter().map(source).collect(),
            tail: self.tail,
            follow: self.follow,
            cursor: self.after,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn nothing_needs_to_be_said() {
        assert_eq!(Asked::of_query("").unwrap(), Asked::default());
    }

    #[test]
    fn what_is_asked_for_reaches_the_deployer() {
        let app = Uuid::from_u128(1);
        let query = format!("follow=true&tail=7&source=build&source=app&deploy_id={app}&after=1_0");
        let request = Asked::of_query(&query).unwrap().of(app);
        let sources = vec![LogSource::Build.into(), LogSource::App.into()];
        let (app_id, deploy_id) = (app.to_string(), app.to_string());
        let cursor = "1_0".to_owned();
        let expected = LogsRequest { app_id, deploy_id, sources, tail: 7, follow: true, cursor };
        assert_eq!(request, expected);
        assert!(Asked::of_query("follow").unwrap().follow);
    }

    #[test]
    fn what_means_nothing_is_refused_by_its_name() {
        for query in [
            "follow=maybe",
            "tail=0",
            "tail=10001",
            "tail=-1",
            "source=all",
            "deploy_id=web",
            "lines=3",
            "tail=1&tail=2",
        ] {
            let Err(Error::Invalid(message)) = Asked::of_query(query) else {
                panic!("{query} is refused")
            };
            let name = query.split('=').next().unwrap();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn who_comes_back_goes_on_where_they_were() {
        let request = TestRequest::with_uri("/?after=old").insert_header((LAST_EVENT_ID, "new"));
        assert_eq!(Asked::parse(&request.to_http_request()).unwrap().after, "new");
    }
}
