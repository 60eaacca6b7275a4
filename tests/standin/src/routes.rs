//! The API's HTTP surface: reads a request's path and query, asks store, watch or discovery, and writes the answer.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{self, Bytes, Data, Query},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    discovery,
    errors::Status,
    kinds, lists,
    logs::Wanted,
    pod_logs, pods,
    selectors::Selector,
    verbs::{self, Accepted, FieldValidation, PatchFormat},
    watch,
    world::World,
};

mod request;

use request::{Params, Target, authenticate, header_text, is_true, parse, patch_format};

struct Call {
    world: Arc<World>,
    target: Target,
    params: Params,
    user_agent: String,
}

/// Every request outside `/standin`.
pub(crate) async fn handle(
    request: HttpRequest,
    params: Query<Params>,
    body: Bytes,
    world: Data<World>,
) -> Result<HttpResponse, Status> {
    let path = request.path().trim_matches('/');
    let segments: Vec<_> = path.split('/').collect();
    if let ["healthz" | "livez" | "readyz"] = segments.as_slice() {
        return Ok(HttpResponse::Ok().content_type("text/plain").body("ok"));
    }
    let (delay, failure) = world.next_request();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Some(status) = failure {
        return Err(Status::on_demand(status));
    }
    if world.with(|state| state.switches.is_absent(&segments)) {
        return Err(Status::no_such_resource());
    }
    if let Some(answer) = discovery::answer(&segments).filter(|_| request.method() == Method::GET) {
        return Ok(HttpResponse::Ok().json(answer));
    }
    authenticate(&request, &world.options.token)?;
    if path == "apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
        return Ok(review(&world, &parse(&body)?));
    }
    let user_agent = header_text(&request, &header::USER_AGENT).to_owned();
    let call = Call {
        target: Target::parse(&segments).ok_or_else(Status::no_such_resource)?,
        params: params.into_inner(),
        world: world.into_inner(),
        user_agent,
    };
    match *request.method() {
        Method::GET if call.is_of_log() => call.log().await,
        Method::GET => call.read(),
        Method::POST => call.write("create", |call| call.create(&parse(&body)?)),
        Method::PUT => call.write("update", |call| call.update(&parse(&body)?)),
        Method::PATCH => {
            let format =
                patch_format(header_text(&request, &header::CONTENT_TYPE), call.target.kind)?;
            call.write("patch", |call| call.patch(format, &parse(&body)?))
        }
        Method::DELETE => call.delete(&body),
        _ => Err(Status::method_not_allowed()),
    }
}

impl Call {
    fn permit(&self, verb: &str) -> Result<(), Status> {
        let Target { kind, namespace, name, .. } = &self.target;
        let refused = self.world.with(|state| state.switches.refuses(verb, kind.plural, namespace));
        if refused {
            return Err(Status::forbidden(&self.world.options.user, verb, kind, namespace, name));
        }
        Ok(())
    }

    fn read(self) -> Result<HttpResponse, Status> {
        let named = !self.target.name.is_empty();
        if is_true(self.params.watch.as_ref()) && !named {
            self.permit("watch")?;
            return self.watch();
        }
        self.permit(if named { "get" } else { "list" })?;
        match (named, self.target.subresource.as_str()) {
            (false, _) => self.list(),
            (true, "" | "status") if self.target.kind == &kinds::POD => {
                Ok(HttpResponse::Ok().json(self.pod()?))
            }
            (true, "" | "status") => self.get(),
            (true, _) => Err(Status::no_such_resource()),
        }
    }

    fn is_of_log(&self) -> bool {
        self.target.kind == &kinds::POD && self.target.subresource == "log"
    }

    /// RBAC knows it as a resource of its own.
    async fn log(self) -> Result<HttpResponse, Status> {
        let Target { kind, namespace, name, .. } = &self.target;
        if self.world.with(|state| state.switches.refuses("get", "pods/log", namespace)) {
            let user = &self.world.options.user;
            return Err(Status::forbidden(user, "get", kind, namespace, name));
        }
        let params = &self.params;
        // The API server hands whole seconds on to the kubelet.
        let since = match (params.since_seconds, &params.since_time) {
            (Some(seconds), _) => Some(Timestamp::now() - SignedDuration::from_secs(seconds)),
            (None, Some(text)) => Some(
                text.parse::<Timestamp>()
                    .map_err(|_| Status::bad_request(format!("invalid sinceTime {text:?}")))?,
            ),
            (None, None) => None,
        };
        let since = since.and_then(|since| Timestamp::from_second(since.as_second()).ok());
        let request = pod_logs::Request {
            namespace: namespace.clone(),
            pod: name.clone(),
            container: params.container.clone(),
            follow: is_true(params.follow.as_ref()),
            limit_bytes: params.limit_bytes,
            wanted: Wanted {
                timestamps: is_true(params.timestamps.as_ref()),
                since,
                tail: params.tail_lines,
            },
        };
        pod_logs::answer(self.world, request).await
    }

    fn get(&self) -> Result<HttpResponse, Status> {
        let Target { kind, namespace, name, .. } = &self.target;
        let key = crate::store::Key::new(kind, namespace, name);
        let object = self.world.with(|state| state.store.get(&key));
        let object = object.ok_or_else(|| Status::not_found(kind, name))?;
        Ok(HttpResponse::Ok().json(object.as_ref()))
    }

