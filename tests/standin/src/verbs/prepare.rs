//! Getting an object ready: its form, name, place and age, and what the schema says of it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{FieldValidation, Request};
use crate::{
    clock,
    errors::Status,
    kinds::{self, Kind},
    store::{Key, Store},
};

pub(super) fn need_namespace(store: &Store, kind: &Kind, namespace: &str) -> Result<(), Status> {
    let key = Key::new(&kinds::NAMESPACE, "", namespace);
    if kind.namespaced && store.get(&key).is_none() {
        return Err(Status::not_found(&kinds::NAMESPACE, namespace));
    }
    Ok(())
}

/// The body as an object of the kind, with metadata.
pub(super) fn well_formed(kind: &Kind, body: &Value) -> Result<Value, Status> {
    let mut object = body.clone();
    let wanted = [("kind", kind.name.to_owned()), ("apiVersion", kind.api_version())];
    for (name, wanted) in wanted {
        let given = &object[name];
        if !given.is_null() && *given != wanted {
            let message =
                format!("the {name} of the data ({given}) does not match the expected ({wanted})");
            return Err(Status::bad_request(message));
        }
    }
    if object.is_object() && object["metadata"].is_null() {
        object["metadata"] = json!({});
    }
    if !object["metadata"].is_object() {
        return Err(Status::bad_request("the body is not an object with metadata"));
    }
    kind.stamp(&mut object);
    Ok(object)
}

pub(super) fn name_it(object: &mut Value) -> Result<(), Status> {
    let metadata = &mut object["metadata"];
    if metadata["name"].is_string() {
        return Ok(());
    }
    let prefix = metadata["generateName"].as_str().unwrap_or_default();
    if prefix.is_empty() {
        return Err(Status::bad_request("name or generateName is required"));
    }
    let suffix: String = Uuid::new_v4().simple().to_string().chars().take(5).collect();
    metadata["name"] = format!("{prefix}{suffix}").into();
    Ok(())
}

/// Puts an object into the namespace of its request.
pub(super) fn settle(kind: &Kind, object: &mut Value, namespace: &str) -> Result<(), Status> {
    let given = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    if given != namespace {
        let message =
            "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(message));
    }
    if kind.namespaced {
        object["metadata"]["namespace"] = namespace.into();
    }
    Ok(())
}

pub(super) fn newborn(kind: &Kind, object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    let metadata = &mut object["metadata"];
    if let Some(map) = metadata.as_object_mut() {
        map.remove("managedFields");
        map.remove("resourceVersion");
    }
    metadata["uid"] = Uuid::new_v4().to_string().into();
    metadata["creationTimestamp"] = clock::now().into();
    if kind.generations {
        metadata["generation"] = 1.into();
    }
}

/// What the client itself stated of a created object: the defaults have no owner.
pub(super) fn stated_fields(object: &Value, body: &Value) -> Value {
    let mut stated = object.clone();
    keep_stated(&mut stated, body);
    stated["metadata"] = json!({
        "labels": object["metadata"]["labels"], "annotations": object["metadata"]["annotations"],
    });
    stated
}

fn keep_stated(value: &mut Value, body: &Value) {
    if let (Value::Object(map), Value::Object(body)) = (value, body) {
        map.retain(|name, _| body.contains_key(name));
        for (name, value) in map {
            keep_stated(value, &body[name]);
        }
    }
}

pub(super) fn judge(
    request: &Request,
    unknown: Vec<String>,
    refuse: impl Fn(&str) -> Status,
) -> Result<Vec<String>, Status> {
    let texts: Vec<_> = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    match request.field_validation {
        FieldValidation::Strict if !texts.is_empty() => {
            Err(refuse(&format!("strict decoding error: {}", texts.join(", "))))
        }
        FieldValidation::Warn => Ok(texts),
        FieldValidation::Strict | FieldValidation::Ignore => Ok(Vec::new()),
    }
}

pub(super) fn undecodable(kind: &Kind, error: &str) -> Status {
    let Kind { version, name, .. } = kind;
    Status::bad_request(format!(
        "{name} in version \"{version}\" cannot be handled as a {name}: {error}"
    ))
}

pub(super) fn untypable(kind: &Kind, body: &Value, error: &str) -> Status {
    let text = |name: &str| body["metadata"][name].as_str().unwrap_or_default().to_owned();
    Status::internal(format!(
        "failed to create typed patch object ({}/{}; {}, Kind={}): {error}",
        text("namespace"),
        text("name"),
        kind.api_version(),
        kind.name
    ))
}
