//! A platform for one test: real processes on a database and a stream prefix of its own, links that can be cut, and a
//! check that it left a clean world.

mod clean;
mod connected;
mod links;
mod replica;
mod rest;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use uuid::Uuid;

pub use self::{links::Links, replica::Replica};
use crate::{
    api::{Answer, Api, App, Deploy},
    audit::{self, Write},
    deliveries::{Delivery, Push},
    forge::Forge,
    keys::Keys,
    ports,
    process::Spec,
    proxy::Proxy,
    roles::{self, Wiring},
    servers::{Addresses, Scratch},
    stack::create_database,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a test wants of its platform.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replicas of the ingress.
    pub ingress: usize,
    /// Replicas of the deployer.
    pub deployer: usize,
    /// Whether the deployers run from the start.
    pub deployers_run: bool,
    /// How long the stand-in's builds take.
    pub build: Duration,
    /// How long each step of its rollouts takes.
    pub rollout_step: Duration,
    /// Whether there are providers as well: the stand-in of GitHub, GitLab and Forgejo, which the ingress is wired to.
    pub forge: bool,
    /// Further settings of the ingress.
    pub ingress_env: Vec<(&'static str, String)>,
    /// Further settings of the deployer.
    pub deployer_env: Vec<(&'static str, String)>,
    /// Folder of the services' programs, for `migrate` as well; those that were built with the tests when `None`.
    pub programs: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ingress: 1,
            deployer: 1,
            deployers_run: true,
            build: Duration::from_millis(100),
            rollout_step: Duration::from_millis(20),
            forge: false,
            ingress_env: Vec::new(),
            deployer_env: Vec::new(),
            programs: None,
        }
    }
}

impl Options {
    /// The same process with the program that is wanted.
    fn program(&self, mut spec: Spec) -> Spec {
        if let (Some(folder), Some(name)) = (&self.programs, spec.program.file_name()) {
            spec.program = folder.join(name);
        }
        spec
    }
}

/// An app that is linked to a repository.
#[derive(Debug, Clone)]
pub struct LinkedApp {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `github`, `gitlab` or `forgejo`.
    pub provider: &'static str,
    /// `owner/name`.
    pub repo: String,
    /// What its deliveries are signed with.
    pub secret: String,
}

impl LinkedApp {
    /// A push of a new commit to its repository.
    #[must_use]
    pub fn push(&self) -> Push {
        Push::new(&self.repo)
    }

    /// The delivery with which its provider tells of a push.
    #[must_use]
    pub fn delivery(&self, push: &Push) -> Delivery {
        match self.provider {
            "gitlab" => push.gitlab(&self.secret),
            "forgejo" => push.forgejo(&self.secret),
            _ => push.github(&self.secret),
        }
    }
}

/// A running platform.
pub struct Platform {
    /// Its API, through the balancer.
    pub api: Api,
    /// The links between its processes and what they need.
    pub links: Links,
    /// The replicas of its ingress.
    pub ingress: Vec<Replica>,
    /// The replicas of its deployer.
    pub deployer: Vec<Replica>,
    /// The cluster stand-in.
    pub cluster: Replica,
    /// The stand-in of the providers, as it is asked; it runs when the options say so.
    pub forge: Forge,
    /// Its process.
    pub forge_process: Replica,
    wiring: Wiring,
    direct: Addresses,
    database: String,
    audit: PathBuf,
    balancers: Vec<Proxy>,
    scratch: Scratch,
    checks_world: bool,
}

impl Platform {
    /// One ingress, one deployer and a stand-in.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// As the test wants it.
    pub async fn start_with(options: Options) -> Result<Self> {
        Self::start_on(Addresses::of_this_run().await?, options).await
    }

    /// The same on servers of the test's own, which it may stop and start.
    pub async fn start_on(servers: Addresses, options: Options) -> Result<Self> {
        let scratch = Scratch::new()?;
        let name = format!("t{}", &Uuid::new_v4().simple().to_string()[..12]);
        create_database(&servers.database_url, &name).await?;
        let direct = Addresses { database_url: servers.database(&name), ..servers };
        let standin_address = format!("127.0.0.1:{}", ports::free_port()?);
        let (kubeconfig, audit) =
            (scratch.path().join("kubeconfig"), scratch.path().join("audit.jsonl"));
        let standin = roles::standin(scratch.path(), &standin_address, &kubeconfig, &audit)?
            .args(["--build-ms", &options.build.as_millis().to_string()])
            .args(["--rollout-step-ms", &options.rollout_step.as_millis().to_string()]);
        let mut cluster = Replica::cluster(standin, &standin_address);
        cluster.start().await?;
        wait::until("the stand-in", PATIENCE, || async {
            Ok((kubeconfig.is_file() && audit.is_file()).then_some(()))
        })
        .await?;
        cluster.ready().await?;
        let links = Links::start(&direct, &standin_address).await?;
        let (ingress_at, deployer_at) = (addresses(options.ingress)?, addresses(options.deployer)?);
        let ingress_balancer = Proxy::start("127.0.0.1:0", ingress_at.clone()).await?;
        let deployer_balancer = Proxy::start("127.0.0.1:0", deployer_at.clone()).await?;
        let ingress_url = format!("http://{}", ingress_balancer.address());
        let forge_address = format!("127.0.0.1:{}", ports::free_port()?);
        let forge_state = scratch.path().join("forge.json");
        let spec = roles::forge(scratch.path(), &forge_address, &forge_state, &ingress_url)?;
        let mut forge_process = Replica::forge(spec, &forge_address);
        if options.forge {
            forge_process.start().await?;
            forge_process.ready().await?;
        }
        let wiring = Wiring {
            logs: scratch.path().to_owned(),
            database_url: direct.database_url.clone(),
            nats_url: direct.nats_url.clone(),
            nats_monitor_url: String::new(),
            stream_prefix: name.clone(),
            max_pushes_bytes: 64 << 20,
            kubeconfig: links.kubeconfig(&kubeconfig, &standin_address)?,
            ingress_url,
            forge_url: options.forge.then(|| format!("http://{forge_address}")),
            deployer_url: format!("http://{}", deployer_balancer.address()),
            keys: Keys::random(),
        };
        options.program(wiring.migrate()?).run(PATIENCE).await?;
        let mut platform = Self {
            api: Api::new(&wiring.ingress_url, &wiring.keys.api_token)?,
            ingress: Replica::ingresses(&links.ingress(&wiring), &ingress_at, &options)?,
            deployer: Replica::deployers(&links.deployer(&wiring), &deployer_at, &options)?,
            links,
            wiring,
            direct,
            database: name,
            cluster,
            forge: Forge::new(&format!("http://{forge_address}"))?,
            forge_process,
            audit,
            balancers: vec![ingress_balancer, deployer_balancer],
            scratch,
            checks_world: true,
        };
        if options.deployers_run {
            platform.start_deployers().await?;
        }
        platform.start_ingresses().await?;
        Ok(platform)
    }

