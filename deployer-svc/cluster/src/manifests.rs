//! The objects of an app as they are applied: everything that is ours and nothing else. Server-side apply takes away
//! what an owner no longer lists, so the whole set goes along each time; replicas and others' environment never do.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, ResourceRequirements, SeccompProfile, SecurityContext, Service, ServicePort,
    ServiceSpec, TCPSocketAction,
};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::fence::CONTAINER;
use crate::request::{App, Release};
use crate::settings::Settings;
use crate::{APP_ID, APP_NAME, DEPLOY_ID, GENERATION, SHA, TENANT_ID};

/// Port of the Service; the Ingress leads there.
const SERVICE_PORT: i32 = 80;

/// The Deployment of a release. `current` is what was read: its resourceVersion makes the write a precondition.
pub(crate) fn deployment(
    settings: &Settings,
    release: &Release,
    current: Option<&Deployment>,
) -> Deployment {
    let app = &release.app;
    let metadata = ObjectMeta {
        labels: Some(labels(app)),
        annotations: Some(BTreeMap::from([
            (GENERATION.to_owned(), release.generation.to_string()),
            (DEPLOY_ID.to_owned(), release.deploy.to_string()),
            (SHA.to_owned(), release.sha.to_string()),
        ])),
        resource_version: current.and_then(|current| current.metadata.resource_version.clone()),
        ..named(app)
    };
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels(app)), ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            containers: vec![container(settings, release, current.and_then(our_container))],
            ..PodSpec::default()
        }),
    };
    Deployment {
        metadata,
        spec: DeploymentSpec {
            progress_deadline_seconds: Some(settings.progress_deadline_seconds),
            selector: LabelSelector {
                match_labels: Some(selector(app)),
                ..LabelSelector::default()
            },
            template,
            ..DeploymentSpec::default()
        },
        status: None,
    }
}

/// What people tune on a running app stays as they left it: to list it with another value would be a conflict.
fn container(settings: &Settings, release: &Release, current: Option<&Container>) -> Container {
    let port = i32::from(settings.app_port);
    let tuned_resources = current.and_then(|current| current.resources.clone());
    let tuned_probe = current.and_then(|current| current.readiness_probe.clone());
    Container {
        name: CONTAINER.to_owned(),
        image: Some(release.image.to_string()),
        ports: Some(vec![ContainerPort { container_port: port, ..ContainerPort::default() }]),
        env: Some(vec![EnvVar {
            name: "PORT".to_owned(),
            value: Some(port.to_string()),
            ..EnvVar::default()
        }]),
        resources: Some(tuned_resources.unwrap_or_else(resources)),
        readiness_probe: Some(tuned_probe.unwrap_or_else(|| Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(port), host: None }),
            ..Probe::default()
        })),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// No limit on CPU: throttling an app that the node has room for helps nobody.
fn resources() -> ResourceRequirements {
    let of = |name: &str, text: &str| (name.to_owned(), Quantity(text.to_owned()));
    ResourceRequirements {
        requests: Some(BTreeMap::from([of("cpu", "100m"), of("memory", "128Mi")])),
        limits: Some(BTreeMap::from([of("memory", "512Mi")])),
        claims: None,
    }
}

fn our_container(deployment: &Deployment) -> Option<&Container> {
    let pod = deployment.spec.template.spec.as_ref()?;
    pod.containers.iter().find(|container| container.name == CONTAINER)
}

/// The Service in front of the app's pods.
pub(crate) fn service(settings: &Settings, app: &App) -> Service {
    Service {
        metadata: ObjectMeta { labels: Some(labels(app)), ..named(app) },
        spec: Some(ServiceSpec {
            selector: Some(selector(app)),
            ports: Some(vec![ServicePort {
                port: SERVICE_PORT,
                target_port: Some(IntOrString::Int(settings.app_port.into())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// The Ingress `https://<app>.<domain>`; the certificate is the controller's default, a wildcard for the domain.
pub(crate) fn ingress(settings: &Settings, app: &App) -> Ingress {
    let host = format!("{}.{}", app.name, settings.app_domain);
    let class = &settings.ingress_class;
    let backend = IngressBackend {
        service: Some(IngressServiceBackend {
            name: app.name.to_string(),
            port: Some(ServiceBackendPort { number: Some(SERVICE_PORT), name: None }),
        }),
        resource: None,
    };
    let path =
        HTTPIngressPath { backend, path: Some("/".to_owned()), path_type: "Prefix".to_owned() };
    Ingress {
        metadata: ObjectMeta { labels: Some(labels(app)), ..named(app) },
        spec: Some(IngressSpec {
            ingress_class_name: (!class.is_empty()).then(|| class.clone()),
            rules: Some(vec![IngressRule {
                host: Some(host.clone()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: Some(vec![IngressTLS { hosts: Some(vec![host]), secret_name: None }]),
            ..IngressSpec::default()
        }),
        status: None,
    }
}

fn named(app: &App) -> ObjectMeta {
    ObjectMeta { name: Some(app.name.to_string()), ..ObjectMeta::default() }
}

fn labels(app: &App) -> BTreeMap<String, String> {
    BTreeMap::from([
        (APP_NAME.to_owned(), app.name.to_string()),
        (TENANT_ID.to_owned(), app.tenant.to_string()),
        (APP_ID.to_owned(), app.id.to_string()),
    ])
}

/// A selector cannot be changed later, so it holds what never changes.
fn selector(app: &App) -> BTreeMap<String, String> {
    BTreeMap::from([(APP_NAME.to_owned(), app.name.to_string())])
}
