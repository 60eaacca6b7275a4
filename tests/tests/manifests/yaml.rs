//! YAML files as JSON values, and what is often looked for in them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A path below the repository's root.
pub(super) fn root(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(super) fn text(path: impl AsRef<Path>) -> String {
    let path = root(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All documents of a file.
pub(super) fn documents(path: impl AsRef<Path>) -> Vec<Value> {
    let path = path.as_ref();
    serde_saphyr::from_multiple(&text(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The only document of a file.
pub(super) fn document(path: impl AsRef<Path>) -> Value {
    let mut documents = documents(path.as_ref());
    assert_eq!(documents.len(), 1, "{}", path.as_ref().display());
    documents.remove(0)
}

/// The text at a JSON pointer; empty where there is none.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Names and values of a map; none where there is none.
pub(super) fn entries<'a>(
    value: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let map = value.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Whether `labels` has all that `wanted` asks for.
pub(super) fn selects(wanted: &Value, labels: &Value) -> bool {
    entries(wanted, "").all(|(name, value)| labels.get(name) == Some(value))
}
