//! Messages that were put aside, as people deal with them: found, retried when the cause is gone, discarded. None is lost.

use async_nats::{
    HeaderMap,
    jetstream::{AckKind, consumer::PullConsumer},
};
use e2e::{
    deliveries::random_sha,
    harness::{LinkedApp, Options, Platform},
    wait,
};
use futures_util::StreamExt as _;
use paas_proto::{
    deploys::{
        DeadLetter, DeadLetterState, DiscardDeadLetterRequest, GetDeadLetterRequest,
        ListDeadLettersRequest, ReplayOutcome, RetryDeadLetterRequest, RetryDeadLetterResponse,
    },
    events::{BuildReport, Provider, PushEvent},
    streams::DEPLOYER,
};
use prost::Message as _;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    aftermath::{self, PATIENCE},
    deployer_grpc,
};

/// Tries of a suspect that is tried alone, after which the next one puts it aside unread.
const LONE_TRIES: i32 = 3;

/// A sound push of an app, whether there is such an app or not.
pub(crate) fn push_of(app: Uuid) -> PushEvent {
    PushEvent {
        deploy_id: Uuid::new_v4().to_string(),
        app_id: app.to_string(),
        provider: Provider::Github.into(),
        repo_full_name: "octo/late".to_owned(),
        branch: "main".to_owned(),
        before: random_sha(),
        after: random_sha(),
        identity: Uuid::new_v4().to_string(),
        clone_url: "https://github.com/octo/late.git".to_owned(),
        ..PushEvent::default()
    }
}

/// Publishes as the ingress does.
pub(crate) async fn publish(platform: &Platform, subject: String, id: &str, payload: Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    let jetstream = platform.jetstream().await.unwrap();
    let published = jetstream.publish_with_headers(subject, headers, payload.into()).await.unwrap();
    published.await.unwrap();
}

pub(crate) async fn publish_push(platform: &Platform, push: &PushEvent) {
    let app = push.app_id.parse().unwrap();
    let subject = platform.prefix().unwrap().push_subject(Provider::Github, app);
    publish(platform, subject, &push.deploy_id, push.encode_to_vec()).await;
}

/// All letters that there are, once there are so many.
async fn letters(platform: &Platform, count: usize) -> Vec<DeadLetter> {
    wait::until("the dead letters", PATIENCE, || async {
        let all = ListDeadLettersRequest { page_size: 200, ..Default::default() };
        let mut client = deployer_grpc::client(platform).await;
        let letters = client.list_dead_letters(all).await?.into_inner().dead_letters;
        Ok((letters.len() == count).then_some(letters))
    })
    .await
    .unwrap()
}

async fn get(platform: &Platform, id: u64) -> DeadLetter {
    let mut client = deployer_grpc::client(platform).await;
    let shown = client.get_dead_letter(GetDeadLetterRequest { id }).await.unwrap();
    shown.into_inner().dead_letter.unwrap()
}

