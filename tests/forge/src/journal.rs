//! Every request that came, for tests that ask what was asked. Credentials stand there as a hash.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{request::Call, state::Provider};

/// More entries than this are not kept.
const KEPT: usize = 10_000;

/// A request to a provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// When it came.
    pub at: Timestamp,
    /// To whom.
    pub provider: Provider,
    /// Its method.
    pub method: String,
    /// Its path, as it was sent, below the provider's: `/api/repos/octo/hello`.
    pub path: String,
    /// Its query.
    pub query: BTreeMap<String, String>,
    /// Its headers, in lower case; of credentials only the kind and a hash.
    pub headers: BTreeMap<String, String>,
    /// Its body: JSON, a form's fields, or text.
    pub body: Value,
    /// What it was answered with; 0 when the connection was cut.
    pub status: u16,
    /// What the real one would not like, though it may put up with it.
    pub notes: Vec<String>,
}

/// What the journal shows of a credential.
fn marker(credential: &str) -> String {
    format!("sha256:{}", &hex::encode(Sha256::digest(credential))[..16])
}

/// The entries, newest last.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    last: u64,
}

impl Journal {
    pub(crate) fn write(&mut self, call: &Call, status: u16, notes: Vec<String>) {
        self.last += 1;
        if self.entries.len() == KEPT {
            self.entries.remove(0);
        }
        self.entries.push(Entry {
            number: self.last,
            at: Timestamp::now(),
            provider: call.provider,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.iter().map(|(name, value)| shown(name, value)).collect(),
            body: call.shown_body(),
            status,
            notes,
        });
    }

    pub(crate) fn since(&self, number: u64) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.number <= number);
        self.entries.get(from..).unwrap_or_default()
    }

    pub(crate) fn forget(&mut self) {
        self.entries.clear();
    }
}

fn shown(name: &str, value: &str) -> (String, String) {
    let value = match (name, value.split_once(' ')) {
        ("authorization", Some((kind, credential))) => format!("{kind} {}", marker(credential)),
        ("authorization" | "private-token" | "cookie", _) => marker(value),
        _ => value.to_owned(),
    };
    (name.to_owned(), value)
}
