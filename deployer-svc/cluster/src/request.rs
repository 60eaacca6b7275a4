//! What arrives, parsed once: nothing from a request reaches a Kubernetes name, label or parameter unless it has one of
//! these types.

use std::fmt;

use paas_proto::cluster::{
    self, CloneCredential, LogsRequest, PutBackRequest, RollOutRequest, StartBuildRequest,
    logs_request,
};
use uuid::Uuid;

use crate::clone_secret::Credential;
use crate::logs::{Cursor, LogOrder, Source};

/// A request that names something impossible; the field and what it must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) &'static str, pub(crate) &'static str);

/// A DNS label: names of objects, and a segment of image names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(String);

/// A commit, 40 or 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sha(String);

/// A repository to clone, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloneUrl(String);

/// An image by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image(String);

/// Which app, and what its objects are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: Label,
    pub(crate) tenant: Label,
}

/// What to build.
#[derive(Debug)]
pub(crate) struct BuildOrder {
    pub(crate) app: App,
    pub(crate) deploy: Uuid,
    pub(crate) run: Label,
    pub(crate) clone_url: CloneUrl,
    pub(crate) sha: Sha,
    /// W3C trace context, if there is one.
    pub(crate) traceparent: Option<String>,
    /// For a repository that is not public.
    pub(crate) credential: Option<Credential>,
}

/// What to run: of a rollout and of a put-back alike.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) app: App,
    pub(crate) deploy: Uuid,
    pub(crate) generation: u64,
    pub(crate) image: Image,
    pub(crate) sha: Sha,
}

impl Label {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edges = !text.starts_with('-') && !text.ends_with('-');
        let good = !text.is_empty() && text.len() <= 63 && edges && text.chars().all(allowed);
        good.then(|| Self(text.to_owned()))
    }
}

impl Sha {
    fn parse(text: &str) -> Option<Self> {
        let good = (text.len() == 40 || text.len() == 64) && is_lower_hex(text);
        good.then(|| Self(text.to_owned()))
    }
}

impl CloneUrl {
    /// `file` is for development: the shipped pipeline refuses it. A user is good with ssh only, a password never:
    /// parameters of a run are there to read.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let good = match scheme {
            "https" | "http" => user.is_none() && !authority.is_empty(),
            "ssh" => !authority.starts_with('-') && user.is_none_or(|user| !user.contains(':')),
            "file" => rest.starts_with('/'),
            _ => false,
        };
        let plain = text.len() <= 2048 && text.chars().all(|c| c.is_ascii_graphic());
        (good && plain).then(|| Self(text.to_owned()))
    }
}

impl CloneUrl {
    /// The credential for this repository; none where git would not use it. It never travels in the clear.
    fn credential(&self, given: CloneCredential) -> Result<Option<Credential>, Invalid> {
        let Some((scheme @ ("https" | "http"), rest)) = self.0.split_once("://") else {
            return Ok(None);
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if scheme == "http" && !is_loopback(authority) {
            return Err(Invalid("clone_credential", "goes over https only"));
        }
        let CloneCredential { username, password } = given;
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= 8192 && !text.chars().any(char::is_control)
        };
        if !plain(&username) || !plain(&password) {
            return Err(Invalid("clone_credential", "is not a user and a password"));
        }
        let origin = format!("{scheme}://{authority}");
        Ok(Some(Credential { username, password: password.into(), origin }))
    }
}

impl Image {
    fn parse(text: &str) -> Option<Self> {
        let (repository, digest) = text.split_once('@')?;
        (is_image_repository(repository) && is_digest(digest)).then(|| Self(text.to_owned()))
    }
}

impl App {
    pub(crate) fn parse(app: Option<cluster::App>) -> Result<Self, Invalid> {
        let app = app.ok_or(Invalid("app", "is required"))?;
        let label = "is not a DNS label";
        Ok(Self {
            id: parse_uuid("app.app_id", &app.app_id)?,
            name: Label::parse(&app.name).ok_or(Invalid("app.name", label))?,
            tenant: Label::parse(&app.tenant_id).ok_or(Invalid("app.tenant_id", label))?,
        })
    }
}

impl BuildOrder {
    pub(crate) fn parse(request: StartBuildRequest) -> Result<Self, Invalid> {
        let clone_url = CloneUrl::parse(&request.clone_url)
            .ok_or(Invalid("clone_url", "is not an https, http or ssh URL without password"))?;
        Ok(Self {
            credential: match request.clone_credential {
                Some(credential) => clone_url.credential(credential)?,
                None => None,
            },
            app: App::parse(request.app)?,
            deploy: parse_uuid("deploy_id", &request.deploy_id)?,
            run: parse_run(&request.run_name)?,
            clone_url,
            sha: parse_sha(&request.sha)?,
            // Tracing is no reason to refuse a build.
            traceparent: is_traceparent(&request.traceparent).then_some(request.traceparent),
        })
    }
}

impl Release {
    pub(crate) fn parse(request: RollOutRequest) -> Result<Self, Invalid> {
        if request.generation == 0 {
            return Err(Invalid("generation", "starts at 1"));
        }
        Ok(Self {
            app: App::parse(request.app)?,
            deploy: parse_uuid("deploy_id", &request.deploy_id)?,
            generation: request.generation,
            image: Image::parse(&request.image)
                .ok_or(Invalid("image", "is not <repository>@sha256:<64 hex digits>"))?,
            sha: parse_sha(&request.sha)?,
        })
    }

    /// A put-back is a rollout of the last live image as a new generation.
    pub(crate) fn parse_put_back(request: PutBackRequest) -> Result<Self, Invalid> {
        let PutBackRequest { app, deploy_id, generation, image, sha } = request;
        Self::parse(RollOutRequest { app, deploy_id, generation, image, sha })
    }
}

