//! The whole platform on this machine, supervised: Postgres, NATS, a cluster, providers, the services and a balancer in
//! front of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use tokio_postgres::NoTls;

use crate::{
    api::{self, Api},
    installation::Installation,
    keys::{self, Keys},
    ports, process,
    proxy::Proxy,
    roles::{self, Wiring},
    servers::{Durability, Nats, Postgres, Scratch},
    signals::interrupted,
    supervisor::Supervisor,
    wait,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// Which cluster the deployer drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// The stand-in, with these further arguments.
    Standin(Vec<String>),
    /// The one of this kubeconfig.
    Real(PathBuf),
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for keys, process ids and the settings of the running stack.
    pub folder: PathBuf,
    /// Replicas of the ingress.
    pub ingress: usize,
    /// Replicas of the deployer.
    pub deployer: usize,
    /// The cluster.
    pub cluster: Cluster,
    /// Whether there are providers as well: the stand-in of GitHub, GitLab and Forgejo.
    pub forge: bool,
    /// Further settings of the ingress.
    pub ingress_settings: BTreeMap<String, String>,
    /// Further settings of the deployer's cluster agent.
    pub agent_settings: BTreeMap<String, String>,
}

/// A running platform.
pub struct Stack {
    scratch: Scratch,
    supervisor: Supervisor,
    balancers: Vec<Proxy>,
    installation: Installation,
    /// `KEY=value` settings by which others reach it: what `.dev/env` holds.
    pub env: BTreeMap<String, String>,
    /// Its management API.
    pub api: Api,
    /// What people should know about it.
    pub warnings: Vec<String>,
}

impl Stack {
    /// Starts everything and waits until it is ready. What was started is stopped again when that fails.
    pub async fn start(options: &Options) -> Result<Self> {
        let installation = Installation::take(&options.folder)?;
        let folder = installation.folder().to_owned();
        let keys = Keys::load_or_make(&folder)?;
        let scratch = Scratch::new()?;
        let mut supervisor = Supervisor::new(folder.join("pids"));
        let started = Building { options, keys, scratch: &scratch, supervisor: &mut supervisor };
        let built = tokio::select! {
            built = started.build(&folder) => built,
            () = interrupted() => Err(anyhow!("interrupted")),
        };
        match built {
            Ok(Built { env, balancers, warnings, api }) => {
                Ok(Self { scratch, supervisor, balancers, installation, env, api, warnings })
            }
            Err(error) => {
                supervisor.stop().await;
                Err(error)
            }
        }
    }

    /// One of its settings.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        self.env.get(name).map_or("", String::as_str)
    }

    /// Where its processes log to.
    #[must_use]
    pub fn logs(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes down how others reach it: from now on it counts as up.
    pub fn announce(&self) -> Result<()> {
        keys::write_private(&self.installation.folder().join("env"), &keys::lines(&self.env))
    }

    /// Drains and stops everything, and removes its data.
    pub async fn stop(self) {
        drop(self.balancers);
        self.supervisor.stop().await;
        drop(self.scratch);
        drop(self.installation);
    }
}

/// A stack while it is being started.
struct Building<'a> {
    options: &'a Options,
    keys: Keys,
    scratch: &'a Scratch,
    supervisor: &'a mut Supervisor,
}

struct Built {
    env: BTreeMap<String, String>,
    balancers: Vec<Proxy>,
    warnings: Vec<String>,
    api: Api,
}

