//! The fence: whether a release may be put on the Deployment that was read. Together with the resourceVersion that goes
//! with the write it stops a paused deployer from bringing back an old commit, whatever it believes about its lease.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;
use uuid::Uuid;

use crate::request::App;
use crate::{APP_ID, DEPLOY_ID, FIELD_MANAGER, GENERATION};

/// The container that is ours.
pub(crate) const CONTAINER: &str = "app";

/// How a Deployment stands to a generation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It carries an older one, or none (0): free to write.
    Older(u64),
    /// It carries this one already.
    Same,
    /// It carries a newer one, or this one for another deploy.
    Newer(u64),
    /// It is not the platform's, or another app's: never to be written.
    Foreign(String),
}

/// Compares a Deployment with a generation of an app, and with the deploy that it was given to where that is known: a
/// log put back from an old copy gives a generation out again, and that must not pass for ours.
pub(crate) fn standing(
    deployment: &Deployment,
    app: &App,
    generation: u64,
    deploy: Option<Uuid>,
) -> Standing {
    let name = &app.name;
    let owner = deployment.labels().get(APP_ID);
    if let Some(owner) = owner.filter(|owner| **owner != app.id.to_string()) {
        return Standing::Foreign(format!("the Deployment {name} belongs to the app {owner}"));
    }
    if !has_our_container(deployment) {
        return Standing::Foreign(format!(
            "the Deployment {name} has no container `{CONTAINER}`: the platform did not make it"
        ));
    }
    match found(deployment) {
        Ok(found) if found < generation => Standing::Older(found),
        Ok(found) if found == generation && is_of(deployment, deploy) => Standing::Same,
        Ok(found) => Standing::Newer(found),
        Err(text) => Standing::Foreign(format!(
            "the annotation {GENERATION} of the Deployment {name} is no number: {text:?}"
        )),
    }
}

fn is_of(deployment: &Deployment, deploy: Option<Uuid>) -> bool {
    let there = deployment.annotations().get(DEPLOY_ID);
    match (there, deploy) {
        (Some(there), Some(deploy)) => *there == deploy.to_string(),
        (None, _) | (_, None) => true,
    }
}

/// Whether we made it and have not applied to it yet. What a create sets belongs to us by another kind of ownership
/// than what an apply sets, so the first apply takes it over by force; every later one must not.
pub(crate) fn is_to_be_adopted(deployment: &Deployment) -> bool {
    let owns = |operation: &str| {
        deployment.managed_fields().iter().any(|entry| {
            entry.manager.as_deref() == Some(FIELD_MANAGER)
                && entry.operation.as_deref() == Some(operation)
                && entry.subresource.is_none()
        })
    };
    owns("Update") && !owns("Apply")
}

/// The generation that a Deployment carries, 0 when none.
pub(crate) fn found(deployment: &Deployment) -> Result<u64, &str> {
    let text = deployment.annotations().get(GENERATION);
    text.map_or(Ok(0), |text| text.parse().map_err(|_| text.as_str()))
}

/// To apply our container to a Deployment without it would add a second one, and be accepted.
fn has_our_container(deployment: &Deployment) -> bool {
    let pod = &deployment.spec.template.spec;
    pod.as_ref()
        .is_some_and(|pod| pod.containers.iter().any(|container| container.name == CONTAINER))
}

#[cfg(test)]
mod tests {
    use paas_proto::cluster;

    use super::*;

    fn app() -> App {
        App::parse(Some(cluster::App {
            app_id: Uuid::from_u128(1).to_string(),
            name: "web".to_owned(),
            tenant_id: "default".to_owned(),
        }))
        .unwrap()
    }

    fn deployment(container: &str, annotation: Option<&str>, owner: Option<Uuid>) -> Deployment {
        let annotations = annotation.map(|text| serde_json::json!({ (GENERATION): text }));
        let labels = owner.map(|owner| serde_json::json!({ (APP_ID): owner }));
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": "web", "annotations": annotations, "labels": labels },
            "spec": {
                "selector": {},
                "template": { "spec": { "containers": [{ "name": container }] } }
            }
        }))
        .unwrap()
    }

    #[test]
    fn what_is_on_the_deployment_never_goes_down() {
        let at =
            |generation| standing(&deployment("app", Some("5"), None), &app(), generation, None);
        assert_eq!(at(6), Standing::Older(5));
        assert_eq!(at(5), Standing::Same);
        assert_eq!(at(4), Standing::Newer(5));
        assert_eq!(standing(&deployment("app", None, None), &app(), 1, None), Standing::Older(0));
    }

    #[test]
    fn a_deployment_that_is_not_ours_is_left_alone() {
        let foreign =
            |deployment| matches!(standing(&deployment, &app(), 9, None), Standing::Foreign(_));
        assert!(foreign(deployment("web", None, None)), "it would get a second container");
        assert!(foreign(deployment("app", Some("5"), Some(Uuid::from_u128(2)))), "another app's");
        assert!(foreign(deployment("app", Some("five"), None)), "no number");
        assert!(!foreign(deployment("app", Some("5"), Some(Uuid::from_u128(1)))));
    }

    #[test]
    fn a_generation_given_out_twice_is_not_taken_for_ours() {
        let mut there = deployment("app", Some("5"), None);
        there.annotations_mut().insert(DEPLOY_ID.to_owned(), Uuid::from_u128(7).to_string());
        let at = |deploy| standing(&there, &app(), 5, Some(Uuid::from_u128(deploy)));
        assert_eq!(at(7), Standing::Same);
        assert_eq!(at(8), Standing::Newer(5));
    }

    #[test]
    fn only_what_we_made_and_never_applied_to_is_adopted() {
        let with = |entries: &[(&str, &str)]| {
            let entries = entries.iter().map(|(manager, operation)| {
                serde_json::json!({ "manager": manager, "operation": operation })
            });
            let mut there = deployment("app", None, None);
            let entries = entries.collect::<serde_json::Value>();
            there.metadata.managed_fields = serde_json::from_value(entries).unwrap();
            is_to_be_adopted(&there)
        };
        assert!(with(&[(FIELD_MANAGER, "Update")]));
        assert!(!with(&[(FIELD_MANAGER, "Update"), (FIELD_MANAGER, "Apply")]));
        assert!(!with(&[("kubectl-set", "Update")]));
    }
}
