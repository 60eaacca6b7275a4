//! Whether the cluster answers, has Tekton and what builds stand on, and lets us do what deploys need.

use cluster_agent::{Access, Agent, Error, Permissions, Pipeline, Presence, Survey};

use super::{Area, Args, Finding};
use crate::cluster_port;

const HERE: Area = Area::Cluster;
/// Oldest Kubernetes that is tested against, and oldest Tekton Pipelines without known holes (CVE-2026-40938).
const KUBERNETES: [u32; 3] = [1, 33, 0];
const TEKTON: [u32; 3] = [1, 11, 1];
const APPLY: &str = "`kubectl apply -k` the manifests under k8s/";

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    match &args.cluster.cluster_agent_url {
        Some(url) => vec![check_agent(url, args).await],
        None => check_cluster(args).await,
    }
}

async fn check_agent(url: &str, args: &Args) -> Finding {
    let cluster = match cluster_port::remote(url, &args.cluster) {
        Ok(cluster) => cluster,
        Err(error) => {
            return HERE.fail(
                format!("{error:#}"),
                "correct CLUSTER_AGENT_URL, CLUSTER_AGENT_TOKEN and the certificates' files",
            );
        }
    };
    let fix = "start `deployer-svc cluster-agent` there with the same CLUSTER_AGENT_TOKEN and certificates, and run `deployer-svc doctor` there for the cluster itself";
    // Hints come at any time, so an open stream is all there is to see.
    match tokio::time::timeout(cluster_port::DEADLINE, cluster.watch()).await {
        Ok(Ok(_)) => HERE.ok("its agent answers"),
        Ok(Err(error)) => HERE.fail(format!("its agent: {error}"), fix),
        Err(_) => HERE.fail("its agent does not answer", fix),
    }
}

async fn check_cluster(args: &Args) -> Vec<Finding> {
    let agent = match Agent::connect(&args.agent).await {
        Ok(agent) => agent,
        Err(error) => return vec![of_error(&error)],
    };
    let permissions = match agent.permissions().await {
        Ok(permissions) => permissions,
        Err(error) => return vec![of_error(&error)],
    };
    let mut findings = of_permissions(&permissions);
    match agent.survey().await {
        Ok(survey) => findings.extend(of_survey(&survey, &permissions, args)),
        Err(error) => findings.push(of_error(&error)),
    }
    findings
}

fn of_error(error: &Error) -> Finding {
    let fix = match error {
        Error::Setting { .. } => "correct this setting, see docs/configuration.md",
        Error::NoCluster(_) | Error::Client(_) => {
            "set KUBECONFIG to a kubeconfig file that works with `kubectl`, or run in a pod with a service account"
        }
        Error::Call(_) => {
            "start the API server, or correct server and user in the kubeconfig that KUBECONFIG names"
        }
    };
    HERE.fail(error.to_string(), fix)
}

fn of_permissions(permissions: &Permissions) -> Vec<Finding> {
    let version = &permissions.kubernetes;
    let mut findings = vec![if is_older(version, KUBERNETES) {
        HERE.warn(
            format!("Kubernetes {version} is older than what this is tested with"),
            format!("upgrade to Kubernetes {} or newer", dotted(KUBERNETES)),
        )
    } else {
        HERE.ok(format!("Kubernetes {version}"))
    }];
    findings.push(if permissions.tekton {
        HERE.ok("Tekton Pipelines is there")
    } else {
        let fix = format!("install Tekton Pipelines {} or newer", dotted(TEKTON));
        HERE.fail("no Tekton Pipelines", fix)
    });
    let denied: Vec<_> = permissions.access.iter().filter(|access| !access.allowed).collect();
    if denied.is_empty() {
        findings.push(HERE.ok("every permission that is needed is given"));
    }
    findings.extend(denied.into_iter().map(of_denied));
    findings
}

fn of_denied(access: &Access) -> Finding {
    let Access { verb, group, resource, namespace, .. } = access;
    let resource =
        if group.is_empty() { (*resource).to_owned() } else { format!("{resource}.{group}") };
    let text = format!("may not {verb} {resource} in namespace {namespace}");
    let fix = format!("{APPLY}, for the service account that this runs as");
    if access.only_to_look { HERE.warn(text, fix) } else { HERE.fail(text, fix) }
}

fn of_survey(survey: &Survey, permissions: &Permissions, args: &Args) -> Vec<Finding> {
    let builds = &args.agent.build_namespace;
    let mut findings: Vec<_> = survey
        .namespaces
        .iter()
        .filter_map(|(name, presence)| {
            let fix = format!("{APPLY}, or `kubectl create namespace {name}`");
            of_presence(&format!("the namespace {name}"), presence, &fix)
        })
        .collect();
    // Where its namespace or its kind is missing, the rest is too.
    let has_builds = survey.namespaces.iter().all(|(_, presence)| *presence != Presence::Missing);
    if has_builds {
        let account = &args.agent.build_service_account;
        let what = format!("the service account {account} in {builds}");
        let fix = format!("{APPLY}, or correct BUILD_SERVICE_ACCOUNT");
        findings.extend(of_presence(&what, &survey.service_account, &fix));
    }
    if permissions.tekton {
        findings.push(of_tekton(survey.tekton.as_deref()));
        if has_builds {
            findings.extend(of_pipeline(&survey.pipeline, &args.agent.pipeline_name, builds));
        }
    }
    findings.extend(survey.clock_ahead.map(|(ahead, blur)| HERE.clock(ahead, blur)));
    findings
}

