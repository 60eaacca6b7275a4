//! A TCP proxy between a process and what it needs: to cut the link, to stall it, to slow it down; and, with several
//! upstreams, the balancer in front of replicas.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::background;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the link does with traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Pass,
    Refuse,
    Stall,
    Delay(Duration),
}

/// The link's state: `cuts` counts how often all connections were reset.
#[derive(Debug, Clone, Copy)]
struct Link {
    traffic: Traffic,
    cuts: u64,
}

/// A listening proxy; it and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens at `listen` (port 0 for any) and forwards each connection to the next of `upstreams` that accepts.
    pub async fn start(listen: &str, upstreams: Vec<String>) -> Result<Self> {
        let (link, watcher) = watch::channel(Link { traffic: Traffic::Pass, cuts: 0 });
        let listen = listen.to_owned();
        let started = background::run(async move {
            let listener = TcpListener::bind(&listen).await?;
            let address = listener.local_addr()?;
            let task = tokio::spawn(serve(listener, address, Upstreams::new(upstreams), watcher));
            std::io::Result::Ok((address, task))
        });
        let (address, task) = started.await?.context("listen for a proxy")?;
        Ok(Self { address, link, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The same URL, through this proxy.
    #[must_use]
    pub fn instead_of(&self, upstream: &str, url: &str) -> String {
        url.replace(upstream, &self.address())
    }

    /// Everything as usual again.
    pub fn restore(&self) {
        self.set(Traffic::Pass);
    }

    /// Resets every connection; new ones pass.
    pub fn cut(&self) {
        self.link.send_modify(|link| link.cuts += 1);
    }

    /// Resets every connection and refuses new ones, until restored.
    pub fn refuse(&self) {
        self.link.send_modify(|link| {
            link.traffic = Traffic::Refuse;
            link.cuts += 1;
        });
    }

    /// Lets nothing through and tells nobody, until restored: what came meanwhile is delivered then.
    pub fn stall(&self) {
        self.set(Traffic::Stall);
    }

    /// Holds everything back for a while, until restored.
    pub fn delay(&self, by: Duration) {
        self.set(Traffic::Delay(by));
    }

    fn set(&self, traffic: Traffic) {
        self.link.send_modify(|link| link.traffic = traffic);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where connections go, in turn.
#[derive(Debug, Clone)]
struct Upstreams {
    addresses: Arc<[String]>,
    next: Arc<AtomicUsize>,
}

impl Upstreams {
    fn new(addresses: Vec<String>) -> Self {
        Self { addresses: addresses.into(), next: Arc::default() }
    }

    /// A connection to the next one that accepts.
    async fn connect(&self) -> Option<TcpStream> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for offset in 0..self.addresses.len() {
            let address = &self.addresses[(first + offset) % self.addresses.len()];
            if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                return Some(stream);
            }
        }
        None
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    upstreams: Upstreams,
    mut link: watch::Receiver<Link>,
) {
    // Connections end with this task.
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        if link.borrow_and_update().traffic == Traffic::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let Some(open) = &listener else {
            tokio::select! {
                changed = link.changed() => if changed.is_err() { return },
                // Somebody sits on the port: try again.
                () = sleep(Duration::from_millis(50)) => {}
            }
            continue;
        };
        tokio::select! {
            changed = link.changed() => if changed.is_err() { return },
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                connections.spawn(connection(client, upstreams.clone(), link.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side ends it or the link is cut.
async fn connection(client: TcpStream, upstreams: Upstreams, link: watch::Receiver<Link>) {
    let cuts = link.borrow().cuts;
    let mut cut = link.clone();
    let Some(server) = upstreams.connect().await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut client, mut server) = (client, server);
    let was_cut = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let both = async {
            tokio::join!(
                forward(client_read, server_write, link.clone()),
                forward(server_read, client_write, link.clone()),
            )
        };
        tokio::select! {
            _ = both => false,
            _ = cut.wait_for(|link| link.cuts != cuts) => true,
        }
    };
    if was_cut {
        // A reset, not an orderly end.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// Copies one direction, as the link allows.
async fn forward(
    mut from: tcp::ReadHalf<'_>,
    mut to: tcp::WriteHalf<'_>,
    mut link: watch::Receiver<Link>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let moving = link.wait_for(|link| link.traffic != Traffic::Stall).await;
        let Ok(Link { traffic, .. }) = moving.map(|link| *link) else { return };
        if let Traffic::Delay(by) = traffic {
            sleep(by).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with the same byte.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_cut_resets_connections_and_new_ones_pass() {
        let proxy = Proxy::start("127.0.0.1:0", vec![echo().await]).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream).await.unwrap(), b'x');
        proxy.cut();
        assert!(say(&mut stream).await.is_err());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream).await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_refusing_link_accepts_nobody_until_it_is_restored() {
        let proxy = Proxy::start("127.0.0.1:0", vec![echo().await]).await.unwrap();
        let address = proxy.address();
        let connects = || async { TcpStream::connect(&address).await.is_ok() };
        proxy.refuse();
        let patience = Duration::from_secs(5);
        let refused = || async { Ok((!connects().await).then_some(())) };
        crate::wait::until("a refusal", patience, refused).await.unwrap();
        proxy.restore();
        let accepted = || async { Ok(connects().await.then_some(())) };
        crate::wait::until("a connection", patience, accepted).await.unwrap();
    }

    #[tokio::test]
    async fn a_stalled_link_delivers_once_it_is_restored() {
        let proxy = Proxy::start("127.0.0.1:0", vec![echo().await]).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream).await.unwrap(), b'x');
        proxy.stall();
        stream.write_all(b"x").await.unwrap();
        assert!(timeout(Duration::from_millis(100), stream.read_u8()).await.is_err());
        proxy.restore();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_dead_upstream_is_passed_over() {
        let dead = format!("127.0.0.1:{}", crate::ports::free_port().unwrap());
        let proxy = Proxy::start("127.0.0.1:0", vec![dead, echo().await]).await.unwrap();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
            assert_eq!(say(&mut stream).await.unwrap(), b'x');
        }
    }
}
