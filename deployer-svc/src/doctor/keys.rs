//! Whether keys and addresses that others have to agree with can be right at all.

use paas_proto::callback::CallbackKey;
use secrecy::ExposeSecret as _;

use super::{Area, Args, Finding};

const NEW_KEY: &str = "set CALLBACK_KEY to the output of `openssl rand -hex 32`, the same on ingress, deployer and agent";

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    vec![of_callback_key(args.agent.callback_key.expose_secret()), of_callback_url(args).await]
}

fn of_callback_key(key: &str) -> Finding {
    if let Err(error) = key.parse::<CallbackKey>() {
        return Area::Keys.fail(format!("CALLBACK_KEY: {error}"), NEW_KEY);
    }
    let mut digits: Vec<char> = key.to_ascii_lowercase().chars().collect();
    digits.sort_unstable();
    digits.dedup();
    // Of 64 random digits, all but certainly more than ten are different.
    if digits.len() < 10 {
        return Area::Keys.warn("CALLBACK_KEY is not random: its tokens can be guessed", NEW_KEY);
    }
    Area::Keys.ok("CALLBACK_KEY has the right form")
}

/// Builds call the ingress from their namespace: an address of this machine leads them to themselves.
async fn of_callback_url(args: &Args) -> Finding {
    let url = &args.agent.callback_url;
    let fix = "set CALLBACK_URL to the ingress as builds reach it, for instance http://ingress.paas.svc:8080";
    match host(url) {
        None => Area::Keys.fail("CALLBACK_URL is not an http or https URL", fix),
        Some(host) if is_local(host) && !cluster_is_local().await => Area::Keys.warn(
            format!("CALLBACK_URL leads to {host}: builds elsewhere call themselves, and their end is seen late"),
            fix,
        ),
        Some(host) => Area::Keys.ok(format!("builds call back to {host}")),
    }
}

/// A cluster on the same machine is reached by loopback too.
async fn cluster_is_local() -> bool {
    cluster_agent::api_server().await.is_some_and(|url| host(&url).is_some_and(is_local))
}

/// The host of a URL, without brackets.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_key_that_is_no_key_or_could_be_guessed_is_told() {
        assert_eq!(of_callback_key("short").verdict, Verdict::Fail);
        assert_eq!(of_callback_key(&"0".repeat(64)).verdict, Verdict::Warn);
        assert_eq!(of_callback_key(&"0123456789abcdef".repeat(4)).verdict, Verdict::Ok);
        assert!(!of_callback_key("verysecret").to_string().contains("verysecret"));
    }

    #[test]
    fn the_host_of_a_url_is_found() {
        assert_eq!(host("http://ingress.paas.svc:8080/"), Some("ingress.paas.svc"));
        assert_eq!(host("https://[::1]:8080"), Some("::1"));
        assert_eq!(host("ftp://ingress"), None);
        assert!(is_local("127.0.0.1") && is_local("::1") && !is_local("10.0.0.1"));
    }
}
