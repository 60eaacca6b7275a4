//! A platform that answers as the test says, one connection after the other, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// For instance `GET /v1/apps`.
    pub(crate) what: String,
    pub(crate) body: String,
    headers: BTreeMap<String, String>,
}

impl Asked {
    /// What stands in a header; its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn token(&self) -> &str {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("")
    }
}

/// What it says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self { status, headers: String::new(), body: body.to_owned() }
    }

    pub(crate) fn ok(body: &str) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &[name, ": ", value, "\r\n"].concat();
        self
    }
}

/// The platform.
pub(crate) struct Platform {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Platform {
    /// Gives these answers, and the last one for ever; in each, `{token}` is what came as the token.
    pub(crate) fn saying(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let memory = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(asked) = read(&stream) else { continue };
                let mut memory = memory.lock().unwrap();
                let answer = &answers[memory.len().min(answers.len() - 1)];
                let body = answer.body.replace("{token}", asked.token());
                memory.push(asked);
                drop(memory);
                let (status, headers) = (answer.status, &answer.headers);
                // Without a length it goes on to the end of the connection.
                let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}\r\n");
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        Self { url, asked }
    }

    /// All that it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let what = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { what, body: String::from_utf8(body).unwrap(), headers })
}

/// A deploy as the platform tells of it.
pub(crate) fn deploy(state: &str, events: &[&str]) -> String {
    let at = "2026-11-23T10:00:00Z";
    let event = |(index, name): (usize, &&str)| {
        format!(r#"{{"version":{},"type":"{name}","at":"{at}"}}"#, index + 1)
    };
    let events: Vec<String> = events.iter().enumerate().map(event).collect();
    let (id, sha) = (crate::ID, "5f3e2a1b".repeat(5));
    format!(
        r#"{{"deploy_id":"{id}","app_id":"{id}","repo":"acme/shop","branch":"main","sha":"{sha}",
            "source":"github_webhook:{sha}","state":"{state}","created_at":"{at}","updated_at":"{at}",
            "events":[{}]}}"#,
        events.join(",")
    )
    .replace('\n', "")
}
