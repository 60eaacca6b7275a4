//! The platform's address: where a token may be sent.

use reqwest::Url;

use crate::error::Error;

/// An address to which the token may be sent.
pub(super) fn parse(text: &str, insecure_http: bool) -> Result<Url, Error> {
    // It is not repeated: somebody may have put a password in it.
    let wrong = |why: &str| Err(Error::Usage(format!("the platform's URL {why}")));
    let Ok(url) = Url::parse(text) else { return wrong("cannot be read") };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not hold a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("must end with its path");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if insecure_http || is_loopback(&url) => Ok(url),
        "http" => wrong(
            "begins with http://, and anybody between could read the token: use https://, or --insecure-http",
        ),
        _ => wrong("must begin with https:// or http://"),
    }
}

/// Whether what is sent there never leaves this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_over_tls_or_stays_on_this_machine() {
        for good in [
            "https://paas.example.com",
            "https://example.com/paas/",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:8080",
        ] {
            assert!(parse(good, false).is_ok(), "{good}");
        }
        for plain in ["http://paas.example.com", "http://10.0.0.1", "http://localhost.evil.com"] {
            let error = parse(plain, false).unwrap_err().to_string();
            assert!(error.contains("--insecure-http"), "{plain}: {error}");
            assert!(parse(plain, true).is_ok(), "{plain}");
        }
    }

    #[test]
    fn what_is_no_address_of_an_api_is_refused_and_not_repeated() {
        for bad in [
            "canary",
            "",
            "ftp://canary",
            "file:///canary",
            "https://user:canary@example.com",
            "https://canary@example.com",
            "https://example.com/?token=canary",
            "https://example.com/#canary",
            "https://",
        ] {
            let error = parse(bad, true).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
