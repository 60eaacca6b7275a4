//! The HTTP server: routes, and what is answered where there is none.

use std::{net::TcpListener, thread::available_parallelism, time::Duration};

use actix_web::{App, HttpRequest, HttpServer, dev::Server, middleware::from_fn, web};
use uuid::Uuid;

use crate::{
    Ingress, access, callbacks, clone_credentials,
    error::Error,
    exchange, health,
    manage::{
        apps, audit, auth, dead_letters, deliveries, deploys, git_health, logs, releases, replays,
        sources, tenants, tokens, watch, webhook_secret, whoami,
    },
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
            .wrap(from_fn(access::guard))
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

/// Every route; who may take it says the table beside [`access::guard`], which also refuses other methods.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .route("/v1/openapi.json", web::get().to(openapi::document))
        .route("/v1/webhooks/github/{app_id}", web::post().to(webhooks::github))
        .route("/v1/webhooks/gitlab/{app_id}", web::post().to(webhooks::gitlab))
        .route("/v1/webhooks/forgejo/{app_id}", web::post().to(webhooks::forgejo))
        .route("/v1/callbacks/builds/{deploy_id}", web::post().to(callbacks::build))
        .route("/v1/callbacks/tekton", web::post().to(callbacks::tekton))
        .route("/v1/whoami", web::get().to(whoami::get))
        .route("/v1/tenants", web::get().to(tenants::list))
        .route("/v1/tenants", web::post().to(tenants::create))
        .route("/v1/tokens", web::get().to(tokens::list))
        .route("/v1/tokens", web::post().to(tokens::create))
        .route("/v1/tokens/{token_id}", web::delete().to(tokens::revoke))
        .route("/v1/audit", web::get().to(audit::list))
        .route("/v1/apps", web::get().to(apps::list))
        .route("/v1/apps", web::post().to(apps::create))
        .route("/v1/apps/{app_id}", web::get().to(apps::get))
        .route("/v1/apps/{app_id}", web::delete().to(apps::delete))
        .route("/v1/apps/{app_id}/git/source", web::get().to(sources::get))
        .route("/v1/apps/{app_id}/git/source", web::put().to(sources::put))
        .route("/v1/apps/{app_id}/git/source", web::delete().to(sources::delete))
        .route("/v1/apps/{app_id}/git/webhook-secret", web::put().to(webhook_secret::put))
        .route("/v1/auth", web::get().to(auth::list))
        .route("/v1/auth/{provider}", web::delete().to(auth::disconnect))
        .route("/v1/auth/{provider}/connect", web::get().to(auth::connect))
        .route("/v1/auth/{provider}/callback", web::get().to(auth::callback))
        .route("/v1/auth/{provider}/credential", web::put().to(auth::put_credential))
        .route("/internal/v1/clone-credentials/{deploy_id}", web::post().to(clone_credentials::get))
        .route("/v1/apps/{app_id}/deploys", web::get().to(deploys::list))
        .route("/v1/apps/{app_id}/git/health", web::get().to(git_health::get))
        .route("/v1/apps/{app_id}/deliveries", web::get().to(deliveries::list))
        .route("/v1/apps/{app_id}/releases", web::get().to(releases::list))
        .route("/v1/apps/{app_id}/logs", web::get().to(logs::read))
        .route("/v1/apps/{app_id}/redeploy", web::post().to(deploys::redeploy))
        .route("/v1/apps/{app_id}/rollback", web::post().to(deploys::roll_back))
        .route("/v1/apps/{app_id}/resume", web::post().to(deploys::resume))
        .route("/v1/deploys/{deploy_id}", web::get().to(deploys::get))
        .route("/v1/deploys/{deploy_id}/watch", web::get().to(watch::watch))
        .route("/v1/deploys/{deploy_id}/cancel", web::post().to(deploys::cancel))
        .route("/v1/replays", web::post().to(replays::replay))
        .route("/v1/dead-letters", web::get().to(dead_letters::list))
        .route("/v1/dead-letters/{letter_id}", web::get().to(dead_letters::get))
        .route("/v1/dead-letters/{letter_id}/retry", web::post().to(dead_letters::retry))
        .route("/v1/dead-letters/{letter_id}/discard", web::post().to(dead_letters::discard));
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
    use std::collections::BTreeSet;

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
        let app = App::new()
            .app_data(ingress)
            .wrap(from_fn(access::guard))
            .configure(routes)
            .default_service(web::to(not_found));
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

    /// Method and path of each.
    type Routes = BTreeSet<(String, String)>;

    fn described() -> Routes {
        let document = serde_json::to_value(openapi::api()).unwrap();
        let of_path = |(path, operations): (&String, &Value)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        };
        document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
    }

    fn served() -> Routes {
        let code = include_str!("server.rs").split("#[cfg(test)]").next().unwrap();
        let of_line = |line: &str| {
            let (path, rest) = line.trim().strip_prefix(".route(\"")?.split_once("\", web::")?;
            Some((rest.split_once('(')?.0.to_uppercase(), path.to_owned()))
        };
        let lines = code.split_inclusive(".route(").count() - 1;
        let routes: Routes = code.lines().filter_map(of_line).collect();
        assert_eq!(routes.len(), lines, "each route stands on one line");
        routes
    }

    #[test]
    fn routes_and_their_table_and_their_description_are_the_same() {
        let table = access::ROUTES.iter();
        let table = table.map(|route| (route.method.to_owned(), route.pattern.to_owned()));
        let table: Routes = table.collect();
        assert_eq!(served(), table, "server.rs and access/routes.rs");
        assert_eq!(described(), table, "openapi.rs and access/routes.rs");
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
            .wrap(from_fn(access::guard))
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
