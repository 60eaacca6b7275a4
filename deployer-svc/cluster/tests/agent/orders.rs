//! The requests that the deployer makes, with everything in them valid.

use paas_proto::cluster::{
    App, GetBuildRequest, RollOutRequest, StartBuildRequest, StopBuildRequest,
};
use uuid::Uuid;

pub(crate) const DEPLOY: Uuid = Uuid::from_u128(7);
pub(crate) const APP: Uuid = Uuid::from_u128(1);
pub(crate) const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(crate) fn app() -> App {
    App { app_id: APP.to_string(), name: "web".to_owned(), tenant_id: "default".to_owned() }
}

pub(crate) fn run_name() -> String {
    paas_proto::ids::run_name(DEPLOY)
}

pub(crate) fn start() -> StartBuildRequest {
    StartBuildRequest {
        app: Some(app()),
        deploy_id: DEPLOY.to_string(),
        run_name: run_name(),
        clone_url: "https://github.com/acme/web.git".to_owned(),
        sha: SHA.to_owned(),
        traceparent: "00-0f57e147e992b304d977436289d10628-73d5909e31793992-01".to_owned(),
        clone_credential: None,
    }
}

pub(crate) fn get() -> GetBuildRequest {
    GetBuildRequest { run_name: run_name(), deploy_id: DEPLOY.to_string() }
}

pub(crate) fn stop() -> StopBuildRequest {
    StopBuildRequest { run_name: run_name(), deploy_id: DEPLOY.to_string() }
}

pub(crate) fn image(digit: char) -> String {
    format!("registry.paas-registry.svc:5000/default/web@sha256:{}", digit.to_string().repeat(64))
}

pub(crate) fn roll_out(generation: u64, digit: char) -> RollOutRequest {
    RollOutRequest {
        app: Some(app()),
        deploy_id: DEPLOY.to_string(),
        generation,
        image: image(digit),
        sha: SHA.to_owned(),
    }
}
