//! Servers set up by the files of `deploy/`, and both services on them.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    api::{self, Api},
    binaries, keys, ports,
    process::{Process, Spec},
    roles::{self, Wiring},
    servers::{Durability, Postgres, Scratch},
    stack::create_database,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A file of `deploy/`.
pub(super) fn deploy(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

/// A platform in which everybody is who they are in production.
pub(super) struct Installed {
    pub(super) api: Api,
    pub(super) ingress: String,
    pub(super) deployer: String,
    pub(super) standin: String,
    passwords: BTreeMap<&'static str, String>,
    /// Where the broker is.
    pub(super) broker: String,
    postgres: Postgres,
    wiring: Wiring,
    /// Killed when dropped.
    processes: Vec<Process>,
    _scratch: Scratch,
}

impl Installed {
    /// The servers, the tables and streams, and one replica of each service.
    pub(super) async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let passwords: BTreeMap<_, _> = ["admin", "owner", "ingress", "deployer"]
            .map(|name| (name, format!("p{}", keys::random_hex())))
            .into();
        let postgres = Postgres::prepare(&scratch, Durability::None).await?;
        let mut processes = vec![postgres.spec().start().await?];
        let (broker, nats) = broker(&scratch, &passwords)?;
        processes.push(nats.start().await?);
        postgres.ready().await?;
        create_database(&postgres.url("postgres"), "paas").await?;
        make_roles(&scratch, &postgres, &passwords).await?;
        wait::until_listening(&broker, PATIENCE).await?;

        let address = || anyhow::Ok(format!("127.0.0.1:{}", ports::free_port()?));
        let (ingress, deployer, standin) = (address()?, address()?, address()?);
        let kubeconfig = scratch.path().join("kubeconfig");
        let audit = scratch.path().join("audit.jsonl");
        let cluster = roles::standin(scratch.path(), &standin, &kubeconfig, &audit)?;
        processes.push(cluster.args(["--build-ms", "100"]).start().await?);
        wait::until("the stand-in", PATIENCE, || async { Ok(kubeconfig.is_file().then_some(())) })
            .await?;

        let wiring = Wiring {
            logs: scratch.path().to_owned(),
            database_url: String::new(),
            nats_url: String::new(),
            nats_monitor_url: String::new(),
            stream_prefix: String::new(),
            max_pushes_bytes: 64 << 20,
            kubeconfig,
            ingress_url: format!("http://{ingress}"),
            deployer_url: format!("http://{deployer}"),
            forge_url: None,
            keys: keys::Keys::random(),
        };
        let api = Api::new(&wiring.ingress_url, &wiring.keys.api_token)?;
        let mut installed = Self {
            api,
            ingress,
            deployer,
            standin: format!("http://{standin}"),
            passwords,
            broker,
            postgres,
            wiring,
            processes,
            _scratch: scratch,
        };
        installed.migrate().await?;
        installed.start_services().await?;
        Ok(installed)
    }

    async fn start_services(&mut self) -> Result<()> {
        let deployer = self.as_user("deployer").deployer("deployer", &self.deployer)?;
        let ingress = self.as_user("ingress").ingress("ingress", &self.ingress)?;
        self.processes.push(deployer.start().await?);
        self.processes.push(ingress.start().await?);
        let ready = api::grpc_healthy(&self.deployer, PATIENCE).await;
        ready.with_context(|| deployer.last_words())?;
        let ready = api::http_ready(&self.ingress, PATIENCE).await;
        ready.with_context(|| ingress.last_words())
    }

    /// `deployer-svc migrate` as the tables' owner and the broker's admin, as often as one likes.
    pub(super) async fn migrate(&self) -> Result<()> {
        let wiring = Wiring {
            database_url: self.database_url("paas_owner", "owner"),
            nats_url: self.nats_url("admin"),
            ..self.wiring.clone()
        };
        let spec = wiring.migrate()?;
        let spec = spec.env("INGRESS_ROLE", "paas_ingress").env("DEPLOYER_ROLE", "paas_deployer");
        spec.run(PATIENCE).await
    }

    /// Replays all pushes; what the answer says, a JSON line for each.
    pub(super) async fn replay(&self) -> Result<String> {
        let request = api::http_client()?
            .post(format!("{}/v1/replays", self.wiring.ingress_url))
            .bearer_auth(&self.wiring.keys.api_token)
            .json(&serde_json::json!({ "dry_run": false }));
        Ok(request.send().await?.error_for_status()?.text().await?)
    }

    /// How a service finds its servers as itself.
    pub(super) fn as_user(&self, name: &str) -> Wiring {
        Wiring {
            database_url: self.database_url(&format!("paas_{name}"), name),
            nats_url: self.nats_url(name),
            ..self.wiring.clone()
        }
    }

    fn database_url(&self, role: &str, name: &str) -> String {
        let (address, password) = (self.postgres.address(), &self.passwords[name]);
        format!("postgres://{role}:{password}@{address}/paas")
    }

    fn nats_url(&self, name: &str) -> String {
        format!("nats://{name}:{}@{}", self.passwords[name], self.broker)
    }

    /// What stands in a log of the services that should not: the passwords with which they connect.
    pub(super) fn told_passwords(&self) -> Vec<String> {
        let logs: Vec<_> = std::fs::read_dir(&self.wiring.logs)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .filter(|path| {
                ["ingress", "deployer"].iter().any(|it| path.to_string_lossy().contains(it))
            })
            .collect();
        assert!(logs.len() >= 2, "{logs:?}");
        let tells = |path: &std::path::PathBuf| {
            let log = std::fs::read_to_string(path).unwrap();
            self.passwords.values().any(|password| log.contains(password))
        };
        logs.iter().filter(|path| tells(path)).map(|path| path.display().to_string()).collect()
    }

    /// What the operator shows the ingress.
    pub(super) fn operators_token(&self) -> &str {
        &self.wiring.keys.api_token
    }

    /// A connection to the database as a service.
    pub(super) async fn database(&self, name: &str) -> Result<tokio_postgres::Client> {
        e2e::harness::connect(&self.database_url(&format!("paas_{name}"), name)).await
    }

    /// A connection to the broker as one of its users, who reads answers at `inbox`.
    pub(super) async fn broker(&self, name: &str, inbox: &str) -> Result<async_nats::Client> {
        let options = async_nats::ConnectOptions::with_user_and_password(
            name.to_owned(),
            self.passwords[name].clone(),
        );
        let options = options.custom_inbox_prefix(inbox).request_timeout(Some(PATIENCE));
        Ok(options.connect(format!("nats://{}", self.broker)).await?)
    }
}

