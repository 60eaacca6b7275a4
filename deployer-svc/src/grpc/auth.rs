//! Who may call: whoever knows the shared token. Nothing is served without one where others could reach it.

use std::net::SocketAddr;

use anyhow::ensure;
use constant_time_eq::constant_time_eq_32;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tonic::{Request, Status, service::Interceptor};

/// Lets calls with the token pass; all calls when there is none.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// Hashed, so that comparing tells neither the token nor its length.
    token: Option<[u8; 32]>,
}

impl Bearer {
    pub(crate) fn new(token: Option<&SecretString>) -> Self {
        Self { token: token.map(|token| hash(token.expose_secret())) }
    }

    fn admits(&self, authorization: Option<&str>) -> bool {
        let Some(expected) = &self.token else { return true };
        let presented = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        constant_time_eq_32(expected, &hash(presented.unwrap_or_default())) && presented.is_some()
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let authorization = request.metadata().get("authorization");
        if self.admits(authorization.and_then(|value| value.to_str().ok())) {
            Ok(request)
        } else {
            Err(Status::unauthenticated("a bearer token is needed"))
        }
    }
}

/// Refuses to listen for everybody without asking anybody who they are.
pub(crate) fn ensure_guarded(
    address: SocketAddr,
    guarded: bool,
    remedy: &'static str,
) -> anyhow::Result<()> {
    ensure!(
        guarded || address.ip().is_loopback(),
        "{address} can be reached from other machines: {remedy}"
    );
    Ok(())
}

/// An empty token is a mistake in a deployment's settings, never a wish.
pub(crate) fn ensure_not_empty(
    token: Option<&SecretString>,
    variable: &'static str,
) -> anyhow::Result<()> {
    let empty = token.is_some_and(|token| token.expose_secret().trim().is_empty());
    ensure!(!empty, "{variable} is empty: set a token, or unset it");
    Ok(())
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        let bearer = Bearer::new(Some(&"secret".into()));
        assert!(bearer.admits(Some("Bearer secret")));
        assert!(bearer.admits(Some("bearer secret")));
        for wrong in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic secret")] {
            assert!(!bearer.admits(wrong), "{wrong:?}");
        }
        assert!(!bearer.admits(Some("Bearer secret2")));
        assert!(Bearer::new(None).admits(None));
    }

    #[test]
    fn an_address_of_others_needs_a_token() {
        let open = "0.0.0.0:9090".parse().unwrap();
        let loopback = "[::1]:9090".parse().unwrap();
        assert!(ensure_guarded(open, false, "set a token").is_err());
        assert!(ensure_guarded(open, true, "set a token").is_ok());
        assert!(ensure_guarded(loopback, false, "set a token").is_ok());
        assert!(ensure_not_empty(Some(&"".into()), "DEPLOYER_TOKEN").is_err());
    }
}
