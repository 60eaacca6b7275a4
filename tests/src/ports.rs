//! Free loopback ports for processes that are told where to listen.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux), so that nobody
/// takes the port of a server while it is being restarted.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A port on which nothing listens now. Two callers meet by chance alone, and a server that finds it taken says so.
pub fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let port = RANGE.start + rand::random::<u16>() % (RANGE.end - RANGE.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}
