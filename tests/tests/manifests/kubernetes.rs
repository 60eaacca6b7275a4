//! The Kubernetes manifests: what the API would say to them, and that pods have no more rights than they need.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    kustomize::render,
    yaml::{at, document, documents, entries, list, root, text},
};

pub(super) const OVERLAYS: [&str; 2] = ["k8s/overlays/evaluation", "k8s/overlays/production"];
/// Of operators whose schemas no package registry has: looked at by nobody here.
const WITHOUT_SCHEMA: [&str; 3] =
    ["tekton.dev/v1 Task", "tekton.dev/v1 Pipeline", "postgresql.cnpg.io/v1 Cluster"];

/// Which schema an object is held to, and where in it.
fn schema_of(object: &Value) -> Option<(&'static str, String)> {
    let kind = at(object, "/kind");
    let (file, definition) = match at(object, "/apiVersion") {
        "monitoring.coreos.com/v1" => ("prometheus-operator", kind.to_owned()),
        "v1" => ("kubernetes", format!("io.k8s.api.core.v1.{kind}")),
        version => {
            let (group, version) = version.split_once('/').unwrap_or_default();
            let group = group.split('.').next().unwrap_or_default();
            ("kubernetes", format!("io.k8s.api.{group}.{version}.{kind}"))
        }
    };
    let name = format!("{} {kind}", at(object, "/apiVersion"));
    (!WITHOUT_SCHEMA.contains(&name.as_str())).then_some((file, definition))
}

/// What the API would complain about.
pub(super) fn complaints(object: &Value) -> Vec<String> {
    let Some((file, definition)) = schema_of(object) else { return Vec::new() };
    let text = text(format!("tests/tests/manifests/schemas/{file}.json"));
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    if schema["$defs"].get(&definition).is_none() {
        return vec![format!("there is no schema of {definition}")];
    }
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let name = format!("{} {}", at(object, "/kind"), at(object, "/metadata/name"));
    let errors = validator.iter_errors(object);
    errors.map(|error| format!("{name}, {}: {error}", error.instance_path())).collect()
}

#[test]
fn the_api_knows_every_field_of_every_manifest() {
    for overlay in OVERLAYS {
        let complaints: Vec<_> = render(overlay).iter().flat_map(complaints).collect();
        assert!(complaints.is_empty(), "{overlay}:\n{}", complaints.join("\n"));
    }
}

#[test]
fn a_manifest_with_a_mistake_is_complained_about() {
    let mut objects = render(OVERLAYS[0]);
    let deployment = objects.iter_mut().find(|object| at(object, "/kind") == "Deployment").unwrap();
    deployment["spec"]["replica"] = json!(2);
    assert_eq!(complaints(deployment).len(), 1);
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] =
        json!("1");
    assert_eq!(complaints(deployment).len(), 2);
}

#[test]
fn every_yaml_file_of_k8s_belongs_to_an_overlay() {
    let mut named = BTreeSet::from(["k8s/overlays/production/nats-values.yaml".to_owned()]);
    for folder in ["k8s/base", "k8s/services", "k8s/monitoring", OVERLAYS[0], OVERLAYS[1]] {
        let kustomization = document(format!("{folder}/kustomization.yaml"));
        named.insert(format!("{folder}/kustomization.yaml"));
        let resources = list(&kustomization, "/resources").iter().filter_map(Value::as_str);
        let patches = list(&kustomization, "/patches").iter().map(|patch| at(patch, "/path"));
        named.extend(resources.chain(patches).map(|name| format!("{folder}/{name}")));
    }
    let mut folders = vec![root("k8s")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let name = path.strip_prefix(root("")).unwrap().to_str().unwrap();
                assert!(named.contains(name), "nobody uses {name}");
            }
        }
    }
}

/// The pods that an object makes.
pub(super) fn pod(object: &Value) -> Option<&Value> {
    object
        .pointer("/spec/template")
        .filter(|template| template.pointer("/spec/containers").is_some())
}

#[test]
fn every_pod_is_restricted_and_has_limits() {
    for (overlay, object) in
        OVERLAYS.iter().flat_map(|overlay| render(overlay).into_iter().map(move |o| (overlay, o)))
    {
        let (Some(pod), namespace) = (pod(&object), at(&object, "/metadata/namespace")) else {
            continue;
        };
        // BuildKit makes user namespaces: see its own file.
        if namespace == "paas-buildkit" {
            continue;
        }
        let name = format!("{overlay}: {}", at(&object, "/metadata/name"));
        assert_eq!(pod.pointer("/spec/securityContext/runAsNonRoot"), Some(&json!(true)), "{name}");
        assert_eq!(
            at(pod, "/spec/securityContext/seccompProfile/type"),
            "RuntimeDefault",
            "{name}"
        );
        for container in list(pod, "/spec/containers") {
            let expected = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            });
            assert_eq!(container["securityContext"], expected, "{name}");
            assert!(container.pointer("/resources/limits/memory").is_some(), "{name}");
            assert!(container.pointer("/resources/requests/cpu").is_some(), "{name}");
        }
    }
}

