//! `paas-dev demo`: a push goes live on a platform of real processes; then what else may happen to a push.

mod cases;
mod origin;
mod paas;
mod screen;
mod story;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anstream::println;
use anyhow::Result;
use e2e::{
    api::Api,
    forge::Forge,
    keys,
    signals::interrupted,
    stack::{Cluster, Options, Stack},
};

use self::{
    cases::Case,
    paas::Paas,
    story::{Stage, Story},
};
use super::up::{ClusterKind, agent_settings};

/// Long enough to be watched.
const STANDIN_PACE: [&str; 4] = ["--build-ms", "1500", "--rollout-step-ms", "250"];

/// How to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End after the story instead of leaving everything running for a look.
    #[arg(long)]
    exit: bool,
    /// The cluster: a stand-in for the Kubernetes and Tekton API, or the real one of your `KUBECONFIG`.
    #[arg(long, value_enum, default_value_t = ClusterKind::Standin)]
    cluster: ClusterKind,
    /// Where a real cluster can clone the demo's repository from.
    #[arg(long)]
    clone_url: Option<String>,
    /// The platform that runs already, by its URL, instead of starting one; `PAAS_TOKEN` is its token.
    #[arg(long, requires = "token")]
    url: Option<String>,
    /// Token of the platform at `--url`.
    #[arg(long, env = "PAAS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The stand-in of the platform at `--url`, if it has one: a build fails by its switch.
    #[arg(long, requires = "url")]
    standin_url: Option<String>,
    /// Folder for keys and settings; not the one of `up`, so that both can run.
    #[arg(long, default_value = ".dev/demo")]
    dir: PathBuf,
}

/// Runs the command; a success only if everything was as expected.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    if let (Some(url), Some(token)) = (&args.url, &args.token) {
        return elsewhere(Api::new(url, token)?, &args).await;
    }
    let options = Options {
        folder: args.dir.clone(),
        ingress: 1,
        deployer: 1,
        cluster: args.cluster.choose(&STANDIN_PACE)?,
        forge: true,
        ingress_settings: BTreeMap::new(),
        agent_settings: agent_settings(),
    };
    screen::title("Webhook Deploy");
    introduce(&options.cluster);
    screen::note(
        "The provider is a STAND-IN for GitHub: it consents, keeps webhooks and sends deliveries as documented",
    );
    screen::note("Starting Postgres, NATS, the cluster, the provider and both services");
    let stack = Stack::start(&options).await?;
    for warning in &stack.warnings {
        screen::warning(warning);
    }
    let standin = matches!(options.cluster, Cluster::Standin(_))
        .then(|| stack.setting("CLUSTER_STANDIN_URL").to_owned());
    let forge = Forge::new(stack.setting("FORGE_URL"))?;
    let paas = Paas::new(&stack.api, stack.setting("PAAS_TOKEN"))?;
    let stage = Stage {
        api: &stack.api,
        name: "hello",
        standin,
        provider: Some((forge, paas)),
        clone_url: args.clone_url.as_deref(),
    };
    let told = tokio::select! {
        told = tell(stage) => told,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    let as_expected = match told {
        Ok(cases) => {
            screen::summary(&cases);
            introduce(&options.cluster);
            if !args.exit {
                stack.announce()?;
                println!(
                    "\nEverything still runs: see {}/env. Ctrl-C stops it.",
                    args.dir.display()
                );
                interrupted().await;
            }
            cases.iter().all(Case::holds)
        }
        Err(error) => {
            screen::warning(&format!("{error:#}"));
            screen::logs(stack.logs());
            false
        }
    };
    screen::note("Stopping everything");
    stack.stop().await;
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same on a platform that somebody else runs, and goes on running.
async fn elsewhere(api: Api, args: &Args) -> Result<ExitCode> {
    screen::title("Webhook Deploy");
    screen::note(&format!("On the platform at {}", api.url()));
    // It may have been here before.
    let name = format!("hello-{}", &keys::random_hex()[..6]);
    let stage = Stage {
        api: &api,
        name: &name,
        standin: args.standin_url.clone(),
        provider: None,
        clone_url: args.clone_url.as_deref(),
    };
    let cases = tell(stage).await?;
    screen::summary(&cases);
    Ok(if cases.iter().all(Case::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn introduce(cluster: &Cluster) {
    match cluster {
        Cluster::Standin(_) => screen::note(
            "The cluster is a STAND-IN for the Kubernetes and Tekton API: it behaves as recorded and runs no container",
        ),
        Cluster::Real(kubeconfig) => {
            screen::note(&format!("The cluster is the real one of {}", kubeconfig.display()));
        }
    }
}

async fn tell(stage: Stage<'_>) -> Result<Vec<Case>> {
    let mut story = Story::begin(stage).await?;
    let mut cases = story.a_push_goes_live().await?;
    cases.push(story.the_same_push_again().await?);
    cases.push(story.another_branch().await?);
    cases.push(story.a_bad_signature().await?);
    cases.push(story.a_failing_build().await?);
    story.the_ledger().await?;
    Ok(cases)
}
