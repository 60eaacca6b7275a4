//! What survives a kill: a journal of every version of every object, and the audit log that stands beside it.
//!
//! A write is one line of the journal, client's entry included, then one line of the audit log. Both are single
//! appends without a buffer, so a kill can tear at most the last line, and the next start repairs it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;

/// One write to the store.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) plural: String,
    pub(crate) deleted: bool,
    pub(crate) object: Value,
    /// What the object's controller remembers about it.
    pub(crate) memory: Value,
    /// The client's write that this record is, if it is one.
    pub(crate) audit: Option<audit::Entry>,
}

/// The two open files.
#[derive(Debug)]
pub(crate) struct Journal {
    records: File,
    audit: File,
}

impl Journal {
    /// Opens the audit log at `path` and the journal beside it; gives what the journal holds.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Record>)> {
        // Whoever removes the audit log means another cluster.
        if !path.exists() && beside(path).exists() {
            std::fs::remove_file(beside(path))?;
        }
        let (records_file, records) = read_lines::<Record>(&beside(path))?;
        let (mut audit, entries) = read_lines::<audit::Entry>(path)?;
        // A kill between the two appends leaves the audit log one entry behind.
        let accepted: Vec<_> = records.iter().filter_map(|r| r.audit.as_ref()).collect();
        for missing in accepted.iter().skip(entries.len()) {
            append(&mut audit, missing)?;
        }
        Ok((Self { records: records_file, audit }, records))
    }

    /// Appends a write.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        append(&mut self.records, record)?;
        record.audit.as_ref().map_or(Ok(()), |entry| append(&mut self.audit, entry))
    }
}

/// The journal's path: the audit log's with `.journal` after it.
fn beside(audit: &Path) -> PathBuf {
    let mut path = audit.as_os_str().to_owned();
    path.push(".journal");
    path.into()
}

fn append<T: Serialize>(file: &mut File, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Reads the whole lines of a file and cuts off a torn last one.
fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<(File, Vec<T>)> {
    let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let torn = usize::from(whole < bytes.len());
    let count = lines.clone().count() - torn;
    let values = lines.take(count).map(serde_json::from_slice).collect::<Result<_, _>>()?;
    Ok((file, values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(version: u64) -> Record {
        let entry = audit::Entry {
            at: "2026-11-23T12:00:00Z".into(),
            verb: "create".into(),
            kind: "PipelineRun".into(),
            namespace: "paas-builds".into(),
            name: format!("run-{version}"),
            resource_version: version.to_string(),
            body: json!({}),
        };
        let (object, memory) = (json!({}), Value::Null);
        let plural = "pipelineruns".into();
        Record { version, plural, deleted: false, object, memory, audit: Some(entry) }
    }

    #[test]
    fn without_its_audit_log_a_journal_is_another_clusters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&record(1)).unwrap();
        std::fs::remove_file(&path).unwrap();

        let (_, records) = Journal::open(&path).unwrap();

        assert!(records.is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_audit_log_caught_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&record(1)).unwrap();
        append(&mut journal.records, &record(2)).unwrap();
        journal.records.write_all(b"{\"version\":3,").unwrap();

        let (_, records) = Journal::open(&path).unwrap();

        assert_eq!(records.iter().map(|r| r.version).collect::<Vec<_>>(), [1, 2]);
        let audit = std::fs::read_to_string(&path).unwrap();
        let last = audit.lines().last().map(serde_json::from_str::<audit::Entry>);
        assert_eq!(last.unwrap().unwrap().name, "run-2");
        assert_eq!(audit.lines().count(), 2);
    }
}