async fn retry(platform: &Platform, id: u64) -> Result<RetryDeadLetterResponse, Status> {
    let request = RetryDeadLetterRequest { id, requested_by: "Ada".to_owned() };
    let answer = deployer_grpc::client(platform).await.retry_dead_letter(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn discard(platform: &Platform, id: u64) -> Result<(), Status> {
    let request = DiscardDeadLetterRequest { id, requested_by: "Grace".to_owned() };
    deployer_grpc::client(platform).await.discard_dead_letter(request).await.map(|_| ())
}

/// What the fix of an unknown app is: its rows, from a copy of the database or by hand.
pub(crate) async fn create_app(platform: &Platform, id: Uuid) {
    let database = platform.database().await.unwrap();
    let app =
        "insert into apps (app_id, tenant_id, name) select $1, tenant_id, 'late' from tenants";
    assert_eq!(database.execute(app, &[&id]).await.unwrap(), 1);
    let link = serde_json::json!({ "provider": "github", "repo_full_name": "octo/late" });
    platform.api.link(id, link).await.unwrap();
}

async fn events(platform: &Platform) -> i64 {
    let count = "select count(*) from line_events";
    platform.database().await.unwrap().query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_push_of_an_unknown_app_goes_live_when_it_is_retried_after_the_app_was_created() {
    let platform = Platform::start().await.unwrap();
    let app = Uuid::new_v4();
    let push = push_of(app);
    publish_push(&platform, &push).await;
    let letter = letters(&platform, 1).await.remove(0);
    assert_eq!((letter.state(), &letter.app_id), (DeadLetterState::Waiting, &app.to_string()));

    let refused = retry(&platform, letter.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("still cannot be taken in: app"), "{refused}");
    assert_eq!(get(&platform, letter.id).await, letter, "nothing has changed");
    assert_eq!(events(&platform).await, 0);

    create_app(&platform, app).await;
    let taken_in = retry(&platform, letter.id).await.unwrap();
    assert_eq!(taken_in.outcome(), ReplayOutcome::TakenIn);
    assert_eq!(taken_in.deploy_id, push.deploy_id);
    let id: Uuid = push.deploy_id.parse().unwrap();
    assert_eq!(platform.live(id).await.unwrap().sha, push.after);
    let settled = get(&platform, letter.id).await;
    assert_eq!((settled.state(), settled.settled_by.as_str()), (DeadLetterState::Retried, "Ada"));
    assert!(settled.settled_at.is_some());

    let again = retry(&platform, letter.id).await.unwrap();
    assert_eq!(again.outcome(), ReplayOutcome::AlreadyRecorded);
    let kept = discard(&platform, letter.id).await.unwrap_err();
    assert_eq!(kept.code(), Code::FailedPrecondition, "{kept}");
    assert_eq!(get(&platform, letter.id).await, settled, "who came first stays");
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_retried_push_keeps_its_place_and_does_not_overtake_a_newer_one() {
    let platform = Platform::start().await.unwrap();
    let app = Uuid::new_v4();
    let (older, newer) = (push_of(app), push_of(app));
    publish_push(&platform, &older).await;
    publish_push(&platform, &newer).await;
    let letters = letters(&platform, 2).await;
    create_app(&platform, app).await;

    // The newest is the first in the list.
    retry(&platform, letters[0].id).await.unwrap();
    let ids = [&older, &newer].map(|push| push.deploy_id.parse::<Uuid>().unwrap());
    platform.live(ids[1]).await.unwrap();
    let late = retry(&platform, letters[1].id).await.unwrap();
    assert_eq!(late.outcome(), ReplayOutcome::TakenIn);
    let late = platform.ended(ids[0]).await.unwrap();
    assert_eq!(late.state, "superseded", "{late:?}");
    assert_eq!(aftermath::last_deploy_sha(&platform, app).await, Some(newer.after));
    aftermath::is_in_order(&platform, &ids).await;
}

#[tokio::test]
async fn a_push_that_claims_the_identity_of_another_is_put_aside() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let first = push_of(app.id);
    let claim = PushEvent { identity: first.identity.clone(), ..push_of(app.id) };
    publish_push(&platform, &first).await;
    publish_push(&platform, &claim).await;
    let letter = letters(&platform, 1).await.remove(0);
    assert_eq!(letter.message_id, claim.deploy_id);
    assert!(letter.reason.contains("identity"), "{}", letter.reason);
    let refused = retry(&platform, letter.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    platform.live(first.deploy_id.parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn letters_are_listed_in_pages_newest_first_by_app_and_by_state() {
    let platform = Platform::start().await.unwrap();
    let apps = [Uuid::new_v4(), Uuid::new_v4()];
    for _ in 0..2 {
        for app in apps {
            publish_push(&platform, &push_of(app)).await;
        }
    }
    let all = letters(&platform, 4).await;
    assert!(all.windows(2).all(|two| two[0].id > two[1].id));
    discard(&platform, all[0].id).await.unwrap();

    let list = async |request: ListDeadLettersRequest| {
        let answer = deployer_grpc::client(&platform).await.list_dead_letters(request).await;
        let page = answer.unwrap().into_inner();
        let ids: Vec<u64> = page.dead_letters.iter().map(|letter| letter.id).collect();
        (ids, page.next_page_token)
    };
    let any = ListDeadLettersRequest::default;
    let ids: Vec<u64> = all.iter().map(|letter| letter.id).collect();
    let (first, token) = list(ListDeadLettersRequest { page_size: 3, ..any() }).await;
    assert_eq!(first, ids[..3]);
    let next = ListDeadLettersRequest { page_size: 3, page_token: token, ..any() };
    assert_eq!(list(next).await, (ids[3..].to_vec(), String::new()));
    let of_app = |letter: &&DeadLetter| letter.app_id == apps[0].to_string();
    let of_one: Vec<u64> = all.iter().filter(of_app).map(|letter| letter.id).collect();
    assert_eq!(of_one.len(), 2);
    let one = ListDeadLettersRequest { app_id: apps[0].to_string(), ..any() };
    assert_eq!(list(one).await.0, of_one);
    let in_state = |state: DeadLetterState| ListDeadLettersRequest { state: state.into(), ..any() };
    assert_eq!(list(in_state(DeadLetterState::Discarded)).await.0, ids[..1]);
    assert_eq!(list(in_state(DeadLetterState::Waiting)).await.0, ids[1..]);
    assert!(list(in_state(DeadLetterState::Retried)).await.0.is_empty());
}

#[tokio::test]
async fn a_discarded_letter_stays_on_record_and_can_be_retried_all_the_same() {
    let platform = Platform::start().await.unwrap();
    let app = Uuid::new_v4();
    let push = push_of(app);
    publish_push(&platform, &push).await;
    let letter = letters(&platform, 1).await.remove(0);
    discard(&platform, letter.id).await.unwrap();
    discard(&platform, letter.id).await.unwrap();
    let discarded = get(&platform, letter.id).await;
    assert_eq!(discarded.state(), DeadLetterState::Discarded);
    assert_eq!(discarded.settled_by, "Grace");
    assert_eq!(discarded.reason, letter.reason);

    create_app(&platform, app).await;
    retry(&platform, letter.id).await.unwrap();
    assert_eq!(get(&platform, letter.id).await.state(), DeadLetterState::Retried);
    platform.live(push.deploy_id.parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_so() {
    let platform = Platform::start().await.unwrap();
    let mut client = deployer_grpc::client(&platform).await;
    for id in [0, 7, u64::MAX] {
        let missing = client.get_dead_letter(GetDeadLetterRequest { id }).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound, "{missing}");
        assert_eq!(retry(&platform, id).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(discard(&platform, id).await.unwrap_err().code(), Code::NotFound);
    }
    let any = ListDeadLettersRequest::default;
    for wrong in [
        ListDeadLettersRequest { app_id: "web".to_owned(), ..any() },
        ListDeadLettersRequest { state: 77, ..any() },
        ListDeadLettersRequest { page_token: "next".to_owned(), ..any() },
    ] {
        let refused = client.list_dead_letters(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    let nameless = "line\nbreak".to_owned();
    let wrong = RetryDeadLetterRequest { id: 1, requested_by: nameless.clone() };
    let refused = client.retry_dead_letter(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    let wrong = DiscardDeadLetterRequest { id: 1, requested_by: nameless };
    let refused = client.discard_dead_letter(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
}

#[tokio::test]
async fn word_of_a_build_that_was_put_aside_is_shown_and_cannot_be_retried_while_it_is_wrong() {
    let platform = Platform::start().await.unwrap();
    let app = Uuid::new_v4();
    let report = BuildReport {
        app_id: app.to_string(),
        deploy_id: "seven".to_owned(),
        ..BuildReport::default()
    };
    let subject = platform.prefix().unwrap().build_subject(app);
    publish(&platform, subject, "wrong", report.encode_to_vec()).await;
    let letter = letters(&platform, 1).await.remove(0);
    assert!(letter.stream.ends_with("BUILDS") && letter.reason.contains("deploy_id"), "{letter:?}");
    let mut client = deployer_grpc::client(&platform).await;
    let get = GetDeadLetterRequest { id: letter.id };
    let shown = client.get_dead_letter(get).await.unwrap().into_inner().decoded_json;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown, serde_json::json!({ "app_id": app.to_string(), "deploy_id": "seven" }));
    let refused = retry(&platform, letter.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn what_ended_the_process_each_time_is_put_aside_unread_and_goes_live_after_the_fix() {
    let options = Options { deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let (app, other) = (platform.app("one").await.unwrap(), platform.app("two").await.unwrap());
    let deadly = platform.accepted(&app, &app.push()).await.unwrap();
    deliver_in_vain(&platform, &app).await;
    platform.start_deployers().await.unwrap();
    let letter = letters(&platform, 1).await.remove(0);
    assert!(letter.reason.contains("never came to an end"), "{}", letter.reason);
    assert!(letter.deliveries > 5, "{letter:?}");
    let beside = platform.accepted(&other, &other.push()).await.unwrap();
    platform.live(beside).await.unwrap();

    let taken_in = retry(&platform, letter.id).await.unwrap();
    assert_eq!(taken_in.deploy_id, deadly.to_string());
    platform.live(deadly).await.unwrap();
    let database = platform.database().await.unwrap();
    let suspects = "select count(*) from suspects";
    assert_eq!(database.query_one(suspects, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// Has the only stored push delivered as often as if it had ended each process that looked into it, beside others and
/// then alone.
async fn deliver_in_vain(platform: &Platform, app: &LinkedApp) {
    let jetstream = platform.jetstream().await.unwrap();
    let stream = jetstream.get_stream(platform.prefix().unwrap().pushes()).await.unwrap();
    let consumer: PullConsumer = stream.get_consumer(DEPLOYER).await.unwrap();
    for _ in 0..6 {
        let mut batch = consumer.batch().max_messages(1).messages().await.unwrap();
        let message = batch.next().await.unwrap().unwrap();
        assert!(message.subject.ends_with(&app.id.to_string()));
        message.ack_with(AckKind::Nak(None)).await.unwrap();
    }
    let tried = "insert into suspects (stream, epoch, sequence, tries) values ($1, $2, 1, $3)";
    let info = stream.cached_info();
    let epoch = info.created.unix_timestamp();
    let database = platform.database().await.unwrap();
    database.execute(tried, &[&info.config.name, &epoch, &LONE_TRIES]).await.unwrap();
}

/// Takes away what V9 and its successors brought.
const BEFORE_THEM: &str = "
    drop function paas_sees_tenant, paas_sees_app cascade;
    drop table dead_letter_outcomes, api_tokens, audit_log, idempotency_keys, oauth_states, tenant_git_credentials,
        app_hooks, deliveries, duties, build_log_chunks, build_logs;
    drop index line_events_build_starts;
    alter table apps drop column deleted_at, drop column deleted_name, drop column removed_at;
    alter table app_git_sources drop column previous_webhook_secret, drop column previous_valid_until,
        drop column watch_paths, drop column head_at_link;
    delete from refinery_schema_history where version >= 9";

#[tokio::test]
async fn on_the_schema_before_pushes_go_live_and_these_calls_say_what_they_miss() {
    let mut platform = Platform::start().await.unwrap();
    let database = platform.database().await.unwrap();
    // Nobody is running while it is set back: a schema that is in use only ever goes forward.
    platform.ingress[0].kill().await.unwrap();
    platform.deployer[0].kill().await.unwrap();
    database.batch_execute(BEFORE_THEM).await.unwrap();
    platform.start_deployers().await.unwrap();
    platform.start_ingresses().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    publish_push(&platform, &push_of(Uuid::new_v4())).await;
    wait::until("the dead letter", PATIENCE, || async {
        let count = "select count(*) from dead_letters";
        let letters: i64 = database.query_one(count, &[]).await?.get(0);
        Ok((letters == 1).then_some(()))
    })
    .await
    .unwrap();

    let mut client = deployer_grpc::client(&platform).await;
    let refusals = [
        client.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap_err(),
        client.get_dead_letter(GetDeadLetterRequest { id: 1 }).await.unwrap_err(),
        retry(&platform, 1).await.unwrap_err(),
        discard(&platform, 1).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
        assert!(refused.message().contains("deployer-svc migrate"), "{refused}");
    }
    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    letters(&platform, 1).await;
}
