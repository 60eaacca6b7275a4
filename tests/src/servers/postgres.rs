//! A private Postgres: `initdb` and `postgres`, never as root.

use std::{
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::unistd::{Uid, User};

use super::{Durability, Scratch};
use crate::{
    binaries, keys, ports,
    process::{Signal, Spec},
    wait,
};

const PATIENCE: Duration = Duration::from_mins(1);
const SUPERUSER: &str = "paas";

/// An initialised data folder and how to serve it.
#[derive(Debug, Clone)]
pub struct Postgres {
    spec: Spec,
    port: u16,
    password: String,
}

impl Postgres {
    /// Initialises a data folder in `scratch`; the server is started by whoever supervises it.
    pub async fn prepare(scratch: &Scratch, durability: Durability) -> Result<Self> {
        Self::prepare_in(scratch, &scratch.folder("postgres")?, durability).await
    }

    /// The same with its data in another folder.
    pub async fn prepare_in(
        scratch: &Scratch,
        home: &Path,
        durability: Durability,
    ) -> Result<Self> {
        let user = unprivileged_user()?;
        let password = keys::random_hex();
        let data = Self::initialise(scratch, home, user, &password).await?;
        let port = ports::free_port()?;
        let mut settings = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", data.display()),
            "max_connections=300".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        if durability == Durability::None {
            settings.extend(
                ["fsync=off", "full_page_writes=off", "synchronous_commit=off"].map(str::to_owned),
            );
        }
        let mut spec = Spec::new("postgres", binaries::postgres("postgres")?, scratch.path())
            .arg("-D")
            .arg(data)
            .args(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        spec.user = user;
        // SIGTERM would wait until every client has gone by itself.
        spec.stop_signal = Signal::SIGINT;
        Ok(Self { spec, port, password })
    }

    /// Loses the data and begins anew at the same address, as another server does; it must not run.
    pub async fn lose(&self, scratch: &Scratch) -> Result<()> {
        let home = scratch.folder("postgres")?;
        std::fs::remove_dir_all(home.join("data")).context("remove the data")?;
        Self::initialise(scratch, &home, unprivileged_user()?, &self.password).await.map(drop)
    }

    async fn initialise(
        scratch: &Scratch,
        home: &Path,
        user: Option<(u32, u32)>,
        password: &str,
    ) -> Result<PathBuf> {
        let password_file = home.join("password");
        keys::write_private(&password_file, password)?;
        if let Some((user, group)) = user {
            for path in [home, &password_file] {
                chown(path, Some(user), Some(group))?;
            }
        }
        let data = home.join("data");
        let mut initdb = Spec::new("initdb", binaries::postgres("initdb")?, scratch.path())
            .args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--no-instructions"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data);
        initdb.user = user;
        initdb.run(PATIENCE).await?;
        std::fs::remove_file(&password_file).context("remove the password file")?;
        Ok(data)
    }

    /// How to start it.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Waits until it takes queries.
    pub async fn ready(&self) -> Result<()> {
        let url = self.url("postgres");
        wait::until("Postgres", PATIENCE, || async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            let connection = tokio::spawn(connection);
            let answer = client.simple_query("select 1").await;
            connection.abort();
            Ok(Some(answer?))
        })
        .await
        .map(drop)
        .with_context(|| self.spec.last_words())
    }
}

/// Postgres refuses to run as root: root runs it as the user of the distribution's package, or as nobody.
fn unprivileged_user() -> Result<Option<(u32, u32)>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let user = match User::from_name("postgres")? {
        Some(user) => user,
        None => User::from_name("nobody")?.context("neither a user postgres nor nobody")?,
    };
    Ok(Some((user.uid.as_raw(), user.gid.as_raw())))
}
