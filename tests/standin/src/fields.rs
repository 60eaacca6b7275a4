//! Paths of fields and sets of them, in the shape of `fieldsV1`, which server-side apply and `managedFields` stand on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::kinds::Kind;

/// A field of an object: its segments are `f:<field>`, `k:<keys of a list item>` or `v:<element of a set>`.
pub(crate) type Path = Vec<String>;

/// The fields of an object with their values; a list item or a map as such has none.
pub(crate) type Leaves = BTreeMap<Path, Option<Value>>;

/// How a list is merged.
pub(crate) enum ListType {
    Atomic,
    Set,
    Keyed(&'static [&'static str]),
}

const SYSTEM_METADATA: &[&str] = &["labels", "annotations", "ownerReferences", "finalizers"];

/// The list type at a path.
pub(crate) fn list_type(kind: &Kind, path: &[String]) -> ListType {
    let names: Vec<&str> = path.iter().filter_map(|s| s.strip_prefix("f:")).collect();
    let within = |name: &str| names.contains(&name);
    match names.last().copied().unwrap_or_default() {
        "ownerReferences" => ListType::Keyed(&["uid"]),
        "finalizers" if within("metadata") => ListType::Set,
        _ if kind.custom => ListType::Atomic,
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets" => ListType::Keyed(&["name"]),
        "ports" if within("containers") => ListType::Keyed(&["containerPort", "protocol"]),
        "ports" if kind.name == "Service" => ListType::Keyed(&["port", "protocol"]),
        "volumeMounts" => ListType::Keyed(&["mountPath"]),
        "volumeDevices" => ListType::Keyed(&["devicePath"]),
        "conditions" => ListType::Keyed(&["type"]),
        "topologySpreadConstraints" => ListType::Keyed(&["topologyKey", "whenUnsatisfiable"]),
        _ => ListType::Atomic,
    }
}

/// Whether the map at a path is owned as a whole.
pub(crate) fn is_atomic_map(kind: &Kind, path: &[String]) -> bool {
    let last = path.last().map_or("", String::as_str);
    !kind.custom && matches!(last, "f:selector" | "f:nodeSelector")
}

/// The segment of an item of a keyed list.
pub(crate) fn item_segment(keys: &[&str], item: &Value) -> String {
    let mut found = Map::new();
    for key in keys {
        match item.get(*key) {
            Some(value) => found.insert((*key).to_owned(), value.clone()),
            // The one key that the schema gives a default.
            None if *key == "protocol" => found.insert((*key).to_owned(), "TCP".into()),
            None => None,
        };
    }
    format!("k:{}", Value::Object(found))
}

/// The fields that an applied configuration states.
pub(crate) fn applied(kind: &Kind, config: &Value) -> Leaves {
    Walk { kind, maps: false, leaves: Leaves::new() }.of(config)
}

/// Every field of an object, maps included: what an update is compared by.
pub(crate) fn all(kind: &Kind, object: &Value) -> Leaves {
    Walk { kind, maps: true, leaves: Leaves::new() }.of(object)
}

struct Walk<'a> {
    kind: &'a Kind,
    maps: bool,
    leaves: Leaves,
}

