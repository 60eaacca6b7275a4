//! Commands, settings and ports that the files give our programs are those that the programs have.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use e2e::binaries;
use serde_json::Value;

use super::{
    kubernetes::{OVERLAYS, pod},
    kustomize::render,
    secrets,
    yaml::{at, document, entries, list, text},
};

/// Read by libraries, and so in no `--help`.
const OF_LIBRARIES: [&str; 4] =
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "RUST_LOG", "SSL_CERT_FILE", "KUBECONFIG"];

/// A program as a file starts it.
pub(super) struct Start {
    pub(super) place: String,
    pub(super) program: String,
    pub(super) args: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    /// Settings that it shares with other programs, and need not know.
    pub(super) shared: BTreeSet<String>,
}

fn run(program: &str, args: &[&str]) -> (bool, String) {
    let output =
        Command::new(binaries::ours(program).unwrap()).args(args).env_clear().output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The variables that a subcommand reads.
fn variables(help: &str) -> BTreeSet<&str> {
    help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect()
}

/// Settings without which the subcommand does not start.
fn required(program: &str, command: &str) -> BTreeSet<String> {
    let (_, complaint) = run(program, &[command]);
    let flags = complaint.lines().filter_map(|line| line.trim().strip_prefix("--"));
    flags
        .filter_map(|line| Some(line.split_once('<')?.1.trim_end_matches('>').to_owned()))
        .collect()
}

impl Start {
    fn check(&self) {
        let Self { place, program, args, settings, shared } = self;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (is_known, help) = run(program, &[args.as_slice(), &["--help"]].concat());
        assert!(is_known, "{place}: {program} {args:?}: {help}");
        let known = variables(&help);
        for name in settings.keys().filter(|name| !shared.contains(*name)) {
            let is_known = known.contains(name.as_str()) || OF_LIBRARIES.contains(&name.as_str());
            assert!(is_known, "{place}: {program} {args:?} reads no {name}");
        }
        if let [command] = args.as_slice() {
            for name in required(program, command) {
                assert!(settings.contains_key(&name), "{place}: {program} {command} needs {name}");
            }
        }
    }
}

fn texts(list: &[Value]) -> Vec<String> {
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// `ENV`, `CMD` and `HEALTHCHECK` of each target of the Dockerfile.
fn of_image(target: &str) -> (Vec<String>, BTreeMap<String, String>, Option<Vec<String>>) {
    let file = text("Dockerfile").replace("\\\n", " ");
    let stage = file
        .split("\nFROM ")
        .find(|stage| stage.lines().next().unwrap().ends_with(&format!(" AS {target}")));
    let stage = stage.unwrap_or_else(|| panic!("the Dockerfile has no {target}"));
    let array = |text: &str| -> Vec<String> {
        serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
    };
    let line = |word: &str| stage.lines().find(|line| line.starts_with(word));
    let env = line("ENV ").into_iter().flat_map(|line| line.split_whitespace().skip(1));
    let env = env
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    (line("CMD ").map(array).unwrap_or_default(), env.collect(), line("HEALTHCHECK ").map(array))
}

/// What the Dockerfile starts by itself, health checks among it.
fn of_dockerfile() -> Vec<Start> {
    let mut starts = Vec::new();
    for program in ["ingress-svc", "deployer-svc", "cluster-standin"] {
        let (args, settings, health) = of_image(program);
        let mut health = health.unwrap_or_else(|| panic!("{program} has no HEALTHCHECK"));
        assert_eq!(health.remove(0), format!("/{program}"));
        let start = |args, settings| Start {
            place: "Dockerfile".to_owned(),
            program: program.to_owned(),
            args,
            settings,
            shared: ["DATABASE_URL".to_owned()].into(),
        };
        starts.push(start(health, BTreeMap::new()));
        let (_, help) = run(program, &[&[args[0].as_str()][..], &["--help"]].concat());
        for name in settings.keys() {
            assert!(variables(&help).contains(name.as_str()) || args[0].starts_with('-'), "{name}");
        }
    }
    starts
}

fn of_compose() -> Vec<Start> {
    let compose = document("docker-compose.yml");
    let mut starts = Vec::new();
    for (name, service) in entries(&compose, "/services") {
        let Some(program) = at(service, "/image").strip_prefix("paas/") else { continue };
        let program = program.split(':').next().unwrap().to_owned();
        let (default, mut settings, _) = of_image(&program);
        let given = texts(list(service, "/command"));
        let args = if given.is_empty() { default } else { given };
        // What the image says is for `serve`.
        let shared = settings.keys().cloned().collect();
        settings.extend(
            entries(service, "/environment")
                .map(|(name, value)| (name.to_owned(), value.to_string())),
        );
        let test = texts(list(service, "/healthcheck/test"));
        if let [_, path, args @ ..] = test.as_slice() {
            assert_eq!(path, &format!("/{program}"), "{name}");
            assert!(
                run(
                    &program,
                    &[args.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), &["--help"]]
                        .concat()
                )
                .0,
                "{name}: {args:?}"
            );
        }
        starts.push(Start {
            place: format!("docker-compose.yml: {name}"),
            program,
            args,
            settings,
            shared,
        });
    }
    assert_eq!(starts.len(), 6);
    starts
}

fn of_overlay(overlay: &str) -> Vec<Start> {
    let mut objects = render(overlay);
    objects.extend(secrets::of(overlay.rsplit('/').next().unwrap()));
    let data = |kind: &str, name: &str, field: &str| -> BTreeMap<String, String> {
        let found = objects
            .iter()
            .find(|object| at(object, "/kind") == kind && at(object, "/metadata/name") == name);
        let found = found.into_iter().flat_map(|object| entries(object, field));
        found.map(|(name, value)| (name.to_owned(), value.as_str().unwrap().to_owned())).collect()
    };
    let mut starts = Vec::new();
    for object in &objects {
        for container in pod(object).into_iter().flat_map(|pod| list(pod, "/spec/containers")) {
            let image = at(container, "/image");
            let Some(program) =
                ["ingress-svc", "deployer-svc"].into_iter().find(|program| image.contains(program))
            else {
                continue;
            };
            let (mut settings, mut shared) = (BTreeMap::new(), BTreeSet::new());
            for source in list(container, "/envFrom") {
                let common = data("ConfigMap", at(source, "/configMapRef/name"), "/data");
                shared.extend(common.keys().cloned());
                settings.extend(common);
                settings.extend(data("Secret", at(source, "/secretRef/name"), "/stringData"));
            }
            starts.push(Start {
                place: format!("{overlay}: {}", at(object, "/metadata/name")),
                program: program.to_owned(),
                args: texts(list(container, "/args")),
                settings,
                shared,
            });
        }
    }
    assert_eq!(starts.len(), 3);
    starts
}

#[test]
fn every_command_and_setting_is_the_programs_own() {
    for start in of_dockerfile().into_iter().chain(of_compose()) {
        start.check();
    }
    for overlay in OVERLAYS {
        let starts = of_overlay(overlay);
        starts.iter().for_each(Start::check);
        // What all share is read by one of them at least.
        for name in starts.iter().flat_map(|start| &start.shared) {
            let is_read = OF_LIBRARIES.contains(&name.as_str())
                || starts.iter().any(|start| {
                    let args: Vec<&str> = start.args.iter().map(String::as_str).collect();
                    variables(&run(&start.program, &[args.as_slice(), &["--help"]].concat()).1)
                        .contains(name.as_str())
                });
            assert!(is_read, "{overlay}: nobody reads {name}");
        }
    }
}

#[test]
fn every_port_is_the_one_that_the_program_listens_on() {
    let port = |address: &str| address.trim_matches('"').rsplit(':').next().unwrap().to_owned();
    for overlay in OVERLAYS {
        for object in render(overlay).iter().filter(|object| at(object, "/kind") == "ConfigMap") {
            if at(object, "/metadata/name") == "paas-settings" {
                assert_eq!(port(at(object, "/data/LISTEN_ADDRESS")), "8080");
                assert_eq!(port(at(object, "/data/GRPC_ADDRESS")), "9090");
            }
        }
        for object in render(overlay) {
            for container in pod(&object).into_iter().flat_map(|pod| list(pod, "/spec/containers"))
            {
                let expected = match at(container, "/name") {
                    "ingress" => 8080,
                    "deployer" => 9090,
                    _ => continue,
                };
                assert_eq!(list(container, "/ports")[0]["containerPort"], expected);
            }
        }
    }
    for (program, setting, expected) in
        [("ingress-svc", "LISTEN_ADDRESS", "8080"), ("deployer-svc", "GRPC_ADDRESS", "9090")]
    {
        let (_, settings, _) = of_image(program);
        assert_eq!(port(&settings[setting]), expected);
        let stage = text("Dockerfile");
        assert!(stage.contains(&format!("EXPOSE {expected}\n")));
    }
}
