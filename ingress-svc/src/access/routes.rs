//! Every route, and who may take it: what is not in this table cannot be reached.

use std::fmt;

use super::Scope;

/// Who may take a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone who reaches it.
    Open,
    /// A provider that can sign with the app's secret: the handler checks.
    Provider,
    /// A build with its callback token, or Tekton with its password: the handler checks.
    Callback,
    /// A browser that comes back from a provider with the state it was sent with: the handler checks.
    OauthState,
    /// The deployer with a token of its deploy: the handler checks.
    Deployer,
    /// The operator's token alone.
    Operator,
    /// A token of a tenant with this scope, for what is that tenant's.
    Scope(Scope),
}

impl Access {
    /// Whether the caller must be known before the handler sees the request.
    pub(crate) fn is_managed(self) -> bool {
        match self {
            Self::Operator | Self::Scope(_) => true,
            Self::Open | Self::Provider | Self::Callback | Self::OauthState | Self::Deployer => {
                false
            }
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Provider => "provider",
            Self::Callback => "callback",
            Self::OauthState => "oauth state",
            Self::Deployer => "deployer",
            Self::Operator => "operator",
            Self::Scope(scope) => scope.name(),
        })
    }
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// The path, with names in braces for what varies.
    pub(crate) pattern: &'static str,
    pub(crate) access: Access,
}

const READ: Access = Access::Scope(Scope::Read);
const DEPLOY: Access = Access::Scope(Scope::Deploy);
const ADMIN: Access = Access::Scope(Scope::Admin);

const fn route(method: &'static str, pattern: &'static str, access: Access) -> Route {
    Route { method, pattern, access }
}

/// The table.
pub(crate) const ROUTES: &[Route] = &[
    route("GET", "/healthz", Access::Open),
    route("GET", "/readyz", Access::Open),
    route("GET", "/metrics", Access::Open),
    route("GET", "/v1/openapi.json", Access::Open),
    route("POST", "/v1/webhooks/github/{app_id}", Access::Provider),
    route("POST", "/v1/webhooks/gitlab/{app_id}", Access::Provider),
    route("POST", "/v1/webhooks/forgejo/{app_id}", Access::Provider),
    route("POST", "/v1/callbacks/builds/{deploy_id}", Access::Callback),
    route("POST", "/v1/callbacks/tekton", Access::Callback),
    route("GET", "/v1/whoami", READ),
    route("GET", "/v1/tenants", Access::Operator),
    route("POST", "/v1/tenants", Access::Operator),
    route("GET", "/v1/tokens", ADMIN),
    route("POST", "/v1/tokens", ADMIN),
    route("DELETE", "/v1/tokens/{token_id}", ADMIN),
    route("GET", "/v1/audit", ADMIN),
    route("GET", "/v1/apps", READ),
    route("POST", "/v1/apps", DEPLOY),
    route("GET", "/v1/apps/{app_id}", READ),
    route("DELETE", "/v1/apps/{app_id}", ADMIN),
    route("GET", "/v1/apps/{app_id}/git/source", READ),
    route("PUT", "/v1/apps/{app_id}/git/source", DEPLOY),
    route("DELETE", "/v1/apps/{app_id}/git/source", DEPLOY),
    route("PUT", "/v1/apps/{app_id}/git/webhook-secret", DEPLOY),
    route("GET", "/v1/auth", READ),
    route("DELETE", "/v1/auth/{provider}", ADMIN),
    route("GET", "/v1/auth/{provider}/connect", ADMIN),
    route("GET", "/v1/auth/{provider}/callback", Access::OauthState),
    route("PUT", "/v1/auth/{provider}/credential", ADMIN),
    route("POST", "/internal/v1/clone-credentials/{deploy_id}", Access::Deployer),
    route("GET", "/v1/apps/{app_id}/deploys", READ),
    route("GET", "/v1/apps/{app_id}/git/health", READ),
    route("GET", "/v1/apps/{app_id}/deliveries", READ),
    route("GET", "/v1/apps/{app_id}/releases", READ),
    route("GET", "/v1/apps/{app_id}/logs", READ),
    route("POST", "/v1/apps/{app_id}/redeploy", DEPLOY),
    route("POST", "/v1/apps/{app_id}/rollback", DEPLOY),
    route("POST", "/v1/apps/{app_id}/resume", DEPLOY),
    route("GET", "/v1/deploys/{deploy_id}", READ),
    route("GET", "/v1/deploys/{deploy_id}/watch", READ),
    route("POST", "/v1/deploys/{deploy_id}/cancel", DEPLOY),
    route("POST", "/v1/replays", DEPLOY),
    route("GET", "/v1/dead-letters", READ),
    route("GET", "/v1/dead-letters/{letter_id}", READ),
    route("POST", "/v1/dead-letters/{letter_id}/retry", DEPLOY),
    route("POST", "/v1/dead-letters/{letter_id}/discard", DEPLOY),
];

