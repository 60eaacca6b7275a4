//! The deployer's gRPC server over a real channel: who may call, and what the answers are.

use e2e::harness::{LinkedApp, Platform};
use futures_util::TryStreamExt as _;
use paas_proto::deploys::{
    Deploy, DeployState, GetDeployRequest, ListDeploysRequest, RedeployRequest, RollBackRequest,
    WatchDeployRequest, deploys_client::DeploysClient,
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

const SERVICE: &str = "paas.deploys.v1.Deploys";

/// Shows a token with each call.
#[derive(Clone)]
pub(crate) struct Token(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(crate) type Guarded = InterceptedService<Channel, Token>;

async fn channel(platform: &Platform) -> Channel {
    let url = format!("http://{}", platform.deployer[0].address());
    Endpoint::from_shared(url).unwrap().timeout(PATIENCE).connect().await.unwrap()
}

async fn guarded(platform: &Platform) -> (Channel, Token) {
    let token = format!("Bearer {}", platform.wiring().keys.deployer_token);
    (channel(platform).await, Token(token.parse().unwrap()))
}

/// Calls the first deployer as the ingress does.
pub(crate) async fn client(platform: &Platform) -> DeploysClient<Guarded> {
    let (channel, token) = guarded(platform).await;
    DeploysClient::with_interceptor(channel, token)
}

/// An app, and the deploys that went live one after the other, oldest first.
async fn app_with_deploys(platform: &Platform, count: usize) -> (LinkedApp, Vec<Uuid>) {
    let app = platform.app("hello").await.unwrap();
    let mut push = app.push();
    let mut deploys = Vec::new();
    for _ in 0..count {
        let id = platform.accepted(&app, &push).await.unwrap();
        platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        deploys.push(id);
        push = push.then(&e2e::deliveries::random_sha());
    }
    (app, deploys)
}

#[tokio::test]
async fn a_caller_needs_the_token_but_for_health() {
    let platform = Platform::start().await.unwrap();
    let channel = channel(&platform).await;
    let ask = || GetDeployRequest { deploy_id: Uuid::new_v4().to_string() };
    let refused = DeploysClient::new(channel.clone()).get_deploy(ask()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let wrong = Token("Bearer wrong".parse().unwrap());
    let mut wrong = DeploysClient::with_interceptor(channel.clone(), wrong);
    assert_eq!(wrong.get_deploy(ask()).await.unwrap_err().code(), Code::Unauthenticated);
    let let_in = client(&platform).await.get_deploy(ask()).await.unwrap_err();
    assert_eq!(let_in.code(), Code::NotFound);

    let mut health = HealthClient::new(channel);
    for service in ["", SERVICE] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving);
    }
}

#[tokio::test]
async fn reflection_tells_those_with_the_token_of_the_services() {
    let platform = Platform::start().await.unwrap();
    let request = || {
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let request = ServerReflectionRequest { host: String::new(), message_request };
        futures_util::stream::iter([request])
    };
    let mut stranger = ServerReflectionClient::new(channel(&platform).await);
    let refused = stranger.server_reflection_info(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let (channel, token) = guarded(&platform).await;
    let mut client = ServerReflectionClient::with_interceptor(channel, token);
    let mut answers = client.server_reflection_info(request()).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&SERVICE) && names.contains(&"grpc.health.v1.Health"), "{names:?}");
}

