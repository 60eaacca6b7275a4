//! The HTTP server: routes, and what is answered where there is none.

use std::{net::TcpListener, thread::available_parallelism, time::Duration};

use actix_web::{App, HttpRequest, HttpServer, dev::Server, middleware::from_fn, web};
use uuid::Uuid;

use crate::{
    Ingress, callbacks,
    error::Error,
    exchange, health,
    manage::{self, apps, dead_letters, deploys, replays, sources, watch},
    openapi, webhooks,
};

/// What a head may take. Its size is bounded by the server: 96 headers, 128 KiB.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// A server on this socket; it starts when it is polled, and leaves signals to its caller.
pub(crate) fn serve(ingress: web::Data<Ingress>, listener: TcpListener) -> std::io::Result<Server> {
    let workers = available_parallelism().map_or(2, |n| n.get().max(2));
    let config = &ingress.config;
    let connections = usize::try_from(config.max_connections).unwrap_or(usize::MAX);
    let (keep_alive, grace_seconds) = (config.keep_alive_seconds, config.shutdown_grace_seconds);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(ingress.clone())
            .wrap(from_fn(exchange::observe))
            .configure(routes)
            .default_service(web::to(not_found))
    })
    .workers(workers)
    .max_connections(connections.div_ceil(workers))
    .client_request_timeout(HEAD_WITHIN)
    .keep_alive(Duration::from_secs(keep_alive))
    .shutdown_timeout(grace_seconds)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Every route. The management API is closed as a whole: a route that is added to it is closed too.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let managed = || from_fn(manage::require_token);
    config
        .service(get("/healthz").route(web::get().to(health::alive)))
        .service(get("/readyz").route(web::get().to(health::ready)))
        .service(get("/metrics").route(web::get().to(health::metrics)))
        .service(get("/v1/openapi.json").route(web::get().to(openapi::document)))
        .service(post("/v1/webhooks/github/{app_id}").route(web::post().to(webhooks::github)))
        .service(post("/v1/webhooks/gitlab/{app_id}").route(web::post().to(webhooks::gitlab)))
        .service(post("/v1/callbacks/builds/{deploy_id}").route(web::post().to(callbacks::build)))
        .service(post("/v1/callbacks/tekton").route(web::post().to(callbacks::tekton)))
        .service(
            web::scope("/v1/apps")
                .wrap(managed())
                .service(
                    resource("", "GET, POST")
                        .route(web::get().to(apps::list))
                        .route(web::post().to(apps::create)),
                )
                .service(get("/{app_id}").route(web::get().to(apps::get)))
                .service(
                    resource("/{app_id}/git/source", "GET, PUT")
                        .route(web::get().to(sources::get))
                        .route(web::put().to(sources::put)),
                )
                .service(
                    resource("/{app_id}/git/webhook-secret", "PUT")
                        .route(web::put().to(sources::put_secret)),
                )
                .service(get("/{app_id}/deploys").route(web::get().to(deploys::list)))
                .service(post("/{app_id}/redeploy").route(web::post().to(deploys::redeploy)))
                .service(post("/{app_id}/rollback").route(web::post().to(deploys::roll_back)))
                .service(post("/{app_id}/resume").route(web::post().to(deploys::resume)))
                .default_service(web::to(not_found)),
        )
        .service(
            web::scope("/v1/deploys")
                .wrap(managed())
                .service(get("/{deploy_id}").route(web::get().to(deploys::get)))
                .service(get("/{deploy_id}/watch").route(web::get().to(watch::watch)))
                .service(post("/{deploy_id}/cancel").route(web::post().to(deploys::cancel)))
                .default_service(web::to(not_found)),
        )
        .service(
            web::scope("/v1/replays")
                .wrap(managed())
                .service(post("").route(web::post().to(replays::replay)))
                .default_service(web::to(not_found)),
        )
        .service(
            web::scope("/v1/dead-letters")
                .wrap(managed())
                .service(get("").route(web::get().to(dead_letters::list)))
                .service(get("/{letter_id}").route(web::get().to(dead_letters::get)))
                .service(post("/{letter_id}/retry").route(web::post().to(dead_letters::retry)))
                .service(post("/{letter_id}/discard").route(web::post().to(dead_letters::discard)))
                .default_service(web::to(not_found)),
        );
}

fn get(path: &str) -> actix_web::Resource {
    resource(path, "GET")
}

fn post(path: &str) -> actix_web::Resource {
    resource(path, "POST")
}

/// A resource that answers other methods with the ones it has.
fn resource(path: &str, allowed: &'static str) -> actix_web::Resource {
    let refuse = move || async move { Err::<&str, _>(Error::MethodNotAllowed(allowed)) };
    web::resource(path).default_service(web::to(refuse))
}

