//! What all calls of the management API have in common, put into the description from the table of routes: who may, what
//! they may say in headers, and the answers that come before a handler is asked.

use utoipa::{
    Modify,
    openapi::{
        ContentBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response,
        ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    access::{Access, ROUTES, Route},
    idempotency,
};

/// Answers before the handler: status, and when.
const ALWAYS: &[(&str, &str)] = &[
    ("401", "No token, or none that is valid"),
    ("403", "The token is not good for this"),
    ("404", "There is no such thing for this tenant, or no such tenant"),
    ("422", "Something in the request breaks a rule"),
    ("503", "Database or deployer do not answer: try again"),
];
const WITH_BODY: &[(&str, &str)] = &[
    ("400", "The body is no JSON, or incomplete"),
    ("408", "The body came too slowly"),
    ("413", "The body is larger than 64 KiB"),
    ("415", "The body is encoded"),
];
const WITH_KEY: &[(&str, &str)] = &[("409", "A request with this Idempotency-Key is underway")];

/// Completes the description.
pub(super) struct Frame;

impl Modify for Frame {
    fn modify(&self, api: &mut OpenApi) {
        let schemes = [("token", HttpAuthScheme::Bearer), ("tekton", HttpAuthScheme::Basic)];
        let components = api.components.get_or_insert_default();
        for (name, scheme) in schemes {
            let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
            components.add_security_scheme(name, scheme);
        }
        for route in ROUTES.iter().filter(|route| route.access.is_managed()) {
            let path = api.paths.paths.get_mut(route.pattern);
            if let Some(operation) = path.and_then(|path| operation(path, route.method)) {
                complete(operation, route);
            }
        }
    }
}

pub(super) fn operation<'a>(path: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => path.get.as_mut(),
        "PUT" => path.put.as_mut(),
        "POST" => path.post.as_mut(),
        "DELETE" => path.delete.as_mut(),
        _ => None,
    }
}

fn complete(operation: &mut Operation, route: &Route) {
    operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let who = if matches!(route.access, Access::Operator) {
        "the operator's token".to_owned()
    } else {
        format!("a token with the scope `{}`", route.access)
    };
    let text = operation.description.take().unwrap_or_default();
    operation.description = Some(format!("{text}\n\nNeeds {who}.").trim().to_owned());
    let takes_key = idempotency::takes_key(route);
    let mut answers = ALWAYS.to_vec();
    if operation.request_body.is_some() || takes_key {
        answers.extend_from_slice(WITH_BODY);
    }
    if takes_key {
        answers.extend_from_slice(WITH_KEY);
    }
    for (status, when) in answers {
        let answers = &mut operation.responses.responses;
        answers.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(when)));
    }
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::T(tenant()));
    if takes_key {
        parameters.push(RefOr::T(key()));
    }
}

fn problem(when: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(when).content("application/json", content).build()
}

fn tenant() -> Parameter {
    header("X-Paas-Tenant", "For which tenant the operator acts, by its name; refused from others")
}

fn key() -> Parameter {
    let text = "The same request under the same key has the same answer, for a day";
    header("Idempotency-Key", text)
}

fn header(name: &str, description: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(200));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build()
}
