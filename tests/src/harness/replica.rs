//! One replica of a service: a process that a test may kill and start again.

use std::{path::Path, process::ExitStatus, time::Duration};

use anyhow::{Context as _, Result};

use super::Options;
use crate::{
    api,
    process::{Process, Signal, Spec},
    roles::Wiring,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Which service it is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Ingress,
    Deployer,
    Cluster,
    Forge,
}

/// A process, or the place of one that does not run now.
#[derive(Debug)]
pub struct Replica {
    service: Service,
    spec: Spec,
    address: String,
    process: Option<Process>,
}

impl Replica {
    pub(super) fn ingresses(
        wiring: &Wiring,
        addresses: &[String],
        options: &Options,
    ) -> Result<Vec<Self>> {
        let spec = |name: &str, address: &str| wiring.ingress(name, address);
        Self::all(Service::Ingress, "ingress", addresses, &options.ingress_env, options, spec)
    }

    pub(super) fn deployers(
        wiring: &Wiring,
        addresses: &[String],
        options: &Options,
    ) -> Result<Vec<Self>> {
        let spec = |name: &str, address: &str| wiring.deployer(name, address);
        Self::all(Service::Deployer, "deployer", addresses, &options.deployer_env, options, spec)
    }

    pub(super) fn cluster(spec: Spec, address: &str) -> Self {
        Self { service: Service::Cluster, spec, address: address.to_owned(), process: None }
    }

    pub(super) fn forge(spec: Spec, address: &str) -> Self {
        Self { service: Service::Forge, spec, address: address.to_owned(), process: None }
    }

    fn all(
        service: Service,
        name: &str,
        addresses: &[String],
        env: &[(&'static str, String)],
        options: &Options,
        spec: impl Fn(&str, &str) -> Result<Spec>,
    ) -> Result<Vec<Self>> {
        let replica = |(index, address): (usize, &String)| {
            let mut spec = options.program(spec(&format!("{name}-{}", index + 1), address)?);
            spec.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            Ok(Self { service, spec, address: address.clone(), process: None })
        };
        addresses.iter().enumerate().map(replica).collect()
    }

    /// The same with the process moved out of the original.
    pub(super) fn take(&mut self) -> Self {
        let Self { service, spec, address, process } = self;
        let (spec, address) = (spec.clone(), address.clone());
        Self { service: *service, spec, address, process: process.take() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts it when it does not run.
    pub async fn start(&mut self) -> Result<()> {
        if !self.is_running() {
            self.process = Some(self.spec.start().await?);
        }
        Ok(())
    }

    /// Has it run the program of the same name in another folder when it is started the next time.
    pub fn exchange(&mut self, folder: &Path) {
        if let Some(name) = self.spec.program.file_name() {
            self.spec.program = folder.join(name);
        }
    }

    /// Starts it so that it ends at a boundary, as a power cut would end it: `points` as the crate `fail` reads them.
    pub async fn start_with_failpoints(&mut self, points: &str) -> Result<()> {
        self.process = Some(self.spec.clone().env("FAILPOINTS", points).start().await?);
        Ok(())
    }

    /// Waits until it serves.
    pub async fn ready(&self) -> Result<()> {
        let ready = match self.service {
            Service::Ingress => api::http_ready(&self.address, PATIENCE).await,
            Service::Deployer => api::grpc_healthy(&self.address, PATIENCE).await,
            Service::Cluster | Service::Forge => {
                wait::until_listening(&self.address, PATIENCE).await
            }
        };
        ready.with_context(|| format!("{}:\n{}", self.spec.name, self.spec.last_words()))
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Kills it, as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Asks it to stop and waits until it has drained.
    pub async fn terminate(&mut self) -> Result<Option<ExitStatus>> {
        match self.process.take() {
            Some(mut process) => process.stop(PATIENCE).await.map(Some),
            None => Ok(None),
        }
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let mut process = self.process.take().context("it does not run")?;
        let ended = tokio::time::timeout(PATIENCE, process.wait()).await;
        ended.with_context(|| format!("{} still runs", self.spec.name))?
    }

    /// Freezes it, as a machine without CPU would.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.as_mut().context("it does not run")?.signal(signal)
    }

    /// All that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.spec.log).unwrap_or_default()
    }
}
