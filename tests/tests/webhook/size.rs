//! The cap of 25 MiB, announced or not: it comes before everything else.

use e2e::harness::Platform;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use uuid::Uuid;

use super::{PROVIDERS, ingress_alone, stored};

const CAP: usize = 25 * 1024 * 1024;
const TOO_LARGE: &str = r#"{"error":"payload too large"}"#;

/// A request to a webhook, with what frames its body, and the bytes after the head; what comes back.
async fn answer(platform: &Platform, path: &str, framing: &str, chunks: Vec<Vec<u8>>) -> String {
    let stream = TcpStream::connect(platform.ingress[0].address()).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: ingress\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-github-event: push\r\n{framing}\r\n\r\n"
    );
    // The server may hang up before it has read everything: what counts is its answer.
    let sending = tokio::spawn(async move {
        to.write_all(head.as_bytes()).await?;
        for chunk in chunks {
            to.write_all(&chunk).await?;
        }
        std::io::Result::Ok(to)
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..count]);
    }
    sending.abort();
    String::from_utf8(answer).unwrap()
}

/// A chunked body of so many bytes.
fn chunks(length: usize) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut left = length;
    while left > 0 {
        let size = left.min(1024 * 1024);
        let mut chunk = format!("{size:x}\r\n").into_bytes();
        chunk.resize(chunk.len() + size, b' ');
        chunk.extend_from_slice(b"\r\n");
        chunks.push(chunk);
        left -= size;
    }
    chunks.push(b"0\r\n\r\n".to_vec());
    chunks
}

fn says(answer: &str, status: u16, body: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.ends_with(body), "{answer}");
}

#[tokio::test]
async fn an_announced_body_over_the_cap_is_too_large_for_any_app() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap();
    let framing = format!("content-length: {}", CAP + 1);
    // Before the source row: an unknown app makes no difference.
    for provider in PROVIDERS {
        for id in [app.id, Uuid::new_v4()] {
            let path = format!("/v1/webhooks/{provider}/{id}");
            let answer = answer(&platform, &path, &framing, Vec::new()).await;
            says(&answer, 413, TOO_LARGE);
        }
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_streamed_body_over_the_cap_is_too_large() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap();
    let path = format!("/v1/webhooks/github/{}", app.id);
    let streamed = "transfer-encoding: chunked";
    says(&answer(&platform, &path, streamed, chunks(CAP + 1)).await, 413, TOO_LARGE);
    // The largest that GitHub sends is looked at.
    let missing = r#"{"error":"missing X-Hub-Signature-256"}"#;
    says(&answer(&platform, &path, streamed, chunks(CAP)).await, 401, missing);
    assert!(stored(&platform).await.is_empty());
}