    fn pod(&self) -> Result<Value, Status> {
        let Target { namespace, name, .. } = &self.target;
        self.world
            .with(|state| pods::find(&state.store, &state.switches.logs, namespace, name))
            .map(|pod| pod.object)
            .ok_or_else(|| Status::not_found(&kinds::POD, name))
    }

    fn list(&self) -> Result<HttpResponse, Status> {
        let Target { kind, namespace, .. } = &self.target;
        let selector = Selector::parse(&self.params.label_selector, &self.params.field_selector)?;
        let page = lists::Page { limit: self.params.limit, from: self.params.from.as_deref() };
        let list = self.world.with(|state| {
            lists::list(&state.store, &state.switches.logs, kind, namespace, &selector, page)
        })?;
        Ok(HttpResponse::Ok().json(list))
    }

    fn watch(self) -> Result<HttpResponse, Status> {
        let params = &self.params;
        let send_initial_events = is_true(params.send_initial_events.as_ref());
        lists::check_watch_options(send_initial_events, params.resource_version_match.as_deref())?;
        let version = params.resource_version.as_deref().unwrap_or_default();
        let version =
            match version {
                "" => None,
                text => Some(text.parse().map_err(|_| {
                    Status::bad_request(format!("invalid resource version {text:?}"))
                })?),
            };
        let request = watch::Request {
            selector: Selector::parse(&params.label_selector, &params.field_selector)?,
            version,
            bookmarks: is_true(params.allow_watch_bookmarks.as_ref()),
            send_initial_events,
            timeout: Duration::from_secs(params.timeout_seconds.unwrap_or(1800)),
            kind: self.target.kind,
            namespace: self.target.namespace,
        };
        let stream = watch::stream(self.world, request);
        Ok(HttpResponse::Ok().content_type("application/json").streaming(stream))
    }

    fn write(
        self,
        verb: &str,
        work: impl FnOnce(&Self) -> Result<Accepted, Status>,
    ) -> Result<HttpResponse, Status> {
        let Target { kind, name, subresource, .. } = &self.target;
        let is_create = verb == "create";
        if kind == &&kinds::POD || is_create != name.is_empty() || !subresource.is_empty() {
            return Err(Status::method_not_allowed());
        }
        self.permit(verb)?;
        let accepted = work(&self)?;
        let mut answer =
            if accepted.created { HttpResponse::Created() } else { HttpResponse::Ok() };
        for warning in &accepted.warnings {
            answer.append_header((header::WARNING, format!("299 - {warning:?}")));
        }
        Ok(answer.json(accepted.object.as_ref()))
    }

    fn create(&self, body: &Value) -> Result<Accepted, Status> {
        self.world.with(|state| verbs::create(&mut state.store, &self.request(), body))
    }

    fn update(&self, body: &Value) -> Result<Accepted, Status> {
        self.world.with(|state| verbs::update(&mut state.store, &self.request(), body))
    }

    fn patch(&self, format: PatchFormat, body: &Value) -> Result<Accepted, Status> {
        let mut request = self.request();
        if format == PatchFormat::Apply {
            request.manager = self.params.field_manager.clone().unwrap_or_default();
            let Target { kind, namespace, name, .. } = &self.target;
            let key = crate::store::Key::new(kind, namespace, name);
            // An apply that creates needs the right to create.
            let is_missing = self.world.with(|state| state.store.get(&key).is_none());
            if is_missing && !request.manager.is_empty() {
                self.permit("create")?;
            }
        }
        self.world.with(|state| verbs::patch(&mut state.store, &request, format, body))
    }

    fn delete(self, body: &Bytes) -> Result<HttpResponse, Status> {
        self.permit("delete")?;
        let Target { kind, name, .. } = &self.target;
        if name.is_empty() || kind == &&kinds::POD {
            return Err(Status::method_not_allowed());
        }
        let body = if body.is_empty() { Value::Null } else { parse(body)? };
        let object =
            self.world.with(|state| verbs::delete(&mut state.store, &self.request(), &body))?;
        Ok(HttpResponse::Ok().json(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {
                "name": name, "group": kind.group, "kind": kind.plural,
                "uid": object["metadata"]["uid"],
            },
        })))
    }

    fn request(&self) -> verbs::Request {
        let params = &self.params;
        // Without a name a client is known by its program's.
        let agent = self.user_agent.split('/').next().filter(|agent| !agent.is_empty());
        let manager = params.field_manager.as_deref().or(agent).unwrap_or("unknown");
        verbs::Request {
            kind: self.target.kind,
            namespace: self.target.namespace.clone(),
            name: self.target.name.clone(),
            manager: manager.to_owned(),
            dry_run: params.dry_run.is_some(),
            force: is_true(params.force.as_ref()),
            field_validation: match params.field_validation.as_deref() {
                Some("Strict") => FieldValidation::Strict,
                Some("Ignore") => FieldValidation::Ignore,
                _ => FieldValidation::Warn,
            },
        }
    }
}

/// Answers whether the caller may do what it asks about.
fn review(world: &World, body: &Value) -> HttpResponse {
    let attributes = &body["spec"]["resourceAttributes"];
    let text = |name: &str| attributes[name].as_str().unwrap_or_default();
    let resource = match text("subresource") {
        "" => text("resource").to_owned(),
        subresource => format!("{}/{subresource}", text("resource")),
    };
    let refused =
        world.with(|state| state.switches.refuses(text("verb"), &resource, text("namespace")));
    HttpResponse::Created().json(json!({
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": body["spec"],
        "status": {"allowed": !refused},
    }))
}

/// Mounts the API.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.default_service(web::to(handle));
}