/// What we may not look at is told with the permission.
fn of_presence(what: &str, presence: &Presence, fix: &str) -> Option<Finding> {
    match presence {
        Presence::There => Some(HERE.ok(format!("{what} is there"))),
        Presence::Missing => Some(HERE.fail(format!("{what} is missing"), fix)),
        Presence::Unknown(_) => None,
    }
}

fn of_tekton(version: Option<&str>) -> Finding {
    let oldest = dotted(TEKTON);
    let Some(version) = version else {
        return HERE.warn(
            "the version of Tekton Pipelines is unknown",
            format!("make sure that it is {oldest} or newer (`tkn version`)"),
        );
    };
    if is_older(version, TEKTON) {
        return HERE.warn(
            format!("Tekton Pipelines {version} has known holes"),
            format!("upgrade Tekton Pipelines to {oldest} or newer"),
        );
    }
    HERE.ok(format!("Tekton Pipelines {version}"))
}

fn of_pipeline(pipeline: &Pipeline, name: &str, namespace: &str) -> Option<Finding> {
    let what = format!("the Pipeline {name} in {namespace}");
    let fix = format!("{APPLY}, or correct PIPELINE_NAME");
    if pipeline.presence != Presence::There {
        return of_presence(&what, &pipeline.presence, &fix);
    }
    let list = |names: &[String]| names.join(", ");
    let fix = "give it the parameters and the result of k8s/base/build-pipeline.yaml";
    Some(if !pipeline.not_given.is_empty() {
        HERE.fail(format!("{what} wants {} that no run gives", list(&pipeline.not_given)), fix)
    } else if !pipeline.undeclared.is_empty() {
        HERE.fail(format!("{what} has no parameter {}", list(&pipeline.undeclared)), fix)
    } else if !pipeline.reports_digest {
        HERE.fail(format!("{what} has no result image-digest"), fix)
    } else {
        HERE.ok(format!("{what} takes what builds are given"))
    })
}

/// `v1.36.2+k3s1` is not older than 1.33; what is no version is not judged.
fn is_older(version: &str, oldest: [u32; 3]) -> bool {
    let numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).take(3).collect();
    !numbers.is_empty() && numbers.as_slice() < &oldest[..numbers.len()]
}

fn dotted(version: [u32; 3]) -> String {
    let [major, minor, patch] = version;
    if patch == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{patch}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn access(verb: &'static str, allowed: bool, only_to_look: bool) -> Access {
        let namespace = "paas-apps".to_owned();
        Access { verb, group: "apps", resource: "deployments", namespace, only_to_look, allowed }
    }

    #[test]
    fn a_missing_permission_is_named() {
        let permissions = Permissions {
            kubernetes: "v1.36.2".to_owned(),
            tekton: true,
            access: vec![
                access("get", true, false),
                access("patch", false, false),
                access("watch", false, true),
            ],
        };
        let denied: Vec<_> = of_permissions(&permissions)
            .into_iter()
            .filter(|finding| finding.verdict != Verdict::Ok)
            .map(|finding| (finding.verdict, finding.text))
            .collect();
        let text = |verb: &str| format!("may not {verb} deployments.apps in namespace paas-apps");
        assert_eq!(denied, [(Verdict::Fail, text("patch")), (Verdict::Warn, text("watch"))]);
    }

    #[test]
    fn an_old_version_is_told_and_a_distribution_s_is_read() {
        for (version, older) in
            [("v1.32.9", true), ("v1.33.0", false), ("v1.36.2+k3s1", false), ("devel", false)]
        {
            assert_eq!(is_older(version, KUBERNETES), older, "{version}");
        }
        assert_eq!(of_tekton(Some("v1.11.0")).verdict, Verdict::Warn);
        assert_eq!(of_tekton(Some("v1.11.1")).verdict, Verdict::Ok);
        assert_eq!(of_tekton(None).verdict, Verdict::Warn);
    }

    /// One truth: what the documents say is what is checked.
    #[test]
    fn the_documents_name_the_same_versions() {
        let page = include_str!("../../../k8s/README.md");
        assert!(page.contains(&format!("**Kubernetes** {} or newer", dotted(KUBERNETES))));
        assert!(page.contains(&format!("**Tekton Pipelines** {} or newer", dotted(TEKTON))));
    }
}
