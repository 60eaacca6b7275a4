//! How a replica leaves.

use e2e::{api::http_client, process::Signal, wait};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{PATIENCE, ingress_with};

const PROBE: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: ingress\r\n\r\n";

#[tokio::test]
async fn a_replica_says_no_before_it_stops_and_serves_until_then() {
    let mut platform = ingress_with(&[("DRAIN_SECONDS", "4")]).await;
    let app = platform.app("hello").await.unwrap();
    let address = platform.ingress[0].address().to_owned();
    let (mut idle, mut busy) = (kept(&address).await, kept(&address).await);

    platform.ingress[0].signal(Signal::SIGTERM).unwrap();
    let http = http_client().unwrap();
    let not_ready = || async {
        let answer = http.get(format!("http://{address}/readyz")).send().await?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await?;
        Ok((status == 503 && body["checks"]["draining"]["ok"] == json!(false)).then_some(()))
    };
    wait::until("a replica that says no", PATIENCE, not_ready).await.unwrap();

    // Balancers have not noticed yet: new connections and old ones are served, and told to go elsewhere.
    platform.accepted(&app, &app.push()).await.unwrap();
    busy.write_all(PROBE).await.unwrap();
    let answer = read(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(read(&mut busy).await, "", "closed after the answer");

    assert!(platform.ingress[0].ended().await.unwrap().success());
    assert_eq!(read(&mut idle).await, "", "closed without a reset");
}

/// A connection that is kept after its first answer.
async fn kept(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(PROBE).await.unwrap();
    let answer = read(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("close"), "{answer}");
    stream
}

/// What comes next; nothing when the connection was closed.
async fn read(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}
