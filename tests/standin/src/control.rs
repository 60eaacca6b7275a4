//! The control surface under `/standin`: switches, the audit log, and acts that happen once.

use actix_web::{
    HttpResponse,
    error::ErrorBadRequest,
    web::{self, Data, Json},
};
use serde_json::{Value, json};

use crate::{merge, switches::Switches, world::World};

/// Mounts the control surface.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/standin")
            .route("", web::get().to(about))
            .route("/switches", web::get().to(show))
            .route("/switches", web::put().to(set))
            .route("/switches", web::patch().to(change))
            .route("/audit", web::get().to(audit))
            .route("/break-watches", web::post().to(break_watches))
            .route("/break-logs", web::post().to(break_logs))
            .route("/expire-history", web::post().to(expire_history)),
    );
}

async fn about() -> Json<Value> {
    Json(json!({"about": crate::NOTICE}))
}

async fn show(world: Data<World>) -> Json<Switches> {
    Json(world.with(|state| state.switches.clone()))
}

async fn set(world: Data<World>, switches: Json<Switches>) -> Json<Switches> {
    world.switch(|old| *old = switches.into_inner());
    show(world).await
}

/// A merge patch on the switches.
async fn change(world: Data<World>, patch: Json<Value>) -> actix_web::Result<Json<Switches>> {
    let mut patched = serde_json::to_value(world.with(|state| state.switches.clone()))?;
    merge::json_merge(&mut patched, &patch);
    let switches: Switches = serde_json::from_value(patched).map_err(ErrorBadRequest)?;
    Ok(set(world, Json(switches)).await)
}

async fn audit(world: Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(world.with(|state| state.store.audit().to_vec()))
}

async fn break_watches(world: Data<World>) -> HttpResponse {
    world.break_watches();
    HttpResponse::NoContent().finish()
}

async fn break_logs(world: Data<World>) -> HttpResponse {
    world.break_logs();
    HttpResponse::NoContent().finish()
}

async fn expire_history(world: Data<World>) -> HttpResponse {
    world.with(|state| state.store.forget_history());
    HttpResponse::NoContent().finish()
}
