//! `docker-compose.yml`: by the specification's schema, and by what it must not let happen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    secrets,
    yaml::{at, document, entries, list, root, text},
};

const FILE: &str = "docker-compose.yml";
/// Images without a shell or a client of HTTP in them, and one that ends.
const WITHOUT_HEALTHCHECK: [&str; 3] = ["collector", "jaeger", "migrate"];

fn compose() -> Value {
    document(FILE)
}

fn complaints(compose: &Value) -> Vec<String> {
    let schema: Value =
        serde_json::from_str(&text("tests/tests/manifests/schemas/compose-spec.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator
        .iter_errors(compose)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_specification_knows_every_field() {
    assert_eq!(complaints(&compose()), Vec::<String>::new());
    let mut wrong = compose();
    wrong["services"]["nats"]["imagee"] = json!("nats");
    assert_eq!(complaints(&wrong).len(), 1);
}

#[test]
fn every_image_has_an_exact_version() {
    for (name, service) in entries(&compose(), "/services") {
        // Once `./dev pin-images` was run, a digest follows.
        let image = at(service, "/image").split('@').next().unwrap();
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}"));
        let version = tag.trim_start_matches('v').split('-').next().unwrap();
        let numbers = version.split('.').filter(|number| number.parse::<u32>().is_ok()).count();
        assert!(numbers >= 2, "{name}: {tag}");
    }
}

#[test]
fn every_container_is_limited_and_may_do_nothing_special() {
    for (name, service) in entries(&compose(), "/services") {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert!(service.get("cap_add").is_none() && service.get("privileged").is_none(), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        for limit in ["cpus", "memory", "pids"] {
            assert!(
                service.pointer(&format!("/deploy/resources/limits/{limit}")).is_some(),
                "{name}: {limit}"
            );
        }
        assert!(service.get("restart").is_some(), "{name}");
        assert_eq!(
            service.pointer("/healthcheck/test").is_none(),
            WITHOUT_HEALTHCHECK.contains(&name),
            "{name}"
        );
    }
}

#[test]
fn only_this_machine_reaches_what_is_published() {
    for (name, service) in entries(&compose(), "/services") {
        for port in list(service, "/ports") {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    assert_eq!(compose().pointer("/networks/back/internal"), Some(&json!(true)));
}

#[test]
fn what_a_service_waits_for_can_come_true() {
    let compose = compose();
    for (name, service) in entries(&compose, "/services") {
        for (other, condition) in entries(service, "/depends_on") {
            let other = compose["services"]
                .get(other)
                .unwrap_or_else(|| panic!("{name} waits for {other}"));
            match at(condition, "/condition") {
                "service_healthy" => {
                    assert!(other.pointer("/healthcheck/test").is_some(), "{name}");
                }
                "service_completed_successfully" => {
                    assert_eq!(other["restart"], "on-failure", "{name}");
                }
                other => panic!("{name}: {other}"),
            }
        }
    }
}

#[test]
fn every_file_and_volume_that_is_mounted_is_there() {
    let compose = compose();
    for (name, service) in entries(&compose, "/services") {
        for volume in list(service, "/volumes") {
            let source = at(volume, "/source");
            match at(volume, "/type") {
                "bind" => assert!(root(source).exists(), "{name}: {source}"),
                "volume" => assert!(compose["volumes"].get(source).is_some(), "{name}: {source}"),
                other => panic!("{name}: {other}"),
            }
            assert!(
                at(volume, "/type") == "volume" || volume["read_only"] == true,
                "{name}: {source}"
            );
        }
        for network in list(service, "/networks") {
            assert!(
                compose["networks"].get(network.as_str().unwrap()).is_some(),
                "{name}: {network}"
            );
        }
    }
}

#[test]
fn every_secret_comes_from_the_file_that_dev_env_writes() {
    let (_folder, env) = secrets::made();
    let names: BTreeSet<_> = env.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let file = text(FILE);
    for asked in file.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
        if let Some((name, hint)) = asked.split_once(":?") {
            assert!(names.contains(name), "./dev env writes no {name}");
            assert_eq!(hint, "run ./dev env");
        } else {
            let (name, _) =
                asked.split_once(":-").unwrap_or_else(|| panic!("{asked} may be missing"));
            assert!(["PAAS_URL", "PAAS_SUBNET"].contains(&name), "{name} has a default");
        }
    }
    for (name, service) in entries(&compose(), "/services") {
        for (setting, value) in entries(service, "/environment") {
            let is_secret = ["PASSWORD", "TOKEN", "KEY", "KEYS", "SHA256"]
                .iter()
                .any(|end| setting.ends_with(end));
            assert!(!is_secret || value.as_str().unwrap().contains(":?"), "{name}: {setting}");
        }
    }
    for line in text(".gitignore").lines().filter(|line| line.starts_with("/.env")) {
        assert!(["/.env", "/.env.*"].contains(&line));
    }
    assert!(text(".gitignore").contains("/.env\n"));
}

/// Where each address leads: the service, its port, and the file and words that say that it listens there.
const LISTENERS: [(&str, &str, &str, &str); 9] = [
    ("postgres", "5432", "docker-compose.yml", "postgres"),
    ("nats", "4222", "deploy/nats.conf", "listen: 0.0.0.0:4222"),
    ("nats", "8222", "deploy/nats.conf", "http: 0.0.0.0:8222"),
    ("ingress", "8080", "docker-compose.yml", "LISTEN_ADDRESS: 0.0.0.0:8080"),
    ("deployer", "9090", "docker-compose.yml", "GRPC_ADDRESS: 0.0.0.0:9090"),
    ("balancer", "8080", "deploy/haproxy.cfg", "LISTEN :8080"),
    ("cluster", "6443", "Dockerfile", "\"0.0.0.0:6443\""),
    ("collector", "4317", "deploy/collector.yaml", "0.0.0.0:4317"),
    ("jaeger", "4317", "deploy/collector.yaml", "jaeger:4317"),
];

#[test]
fn every_address_leads_to_a_service_that_listens_there() {
    let compose = compose();
    let mut seen = 0;
    for (name, service) in entries(&compose, "/services") {
        for (setting, value) in entries(service, "/environment") {
            let value = value.as_str().unwrap_or_default();
            let Some((_, rest)) = value.split_once("://") else { continue };
            let address = rest
                .rsplit_once('@')
                .map_or(rest, |(_, address)| address)
                .split('/')
                .next()
                .unwrap();
            if address.contains(['}', '{']) || address.starts_with("127.0.0.1") {
                continue;
            }
            let (host, port) = address.split_once(':').unwrap();
            let is_known = LISTENERS.iter().any(|&(service, at, file, words)| {
                (service, at) == (host, port) && text(file).contains(words)
            });
            assert!(is_known, "{name}: {setting} leads to {address}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
    for replica in ["deployer-1", "deployer-2"] {
        assert_eq!(
            compose["services"][replica]["networks"]["back"]["aliases"],
            json!(["deployer"])
        );
    }
    let (balancer, prometheus) =
        (text("deploy/haproxy.cfg"), text("deploy/prometheus/prometheus.yml"));
    for replica in ["ingress-1:8080", "ingress-2:8080"] {
        assert!(balancer.contains(replica) && prometheus.contains(replica), "{replica}");
    }
    for replica in ["deployer-1:9090", "deployer-2:9090"] {
        assert!(prometheus.contains(replica), "{replica}");
    }
}