    /// Starts every ingress that does not run, and waits until they are ready.
    pub async fn start_ingresses(&mut self) -> Result<()> {
        for replica in &mut self.ingress {
            replica.start().await?;
        }
        for replica in &mut self.ingress {
            replica.ready().await?;
        }
        Ok(())
    }

    /// Starts every deployer that does not run, and waits until they serve.
    pub async fn start_deployers(&mut self) -> Result<()> {
        for replica in &mut self.deployer {
            replica.start().await?;
        }
        for replica in &mut self.deployer {
            replica.ready().await?;
        }
        Ok(())
    }

    /// Creates an app and links it to a GitHub repository of the same name.
    pub async fn app(&self, name: &str) -> Result<LinkedApp> {
        self.linked_app(name, "github", json!({})).await
    }

    /// Creates an app and links it; `settings` add to or replace fields of the link.
    pub async fn linked_app(
        &self,
        name: &str,
        provider: &'static str,
        settings: Value,
    ) -> Result<LinkedApp> {
        let App { id, name, .. } = self.api.create_app(name).await?;
        let repo = format!("octo/{name}");
        let mut link = json!({ "provider": provider, "repo_full_name": repo });
        if let (Some(link), Value::Object(settings)) = (link.as_object_mut(), settings) {
            link.extend(settings);
        }
        let source = self.api.link(id, link).await?;
        let secret = source.webhook_secret.context("no webhook secret for a new link")?;
        Ok(LinkedApp { id, name, provider, repo, secret })
    }

    /// Delivers a push as the app's provider would.
    pub async fn push(&self, app: &LinkedApp, push: &Push) -> Result<Answer> {
        self.api.deliver(app.id, &app.delivery(push)).await
    }

    /// Delivers a push that must be accepted; the deploy that it means.
    pub async fn accepted(&self, app: &LinkedApp, push: &Push) -> Result<Uuid> {
        let answer = self.push(app, push).await?;
        answer.deploy_id().with_context(|| format!("not accepted: {answer:?}"))
    }

    /// Waits until a deploy is live.
    pub async fn live(&self, id: Uuid) -> Result<Deploy> {
        self.api.wait_for_state(id, "live", PATIENCE).await
    }

    /// Waits until a deploy has ended, however it did.
    pub async fn ended(&self, id: Uuid) -> Result<Deploy> {
        self.api.wait_for_end(id, PATIENCE).await
    }

    /// Changes switches of the stand-in; those that are not named stay as they are.
    pub async fn switch(&self, switches: Value) -> Result<()> {
        set_switches(&format!("http://{}", self.cluster.address()), switches).await
    }

    /// Has the stand-in do something once: `break-watches` or `expire-history`.
    pub async fn upset_cluster(&self, act: &str) -> Result<()> {
        let url = format!("http://{}/standin/{act}", self.cluster.address());
        crate::api::http_client()?.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// Every write that reached the cluster.
    pub fn audit(&self) -> Result<Vec<Write>> {
        audit::read(&self.audit)
    }

    /// A connection to its database that no cut link concerns.
    pub async fn database(&self) -> Result<tokio_postgres::Client> {
        connect(&self.direct.database_url).await
    }

    /// The broker, on a connection that no cut link concerns.
    pub async fn jetstream(&self) -> Result<async_nats::jetstream::Context> {
        let client = async_nats::connect(&self.direct.nats_url).await?;
        Ok(async_nats::jetstream::new(client))
    }

    /// How its processes are wired.
    #[must_use]
    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// For a test that leaves work undone on purpose: nothing is checked when it is dropped.
    pub fn leave_unclean(&mut self) {
        self.checks_world = false;
    }
}

/// Changes switches of the stand-in at `url`; those that are not named stay as they are.
pub async fn set_switches(url: &str, switches: Value) -> Result<()> {
    let request = crate::api::http_client()?
        .request(Method::PATCH, format!("{url}/standin/switches"))
        .json(&switches);
    request.send().await?.error_for_status().context("set the stand-in's switches")?;
    Ok(())
}

/// A connection to a database, driven by a task.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn addresses(count: usize) -> Result<Vec<String>> {
    (0..count).map(|_| Ok(format!("127.0.0.1:{}", ports::free_port()?))).collect()
}
