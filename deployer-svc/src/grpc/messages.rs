//! What callers say, parsed once, and what they are told.

use jiff::Timestamp;
use paas_proto::deploys::{Deploy, RecordedEvent};
use tonic::Status;
use uuid::Uuid;

use crate::store::{DeploySummary, EventSummary};

/// Names of people are for the record; longer ones are a mistake.
const LONGEST_NAME: usize = 200;

/// The uuid in a field.
pub(super) fn id(field: &'static str, text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| Status::invalid_argument(format!("{field} is not a UUID")))
}

/// The uuid in a field that may be left empty.
pub(super) fn optional_id(field: &'static str, text: &str) -> Result<Option<Uuid>, Status> {
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// The number in a field that may be left empty.
pub(super) fn optional_number(field: &'static str, text: &str) -> Result<Option<i64>, Status> {
    let number = Some(text).filter(|text| !text.is_empty()).map(str::parse).transpose();
    number.map_err(|_| Status::invalid_argument(format!("{field} is none that was given out")))
}

/// The time in a field.
pub(super) fn time(field: &'static str, at: prost_types::Timestamp) -> Result<Timestamp, Status> {
    Timestamp::new(at.seconds, at.nanos)
        .map_err(|_| Status::invalid_argument(format!("{field} is not a time")))
}

/// Who asks, or which request it is.
pub(super) fn name(field: &'static str, text: String) -> Result<Option<String>, Status> {
    if text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
        let problem = format!("{field} is at most {LONGEST_NAME} printable characters");
        return Err(Status::invalid_argument(problem));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// A deploy as callers see it.
pub(super) fn deploy(deploy: DeploySummary) -> Deploy {
    Deploy {
        deploy_id: deploy.id.to_string(),
        app_id: deploy.app.to_string(),
        repo: deploy.repo,
        branch: deploy.branch,
        sha: deploy.sha,
        source: deploy.source,
        state: deploy.state.into(),
        reason: deploy.reason.unwrap_or_default(),
        image: deploy.image.unwrap_or_default(),
        created_at: Some(timestamp(deploy.created_at)),
        updated_at: Some(timestamp(deploy.updated_at)),
        events: deploy.events.into_iter().map(event).collect(),
    }
}

fn event(event: EventSummary) -> RecordedEvent {
    RecordedEvent {
        version: u64::try_from(event.version).unwrap_or_default(),
        r#type: event.name,
        at: Some(timestamp(event.recorded_at)),
    }
}

pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn an_id_is_a_uuid_and_the_field_is_named_when_it_is_not() {
        assert!(id("app_id", &Uuid::nil().to_string()).is_ok());
        let status = id("app_id", "web").unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "app_id is not a UUID")
        );
        assert_eq!(optional_id("deploy_id", "").unwrap(), None);
        assert!(optional_id("deploy_id", "web").is_err());
    }

    #[test]
    fn a_name_is_short_and_printable() {
        assert_eq!(name("requested_by", String::new()).unwrap(), None);
        assert_eq!(name("requested_by", "Ada".to_owned()).unwrap().as_deref(), Some("Ada"));
        for wrong in ["a".repeat(201), "line\nbreak".to_owned()] {
            assert!(name("requested_by", wrong).is_err());
        }
    }
}