impl Walk<'_> {
    fn of(mut self, object: &Value) -> Leaves {
        for (name, value) in object.as_object().into_iter().flatten() {
            match name.as_str() {
                "kind" | "apiVersion" => {}
                "metadata" => {
                    let ours = value.as_object().into_iter().flatten();
                    for (name, value) in
                        ours.filter(|(name, _)| SYSTEM_METADATA.contains(&name.as_str()))
                    {
                        self.visit(value, vec!["f:metadata".into(), format!("f:{name}")]);
                    }
                }
                _ => self.visit(value, vec![format!("f:{name}")]),
            }
        }
        self.leaves
    }

    fn visit(&mut self, value: &Value, path: Path) {
        let map = value.as_object().filter(|m| !m.is_empty() && !is_atomic_map(self.kind, &path));
        let items = value.as_array().filter(|items| !items.is_empty());
        if let Some(map) = map {
            // The structs at the top of built-in types are always there, so nobody adds them.
            if self.maps && (self.kind.custom || path.len() > 1) {
                self.leaves.insert(path.clone(), None);
            }
            self.visit_fields(map, &path);
        } else if let Some(items) = items {
            self.visit_list(value, items, path);
        } else if !value.is_null() {
            self.leaves.insert(path, Some(value.clone()));
        }
    }

    fn visit_fields(&mut self, map: &Map<String, Value>, path: &Path) {
        for (name, value) in map {
            self.visit(value, child(path, format!("f:{name}")));
        }
    }

    fn visit_list(&mut self, value: &Value, items: &[Value], path: Path) {
        match list_type(self.kind, &path) {
            ListType::Atomic => {
                self.leaves.insert(path, Some(value.clone()));
                return;
            }
            ListType::Set => {
                for item in items {
                    self.leaves.insert(child(&path, format!("v:{item}")), Some(item.clone()));
                }
            }
            ListType::Keyed(keys) => {
                for item in items {
                    let path = child(&path, item_segment(keys, item));
                    if let Some(map) = item.as_object() {
                        self.visit_fields(map, &path);
                    }
                    self.leaves.insert(path, None);
                }
            }
        }
        if self.maps {
            self.leaves.insert(path, None);
        }
    }
}

fn child(path: &Path, segment: String) -> Path {
    path.iter().cloned().chain([segment]).collect()
}

/// Whether the set holds the path or a field below it.
pub(crate) fn covers(set: &BTreeSet<Path>, path: &Path) -> bool {
    set.range(path.clone()..).next().is_some_and(|found| found.starts_with(path))
}

/// The set as `fieldsV1`.
pub(crate) fn to_fields_v1(set: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in set {
        let mut node = &mut root;
        for (depth, segment) in path.iter().enumerate() {
            let owned_itself = depth > 0 && set.contains(&path[..depth]);
            let Some(map) = node.as_object_mut() else { break };
            if owned_itself {
                map.entry(".").or_insert_with(|| json!({}));
            }
            node = map.entry(segment.clone()).or_insert_with(|| json!({}));
        }
    }
    root
}

/// The set that a `fieldsV1` describes.
pub(crate) fn from_fields_v1(fields: &Value) -> BTreeSet<Path> {
    let mut set = BTreeSet::new();
    collect(fields, &mut Vec::new(), &mut set);
    set
}

fn collect(node: &Value, path: &mut Path, set: &mut BTreeSet<Path>) {
    let Some(map) = node.as_object() else { return };
    if !path.is_empty() && (map.is_empty() || map.contains_key(".")) {
        set.insert(path.clone());
    }
    for (segment, below) in map.iter().filter(|(segment, _)| *segment != ".") {
        path.push(segment.clone());
        collect(below, path, set);
        path.pop();
    }
}

/// The path as conflict messages write it: `.spec.template.spec.containers[name="web"].image`.
pub(crate) fn dotted(path: &Path) -> String {
    path.iter().map(|segment| dotted_segment(segment)).collect()
}

fn dotted_segment(segment: &str) -> String {
    match segment.split_once(':') {
        Some(("f", field)) => format!(".{field}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some((_, value)) => format!("[={value}]"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn fields_v1_is_read_as_it_was_written() {
        let config = json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["x"]}, "spec": {
            "replicas": 1, "template": {"spec": {"containers": [
                {"name": "app", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]},
            ]}},
        }});
        for leaves in [applied(&kinds::DEPLOYMENT, &config), all(&kinds::DEPLOYMENT, &config)] {
            let set: BTreeSet<Path> = leaves.into_keys().collect();
            assert_eq!(from_fields_v1(&to_fields_v1(&set)), set);
        }
    }

    #[test]
    fn a_path_reads_as_in_a_conflict() {
        let path = ["f:spec", "f:containers", "k:{\"name\":\"web\"}", "f:image"].map(str::to_owned);
        assert_eq!(dotted(&path.to_vec()), ".spec.containers[name=\"web\"].image");
    }
}
