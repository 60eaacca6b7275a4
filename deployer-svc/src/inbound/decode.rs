//! From a message's bytes to what it asks for. Everything is checked here, once; what fails can never work.

use deploy_domain::{DeployId, InvalidName, Mark, Origin, Place, Push, Sha, Source};
use jiff::Timestamp;
use paas_proto::{
    events::{BuildReport, Provider, PushEvent},
    streams::Prefix,
};
use prost::Message as _;
use uuid::Uuid;

use super::Queue;

/// Beyond these, a text is no name of a repository, branch, delivery or clone URL.
const MAX_TEXT: usize = 2048;

/// What a message asks for.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// For which app.
    pub(crate) app: Uuid,
    /// When the ingress had it, by its own clock.
    pub(crate) received_at: Option<Timestamp>,
    /// What.
    pub(crate) work: Work,
}

#[derive(Debug, Clone)]
pub(crate) enum Work {
    Push(Box<Push>),
    /// A build may have moved.
    Wake,
}

/// Why a message can never be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("not protobuf of the expected kind: {0}")]
    Bytes(#[from] prost::DecodeError),
    #[error("the field {0} is missing or malformed")]
    Field(&'static str),
    #[error("the field {0}: {1}")]
    Name(&'static str, #[source] InvalidName),
    #[error("published on another subject than its own, {0}")]
    Subject(String),
}

/// Reads a message of the queue; `place` is where it stands.
pub(super) fn decode(
    queue: Queue,
    prefix: &Prefix,
    subject: &str,
    payload: &[u8],
    place: Place,
) -> Result<Job, Invalid> {
    match queue {
        Queue::Pushes => {
            let event = PushEvent::decode(payload)?;
            let app = uuid("app_id", &event.app_id)?;
            let provider = Provider::try_from(event.provider).unwrap_or_default();
            own_subject(subject, prefix.push_subject(provider, app))?;
            let received_at = event.received_at.as_ref().and_then(time);
            let push = Box::new(push(event, provider, place)?);
            Ok(Job { app, received_at, work: Work::Push(push) })
        }
        Queue::Builds => {
            let report = BuildReport::decode(payload)?;
            let app = uuid("app_id", &report.app_id)?;
            own_subject(subject, prefix.build_subject(app))?;
            uuid("deploy_id", &report.deploy_id)?;
            let received_at = report.received_at.as_ref().and_then(time);
            Ok(Job { app, received_at, work: Work::Wake })
        }
    }
}

fn push(event: PushEvent, provider: Provider, place: Place) -> Result<Push, Invalid> {
    let source = match provider {
        Provider::Github => Source::GithubWebhook,
        Provider::Gitlab => Source::GitlabWebhook,
        Provider::Forgejo => Source::ForgejoWebhook,
        Provider::Unspecified => return Err(Invalid::Field("provider")),
    };
    let after = sha("after", event.after)?;
    if after.is_zero() {
        return Err(Invalid::Field("after"));
    }
    let place = match (event.attempt, event.original_place) {
        (0, _) => place,
        (_, Some(original)) => first_place(original.epoch, original.sequence)?,
        (_, None) => return Err(Invalid::Field("original_place")),
    };
    Ok(Push {
        mark: Mark {
            deploy: DeployId(uuid("deploy_id", &event.deploy_id)?),
            after,
            before: sha("before", event.before)?,
            pushed_at: event.pushed_at,
            place,
        },
        source,
        origin: Origin {
            repo: required("repo_full_name", event.repo_full_name)?,
            branch: required("branch", event.branch)?,
            clone_url: clone_url(event.clone_url)?,
            identity: required("identity", event.identity)?,
            attempt: attempt(event.attempt)?,
            delivery_id: text("delivery_id", event.delivery_id)?,
        },
    })
}

fn time(time: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(time.seconds, time.nanos).ok()
}

fn own_subject(subject: &str, own: String) -> Result<(), Invalid> {
    if subject == own { Ok(()) } else { Err(Invalid::Subject(own)) }
}

fn uuid(field: &'static str, text: &str) -> Result<Uuid, Invalid> {
    Uuid::try_parse(text).map_err(|_| Invalid::Field(field))
}

fn sha(field: &'static str, text: String) -> Result<Sha, Invalid> {
    Sha::try_from(text).map_err(|error| Invalid::Name(field, error))
}

fn text(field: &'static str, text: String) -> Result<String, Invalid> {
    if text.len() <= MAX_TEXT && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(Invalid::Field(field))
    }
}

fn required(field: &'static str, found: String) -> Result<String, Invalid> {
    if found.is_empty() { Err(Invalid::Field(field)) } else { text(field, found) }
}

/// From the app's registration, but it ends up on the command line of git.
fn clone_url(found: String) -> Result<String, Invalid> {
    let url = required("clone_url", found)?;
    if url.starts_with('-') || url.contains(char::is_whitespace) {
        return Err(Invalid::Field("clone_url"));
    }
    Ok(url)
}

/// Postgres counts in 63 bits, and attempts in 31.
fn first_place(epoch: u64, sequence: u64) -> Result<Place, Invalid> {
    if epoch.max(sequence) <= i64::MAX.unsigned_abs() {
        Ok(Place { epoch, sequence })
    } else {
        Err(Invalid::Field("original_place"))
    }
}

fn attempt(attempt: u32) -> Result<u32, Invalid> {
    if i32::try_from(attempt).is_ok() { Ok(attempt) } else { Err(Invalid::Field("attempt")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Uuid = Uuid::from_u128(1);
    const PLACE: Place = Place { epoch: 7, sequence: 3 };

    fn event() -> PushEvent {
        PushEvent {
            deploy_id: Uuid::from_u128(2).to_string(),
            app_id: APP.to_string(),
            provider: Provider::Github.into(),
            repo_full_name: "octo/shop".to_owned(),
            branch: "main".to_owned(),
            before: "0".repeat(40),
            after: "a".repeat(40),
            identity: "b".repeat(64),
            clone_url: "https://example.com/octo/shop.git".to_owned(),
            ..PushEvent::default()
        }
    }

    fn read(event: &PushEvent) -> Result<Push, Invalid> {
        let prefix = Prefix::default();
        let subject = prefix.push_subject(Provider::Github, APP);
        let job = decode(Queue::Pushes, &prefix, &subject, &event.encode_to_vec(), PLACE)?;
        let Work::Push(push) = job.work else { panic!("not a push") };
        Ok(*push)
    }

    #[test]
    fn a_push_stands_where_it_arrived() {
        let push = read(&event()).unwrap();
        assert_eq!(push.mark.place, PLACE);
        assert_eq!(push.source, Source::GithubWebhook);
        assert_eq!(push.origin.branch, "main");
    }

    #[test]
    fn a_later_attempt_stands_where_the_first_arrived() {
        let original = paas_proto::events::Place { epoch: 7, sequence: 1 };
        let again = PushEvent { attempt: 1, original_place: Some(original), ..event() };
        assert_eq!(read(&again).unwrap().mark.place, Place { epoch: 7, sequence: 1 });
        let beyond = paas_proto::events::Place { epoch: u64::MAX, sequence: 1 };
        for wrong in [None, Some(beyond)] {
            let lost = PushEvent { attempt: 1, original_place: wrong, ..event() };
            assert!(matches!(read(&lost), Err(Invalid::Field("original_place"))));
        }
    }

    #[test]
    fn every_field_that_is_used_must_hold() {
        let wrong: [fn(&mut PushEvent); 11] = [
            |event| event.deploy_id.clear(),
            |event| event.app_id = "7".to_owned(),
            |event| event.provider = 0,
            |event| event.provider = Provider::Gitlab.into(),
            |event| event.repo_full_name.clear(),
            |event| event.branch = "ma\0in".to_owned(),
            |event| event.before = "main".to_owned(),
            |event| event.after = "0".repeat(40),
            |event| event.identity.clear(),
            |event| event.clone_url = "--upload-pack=x".to_owned(),
            |event| event.delivery_id = "x".repeat(MAX_TEXT + 1),
        ];
        for (n, spoil) in wrong.into_iter().enumerate() {
            let mut event = event();
            spoil(&mut event);
            assert!(read(&event).is_err(), "case {n}");
        }
    }

    #[test]
    fn a_message_of_another_app_is_refused() {
        let prefix = Prefix::default();
        let subject = prefix.push_subject(Provider::Github, Uuid::from_u128(9));
        let bytes = event().encode_to_vec();
        let refused = decode(Queue::Pushes, &prefix, &subject, &bytes, PLACE);
        assert!(matches!(refused, Err(Invalid::Subject(_))));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let refused = decode(Queue::Pushes, &Prefix::default(), "push", b"garbage", PLACE);
        assert!(matches!(refused, Err(Invalid::Bytes(_))));
    }

    #[test]
    fn word_of_a_build_wakes_its_app() {
        let prefix = Prefix::default();
        let report = BuildReport {
            app_id: APP.to_string(),
            deploy_id: Uuid::from_u128(2).to_string(),
            ..BuildReport::default()
        };
        let subject = prefix.build_subject(APP);
        let job = decode(Queue::Builds, &prefix, &subject, &report.encode_to_vec(), PLACE).unwrap();
        assert_eq!(job.app, APP);
        assert!(matches!(job.work, Work::Wake));
    }
}