#[tokio::test]
async fn a_deploy_is_told_as_it_is() {
    let platform = Platform::start().await.unwrap();
    let (app, deploys) = app_with_deploys(&platform, 1).await;
    let mut client = client(&platform).await;
    let get = GetDeployRequest { deploy_id: deploys[0].to_string() };
    let deploy = client.get_deploy(get).await.unwrap().into_inner().deploy.unwrap();
    assert_eq!(deploy.state(), DeployState::Live);
    assert_eq!((deploy.app_id, deploy.repo), (app.id.to_string(), app.repo));
    assert_eq!(deploy.branch, "main");
    assert_eq!(deploy.source, format!("github_webhook:{}", deploy.sha));
    let kinds: Vec<_> = deploy.events.iter().map(|event| event.r#type.as_str()).collect();
    let expected = ["requested", "build_started", "built", "rollout_started", "went_live"];
    assert_eq!(kinds, expected);

    let nonsense = GetDeployRequest { deploy_id: "hello".to_owned() };
    assert_eq!(client.get_deploy(nonsense).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn deploys_are_listed_in_pages_newest_first() {
    let platform = Platform::start().await.unwrap();
    let (app, mut deploys) = app_with_deploys(&platform, 3).await;
    deploys.reverse();
    let mut client = client(&platform).await;
    let mut page =
        ListDeploysRequest { app_id: app.id.to_string(), page_size: 2, page_token: String::new() };
    let mut listed: Vec<Deploy> = Vec::new();
    let mut pages = Vec::new();
    loop {
        let answer = client.list_deploys(page.clone()).await.unwrap().into_inner();
        pages.push(answer.deploys.len());
        listed.extend(answer.deploys);
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    assert_eq!(pages, [2, 1]);
    let ids: Vec<Uuid> = listed.iter().map(|deploy| deploy.deploy_id.parse().unwrap()).collect();
    assert_eq!(deploys, ids);

    page.page_token = "nonsense".to_owned();
    assert_eq!(client.list_deploys(page).await.unwrap_err().code(), Code::InvalidArgument);
    let unknown = ListDeploysRequest { app_id: Uuid::new_v4().to_string(), ..Default::default() };
    assert_eq!(client.list_deploys(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_watch_tells_of_each_change_and_ends_with_the_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let refuse = |what| serde_json::json!({ "refuse": what });
    let refusal = serde_json::json!([{ "verb": "create", "resource": "pipelineruns" }]);
    platform.switch(refuse(refusal)).await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.api.wait_for_state(id, "requested", PATIENCE).await.unwrap();

    let request = WatchDeployRequest { deploy_id: id.to_string() };
    let mut client = client(&platform).await;
    let mut watch = client.watch_deploy(request.clone()).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap().deploy.unwrap();
    assert_eq!(first.state(), DeployState::Requested);
    platform.switch(refuse(serde_json::json!([]))).await.unwrap();
    let rest: Vec<_> = watch.try_collect().await.unwrap();
    let told: Vec<Deploy> = rest.into_iter().filter_map(|answer| answer.deploy).collect();
    assert_eq!(told.last().unwrap().state(), DeployState::Live);
    assert!(told.windows(2).all(|two| two[0].events.len() < two[1].events.len()), "{told:?}");

    let over = client.watch_deploy(request).await.unwrap().into_inner();
    assert_eq!(over.try_collect::<Vec<_>>().await.unwrap().len(), 1, "it has ended already");
}

#[tokio::test]
async fn a_repeated_request_means_the_same_deploy() {
    let platform = Platform::start().await.unwrap();
    let (app, deploys) = app_with_deploys(&platform, 2).await;
    let mut client = client(&platform).await;
    let same = || RedeployRequest {
        app_id: app.id.to_string(),
        requested_by: "Ada".to_owned(),
        request_id: "one".to_owned(),
    };
    let first = client.redeploy(same()).await.unwrap().into_inner().deploy_id;
    let again = client.redeploy(same()).await.unwrap().into_inner().deploy_id;
    assert_eq!(first, again);
    let id: Uuid = first.parse().unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    let ended = client.redeploy(same()).await.unwrap().into_inner().deploy_id;
    assert_eq!(first, ended, "also when it has ended");
    assert_eq!(aftermath::builds(&platform, id), 1);

    let same = || RollBackRequest {
        app_id: app.id.to_string(),
        deploy_id: deploys[0].to_string(),
        requested_by: "Ada".to_owned(),
        request_id: "one".to_owned(),
        release: 0,
    };
    let rollback = client.roll_back(same()).await.unwrap().into_inner().deploy_id;
    assert_ne!(rollback, first, "another kind of request with the same id is another one");
    platform.api.wait_for_state(rollback.parse().unwrap(), "live", PATIENCE).await.unwrap();
    assert_eq!(client.roll_back(same()).await.unwrap().into_inner().deploy_id, rollback);
    aftermath::is_in_order(&platform, &deploys).await;
}