impl LogOrder {
    pub(crate) fn parse(request: LogsRequest) -> Result<Self, Invalid> {
        let source = match request.of {
            Some(logs_request::Of::Build(build)) => Source::Build {
                run: parse_run(&build.run_name)?,
                deploy: parse_uuid("build.deploy_id", &build.deploy_id)?,
            },
            Some(logs_request::Of::App(app)) => Source::App(App::parse(Some(app))?),
            None => return Err(Invalid("of", "is required")),
        };
        let cursor = Cursor::parse(&request.cursor).ok_or(Invalid("cursor", "is none of ours"))?;
        let tail = (request.tail > 0).then_some(request.tail);
        Ok(Self { source, follow: request.follow, cursor, tail })
    }
}

pub(crate) fn parse_uuid(field: &'static str, text: &str) -> Result<Uuid, Invalid> {
    Uuid::try_parse(text).map_err(|_| Invalid(field, "is not a UUID"))
}

pub(crate) fn parse_run(text: &str) -> Result<Label, Invalid> {
    Label::parse(text).ok_or(Invalid("run_name", "is not a DNS label"))
}

fn parse_sha(text: &str) -> Result<Sha, Invalid> {
    Sha::parse(text).ok_or(Invalid("sha", "is not 40 or 64 lower-case hex digits"))
}

/// `sha256:` and 64 hex digits.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && is_lower_hex(hex))
}

/// `host[:port]/path…` without tag and digest.
pub(crate) fn is_image_repository(text: &str) -> bool {
    let mut parts = text.split('/');
    let host = parts.next().unwrap_or_default();
    let (host, port) = host.split_once(':').unwrap_or((host, "1"));
    let path =
        |part: &str| !part.is_empty() && part.chars().all(|c| is_name(c) || "._".contains(c));
    is_host(host) && port.parse::<u16>().is_ok() && parts.all(path) && text.len() <= 255
}

/// Labels with dots between them.
pub(crate) fn is_host(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|label| Label::parse(label).is_some())
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Version 00 of <https://www.w3.org/TR/trace-context/>.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| is_lower_hex(part)) && parts[0] == "00"
}

macro_rules! text {
    ($($name:ty),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}
text!(Label, Sha, CloneUrl, Image);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_kubernetes_takes_as_a_name() {
        for good in ["web", "a", "0-a", &"a".repeat(63)] {
            assert!(Label::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Web", "-web", "web-", "a.b", "a/b", "a b", &"a".repeat(64)] {
            assert!(Label::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_commit_is_exact() {
        assert!(Sha::parse(&"a".repeat(40)).is_some());
        assert!(Sha::parse(&"0".repeat(64)).is_some());
        for bad in ["main", "--upload-pack=x", &"A".repeat(40), &"a".repeat(41), ""] {
            assert!(Sha::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_clone_url_carries_neither_password_nor_option() {
        for good in [
            "https://github.com/acme/web.git",
            "ssh://git@gitlab.example.com:2222/acme/web.git",
            "http://127.0.0.1:3000/web.git",
            "file:///srv/git/web.git",
        ] {
            assert!(CloneUrl::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "--upload-pack=touch",
            "ext::sh -c id",
            "https://token@github.com/acme/web.git",
            "ssh://git:password@example.com/web.git",
            "ssh://-oProxyCommand=id/web.git",
            "https://github.com/acme/web.git\n",
            "https:///web.git",
            "git@github.com:acme/web.git",
        ] {
            assert!(CloneUrl::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_credential_goes_where_git_uses_it_and_never_in_the_clear() {
        let given = |username: &str, password: &str| CloneCredential {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        let origin = |url: &str| {
            let credential = CloneUrl::parse(url).unwrap().credential(given("git", "secret"));
            credential.map(|credential| credential.map(|credential| credential.origin))
        };
        for (url, expected) in [
            ("https://github.com/acme/web.git", Some("https://github.com")),
            ("https://git.example.com:8443/web.git", Some("https://git.example.com:8443")),
            ("http://127.0.0.1:3000/web.git", Some("http://127.0.0.1:3000")),
            ("http://localhost/web.git", Some("http://localhost")),
            ("http://[::1]:3000/web.git", Some("http://[::1]:3000")),
            ("ssh://git@github.com/acme/web.git", None),
            ("file:///srv/git/web.git", None),
        ] {
            assert_eq!(origin(url), Ok(expected.map(str::to_owned)), "{url}");
        }
        for url in ["http://git.example.com/web.git", "http://127.0.0.1.example.com/web.git"] {
            assert!(origin(url).is_err(), "{url}");
        }
        let url = CloneUrl::parse("https://github.com/acme/web.git").unwrap();
        for (username, password) in [("", "secret"), ("git", ""), ("git", "two\nlines")] {
            assert!(url.credential(given(username, password)).is_err(), "{username} {password}");
        }
    }

    #[test]
    fn an_image_is_named_by_digest() {
        let digest = format!("sha256:{}", "1".repeat(64));
        assert!(Image::parse(&format!("registry.svc:5000/default/web@{digest}")).is_some());
        for bad in [
            format!("registry.svc:5000/default/web:latest@{digest}"),
            "registry.svc:5000/default/web:latest".to_owned(),
            format!("registry.svc:5000/default/web@{}", &digest[..70]),
            format!("@{digest}"),
            format!("registry.svc//web@{digest}"),
        ] {
            assert!(Image::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_trace_context_that_is_none_is_left_out() {
        assert!(is_traceparent("00-0f57e147e992b304d977436289d10628-73d5909e31793992-01"));
        for bad in ["", "00-0f57-73d5-01", "00-\"}-73d5909e31793992-01"] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