#[test]
fn only_the_deployer_gets_a_token_of_the_api() {
    for overlay in OVERLAYS {
        let objects = render(overlay);
        for object in objects.iter().filter(|object| pod(object).is_some()) {
            let pod = pod(object).unwrap();
            let (name, account) =
                (at(object, "/metadata/name"), at(pod, "/spec/serviceAccountName"));
            let has_none = pod.pointer("/spec/automountServiceAccountToken") == Some(&json!(false));
            assert_eq!(has_none, name != "deployer", "{overlay}: {name}");
            let account = objects.iter().find(|object| {
                at(object, "/kind") == "ServiceAccount" && at(object, "/metadata/name") == account
            });
            let has_none = account.unwrap()["automountServiceAccountToken"] == json!(false);
            assert_eq!(has_none, name != "deployer", "{overlay}: {name}");
        }
    }
}

#[test]
fn from_outside_only_the_api_can_be_reached() {
    for overlay in OVERLAYS {
        let objects = render(overlay);
        let ingress = objects.iter().find(|object| at(object, "/kind") == "Ingress").unwrap();
        for rule in list(ingress, "/spec/rules") {
            let paths: Vec<_> =
                list(rule, "/http/paths").iter().map(|path| at(path, "/path")).collect();
            assert_eq!(paths, ["/v1/"]);
        }
        let service = objects.iter().filter(|object| at(object, "/kind") == "Service");
        for service in service {
            assert!(["", "ClusterIP"].contains(&at(service, "/spec/type")), "{service}");
        }
    }
}

#[test]
fn a_replica_has_the_time_to_drain() {
    // As docs/configuration.md has them, which a test holds to the code.
    let page = text("docs/configuration.md");
    let default = |variable: &str| -> u64 {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{variable}` |"))).unwrap();
        row.split('`').nth(3).unwrap().parse().unwrap()
    };
    let drain = default("DRAIN_SECONDS") + default("SHUTDOWN_GRACE_SECONDS");
    for object in documents("k8s/services/ingress.yaml")
        .iter()
        .chain(&documents("k8s/services/deployer.yaml"))
    {
        if let Some(pod) = pod(object) {
            let patience = pod.pointer("/spec/terminationGracePeriodSeconds").unwrap();
            assert!(patience.as_u64().unwrap() > drain, "{}", at(object, "/metadata/name"));
        }
    }
    for (name, service) in entries(&document("docker-compose.yml"), "/services") {
        if name.starts_with("ingress") || name.starts_with("deployer") {
            let patience = at(service, "/stop_grace_period").trim_end_matches('s');
            assert!(patience.parse::<u64>().unwrap() > drain, "{name}");
        }
    }
}

#[test]
fn the_operators_rules_are_those_of_the_documents() {
    const PATH: &str = "k8s/monitoring/alerts.yaml";
    let rules = text("docs/observability/alerts.yaml");
    let groups = &rules[rules.find("\ngroups:").unwrap() + 1..];
    let current = text(PATH);
    let head = &current[..current.find("spec:\n").unwrap() + "spec:\n".len()];
    let indented = groups.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("  {line}\n"),
    });
    let wanted = format!("{head}{}", indented.collect::<String>());
    if std::env::var_os("UPDATE_MANIFESTS").is_some() {
        std::fs::write(root(PATH), wanted).unwrap();
    } else {
        assert!(current == wanted, "{PATH} is behind: UPDATE_MANIFESTS=1 makes it anew");
    }
}

#[test]
fn the_brokers_users_may_do_the_same_by_helm_as_by_compose() {
    let values = document("k8s/overlays/production/nats-values.yaml");
    let mut by_helm: Vec<(String, Vec<String>)> = Vec::new();
    for user in list(&values, "/config/merge/authorization/users") {
        let subjects = ["/permissions/publish", "/permissions/subscribe"].into_iter();
        let subjects = subjects
            .flat_map(|pointer| list(user, pointer))
            .map(|subject| subject.as_str().unwrap().to_owned());
        by_helm.push((at(user, "/user").to_owned(), subjects.collect()));
    }
    let config = text("deploy/nats.conf");
    let users = config[config.find("users: [").unwrap()..].split("user: ").skip(1);
    let by_compose: Vec<(String, Vec<String>)> = users
        .map(|user| {
            let name = user.lines().next().unwrap().to_owned();
            let lines = user.lines().map(str::trim).filter(|line| !line.starts_with('#'));
            let text: String = lines.collect();
            (name, text.split('"').skip(1).step_by(2).map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(by_helm, by_compose);
    assert_eq!(at(&values, "/config/jetstream/merge/sync_interval"), "always");
    assert_eq!(values.pointer("/config/cluster/replicas"), Some(&json!(3)));
}
