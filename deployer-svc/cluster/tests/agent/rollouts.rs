//! Rollouts: the first deploy, the fence, others' writes in between, and what is refused for good.

use cluster_agent::Agent;
use paas_proto::cluster::cluster_server::Cluster as _;
use paas_proto::cluster::{
    GetRolloutRequest, PutBackRequest, RollOutRequest, Rollout, RolloutPhase,
};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::fake::{agent, agent_with, missing, refusal, settings};
use crate::orders::{APP, DEPLOY, SHA, app, image, roll_out};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/paas-apps/deployments/web";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/paas-apps/deployments";
const SERVICE: &str = "/api/v1/namespaces/paas-apps/services/web";
const INGRESS: &str = "/apis/networking.k8s.io/v1/namespaces/paas-apps/ingresses/web";

/// The Deployment as it stands on the cluster, rolled out.
fn standing(generation: &str, digit: char) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "resourceVersion": "2904", "generation": 4,
            "labels": { "paas.dev/app-id": APP },
            "annotations": { "paas.dev/generation": generation }
        },
        "spec": {
            "replicas": 3, "selector": {},
            "template": { "spec": { "containers": [{
                "name": "app", "image": image(digit),
                "resources": { "limits": { "memory": "2Gi" } }
            }] } }
        },
        "status": { "observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }
    })
}

/// The same right after another image was applied.
fn applied(generation: &str, digit: char) -> Value {
    let mut deployment = standing(generation, digit);
    deployment["metadata"]["generation"] = json!(5);
    deployment
}

fn there() -> (u16, Value) {
    (200, json!({ "metadata": { "name": "web" } }))
}

fn stale() -> (u16, Value) {
    refusal(409, "Conflict", "Operation cannot be fulfilled: the object has been modified")
}

async fn roll(agent: &Agent, request: RollOutRequest) -> Result<Rollout, Status> {
    Ok(agent.roll_out(Request::new(request)).await?.into_inner().rollout.unwrap())
}

async fn look(agent: &Agent, generation: u64) -> Rollout {
    let request = GetRolloutRequest { app: Some(app()), generation };
    agent.get_rollout(Request::new(request)).await.unwrap().into_inner().rollout.unwrap()
}

#[tokio::test]
async fn the_first_deploy_makes_service_and_ingress_before_the_deployment() {
    let created = json!({ "metadata": { "name": "web", "generation": 1, "annotations": { "paas.dev/generation": "1" } } });
    let (agent, requests) =
        agent([missing(), missing(), there(), missing(), there(), (201, created)]);
    let rollout = roll(&agent, roll_out(1, '1')).await.unwrap();
    assert_eq!((rollout.phase(), rollout.found_generation), (RolloutPhase::Progressing, 1));
    let apply = |path: &str| format!("PATCH {path}?&fieldManager=paas-deployer");
    assert_eq!(
        requests.lines(),
        [
            format!("GET {DEPLOYMENT}"),
            format!("GET {SERVICE}"),
            apply(SERVICE),
            format!("GET {INGRESS}"),
            apply(INGRESS),
            format!("POST {DEPLOYMENTS}?&fieldManager=paas-deployer"),
        ],
        "a create: an apply would overwrite what a newer deploy made in between"
    );
    let applies = requests.all().into_iter().filter(|seen| seen.line.starts_with("PATCH"));
    assert!(applies.into_iter().all(|seen| seen.content_type == "application/apply-patch+yaml"));

    let labels = json!({ "paas-app": "web", "paas-tenant-id": "default", "paas.dev/app-id": APP });
    let service = requests.body(2);
    assert_eq!(service["metadata"], json!({ "name": "web", "labels": labels }));
    assert_eq!(
        service["spec"],
        json!({ "selector": { "paas-app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] })
    );
    let ingress = requests.body(4);
    assert_eq!(ingress["spec"]["rules"][0]["host"], "web.apps.localhost");
    assert_eq!(ingress["spec"]["tls"], json!([{ "hosts": ["web.apps.localhost"] }]));
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "labels": labels,
            "annotations": {
                "paas.dev/generation": "1", "paas.dev/deploy-id": DEPLOY, "paas.dev/sha": SHA
            },
        },
        "spec": {
            "progressDeadlineSeconds": 600,
            "selector": { "matchLabels": { "paas-app": "web" } },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "securityContext": {
                        "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" }
                    },
                    "containers": [{
                        "name": "app",
                        "image": image('1'),
                        "ports": [{ "containerPort": 8080 }],
                        "env": [{ "name": "PORT", "value": "8080" }],
                        "resources": {
                            "requests": { "cpu": "100m", "memory": "128Mi" },
                            "limits": { "memory": "512Mi" }
                        },
                        "readinessProbe": { "tcpSocket": { "port": 8080 } },
                        "securityContext": {
                            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }
                        },
                    }],
                },
            },
        },
    });
    assert_eq!(requests.body(5), expected);
}

