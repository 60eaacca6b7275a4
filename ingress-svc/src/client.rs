//! Who sent a request: the peer of its connection or, where that is one of our own proxies, the one for whom the proxy
//! speaks. What others say of themselves in `X-Forwarded-…` is not believed. `Forwarded` (RFC 7239) is not read: a proxy
//! that sets one of the two passes the sender's own copy of the other through.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use actix_web::http::header::{HOST, HeaderMap};
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
/// What a name in DNS has at most, with a port.
const MAX_HOST_BYTES: usize = 260;

/// The networks of our own proxies; none by default.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// Text that is no list of networks.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no network such as `10.0.0.0/8` and no address")]
pub struct InvalidNetwork(String);

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| InvalidNetwork(text.to_owned()))
}

impl TrustedProxies {
    /// Whether this is one of them.
    pub(crate) fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Where a request came from, and what it asked for, as far as that can be believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The sender.
    pub(crate) client: IpAddr,
    /// `http` or `https`, as the sender spoke it.
    pub(crate) scheme: &'static str,
    /// The host that the sender asked, perhaps with a port.
    pub(crate) host: Option<&'a str>,
    /// Whether one of our proxies speaks: it may also say to which trace the request belongs.
    pub(crate) is_proxied: bool,
}

impl<'a> Origin<'a> {
    /// Reads it from the connection and the headers.
    pub(crate) fn read(
        peer: Option<SocketAddr>,
        headers: &'a HeaderMap,
        proxies: &TrustedProxies,
    ) -> Self {
        let peer = peer.map_or(Ipv6Addr::UNSPECIFIED.into(), |peer| peer.ip().to_canonical());
        let is_proxied = proxies.include(peer);
        let forwarded = |name| is_proxied.then(|| last(headers, name)).flatten();
        let is_secure =
            forwarded(FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let host = forwarded(FORWARDED_HOST).or_else(|| last(headers, HOST.as_str()));
        Self {
            client: if is_proxied { forwarded_for(headers, proxies, peer) } else { peer },
            scheme: if is_secure { "https" } else { "http" },
            host: host.filter(|host| host.len() <= MAX_HOST_BYTES),
            is_proxied,
        }
    }
}

/// From the nearest entry on: each is believed as long as the one that wrote it is a proxy of ours.
fn forwarded_for(headers: &HeaderMap, proxies: &TrustedProxies, peer: IpAddr) -> IpAddr {
    let mut sender = peer;
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
    for line in lines.into_iter().rev() {
        for entry in line.to_str().unwrap_or_default().rsplit(',') {
            let Some(address) = address(entry.trim()) else { return sender };
            sender = address;
            if !proxies.include(sender) {
                return sender;
            }
        }
    }
    sender
}

/// With or without a port, with or without brackets.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: IpAddr = entry.parse().ok().or_else(with_port).or_else(bare)?;
    Some(address.to_canonical())
}

/// What the nearest proxy wrote: the last of a list.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(name).last()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.1:4000";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn client(peer: &str, proxies: &str, forwarded: &[&'static str]) -> String {
        let pairs: Vec<_> = forwarded.iter().map(|value| (FORWARDED_FOR, *value)).collect();
        let headers = headers(&pairs);
        let peer = Some(peer.parse().unwrap());
        Origin::read(peer, &headers, &proxies.parse().unwrap()).client.to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client("192.0.2.7:1", "", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client("192.0.2.7:1", "10.0.0.0/8", &["203.0.113.9"]), "192.0.2.7");
    }

    #[test]
    fn a_proxy_of_ours_names_the_client() {
        for entry in ["203.0.113.9", "203.0.113.9:55000", "::ffff:203.0.113.9"] {
            assert_eq!(client(PROXY, "10.0.0.0/8", &[entry]), "203.0.113.9", "{entry}");
        }
        for entry in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"] {
            assert_eq!(client(PROXY, "10.0.0.1", &[entry]), "2001:db8::1", "{entry}");
        }
        assert_eq!(client("[::ffff:10.0.0.1]:9", "10.0.0.0/8", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        let forged = "198.51.100.1, 203.0.113.9";
        assert_eq!(client(PROXY, "10.0.0.0/8", &[forged]), "203.0.113.9");
        let behind_two = ["198.51.100.1", "203.0.113.9, 10.0.0.2"];
        assert_eq!(client(PROXY, "10.0.0.0/8", &behind_two), "203.0.113.9");
        let garbage = "198.51.100.1, unknown";
        assert_eq!(client(PROXY, "10.0.0.0/8", &[garbage]), "10.0.0.1");
        assert_eq!(client(PROXY, "10.0.0.0/8", &[]), "10.0.0.1");
    }

    #[test]
    fn scheme_and_host_are_the_proxys_word_or_our_own() {
        let told = [(FORWARDED_PROTO, "https"), (FORWARDED_HOST, "hooks.example"), ("host", "pod")];
        let headers = headers(&told);
        let read = |proxies: &str| {
            let origin = Origin::read(PROXY.parse().ok(), &headers, &proxies.parse().unwrap());
            (origin.scheme, origin.host, origin.is_proxied)
        };
        assert_eq!(read("10.0.0.0/8"), ("https", Some("hooks.example"), true));
        assert_eq!(read(""), ("http", Some("pod"), false));
    }

    #[test]
    fn networks_are_read_or_refused() {
        assert!("10.0.0.0/8, 192.0.2.1,fd00::/8".parse::<TrustedProxies>().is_ok());
        for wrong in ["10.0.0.0/33", "lb.internal", "10.0.0.0/8;10.1.0.0/16"] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
    }
}
