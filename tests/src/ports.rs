//! Free loopback ports for processes that are told where to listen.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};

/// Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux), so that nobody
/// takes the port of a server while it is being restarted.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// What keeps others off the ports that this process was given, for as long as it lives.
static RESERVED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port on which nothing listens now, and which no other call here is given while this process lives: a server that is
/// about to take it would otherwise meet another test's, which answers in its place.
pub fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let port = RANGE.start + rand::random::<u16>() % (RANGE.end - RANGE.start);
        let Ok(reservation) = reserve(port) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(reservation);
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}

/// An abstract socket of that name: it is there once on a machine, leaves no file, and ends with its process.
fn reserve(port: u16) -> std::io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(format!("paas-port-{port}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_out_once_though_nobody_listens_on_it_yet() {
        let port = free_port().unwrap();
        assert!(reserve(port).is_err());
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
