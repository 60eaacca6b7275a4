//! The objects, their one counter of versions, and the history that watches read.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    sync::Arc,
};

use serde_json::{Map, Value};

use crate::{
    audit, clock,
    journal::{Journal, Record},
    kinds::{self, Kind},
};

/// Where an object is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) plural: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self { plural: kind.plural, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key of an object of this kind.
    pub(crate) fn of(kind: &Kind, object: &Value) -> Self {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
        Self::new(kind, text("namespace"), text("name"))
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// One write, as watches see it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) key: Key,
    pub(crate) change: Change,
    pub(crate) object: Arc<Value>,
    pub(crate) previous: Option<Arc<Value>>,
}

#[derive(Debug, Clone)]
struct Stored {
    object: Arc<Value>,
    memory: Arc<Value>,
}

/// A client's write: its verb and its body, for the audit log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) verb: &'static str,
    pub(crate) body: &'a Value,
}

/// Everything the API server keeps.
#[derive(Debug)]
pub(crate) struct Store {
    version: u64,
    objects: BTreeMap<Key, Stored>,
    history: VecDeque<Event>,
    history_limit: usize,
    /// The highest version that the history no longer tells of.
    forgotten: u64,
    journal: Option<Journal>,
    audit: Vec<audit::Entry>,
}

impl Store {
    /// An empty store, or what the journal beside the audit log holds.
    pub(crate) fn open(audit: Option<&Path>, history_limit: usize) -> io::Result<Self> {
        let mut store = Self {
            version: 0,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            history_limit,
            forgotten: 0,
            journal: None,
            audit: Vec::new(),
        };
        if let Some(path) = audit {
            let (journal, records) = Journal::open(path)?;
            for record in records {
                store.replay(record);
            }
            store.journal = Some(journal);
        }
        Ok(store)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Versions up to this one can no longer be watched from.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) fn audit(&self) -> &[audit::Entry] {
        &self.audit
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.objects.get(key).map(|stored| Arc::clone(&stored.object))
    }

    /// What the object's controller remembers about it.
    pub(crate) fn memory(&self, key: &Key) -> Arc<Value> {
        self.objects.get(key).map_or_else(Arc::default, |stored| Arc::clone(&stored.memory))
    }

    /// The objects of a kind, of one namespace or (when that is empty) of all, in order of their names.
    pub(crate) fn list<'a>(
        &'a self,
        kind: &Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let first = Key::new(kind, namespace, "");
        let plural = kind.plural;
        self.objects
            .range(first..)
            .take_while(move |(key, _)| {
                key.plural == plural && (namespace.is_empty() || key.namespace == namespace)
            })
            .map(|(key, stored)| (key, &stored.object))
    }

    /// The events after a version.
    pub(crate) fn events_after(&self, version: u64) -> impl Iterator<Item = &Event> {
        let from = self.history.partition_point(|event| event.version <= version);
        self.history.range(from..)
    }

    /// Forgets the history, so that a watch from any version but the present one has expired.
    pub(crate) fn forget_history(&mut self) {
        self.history.clear();
        self.forgotten = self.version;
    }

    /// Stores an object under the next version; gives it with that.
    pub(crate) fn put(
        &mut self,
        kind: &Kind,
        mut object: Value,
        memory: Option<Value>,
        write: Option<Write<'_>>,
    ) -> Arc<Value> {
        let version = self.version + 1;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let key = Key::of(kind, &object);
        let memory = memory.unwrap_or_else(|| self.memory(&key).as_ref().clone());
        self.commit(key, false, object, memory, write)
    }

    /// Removes an object; gives its last version.
    pub(crate) fn delete(&mut self, key: &Key, write: Option<Write<'_>>) -> Option<Arc<Value>> {
        let mut object = self.get(key)?.as_ref().clone();
        object["metadata"]["resourceVersion"] = (self.version + 1).to_string().into();
        Some(self.commit(key.clone(), true, object, Value::Null, write))
    }

    fn commit(
        &mut self,
        key: Key,
        deleted: bool,
        object: Value,
        memory: Value,
        write: Option<Write<'_>>,
    ) -> Arc<Value> {
        let version = self.version + 1;
        let audit = write.map(|write| audit::Entry {
            at: clock::precise(),
            verb: write.verb.to_owned(),
            kind: object["kind"].as_str().unwrap_or_default().to_owned(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            resource_version: version.to_string(),
            body: shown(&object, write.body),
        });
        let plural = key.plural.to_owned();
        let record = Record { version, plural, deleted, object, memory, audit };
        if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.append(&record)) {
            tracing::error!(%error, "the journal cannot be written");
        }
        self.take(key, record)
    }

    fn replay(&mut self, record: Record) {
        if let Some(kind) = kinds::by_plural(&record.plural) {
            self.take(Key::of(kind, &record.object), record);
        }
    }

    fn take(&mut self, key: Key, record: Record) -> Arc<Value> {
        let object = Arc::new(record.object);
        let previous = if record.deleted {
            self.objects.remove(&key)
        } else {
            let stored = Stored { object: Arc::clone(&object), memory: Arc::new(record.memory) };
            self.objects.insert(key.clone(), stored)
        };
        let change = match (&previous, record.deleted) {
            (_, true) => Change::Deleted,
            (None, false) => Change::Added,
            (Some(_), false) => Change::Modified,
        };
        self.version = record.version;
        self.audit.extend(record.audit);
        let previous = previous.map(|stored| stored.object);
        let event =
            Event { version: record.version, key, change, object: Arc::clone(&object), previous };
        self.history.push_back(event);
        if self.history.len() > self.history_limit {
            self.forgotten = self.history.pop_front().map_or(self.forgotten, |event| event.version);
        }
        object
    }
}

/// What the audit log shows of a body. What is secret it does not, as the policy of a careful cluster has it.
fn shown(object: &Value, body: &Value) -> Value {
    let mut body = body.clone();
    if object["kind"] == kinds::SECRET.name {
        for field in ["data", "stringData"] {
            let values = body.get_mut(field).and_then(Value::as_object_mut);
            values.into_iter().flat_map(Map::values_mut).for_each(|value| *value = "…".into());
        }
    }
    body
}
