//! What one sender may hold: heads, connections. (Bodies: `webhook/size.rs`.)

use std::{fmt::Write as _, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{PATIENCE, ingress_with};

const PROBE: &str = "GET /healthz HTTP/1.1\r\nhost: ingress\r\n\r\n";

/// Sends something on a connection of its own, and reads until it is closed.
async fn exchange(address: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let platform = ingress_with(&[]).await;
    let address = platform.ingress[0].address();
    let began = Instant::now();
    let answer = exchange(address, "POST /v1/webhooks/github/x HTTP/1.1\r\nhost:").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let platform = ingress_with(&[]).await;
    let address = platform.ingress[0].address();
    let head = |headers: &str| {
        format!("GET /healthz HTTP/1.1\r\nhost: ingress\r\nconnection: close\r\n{headers}\r\n")
    };
    let numbered = |count: usize| {
        (0..count).fold(String::new(), |mut headers, number| {
            let _ = write!(headers, "x-{number}: 1\r\n");
            headers
        })
    };
    let usual = exchange(address, &head(&numbered(50))).await;
    assert!(usual.starts_with("HTTP/1.1 200 "), "{usual}");
    let many = exchange(address, &head(&numbered(200))).await;
    assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
    let long = exchange(address, &head(&format!("x-long: {}\r\n", "x".repeat(140_000)))).await;
    assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
}

#[tokio::test]
async fn an_idle_connection_is_kept_as_long_as_it_says() {
    let platform = ingress_with(&[("KEEP_ALIVE_SECONDS", "2")]).await;
    let began = Instant::now();
    let answer = exchange(platform.ingress[0].address(), PROBE).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let kept = began.elapsed();
    assert!(kept >= Duration::from_millis(1500) && kept < Duration::from_secs(15), "{kept:?}");
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_is_closed() {
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let platform = ingress_with(&[("MAX_CONNECTIONS", &workers.to_string())]).await;
    let address = platform.ingress[0].address();
    let mut held = Vec::new();
    for _ in 0..workers {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(PROBE.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut first)).await.unwrap().unwrap();
        held.push(stream);
    }
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all(PROBE.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let early = timeout(Duration::from_millis(500), waiting.read_exact(&mut answer)).await;
    assert!(early.is_err(), "it was served beside {workers} others");
    drop(held);
    timeout(PATIENCE, waiting.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