#[tokio::test(start_paused = true)]
async fn of_two_first_deploys_the_older_never_overwrites_the_newer() {
    let exists = refusal(409, "AlreadyExists", "deployments.apps \"web\" already exists");
    let newer = (200, standing("2", '2'));
    let (agent, requests) = agent([missing(), there(), there(), exists, newer]);
    let rollout = roll(&agent, roll_out(1, '1')).await.unwrap();
    assert_eq!((rollout.phase(), rollout.found_generation), (RolloutPhase::Fenced, 2));
    assert!(requests.lines().iter().all(|line| !line.starts_with("PATCH")));
}

#[tokio::test]
async fn the_first_apply_takes_over_what_the_create_made_and_later_ones_force_nothing() {
    let made = |operations: &[&str]| {
        let mut deployment = standing("3", '1');
        let entry = |operation| json!({ "manager": "paas-deployer", "operation": operation });
        deployment["metadata"]["managedFields"] = operations.iter().map(entry).collect();
        deployment
    };
    for (operations, force) in [(&["Update"][..], true), (&["Apply", "Update"][..], false)] {
        let (agent, requests) =
            agent([(200, made(operations)), there(), there(), (200, applied("4", '2'))]);
        roll(&agent, roll_out(4, '2')).await.unwrap();
        assert_eq!(requests.lines()[3].contains("force=true"), force, "{operations:?}");
    }
}

