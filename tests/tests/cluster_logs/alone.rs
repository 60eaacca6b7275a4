//! The cluster's agent alone with a cluster, and a client of its calls.

use std::time::Duration;

use e2e::{api, binaries, keys, ports, process::Process, process::Spec, roles, wait};
use futures_util::StreamExt as _;
use paas_proto::{
    cluster::{
        App, BuildLogs, BuildPhase, GetBuildRequest, LogsRequest, LogsResponse, RollOutRequest,
        RolloutPhase, StartBuildRequest, cluster_client::ClusterClient, logs_request,
    },
    ids,
};
use serde_json::{Value, json};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The deploy of whom the tests start builds.
pub(crate) const DEPLOY: Uuid = Uuid::from_u128(7);
pub(crate) const APP: Uuid = Uuid::from_u128(1);

/// An agent with its cluster.
pub(crate) struct Alone {
    pub(crate) client: ClusterClient<Channel>,
    pub(crate) agent: Process,
    _standin: Process,
    http: reqwest::Client,
    cluster_url: String,
    scratch: tempfile::TempDir,
}

impl Alone {
    /// A cluster that is switched so.
    pub(crate) async fn start(switches: Value) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", ports::free_port().unwrap());
        let kubeconfig = scratch.path().join("kubeconfig");
        let audit = scratch.path().join("audit.jsonl");
        let standin = roles::standin(scratch.path(), &address, &kubeconfig, &audit).unwrap();
        let standin = standin.args(["--callbacks", "false", "--rollout-step-ms", "20"]);
        let standin = standin.start().await.unwrap();
        wait::until_listening(&address, PATIENCE).await.unwrap();
        let (client, agent) = agent(&scratch).await;
        let alone = Self {
            client,
            agent,
            _standin: standin,
            http: api::http_client().unwrap(),
            cluster_url: format!("http://{address}"),
            scratch,
        };
        alone.switch(switches).await;
        alone
    }

    /// Another agent, after the first was killed.
    pub(crate) async fn restart_agent(&mut self) {
        self.agent.kill().await.unwrap();
        (self.client, self.agent) = agent(&self.scratch).await;
    }

    /// What the agents logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("cluster-agent.log")).unwrap()
    }

    /// The cluster's audit log.
    pub(crate) fn audit(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("audit.jsonl")).unwrap()
    }

    pub(crate) async fn switch(&self, patch: Value) {
        let url = format!("{}/standin/switches", self.cluster_url);
        let answer = self.http.patch(url).json(&patch).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub(crate) async fn break_logs(&self) {
        let url = format!("{}/standin/break-logs", self.cluster_url);
        assert!(self.http.post(url).send().await.unwrap().status().is_success());
    }

    /// Status and body of a request to the cluster's API.
    pub(crate) async fn cluster(&self, method: reqwest::Method, path: &str) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.cluster_url));
        let answer = request.bearer_auth("stand-in").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Starts the build of [`DEPLOY`].
    pub(crate) async fn build(&mut self) {
        self.client.start_build(order()).await.unwrap();
    }

    pub(crate) async fn phase(&mut self) -> BuildPhase {
        let run_name = ids::run_name(DEPLOY);
        let request = GetBuildRequest { run_name, deploy_id: DEPLOY.to_string() };
        self.client.get_build(request).await.unwrap().into_inner().build.unwrap().phase()
    }

    pub(crate) async fn built(&mut self) {
        let client = self.client.clone();
        wait::until("the build's end", PATIENCE, || async {
            let (run_name, deploy_id) = (ids::run_name(DEPLOY), DEPLOY.to_string());
            let request = GetBuildRequest { run_name, deploy_id };
            let build = client.clone().get_build(request).await?.into_inner().build.unwrap();
            Ok((build.phase() == BuildPhase::Succeeded).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Puts a generation on the app's Deployment, and waits until it is complete.
    pub(crate) async fn roll_out(&mut self, generation: u64) {
        let client = self.client.clone();
        wait::until("the rollout", PATIENCE, || async {
            let rollout = client.clone().roll_out(release(generation)).await?.into_inner().rollout;
            Ok((rollout.unwrap().phase() == RolloutPhase::Complete).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Opens the lines.
    pub(crate) async fn open(
        &mut self,
        request: LogsRequest,
    ) -> impl futures_util::Stream<Item = Result<LogsResponse, Status>> + Unpin + use<> {
        self.client.logs(request).await.unwrap().into_inner()
    }

    /// All lines, to the end of the stream.
    pub(crate) async fn read(&mut self, request: LogsRequest) -> Result<Vec<LogsResponse>, Status> {
        let lines = self.open(request).await;
        let lines = tokio::time::timeout(PATIENCE, lines.collect::<Vec<_>>()).await;
        lines.unwrap().into_iter().collect()
    }
}

async fn agent(scratch: &tempfile::TempDir) -> (ClusterClient<Channel>, Process) {
    let address = format!("127.0.0.1:{}", ports::free_port().unwrap());
    let program = binaries::ours("deployer-svc").unwrap();
    let agent = Spec::new("cluster-agent", program, scratch.path())
        .arg("cluster-agent")
        .env("CLUSTER_AGENT_LISTEN", &address)
        .env("CALLBACK_KEY", keys::random_hex())
        .env("KUBECONFIG", scratch.path().join("kubeconfig").display().to_string());
    let process = agent.start().await.unwrap();
    api::grpc_healthy(&address, PATIENCE).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    (ClusterClient::new(channel), process)
}

pub(crate) fn app() -> App {
    App { app_id: APP.to_string(), name: "web".to_owned(), tenant_id: "default".to_owned() }
}

pub(crate) fn order() -> StartBuildRequest {
    StartBuildRequest {
        app: Some(app()),
        deploy_id: DEPLOY.to_string(),
        run_name: ids::run_name(DEPLOY),
        clone_url: "https://github.com/acme/web.git".to_owned(),
        sha: "a".repeat(40),
        ..StartBuildRequest::default()
    }
}

fn release(generation: u64) -> RollOutRequest {
    let digest = format!("{generation:064x}");
    RollOutRequest {
        app: Some(app()),
        deploy_id: Uuid::from_u128(generation.into()).to_string(),
        generation,
        image: format!("registry.paas-registry.svc:5000/default/web@sha256:{digest}"),
        sha: "a".repeat(40),
    }
}

/// The lines of the build of [`DEPLOY`].
pub(crate) fn of_build() -> LogsRequest {
    let build = BuildLogs { run_name: ids::run_name(DEPLOY), deploy_id: DEPLOY.to_string() };
    LogsRequest { of: Some(logs_request::Of::Build(build)), ..LogsRequest::default() }
}

/// The lines of the app's pods.
pub(crate) fn of_app() -> LogsRequest {
    LogsRequest { of: Some(logs_request::Of::App(app())), ..LogsRequest::default() }
}

/// Builds that take so long, and containers that write so much.
pub(crate) fn writing(build_ms: u64, logs: &Value) -> Value {
    json!({ "all": { "build_ms": build_ms }, "logs": logs })
}