impl Building<'_> {
    async fn build(mut self, folder: &Path) -> Result<Built> {
        let (postgres, nats) = self.servers().await?;
        let ingresses = Replicas::choose("ingress", self.options.ingress)?;
        let deployers = Replicas::choose("deployer", self.options.deployer)?;
        let (deployer_address, deployer_balancer) = deployers.entrance().await?;
        let (ingress_address, ingress_balancer) = ingresses.entrance().await?;
        let (kubeconfig, audit) = self.cluster(folder, &ingress_address).await?;
        let wiring = Wiring {
            logs: self.scratch.path().to_owned(),
            database_url: postgres.url("paas"),
            nats_url: nats.url(),
            nats_monitor_url: nats.monitor_url(),
            stream_prefix: String::new(),
            max_pushes_bytes: 1 << 30,
            kubeconfig: kubeconfig.clone(),
            ingress_url: format!("http://{ingress_address}"),
            deployer_url: format!("http://{deployer_address}"),
            forge_url: self.forge(&ingress_address).await?,
            keys: self.keys.clone(),
        };
        wiring.migrate()?.run(PATIENCE).await?;
        for (name, address) in &deployers.0 {
            let mut spec = wiring.deployer(name, address)?;
            spec.env.extend(self.options.agent_settings.clone());
            self.supervisor.keep(spec).await?;
        }
        for (name, address) in &ingresses.0 {
            let mut spec = wiring.ingress(name, address)?;
            spec.env.extend(self.options.ingress_settings.clone());
            self.supervisor.keep(spec).await?;
        }
        for (name, address) in &deployers.0 {
            self.explain(name, wait::until_listening(address, PATIENCE).await)?;
            self.explain(name, api::grpc_healthy(address, PATIENCE).await)?;
        }
        for (name, address) in &ingresses.0 {
            self.explain(name, api::http_ready(address, PATIENCE).await)?;
        }
        let mut env = BTreeMap::from([
            ("DATABASE_URL".to_owned(), wiring.database_url.clone()),
            ("NATS_URL".to_owned(), wiring.nats_url.clone()),
            ("STREAM_PREFIX".to_owned(), String::new()),
            ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            ("PAAS_TOKEN".to_owned(), self.keys.api_token.clone()),
            ("DEPLOYER_TOKEN".to_owned(), self.keys.deployer_token.clone()),
            ("TEKTON_EVENTS_TOKEN".to_owned(), self.keys.tekton_events_token.clone()),
            ("LOGS".to_owned(), self.scratch.path().display().to_string()),
            ("PIDS".to_owned(), folder.join("pids").display().to_string()),
            ("SUPERVISOR_PID".to_owned(), std::process::id().to_string()),
        ]);
        if let Some((audit, standin)) = audit {
            env.insert("CLUSTER_AUDIT".to_owned(), audit.display().to_string());
            env.insert("CLUSTER_STANDIN_URL".to_owned(), standin);
        }
        env.extend(wiring.forge_url.clone().map(|url| ("FORGE_URL".to_owned(), url)));
        env.insert("PAAS_URL".to_owned(), wiring.ingress_url.clone());
        env.extend(ingresses.settings("INGRESS_URL", &ingress_address));
        env.extend(deployers.settings("DEPLOYER_URL", &deployer_address));
        let api = Api::new(&wiring.ingress_url, &self.keys.api_token)?;
        let balancers = [deployer_balancer, ingress_balancer].into_iter().flatten().collect();
        Ok(Built { env, balancers, warnings: nats.warning().into_iter().collect(), api })
    }

    async fn servers(&mut self) -> Result<(Postgres, Nats)> {
        let nats = Nats::prepare(self.scratch).await?;
        self.supervisor.keep(nats.spec().clone()).await?;
        let postgres = Postgres::prepare(self.scratch, Durability::Full).await?;
        self.supervisor.keep(postgres.spec().clone()).await?;
        postgres.ready().await?;
        create_database(&postgres.url("postgres"), "paas").await?;
        nats.ready().await?;
        Ok((postgres, nats))
    }

    /// The URL of the providers' stand-in, if there is to be one.
    async fn forge(&mut self, ingress: &str) -> Result<Option<String>> {
        if !self.options.forge {
            return Ok(None);
        }
        let address = format!("127.0.0.1:{}", ports::free_port()?);
        let state = self.scratch.path().join("forge.json");
        let back = format!("http://{ingress}");
        let spec = roles::forge(self.scratch.path(), &address, &state, &back)?;
        self.supervisor.keep(spec).await?;
        self.explain("forge", wait::until_listening(&address, PATIENCE).await)?;
        Ok(Some(format!("http://{address}")))
    }

    /// The kubeconfig; with the stand-in also its audit log and URL.
    async fn cluster(
        &mut self,
        folder: &Path,
        ingress: &str,
    ) -> Result<(PathBuf, Option<(PathBuf, String)>)> {
        let arguments = match &self.options.cluster {
            Cluster::Real(kubeconfig) => return Ok((kubeconfig.clone(), None)),
            Cluster::Standin(arguments) => arguments,
        };
        let address = format!("127.0.0.1:{}", ports::free_port()?);
        // Its journal would bring an earlier stack's objects back.
        let state = folder.join("cluster");
        let _ = std::fs::remove_dir_all(&state);
        std::fs::create_dir_all(&state)?;
        let (kubeconfig, audit) = (state.join("kubeconfig"), state.join("audit.jsonl"));
        let spec = roles::standin(self.scratch.path(), &address, &kubeconfig, &audit)?;
        let token = &self.keys.tekton_events_token;
        let sink = format!("http://tekton:{token}@{ingress}/v1/callbacks/tekton");
        let spec = spec.args(arguments).env("CLUSTER_CLOUDEVENTS_SINK", sink);
        self.supervisor.keep(spec).await?;
        self.explain("standin", wait::until_listening(&address, PATIENCE).await)?;
        wait::until("the stand-in's kubeconfig", PATIENCE, || async {
            Ok(kubeconfig.is_file().then_some(()))
        })
        .await?;
        Ok((kubeconfig, Some((audit, format!("http://{address}")))))
    }

    /// Adds the end of a process's log to an error.
    fn explain<T>(&self, name: &str, result: Result<T>) -> Result<T> {
        result.with_context(|| {
            let logs = process::ends_of_logs(self.scratch.path());
            let log = logs.into_iter().find(|(path, _)| path.ends_with(format!("{name}.log")));
            format!("{name}:\n{}", log.map_or_else(String::new, |(_, end)| end))
        })
    }
}

/// Names and addresses of a service's replicas.
struct Replicas(Vec<(String, String)>);

impl Replicas {
    fn choose(service: &str, count: usize) -> Result<Self> {
        let replicas = (1..=count).map(|number| {
            Ok((format!("{service}-{number}"), format!("127.0.0.1:{}", ports::free_port()?)))
        });
        replicas.collect::<Result<_>>().map(Self)
    }

    /// Where clients go: the only replica, or a balancer in front of several.
    async fn entrance(&self) -> Result<(String, Option<Proxy>)> {
        if let [(_, address)] = self.0.as_slice() {
            return Ok((address.clone(), None));
        }
        let listen = format!("127.0.0.1:{}", ports::free_port()?);
        let addresses = self.0.iter().map(|(_, address)| address.clone()).collect();
        let balancer = Proxy::start(&listen, addresses).await?;
        Ok((balancer.address(), Some(balancer)))
    }

    /// `<name>` for the entrance and `<name>_1` and so on for each replica.
    fn settings(&self, name: &str, entrance: &str) -> Vec<(String, String)> {
        let each = self.0.iter().enumerate().map(|(index, (_, address))| {
            (format!("{name}_{}", index + 1), format!("http://{address}"))
        });
        std::iter::once((name.to_owned(), format!("http://{entrance}"))).chain(each).collect()
    }
}

/// Creates a database; `name` is ours, never input.
pub async fn create_database(url: &str, name: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let created = client.batch_execute(&format!("create database {name}")).await;
    connection.abort();
    created.with_context(|| format!("create the database {name}"))
}
