//! What a cut needs: both servers, one of them on the disk that loses power, and the services.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    api::{self, Api},
    keys::Keys,
    ports,
    process::{Process, Spec},
    roles::{self, Wiring},
    servers::{Durability, Nats, Postgres, Scratch},
    stack::create_database,
    wait,
};

use super::{disk::Disk, frozen::Frozen};

const PATIENCE: Duration = Duration::from_mins(1);
const DATABASE: &str = "paas";

/// Which server stands on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDisk {
    Broker,
    Database,
}

/// Running processes. They are dropped, and so killed, before the disk is.
pub(super) struct Rig {
    pub(super) api: Api,
    pub(super) nats: Nats,
    pub(super) postgres: Postgres,
    services: Vec<Process>,
    broker: Process,
    database: Process,
    on_disk: OnDisk,
    disk: Disk,
    _scratch: Scratch,
}

impl Rig {
    /// Servers and an ingress; with the database on the disk also a deployer, whose work is at stake then.
    pub(super) async fn start(on_disk: OnDisk, durability: Durability) -> Result<Self> {
        let scratch = Scratch::new()?;
        let disk = Disk::make(&scratch).await?;
        let nats = match on_disk {
            OnDisk::Broker => Nats::prepare_in(&scratch, &disk.folder("nats")?, durability).await?,
            OnDisk::Database => Nats::prepare(&scratch).await?,
        };
        let broker = nats.spec().start().await?;
        let postgres = match on_disk {
            OnDisk::Broker => Postgres::prepare(&scratch, Durability::None).await?,
            OnDisk::Database => {
                Postgres::prepare_in(&scratch, &disk.folder("postgres")?, durability).await?
            }
        };
        let database = postgres.spec().start().await?;
        postgres.ready().await?;
        create_database(&postgres.url("postgres"), DATABASE).await?;
        nats.ready().await?;
        let (ingress, deployer) = (ports::free_port()?, ports::free_port()?);
        let wiring = Wiring {
            logs: scratch.path().to_owned(),
            database_url: postgres.url(DATABASE),
            nats_url: nats.url(),
            nats_monitor_url: String::new(),
            stream_prefix: String::new(),
            max_pushes_bytes: 1 << 30,
            kubeconfig: scratch.path().join("kubeconfig"),
            ingress_url: format!("http://127.0.0.1:{ingress}"),
            deployer_url: format!("http://127.0.0.1:{deployer}"),
            forge_url: None,
            keys: Keys::random(),
        };
        wiring.migrate()?.run(PATIENCE).await?;
        let mut services = Vec::new();
        if on_disk == OnDisk::Database {
            services.push(cluster(&wiring)?.start().await?);
            wait::until("the stand-in's kubeconfig", PATIENCE, || async {
                Ok(wiring.kubeconfig.is_file().then_some(()))
            })
            .await?;
            let address = format!("127.0.0.1:{deployer}");
            services.push(wiring.deployer("deployer", &address)?.start().await?);
            api::grpc_healthy(&address, PATIENCE).await?;
        }
        let address = format!("127.0.0.1:{ingress}");
        services.push(wiring.ingress("ingress", &address)?.start().await?);
        api::http_ready(&address, PATIENCE).await?;
        let api = Api::new(&wiring.ingress_url, &wiring.keys.api_token)?;
        Ok(Self {
            api,
            nats,
            postgres,
            services,
            broker,
            database,
            on_disk,
            disk,
            _scratch: scratch,
        })
    }

    /// Has all that is there now written out: only what follows is at stake.
    pub(super) async fn settle(&self) -> Result<()> {
        self.disk.flush().await
    }

    /// Cuts the power, and puts back in what the disk has kept. The services end as well.
    pub(super) async fn cut(&mut self) -> Result<()> {
        let server = match self.on_disk {
            OnDisk::Broker => &mut self.broker,
            OnDisk::Database => &mut self.database,
        };
        let frozen = Frozen::server(server.pid()).await?;
        let copy = self.disk.copy().await?;
        drop(frozen);
        server.kill().await?;
        for mut service in self.services.drain(..) {
            service.kill().await?;
        }
        self.disk.replace(copy).await
    }

    /// Starts the server again, on what is left.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        match self.on_disk {
            OnDisk::Broker => {
                self.broker = self.nats.spec().start().await?;
                self.nats.ready().await
            }
            OnDisk::Database => {
                self.database = self.postgres.spec().start().await?;
                self.postgres.ready().await
            }
        }
    }

    /// A connection to the platform's database.
    pub(super) async fn database(&self) -> Result<tokio_postgres::Client> {
        e2e::harness::connect(&self.postgres.url(DATABASE)).await
    }

    /// The broker.
    pub(super) async fn jetstream(&self) -> Result<async_nats::jetstream::Context> {
        Ok(async_nats::jetstream::new(async_nats::connect(self.nats.url()).await?))
    }
}

/// A stand-in whose builds last: what is at stake is what the intake commits, and it should have the processors.
fn cluster(wiring: &Wiring) -> Result<Spec> {
    let address = format!("127.0.0.1:{}", ports::free_port()?);
    let audit = wiring.logs.join("audit.jsonl");
    let standin = roles::standin(&wiring.logs, &address, &wiring.kubeconfig, &audit)?;
    Ok(standin.args(["--build-ms", "600000"]))
}
