//! `paas-dev up`: the platform until Ctrl-C, or in the background.

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anstream::println;
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use e2e::{
    binaries,
    signals::interrupted,
    stack::{Cluster, Options, Stack},
    wait,
};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_mins(3);

/// Settings of the cluster agent that the caller may set: a real cluster has its own registry and names.
const AGENT_SETTINGS: [&str; 11] = [
    "BUILD_NAMESPACE",
    "APPS_NAMESPACE",
    "PIPELINE_NAME",
    "BUILD_SERVICE_ACCOUNT",
    "REGISTRY",
    "APP_DOMAIN",
    "INGRESS_CLASS",
    "APP_PORT",
    "CALLBACK_URL",
    "BUILD_TIMEOUT_SECONDS",
    "PROGRESS_DEADLINE_SECONDS",
];

/// What to start, and where.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Return once everything is ready and leave it running; `paas-dev down` stops it.
    #[arg(long)]
    detach: bool,
    /// Replicas of the ingress; with several, a balancer stands in front of them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    ingress: u16,
    /// Replicas of the deployer.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    deployer: u16,
    /// The cluster: a stand-in for the Kubernetes and Tekton API, or the real one of your `KUBECONFIG`.
    #[arg(long, value_enum, default_value_t = ClusterKind::Standin)]
    cluster: ClusterKind,
    /// Folder for keys, process ids and the settings of the running platform (`env`).
    #[arg(long, default_value = ".dev")]
    dir: PathBuf,
}

/// Which cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterKind {
    /// The stand-in.
    Standin,
    /// The one of `KUBECONFIG`.
    Real,
}

impl ClusterKind {
    /// The cluster to start with, with these arguments for the stand-in.
    pub(crate) fn choose(self, standin: &[&str]) -> Result<Cluster> {
        match self {
            Self::Standin => {
                Ok(Cluster::Standin(standin.iter().map(ToString::to_string).collect()))
            }
            Self::Real => {
                let named = env::var_os("KUBECONFIG").map(PathBuf::from);
                let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".kube/config"));
                let path = named.or_else(home).context("KUBECONFIG is not set")?;
                let path = path.canonicalize().with_context(|| format!("{}", path.display()))?;
                Ok(Cluster::Real(path))
            }
        }
    }
}

/// The agent settings of the caller's environment.
pub(crate) fn agent_settings() -> BTreeMap<String, String> {
    AGENT_SETTINGS
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)))
        .collect()
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<()> {
    if args.detach { detach(&args).await } else { foreground(&args).await }
}

async fn foreground(args: &Args) -> Result<()> {
    let stack = Stack::start(&Options {
        folder: args.dir.clone(),
        ingress: args.ingress.into(),
        deployer: args.deployer.into(),
        cluster: args.cluster.choose(&[])?,
        forge: true,
        ingress_settings: BTreeMap::new(),
        agent_settings: agent_settings(),
    })
    .await?;
    stack.announce()?;
    describe(&args.dir)?;
    println!("\nCtrl-C stops it all.");
    interrupted().await;
    println!("Stopping.");
    stack.stop().await;
    Ok(())
}

/// Starts the same command as a process of its own session and waits until it has announced itself.
async fn detach(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.dir)?;
    let log = args.dir.join("up.log");
    let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let setsid = binaries::in_path("setsid").context("setsid (util-linux) is missing")?;
    let mut child = Command::new(setsid)
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1).filter(|argument| argument != "--detach"))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let pid = child.id().context("the supervisor ended at once")?;
    let announced = wait::until("the platform to be ready", PATIENCE, || async {
        Ok(announced_by(&args.dir, pid).then_some(()))
    });
    tokio::select! {
        result = announced => result?,
        status = child.wait() => {
            let words = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("the supervisor ended ({}):\n{words}", status?);
        }
    }
    describe(&args.dir)
}

fn announced_by(folder: &Path, pid: u32) -> bool {
    let env = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
    env.lines().any(|line| line == format!("SUPERVISOR_PID={pid}"))
}

fn describe(folder: &Path) -> Result<()> {
    let env = std::fs::read_to_string(folder.join("env"))?;
    let setting = |name: &str| {
        env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or("-")
    };
    println!("The platform is up.");
    println!("  ingress   {}", setting("INGRESS_URL"));
    println!("  deployer  {}", setting("DEPLOYER_URL"));
    let cluster = if env.contains("CLUSTER_AUDIT=") { "a stand-in" } else { "real" };
    println!("  cluster   {cluster}, {}", setting("KUBECONFIG"));
    println!("  providers a stand-in, {}", setting("FORGE_URL"));
    println!("  logs      {}", setting("LOGS"));
    println!("  settings  {}", folder.join("env").display());
    Ok(())
}