async fn not_found() -> Result<&'static str, Error> {
    Err(Error::NotFound("not found"))
}

/// A UUID in the path; anything else names nothing.
pub(crate) fn uuid(request: &HttpRequest, name: &str) -> Option<Uuid> {
    Uuid::try_parse(request.match_info().get(name)?).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::{
        http::Method,
        test::{TestRequest, call_service, init_service, read_body},
    };
    use clap::Parser;
    use serde_json::Value;

    use super::*;
    use crate::Config;

    const TOKEN: &str = "the token";

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        config: Config,
    }

    /// An ingress whose database, broker and deployer are all away.
    async fn alone() -> web::Data<Ingress> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hash = "ec3d7deb9bcfed0fb22cc19e5a3ff39a0c4ad2c72d0e44bb6ca21b16e9a5ea8e";
        let key = "07".repeat(32);
        let settings = Settings::parse_from([
            "ingress-svc",
            "--database-url=postgres://nobody@127.0.0.1:1/none",
            "--nats-url=nats://127.0.0.1:1",
            "--deployer-url=http://127.0.0.1:1",
            "--tekton-events-token=events",
            &format!("--secrets-keys=1:{key}"),
            &format!("--callback-key={key}"),
            &format!("--api-token-sha256={hash}"),
        ]);
        let mut ingress = Ingress::new(settings.config).await.unwrap();
        ingress.keys.api_token = crate::token::TokenHash::of(TOKEN.as_bytes());
        web::Data::new(ingress)
    }

    /// Every operation of the OpenAPI document: method, path, and whether it asks for the token.
    fn operations() -> Vec<(Method, String, bool)> {
        let document = serde_json::to_value(openapi::api()).unwrap();
        let of_path = |(path, operations): (&String, &Value)| {
            let path = path.replace("{app_id}", &Uuid::nil().to_string());
            let path = path.replace("{deploy_id}", &Uuid::nil().to_string());
            let path = path.replace("{letter_id}", "1");
            let operation = |(method, operation): (&String, &Value)| {
                let method = method.to_uppercase().parse().unwrap();
                let is_closed = operation["security"][0].get("token").is_some();
                (method, path.clone(), is_closed)
            };
            operations.as_object().unwrap().iter().map(operation).collect::<Vec<_>>()
        };
        document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
    }

    /// Answers of the routes to one request to each operation.
    async fn answers(token: Option<&str>) -> Vec<(String, bool, u16, String)> {
        let ingress = alone().await;
        let app =
            App::new().app_data(ingress).configure(routes).default_service(web::to(not_found));
        let service = init_service(app).await;
        let mut answers = Vec::new();
        for (method, path, is_closed) in operations() {
            let mut request = TestRequest::default().method(method.clone()).uri(&path);
            if let Some(token) = token {
                request = request.insert_header(("Authorization", format!("Bearer {token}")));
            }
            let response = call_service(&service, request.to_request()).await;
            let status = response.status().as_u16();
            let body = read_body(response).await;
            let body = String::from_utf8_lossy(&body).into_owned();
            answers.push((format!("{method} {path}"), is_closed, status, body));
        }
        answers
    }

    #[actix_web::test]
    async fn every_described_operation_has_a_route() {
        for (operation, _, status, body) in answers(Some(TOKEN)).await {
            assert_ne!(status, 405, "{operation}");
            assert!(!body.contains(r#""not found""#), "{operation}: {body}");
        }
    }

    #[test]
    fn every_route_is_described() {
        let routes = include_str!("server.rs").matches(".route(web::").count() - 1;
        assert_eq!(routes, operations().len(), "a route is missing in the OpenAPI document");
    }

    #[actix_web::test]
    async fn the_management_api_is_closed() {
        for token in [None, Some("nothing"), Some("The token")] {
            for (operation, is_closed, status, body) in answers(token).await {
                let is_refused = body.contains("missing or invalid API token");
                assert_eq!(is_closed, is_refused && status == 401, "{operation}: {status} {body}");
            }
        }
    }

    #[actix_web::test]
    async fn other_methods_and_paths_are_answered_in_json() {
        let app = App::new()
            .app_data(alone().await)
            .configure(routes)
            .default_service(web::to(not_found));
        let service = init_service(app).await;
        let cases = [
            ("/v1/webhooks/github/x", 405, r#"{"error":"method not allowed"}"#),
            ("/v1/callbacks/tekton", 405, r#"{"error":"method not allowed"}"#),
            ("/v1/webhooks/bitbucket/x", 404, r#"{"error":"not found"}"#),
            ("/", 404, r#"{"error":"not found"}"#),
        ];
        for (path, status, body) in cases {
            let request = TestRequest::get().uri(path).to_request();
            let response = call_service(&service, request).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(read_body(response).await, body, "{path}");
        }
    }
}
