//! Whether the cluster answers, has Tekton, and lets us do what deploys need.

use cluster_agent::{Access, Agent, Permissions};

use super::{Args, Finding};
use crate::cluster_port;

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
            return Finding::fail(format!("cluster: {error:#}"), "correct the agent's settings");
        }
    };
    let remedy = "start `deployer-svc cluster-agent` there, and give it the same token and certificates; \
                  run `deployer-svc doctor` there for the cluster itself";
    // Hints come at any time, so an open stream is all there is to see.
    match tokio::time::timeout(cluster_port::DEADLINE, cluster.watch()).await {
        Ok(Ok(_)) => Finding::ok("cluster: its agent answers"),
        Ok(Err(error)) => Finding::fail(format!("cluster: its agent: {error}"), remedy),
        Err(_) => Finding::fail("cluster: its agent does not answer", remedy),
    }
}

async fn check_cluster(args: &Args) -> Vec<Finding> {
    let remedy = "set KUBECONFIG, or run in a pod with a service account; see k8s/README.md";
    let permissions = match Agent::connect(&args.agent).await {
        Ok(agent) => agent.permissions().await,
        Err(error) => return vec![Finding::fail(format!("cluster: {error}"), remedy)],
    };
    match permissions {
        Ok(permissions) => of_permissions(&permissions),
        Err(error) => vec![Finding::fail(format!("cluster: {error}"), remedy)],
    }
}

fn of_permissions(permissions: &Permissions) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(format!("cluster: Kubernetes {}", permissions.kubernetes))];
    findings.push(if permissions.tekton {
        Finding::ok("cluster: Tekton Pipelines is there")
    } else {
        Finding::fail("cluster: no Tekton Pipelines", "install Tekton Pipelines 1.0 or newer")
    });
    let denied: Vec<_> = permissions.access.iter().filter(|access| !access.allowed).collect();
    if denied.is_empty() {
        findings.push(Finding::ok("cluster: every permission that is needed is given"));
    }
    findings.extend(denied.into_iter().map(of_denied));
    findings
}

fn of_denied(access: &Access) -> Finding {
    let Access { verb, group, resource, namespace, .. } = access;
    let resource =
        if group.is_empty() { (*resource).to_owned() } else { format!("{resource}.{group}") };
    Finding::fail(
        format!("cluster: may not {verb} {resource} in namespace {namespace}"),
        "apply the roles under k8s/, for the service account that this runs as",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_missing_permission_is_named() {
        let access = |verb, allowed| Access {
            verb,
            group: "apps",
            resource: "deployments",
            namespace: "paas-apps".to_owned(),
            allowed,
        };
        let permissions = Permissions {
            kubernetes: "v1.36.2".to_owned(),
            tekton: true,
            access: vec![access("get", true), access("patch", false)],
        };
        let failed: Vec<_> = of_permissions(&permissions)
            .into_iter()
            .filter(|finding| finding.verdict == Verdict::Fail)
            .map(|finding| finding.text)
            .collect();
        assert_eq!(failed, ["cluster: may not patch deployments.apps in namespace paas-apps"]);
    }
}
