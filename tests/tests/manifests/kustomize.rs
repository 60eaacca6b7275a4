//! What `kubectl apply -k` would send, as far as our overlays use kustomize; anything beyond it is refused here.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::yaml::{at, document, documents, entries, list, root, text};

const FIELDS: [&str; 8] = [
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "images",
    "replicas",
    "patches",
    "configMapGenerator",
];

/// All objects of the kustomization in this folder.
pub(super) fn render(folder: &str) -> Vec<Value> {
    let folder = Path::new(folder);
    let kustomization = document(folder.join("kustomization.yaml"));
    for (field, _) in entries(&kustomization, "") {
        assert!(FIELDS.contains(&field), "{}: this test does not know {field}", folder.display());
    }
    let mut objects = Vec::new();
    for resource in list(&kustomization, "/resources") {
        let path = plain(&folder.join(resource.as_str().unwrap()));
        if root(&path).is_dir() {
            objects.extend(render(path.to_str().unwrap()));
        } else {
            objects.extend(documents(path));
        }
    }
    for generator in list(&kustomization, "/configMapGenerator") {
        objects.push(config_map(folder, generator, at(&kustomization, "/namespace")));
    }
    for patch in list(&kustomization, "/patches") {
        apply(folder, patch, &mut objects);
    }
    for replicas in list(&kustomization, "/replicas") {
        let mut named: Vec<_> = objects
            .iter_mut()
            .filter(|object| at(object, "/metadata/name") == at(replicas, "/name"))
            .filter(|object| object.pointer("/spec/replicas").is_some())
            .collect();
        assert!(!named.is_empty(), "{}: nothing is named as in {replicas}", folder.display());
        for object in &mut named {
            object["spec"]["replicas"] = replicas["count"].clone();
        }
    }
    for image in list(&kustomization, "/images") {
        rename(image, &mut objects);
    }
    objects
}

/// Without `..`, as far as that goes.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            assert!(plain.pop(), "{} leads out", path.display());
        } else {
            plain.push(component);
        }
    }
    plain
}

fn config_map(folder: &Path, generator: &Value, namespace: &str) -> Value {
    let mut data = json!({});
    for file in list(generator, "/files") {
        let file = file.as_str().unwrap();
        data[file.rsplit('/').next().unwrap()] = text(folder.join(file)).into();
    }
    let metadata = json!({ "name": generator["name"], "namespace": namespace });
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data })
}

fn apply(folder: &Path, patch: &Value, objects: &mut [Value]) {
    let mut touched = 0;
    if let Some(path) = patch.get("path") {
        let merged = document(folder.join(path.as_str().unwrap()));
        for object in objects.iter_mut().filter(|object| is_same(object, &merged)) {
            merge(object, &merged);
            touched += 1;
        }
    } else {
        let operations: Vec<Value> = serde_saphyr::from_str(at(patch, "/patch")).unwrap();
        for object in objects.iter_mut().filter(|object| is_target(object, &patch["target"])) {
            for operation in &operations {
                change(object, operation);
            }
            touched += 1;
        }
    }
    assert!(touched > 0, "{}: {patch} finds nothing", folder.display());
}

fn is_same(object: &Value, patch: &Value) -> bool {
    ["/kind", "/metadata/name", "/metadata/namespace"]
        .into_iter()
        .all(|pointer| at(object, pointer) == at(patch, pointer))
}

fn is_target(object: &Value, target: &Value) -> bool {
    let names = at(target, "/name").trim_matches(['(', ')']);
    at(object, "/kind") == at(target, "/kind")
        && names.split('|').any(|name| name == at(object, "/metadata/name"))
}

/// A merge as of maps; lists are merged by rules that no patch of ours needs.
fn merge(object: &mut Value, patch: &Value) {
    assert!(!patch.is_array(), "this test does not merge lists");
    if let (Some(object), Some(patch)) = (object.as_object_mut(), patch.as_object()) {
        for (name, value) in patch {
            merge(object.entry(name).or_insert(Value::Null), value);
        }
    } else {
        *object = patch.clone();
    }
}

fn change(object: &mut Value, operation: &Value) {
    let path = at(operation, "/path");
    match at(operation, "/op") {
        "replace" => {
            *object.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) =
                operation["value"].clone();
        }
        "remove" => {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
            assert!(parent.and_then(|parent| parent.remove(name)).is_some(), "{path}");
        }
        other => panic!("this test does not know {other}"),
    }
}

fn rename(image: &Value, objects: &mut [Value]) {
    let mut renamed = 0;
    for container in objects.iter_mut().flat_map(|object| {
        let containers = object.pointer_mut("/spec/template/spec/containers");
        containers.and_then(Value::as_array_mut).into_iter().flatten()
    }) {
        let (name, tag) = at(container, "/image").rsplit_once(':').unwrap();
        if name == at(image, "/name") {
            let tag = image.get("newTag").and_then(Value::as_str).unwrap_or(tag);
            container["image"] = format!("{}:{tag}", at(image, "/newName")).into();
            renamed += 1;
        }
    }
    assert!(renamed > 0, "no container has the image {image}");
}