/// `deploy/nats.conf` on free ports and a folder of its own.
fn broker(scratch: &Scratch, passwords: &BTreeMap<&'static str, String>) -> Result<(String, Spec)> {
    let mut config = std::fs::read_to_string(deploy("nats.conf"))?;
    let (port, monitor) = (ports::free_port()?, ports::free_port()?);
    let store = scratch.folder("nats")?;
    for (there, here) in [
        ("listen: 0.0.0.0:4222", format!("listen: 127.0.0.1:{port}")),
        ("http: 0.0.0.0:8222", format!("http: 127.0.0.1:{monitor}")),
        ("\"/data/jetstream\"", format!("\"{}\"", store.display())),
    ] {
        ensure!(config.contains(there), "deploy/nats.conf does not say {there}");
        config = config.replace(there, &here);
    }
    let path = store.join("nats.conf");
    keys::write_private(&path, &config)?;
    let spec = Spec::new("nats", binaries::nats_server()?, scratch.path()).arg("-c").arg(path);
    let spec = ["admin", "ingress", "deployer"].into_iter().fold(spec, |spec, name| {
        spec.env(&format!("NATS_{}_PASSWORD", name.to_uppercase()), &passwords[name])
    });
    Ok((format!("127.0.0.1:{port}"), spec))
}

/// `deploy/postgres/roles.sql`, as the image of Postgres runs it.
async fn make_roles(
    scratch: &Scratch,
    postgres: &Postgres,
    passwords: &BTreeMap<&'static str, String>,
) -> Result<()> {
    let psql = Spec::new("psql", binaries::postgres("psql")?, scratch.path())
        .args(["--no-psqlrc", "--dbname", &postgres.url("paas"), "--file"])
        .arg(deploy("postgres/roles.sql"));
    let psql = ["owner", "ingress", "deployer"].into_iter().fold(psql, |spec, name| {
        spec.env(&format!("POSTGRES_{}_PASSWORD", name.to_uppercase()), &passwords[name])
    });
    psql.run(PATIENCE).await
}
