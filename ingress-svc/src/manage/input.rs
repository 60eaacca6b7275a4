//! What people may set: each value is parsed once, into a type that has no wrong values.

use std::net::IpAddr;

use paas_proto::events::Provider;
use serde::Deserialize;

const MAX_LABEL_BYTES: usize = 40;
const MAX_REPO_BYTES: usize = 255;
const MAX_BRANCH_BYTES: usize = 244;
const MAX_URL_BYTES: usize = 2048;
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 8..=1024;

/// A value that breaks a rule; the message names the rule, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(&'static str);

/// An app's name: a DNS label, because it names its host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct AppName(String);

/// `owner/name`, in GitLab with groups between.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RepoName(String);

/// A branch, as `git check-ref-format` allows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Branch(String);

/// A secret of a person's choosing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct WebhookSecret(String);

/// A token with which a provider is asked.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct AccessToken(String);

macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            pub(super) fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text!(AppName, RepoName, Branch, WebhookSecret, AccessToken);

impl TryFrom<String> for AppName {
    type Error = Broken;

    fn try_from(text: String) -> Result<Self, Broken> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let is_label = !text.is_empty()
            && text.len() <= MAX_LABEL_BYTES
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_label {
            Ok(Self(text))
        } else {
            Err(Broken(
                "name must be a DNS label of at most 40 lowercase letters, digits and hyphens",
            ))
        }
    }
}

impl TryFrom<String> for RepoName {
    type Error = Broken;

    fn try_from(text: String) -> Result<Self, Broken> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_part = |part: &str| {
            !part.is_empty()
                && part.chars().all(allowed)
                && !part.starts_with('-')
                && !matches!(part, "." | "..")
                && part.strip_suffix(".git").is_none()
        };
        let is_name = text.len() <= MAX_REPO_BYTES
            && text.split('/').count() >= 2
            && text.split('/').all(is_part);
        if is_name { Ok(Self(text)) } else { Err(Broken("repo_full_name must be `owner/name`")) }
    }
}

impl RepoName {
    /// Only GitLab has groups within groups.
    pub(super) fn is_possible_at(&self, provider: Provider) -> bool {
        provider == Provider::Gitlab || self.0.split('/').count() == 2
    }
}

impl TryFrom<String> for Branch {
    type Error = Broken;

    fn try_from(text: String) -> Result<Self, Broken> {
        let forbidden = |c: char| {
            c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
        };
        let is_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
        };
        let is_branch = text.len() <= MAX_BRANCH_BYTES
            && text.split('/').all(is_part)
            && !text.contains(forbidden)
            && !text.contains("..")
            && !text.contains("@{")
            && !text.starts_with('-')
            && !text.ends_with('.')
            && text != "@";
        if is_branch {
            Ok(Self(text))
        } else {
            Err(Broken("branch must be a name that git allows"))
        }
    }
}

impl Default for Branch {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl TryFrom<String> for WebhookSecret {
    type Error = Broken;

    fn try_from(text: String) -> Result<Self, Broken> {
        // It must fit into a header, and a header does not keep spaces at its ends.
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if SECRET_BYTES.contains(&text.len()) && is_printable && text.trim() == text {
            Ok(Self(text))
        } else {
            Err(Broken(
                "webhook_secret must be 8 to 256 printable characters, no spaces around them",
            ))
        }
    }
}

impl TryFrom<String> for AccessToken {
    type Error = Broken;

    fn try_from(text: String) -> Result<Self, Broken> {
        let text = text.trim();
        if TOKEN_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Broken("token must be 8 to 1024 printable characters without spaces"))
        }
    }
}

/// Checks what is to be cloned: `https`, without credentials; in development also local addresses.
pub(super) fn clone_url(text: &str, allow_local: bool) -> Result<(), Broken> {
    let is_plain = text.len() <= MAX_URL_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'`'));
    let Some((scheme, rest)) = text.split_once("://").filter(|_| is_plain) else {
        return Err(Broken("clone_url must be an https:// URL"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Broken("clone_url must not contain credentials"));
    }
    if scheme == "file" {
        return if allow_local && authority.is_empty() && rest.len() > 1 {
            Ok(())
        } else {
            Err(Broken("clone_url must be an https:// URL"))
        };
    }
    let host = host(authority).ok_or(Broken("clone_url must name a host"))?;
    match (scheme, Reach::of(host)) {
        (_, Reach::LinkLocal) => Err(Broken("clone_url must not be a link-local address")),
        ("https" | "http", Reach::Loopback) if allow_local => Ok(()),
        (_, Reach::Loopback) => Err(Broken("clone_url must not be a local address")),
        ("https", Reach::Elsewhere) => Ok(()),
        (_, Reach::Elsewhere) => Err(Broken("clone_url must be an https:// URL")),
    }
}