#[tokio::test]
async fn a_later_deploy_names_what_it_read_and_touches_nothing_of_others() {
    let (agent, requests) =
        agent([(200, standing("3", '1')), there(), there(), (200, applied("4", '2'))]);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!((rollout.phase(), rollout.found_generation), (RolloutPhase::Progressing, 4));
    let sent = requests.body(3);
    assert_eq!(sent["metadata"]["resourceVersion"], "2904");
    assert_eq!(sent["spec"].get("replicas"), None, "an autoscaler's");
    let container = &sent["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], image('2'));
    assert_eq!(container["resources"], json!({ "limits": { "memory": "2Gi" } }), "as tuned");
}

#[tokio::test]
async fn a_newer_generation_fences_an_older_deploy_off() {
    let (agent, requests) = agent([(200, standing("9", '1')), (200, standing("9", '1'))]);
    let rollout = roll(&agent, roll_out(8, '2')).await.unwrap();
    assert_eq!((rollout.phase(), rollout.found_generation), (RolloutPhase::Fenced, 9));
    assert_eq!(look(&agent, 8).await, rollout);
    assert!(requests.lines().iter().all(|line| line.starts_with("GET")), "nothing is written");
}

#[tokio::test]
async fn the_same_generation_again_only_reads() {
    let (agent, requests) = agent([(200, standing("4", '2')), there(), there()]);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!(rollout.phase(), RolloutPhase::Complete);
    assert!(requests.lines().iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn a_crash_before_the_ingress_is_repaired_by_the_next_attempt() {
    let (agent, requests) = agent([(200, standing("4", '2')), there(), missing(), there()]);
    roll(&agent, roll_out(4, '2')).await.unwrap();
    assert!(requests.lines()[3].starts_with(&format!("PATCH {INGRESS}")));
}

#[tokio::test(start_paused = true)]
async fn a_write_in_between_makes_it_read_again() {
    let first = [(200, standing("3", '1')), there(), there(), stale()];
    let mut now = standing("3", '1');
    now["metadata"]["resourceVersion"] = json!("2905");
    let second = [(200, now), there(), there(), (200, applied("4", '2'))];
    let (agent, requests) = agent(first.into_iter().chain(second));
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!(rollout.phase(), RolloutPhase::Progressing);
    assert_eq!(requests.body(7)["metadata"]["resourceVersion"], "2905");
}

#[tokio::test(start_paused = true)]
async fn a_newer_deploy_in_between_wins() {
    let (agent, _) =
        agent([(200, standing("3", '1')), there(), there(), stale(), (200, applied("5", '3'))]);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!((rollout.phase(), rollout.found_generation), (RolloutPhase::Fenced, 5));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_never_holds_still_is_left_for_later() {
    let (agent, _) = agent_with(|seen| {
        let (status, body) =
            if seen.line.starts_with("PATCH") { stale() } else { (200, standing("3", '1')) };
        Some((status, body.to_string()))
    });
    let error = roll(&agent, roll_out(4, '2')).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_given_up_in_time() {
    let (agent, _) = agent_with(|_| None);
    let error = roll(&agent, roll_out(4, '2')).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("10s"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_is_down_is_unavailable_and_the_real_client_says_why() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = kube::Config::new(format!("http://{nobody}").parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let agent = Agent::new(client, &settings()).unwrap();
    let error = roll(&agent, roll_out(4, '2')).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_field_of_another_manager_fails_the_rollout_by_name() {
    let message = "Apply failed with 1 conflict: conflict with \"kubectl-set\": .spec.template.spec.containers[name=\"app\"].image";
    let (code, mut body) = refusal(409, "Conflict", message);
    body["details"] = json!({ "causes": [{ "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-set\"", "field": ".spec" }] });
    let (agent, _) = agent([(200, standing("3", '1')), there(), there(), (code, body)]);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!(rollout.phase(), RolloutPhase::Failed);
    assert!(rollout.reason.contains("kubectl-set"), "{}", rollout.reason);
}

#[tokio::test]
async fn a_refusal_for_good_fails_the_rollout_and_one_that_passes_does_not() {
    let refused = refusal(
        422,
        "Invalid",
        "Deployment.apps \"web\" is invalid: spec.selector: field is immutable",
    );
    let busy = refusal(500, "InternalError", "etcdserver: request timed out");
    let read = || [(200, standing("3", '1')), there(), there()];
    let answers = read().into_iter().chain([refused]).chain(read()).chain([busy]);
    let (agent, _) = agent(answers);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!(rollout.phase(), RolloutPhase::Failed);
    assert!(rollout.reason.contains("immutable"), "{}", rollout.reason);
    assert_eq!(roll(&agent, roll_out(4, '2')).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_deployment_without_our_container_gets_no_second_one() {
    let mut foreign = standing("0", '1');
    foreign["spec"]["template"]["spec"]["containers"][0]["name"] = json!("web");
    let (agent, requests) = agent([(200, foreign)]);
    let rollout = roll(&agent, roll_out(4, '2')).await.unwrap();
    assert_eq!(rollout.phase(), RolloutPhase::Failed);
    assert!(rollout.reason.contains("no container `app`"), "{}", rollout.reason);
    assert_eq!(requests.lines().len(), 1);
}

#[tokio::test]
async fn a_rollout_that_is_not_on_the_deployment_is_not_applied() {
    let (agent, _) = agent([missing(), (200, standing("3", '1'))]);
    assert_eq!(look(&agent, 4).await.phase(), RolloutPhase::NotApplied);
    let older = look(&agent, 4).await;
    assert_eq!((older.phase(), older.found_generation), (RolloutPhase::NotApplied, 3));
}

#[tokio::test]
async fn a_put_back_to_the_image_that_still_runs_is_complete_at_once() {
    let (agent, requests) =
        agent([(200, standing("4", '1')), there(), there(), (200, standing("5", '1'))]);
    let RollOutRequest { app, deploy_id, generation, image, sha } = roll_out(5, '1');
    let request = PutBackRequest { app, deploy_id, generation, image, sha };
    let answer = agent.put_back(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(answer.rollout.unwrap().phase(), RolloutPhase::Complete);
    assert_eq!(requests.body(3)["metadata"]["annotations"]["paas.dev/generation"], "5");
}

#[tokio::test]
async fn an_image_by_tag_is_refused() {
    let (agent, requests) = agent([]);
    let request =
        RollOutRequest { image: "registry/default/web:latest".to_owned(), ..roll_out(4, '2') };
    assert_eq!(roll(&agent, request).await.unwrap_err().code(), Code::InvalidArgument);
    let request = RollOutRequest { generation: 0, ..roll_out(4, '2') };
    assert_eq!(roll(&agent, request).await.unwrap_err().code(), Code::InvalidArgument);
    assert!(requests.all().is_empty());
}
