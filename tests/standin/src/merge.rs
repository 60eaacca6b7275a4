//! Merging: JSON merge patch, and the merge by list keys of strategic merge patch and server-side apply.

use serde_json::{Map, Value};

use crate::{
    fields::{ListType, Path, is_atomic_map, item_segment, list_type},
    kinds::Kind,
};

/// Merges `patch` into `target` as RFC 7386 says: null removes, lists are replaced.
pub(crate) fn json_merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    let map = as_map(target);
    for (name, change) in changes {
        if change.is_null() {
            map.remove(name);
        } else {
            json_merge(map.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Merges `patch` into `target`, items of keyed lists by their keys.
pub(crate) fn keyed_merge(kind: &Kind, target: &mut Value, patch: &Value) {
    Merge { kind, path: Path::new() }.value(target, patch);
}

struct Merge<'a> {
    kind: &'a Kind,
    path: Path,
}

impl Merge<'_> {
    fn value(&mut self, target: &mut Value, patch: &Value) {
        let changes = patch.as_object().filter(|_| !is_atomic_map(self.kind, &self.path));
        if let Some(changes) = changes {
            self.map(as_map(target), changes);
        } else if let Some(items) = patch.as_array() {
            match list_type(self.kind, &self.path) {
                ListType::Atomic => *target = patch.clone(),
                ListType::Set => add_missing(as_list(target), items),
                ListType::Keyed(keys) => self.items(as_list(target), items, keys),
            }
        } else {
            *target = patch.clone();
        }
    }

    fn map(&mut self, target: &mut Map<String, Value>, changes: &Map<String, Value>) {
        for (name, change) in changes {
            if change.is_null() {
                target.remove(name);
                continue;
            }
            self.path.push(format!("f:{name}"));
            self.value(target.entry(name.clone()).or_insert(Value::Null), change);
            self.path.pop();
        }
    }

    fn items(&mut self, list: &mut Vec<Value>, items: &[Value], keys: &[&str]) {
        for item in items {
            let segment = item_segment(keys, item);
            let at = list.iter().position(|old| item_segment(keys, old) == segment);
            self.path.push(segment);
            match at.and_then(|at| list.get_mut(at)) {
                Some(old) => self.value(old, item),
                None => list.push(item.clone()),
            }
            self.path.pop();
        }
    }
}

fn add_missing(list: &mut Vec<Value>, items: &[Value]) {
    for item in items {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

/// Removes the field at a path; gives the parent's path when that is left empty.
pub(crate) fn remove(kind: &Kind, object: &mut Value, path: &Path) -> Option<Path> {
    let (last, parents) = path.split_last()?;
    let mut node = object;
    for (depth, segment) in parents.iter().enumerate() {
        node = step(kind, node, &path[..depth], segment)?;
    }
    let is_empty = if let Some(list) = node.as_array_mut() {
        let at = position(kind, list, parents, last)?;
        list.remove(at);
        list.is_empty()
    } else {
        let map = node.as_object_mut()?;
        map.remove(last.strip_prefix("f:")?);
        map.is_empty()
    };
    is_empty.then(|| parents.to_vec())
}

fn step<'a>(
    kind: &Kind,
    node: &'a mut Value,
    path: &[String],
    segment: &str,
) -> Option<&'a mut Value> {
    match node.as_array().map(|list| position(kind, list, path, segment)) {
        Some(at) => node.get_mut(at?),
        None => node.get_mut(segment.strip_prefix("f:")?),
    }
}

fn position(kind: &Kind, list: &[Value], path: &[String], segment: &str) -> Option<usize> {
    match list_type(kind, path) {
        ListType::Keyed(keys) => list.iter().position(|item| item_segment(keys, item) == segment),
        ListType::Set => list.iter().position(|item| format!("v:{item}") == segment),
        ListType::Atomic => None,
    }
}

/// The value as a map; anything else makes way for an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().unwrap_or_else(|| unreachable!("made a map above"))
}

/// The value as a list; anything else makes way for an empty one.
fn as_list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().unwrap_or_else(|| unreachable!("made a list above"))
}