/// The host without its port.
fn host(authority: &str) -> Option<&str> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(host);
    }
    let host = match authority.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        Some(_) => return None,
        None => authority,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (!host.is_empty() && !host.starts_with('-') && host.chars().all(is_name)).then_some(host)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

enum Reach {
    Loopback,
    LinkLocal,
    Elsewhere,
}

impl Reach {
    fn of(host: &str) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if address.is_loopback() || address.is_unspecified() => Self::Loopback,
            Ok(IpAddr::V4(address)) if address.is_link_local() => Self::LinkLocal,
            Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => Self::LinkLocal,
            Ok(_) => Self::Elsewhere,
            Err(_) if host == "localhost" || host.ends_with(".localhost") => Self::Loopback,
            Err(_) => Self::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> bool {
        AppName::try_from(text.to_owned()).is_ok()
    }

    #[test]
    fn an_app_is_named_by_a_dns_label() {
        for good in ["a", "shop", "shop-2", "0", &"a".repeat(40)] {
            assert!(name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "Shop", "a.b", "a_b", "ä", &"a".repeat(41)] {
            assert!(!name(bad), "{bad}");
        }
    }

    #[test]
    fn a_repository_is_owner_and_name() {
        let repo = |text: &str| RepoName::try_from(text.to_owned());
        for good in ["acme/shop", "acme/.github", "a-b/c.d_e", "group/sub/shop"] {
            assert!(repo(good).is_ok(), "{good}");
        }
        for bad in
            ["", "shop", "/shop", "acme/", "a//b", "../x", "a/..", "a/b c", "a/b.git", "-a/b"]
        {
            assert!(repo(bad).is_err(), "{bad}");
        }
        assert!(!repo("group/sub/shop").unwrap().is_possible_at(Provider::Github));
        assert!(repo("group/sub/shop").unwrap().is_possible_at(Provider::Gitlab));
    }

    #[test]
    fn a_branch_is_what_git_allows() {
        let branch = |text: &str| Branch::try_from(text.to_owned()).is_ok();
        for good in ["main", "feature/x", "v1.2", "ünï", "a@b", "$(x)"] {
            assert!(branch(good), "{good}");
        }
        let bad = [
            "", "@", "-x", "a..b", "a b", "a~b", "a^", "a:b", "a?b", "a*", "a[b", "a\\b", "/a",
            "a/", "a//b", "a.", ".a", "a/.b", "a.lock", "a.lock/b", "a@{b", "a\n", "a\u{7f}",
        ];
        for bad in bad {
            assert!(!branch(bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_long_and_fits_into_a_header() {
        let secret = |text: &str| WebhookSecret::try_from(text.to_owned()).is_ok();
        assert!(secret(&"s".repeat(8)));
        assert!(secret("It's a Secret to Everybody"));
        for bad in [
            "",
            "short",
            &"s".repeat(7),
            &"s".repeat(257),
            " sixteen-bytes-!",
            "sixteen-bytes-! ",
            "sixteen-bytes-\n!",
        ] {
            assert!(!secret(bad), "{bad}");
        }
    }

    #[test]
    fn only_https_is_cloned() {
        for good in
            ["https://github.com/a/b.git", "https://git.acme.example:8443/x", "https://10.0.0.7/x"]
        {
            assert!(clone_url(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "github.com/a/b",
            "http://github.com/a/b",
            "ssh://git@github.com/a/b",
            "ext::sh -c x",
            "https://",
            "https:///x",
            "https://user:pass@github.com/a/b",
            "https://a b/c",
            "--upload-pack=x",
            "https://-x/y",
            "https://h:port/",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/x",
        ] {
            assert!(clone_url(bad, false).is_err(), "{bad}");
            assert!(clone_url(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn local_addresses_are_for_development() {
        for local in [
            "file:///srv/git/shop.git",
            "http://127.0.0.1:8000/x",
            "https://localhost/x",
            "http://[::1]:80/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://a.localhost/x",
        ] {
            assert!(clone_url(local, false).is_err(), "{local}");
            assert!(clone_url(local, true).is_ok(), "{local}");
        }
    }
}
