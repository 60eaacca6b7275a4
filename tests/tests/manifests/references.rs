//! What one manifest says of another is so: names, labels, ports and accounts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    kubernetes::{OVERLAYS, pod},
    kustomize::render,
    secrets,
    yaml::{at, entries, list, selects},
};

/// The objects of an overlay, and the Secrets that `k8s/secrets` adds.
struct Cluster {
    overlay: &'static str,
    objects: Vec<Value>,
}

impl Cluster {
    fn all() -> impl Iterator<Item = Self> {
        OVERLAYS.into_iter().map(|overlay| {
            let mut objects = render(overlay);
            objects.extend(secrets::of(overlay.rsplit('/').next().unwrap()));
            Self { overlay, objects }
        })
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| at(object, "/kind") == kind)
    }

    fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.of_kind(kind).any(|object| {
            at(object, "/metadata/namespace") == namespace && at(object, "/metadata/name") == name
        })
    }

    /// Objects that make pods, with their namespace and their pod.
    fn pods(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.objects
            .iter()
            .filter_map(|object| Some((at(object, "/metadata/namespace"), pod(object)?)))
    }
}

#[test]
fn no_two_objects_have_one_name_and_every_namespace_is_made() {
    for cluster in Cluster::all() {
        let mut seen = BTreeSet::new();
        for object in &cluster.objects {
            let id = ["/kind", "/metadata/namespace", "/metadata/name"]
                .map(|pointer| at(object, pointer));
            assert!(seen.insert(id), "{}: twice {id:?}", cluster.overlay);
            assert!(id[1].is_empty() || cluster.has("Namespace", "", id[1]), "{id:?}");
        }
    }
}

#[test]
fn what_a_pod_takes_in_is_there() {
    for cluster in Cluster::all() {
        for (namespace, pod) in cluster.pods() {
            let account = at(pod, "/spec/serviceAccountName");
            assert!(
                cluster.has("ServiceAccount", namespace, account),
                "{}: {account}",
                cluster.overlay
            );
            let sources = list(pod, "/spec/containers")
                .iter()
                .flat_map(|container| list(container, "/envFrom"));
            let volumes = list(pod, "/spec/volumes").iter();
            let named = sources
                .flat_map(|source| {
                    [
                        ("ConfigMap", at(source, "/configMapRef/name")),
                        ("Secret", at(source, "/secretRef/name")),
                    ]
                })
                .chain(volumes.map(|volume| ("ConfigMap", at(volume, "/configMap/name"))));
            for (kind, name) in named.filter(|(_, name)| !name.is_empty()) {
                assert!(
                    cluster.has(kind, namespace, name),
                    "{}: no {kind} {name}",
                    cluster.overlay
                );
            }
            for container in list(pod, "/spec/containers") {
                for mount in list(container, "/volumeMounts") {
                    let name = at(mount, "/name");
                    let of_pod =
                        list(pod, "/spec/volumes").iter().any(|volume| at(volume, "/name") == name);
                    // Claims of a StatefulSet.
                    assert!(of_pod || name == "data", "{}: no volume {name}", cluster.overlay);
                }
            }
        }
    }
}

#[test]
fn every_service_finds_its_pods_and_their_port() {
    for cluster in Cluster::all() {
        for service in cluster.of_kind("Service") {
            let name = at(service, "/metadata/name");
            let (_, pod) = cluster
                .pods()
                .find(|(namespace, pod)| {
                    *namespace == at(service, "/metadata/namespace")
                        && selects(&service["spec"]["selector"], &pod["metadata"]["labels"])
                })
                .unwrap_or_else(|| panic!("{}: nobody is behind {name}", cluster.overlay));
            let ports: Vec<_> = list(pod, "/spec/containers")
                .iter()
                .flat_map(|container| list(container, "/ports"))
                .collect();
            for port in list(service, "/spec/ports") {
                let target = ports.iter().find(|there| there["name"] == port["targetPort"]);
                let target = target.unwrap_or_else(|| panic!("{name}: no port {port}"));
                assert_eq!(target["containerPort"], port["port"], "{name}");
            }
        }
    }
}

#[test]
fn every_selector_finds_something() {
    for cluster in Cluster::all() {
        let selecting = cluster.objects.iter().filter_map(|object| {
            let pointer = match at(object, "/kind") {
                "NetworkPolicy" => "/spec/podSelector/matchLabels",
                "PodDisruptionBudget" | "Deployment" | "StatefulSet" => {
                    "/spec/selector/matchLabels"
                }
                _ => return None,
            };
            Some((object, object.pointer(pointer)?))
        });
        for (object, wanted) in selecting {
            let namespace = at(object, "/metadata/namespace");
            let found = cluster
                .pods()
                .any(|(of, pod)| of == namespace && selects(wanted, &pod["metadata"]["labels"]));
            assert!(found, "{}: {} {wanted}", cluster.overlay, at(object, "/metadata/name"));
        }
        for monitor in cluster.of_kind("ServiceMonitor") {
            for endpoint in list(monitor, "/spec/endpoints") {
                let found = cluster.of_kind("Service").any(|service| {
                    selects(
                        &monitor["spec"]["selector"]["matchLabels"],
                        &service["metadata"]["labels"],
                    ) && list(service, "/spec/ports")
                        .iter()
                        .any(|port| port["name"] == endpoint["port"])
                });
                assert!(found, "{endpoint}");
            }
        }
        for scaler in cluster.of_kind("HorizontalPodAutoscaler") {
            let name = at(scaler, "/spec/scaleTargetRef/name");
            assert!(cluster.has(at(scaler, "/spec/scaleTargetRef/kind"), "paas", name));
            let target =
                cluster.of_kind("Deployment").find(|object| at(object, "/metadata/name") == name);
            // Else every `kubectl apply` would undo what the autoscaler did.
            assert!(target.unwrap().pointer("/spec/replicas").is_none());
        }
    }
}

#[test]
fn nobody_talks_to_anybody_in_the_platforms_namespace_unless_a_policy_says_so() {
    for cluster in Cluster::all() {
        let denies = cluster.of_kind("NetworkPolicy").any(|policy| {
            at(policy, "/metadata/namespace") == "paas"
                && entries(policy, "/spec/podSelector").next().is_none()
                && list(policy, "/spec/policyTypes").len() == 2
                && policy.pointer("/spec/ingress").is_none()
                && policy.pointer("/spec/egress").is_none()
        });
        assert!(denies, "{}", cluster.overlay);
        let from_anywhere = cluster
            .of_kind("NetworkPolicy")
            .filter(|policy| at(policy, "/metadata/namespace") == "paas");
        for rule in from_anywhere.flat_map(|policy| list(policy, "/spec/ingress")) {
            assert!(!list(rule, "/from").is_empty() && !list(rule, "/ports").is_empty(), "{rule}");
        }
    }
}