/// The table, for people or as JSON.
pub fn list(json: bool) -> anyhow::Result<String> {
    let fields = |route: &Route| (route.method, route.pattern, route.access.to_string());
    if json {
        let object = |(method, pattern, access): (&str, &str, String)| serde_json::json!({ "method": method, "pattern": pattern, "access": access });
        let routes: Vec<_> = ROUTES.iter().map(fields).map(object).collect();
        return Ok(serde_json::to_string_pretty(&routes)? + "\n");
    }
    let line = |(method, pattern, access)| format!("{method:6} {pattern:45} {access}\n");
    Ok(ROUTES.iter().map(fields).map(line).collect())
}

/// What a request finds in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its route.
    Route(Route),
    /// The path is there, for these methods.
    OtherMethods(String),
    /// Nothing.
    Nothing,
}

/// Finds a request's route by its method and the pattern of its path.
pub(crate) fn find(method: &str, pattern: Option<&str>) -> Found {
    let of_path = || ROUTES.iter().filter(|route| Some(route.pattern) == pattern);
    if let Some(route) = of_path().find(|route| route.method == method) {
        return Found::Route(*route);
    }
    let methods: Vec<_> = of_path().map(|route| route.method).collect();
    if methods.is_empty() { Found::Nothing } else { Found::OtherMethods(methods.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_row_is_not_found() {
        assert_eq!(find("GET", None), Found::Nothing);
        assert_eq!(find("GET", Some("/v1/apps/{app_id}/nothing")), Found::Nothing);
        let methods = Found::OtherMethods("GET, POST".to_owned());
        assert_eq!(find("DELETE", Some("/v1/apps")), methods);
        assert_eq!(find("get", Some("/v1/apps")), methods);
        let found = find("POST", Some("/v1/apps"));
        assert_eq!(found, Found::Route(route("POST", "/v1/apps", DEPLOY)));
    }

    #[test]
    fn every_route_has_one_row() {
        for (index, one) in ROUTES.iter().enumerate() {
            let same = |other: &&Route| (other.method, other.pattern) == (one.method, one.pattern);
            assert_eq!(ROUTES.iter().position(|other| same(&other)), Some(index), "{one:?}");
        }
    }

    /// A path is looked up as it was written, and routed with its harmless escapes undone: no path may mean one route
    /// here and another there.
    #[test]
    fn no_name_stands_where_a_word_does() {
        for one in ROUTES {
            for other in ROUTES.iter().filter(|other| other.pattern != one.pattern) {
                let segments = || one.pattern.split('/').zip(other.pattern.split('/'));
                let is_as_long = one.pattern.split('/').count() == other.pattern.split('/').count();
                let is_name = |segment: &str| segment.starts_with('{');
                let could_be_both =
                    segments().all(|(a, b)| a == b || is_name(a) || is_name(b)) && is_as_long;
                assert!(!could_be_both, "{} and {}", one.pattern, other.pattern);
            }
        }
    }
}
