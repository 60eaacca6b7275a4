//! Create, update, patch, apply and delete on the store: what the API server does to an object before it keeps it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    apply, clock, defaults,
    errors::{Cause, Status},
    kinds::{self, Kind},
    managers::{self, Manager},
    merge, schema,
    store::{Key, Store, Write},
    validate,
};

mod prepare;

use prepare::{
    judge, name_it, need_namespace, newborn, settle, stated_fields, undecodable, untypable,
    well_formed,
};

/// How strictly unknown fields are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// A write request, read from its path and query.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: String,
    /// Empty for a create.
    pub(crate) name: String,
    pub(crate) manager: String,
    pub(crate) dry_run: bool,
    pub(crate) force: bool,
    pub(crate) field_validation: FieldValidation,
}

/// The patch formats of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchFormat {
    Merge,
    Strategic,
    Apply,
}

/// An accepted write.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) object: Arc<Value>,
    pub(crate) created: bool,
    pub(crate) warnings: Vec<String>,
}

impl Request {
    fn key(&self) -> Key {
        Key::new(self.kind, &self.namespace, &self.name)
    }
}

/// `POST` of a new object.
pub(crate) fn create(
    store: &mut Store,
    request: &Request,
    body: &Value,
) -> Result<Accepted, Status> {
    let kind = request.kind;
    let mut object = well_formed(kind, body)?;
    let unknown = schema::prune(kind, &mut object).map_err(|e| undecodable(kind, &e))?;
    let warnings = judge(request, unknown, |error| undecodable(kind, error))?;
    name_it(&mut object)?;
    settle(kind, &mut object, &request.namespace)?;
    need_namespace(store, kind, &request.namespace)?;
    newborn(kind, &mut object);
    defaults::fill(kind, &mut object);
    validate::check(kind, None, &object)?;
    let key = Key::of(kind, &object);
    if store.get(&key).is_some() {
        return Err(Status::already_exists(kind, &key.name));
    }
    let stated = stated_fields(&object, body);
    let nothing = json!({"metadata": {}});
    let mut owned = stated;
    managers::record_update(
        kind,
        &nothing,
        &mut owned,
        Manager::updates(&request.manager),
        &clock::now(),
    );
    object["metadata"]["managedFields"] = owned["metadata"]["managedFields"].take();
    let write = Write { verb: "create", body };
    Ok(Accepted { object: keep(store, request, object, write), created: true, warnings })
}

/// `PUT` of a whole object.
pub(crate) fn update(
    store: &mut Store,
    request: &Request,
    body: &Value,
) -> Result<Accepted, Status> {
    let old = existing(store, request)?;
    let mut object = well_formed(request.kind, body)?;
    let unknown =
        schema::prune(request.kind, &mut object).map_err(|e| undecodable(request.kind, &e))?;
    let warnings = judge(request, unknown, |error| undecodable(request.kind, error))?;
    replace(store, request, &old, object, Write { verb: "update", body }, warnings)
}

/// `PATCH` in any format.
pub(crate) fn patch(
    store: &mut Store,
    request: &Request,
    format: PatchFormat,
    body: &Value,
) -> Result<Accepted, Status> {
    if format == PatchFormat::Apply {
        return apply(store, request, body);
    }
    let old = existing(store, request)?;
    let mut object = old.as_ref().clone();
    match format {
        PatchFormat::Strategic => merge::keyed_merge(request.kind, &mut object, body),
        PatchFormat::Merge | PatchFormat::Apply => merge::json_merge(&mut object, body),
    }
    let mut object = well_formed(request.kind, &object)?;
    let patched = object.clone();
    let unknown =
        schema::prune(request.kind, &mut object).map_err(|e| undecodable(request.kind, &e))?;
    let warnings = judge(request, unknown, |error| Status::invalid_patch(&patched, error))?;
    replace(store, request, &old, object, Write { verb: "patch", body }, warnings)
}

/// `DELETE` of one object; gives its last version.
pub(crate) fn delete(
    store: &mut Store,
    request: &Request,
    body: &Value,
) -> Result<Arc<Value>, Status> {
    let old = existing(store, request)?;
    for (field, named) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (wanted, found) = (&body["preconditions"][field], &old["metadata"][field]);
        if !wanted.is_null() && wanted != found {
            return Err(Status::precondition_failed(
                request.kind,
                &request.name,
                named,
                wanted,
                found,
            ));
        }
    }
    if request.dry_run {
        return Ok(old);
    }
    let deleted = store.delete(&request.key(), Some(Write { verb: "delete", body }));
    collect_garbage(store, &request.namespace, &old["metadata"]["uid"]);
    deleted.ok_or_else(|| Status::not_found(request.kind, &request.name))
}

/// The garbage collector: what the deleted object owned goes, too.
fn collect_garbage(store: &mut Store, namespace: &str, owner: &Value) {
    let orphans: Vec<(Key, Value)> = kinds::ALL
        .into_iter()
        .flat_map(|kind| store.list(kind, namespace))
        .filter(|(_, object)| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.into_iter().flatten().any(|reference| reference["uid"] == *owner)
        })
        .map(|(key, object)| (key.clone(), object["metadata"]["uid"].clone()))
        .collect();
    for (key, uid) in orphans {
        store.delete(&key, None);
        collect_garbage(store, namespace, &uid);
    }
}

fn apply(store: &mut Store, request: &Request, body: &Value) -> Result<Accepted, Status> {
    let kind = request.kind;
    if request.manager.is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(Status::invalid_options("PatchOptions", &[cause]));
    }
    let mut config = well_formed(kind, body)?;
    if kind.custom && config["spec"].is_null() {
        config["spec"] = json!({});
    }
    let unknown = schema::prune(kind, &mut config).map_err(|e| untypable(kind, body, &e))?;
    if let Some(field) = unknown.first() {
        return Err(untypable(kind, body, &format!(".{field}: field not declared in schema")));
    }
    let old = store.get(&request.key());
    let expected = body["metadata"]["resourceVersion"].as_str();
    let present = old.as_ref().map(|old| &old["metadata"]["resourceVersion"]);
    if expected.is_some_and(|expected| present.is_none_or(|present| present != expected)) {
        return Err(Status::stale(kind, &request.name));
    }
    config["metadata"]["name"] = request.name.clone().into();
    settle(kind, &mut config, &request.namespace)?;
    let now = clock::now();
    let mut object =
        apply::apply(kind, old.as_deref(), &config, &request.manager, request.force, &now)?;
    kind.stamp(&mut object);
    let write = Write { verb: "apply", body };
    if let Some(old) = old {
        let warnings = Vec::new();
        return store_changed(store, request, &old, object, write, warnings);
    }
    need_namespace(store, kind, &request.namespace)?;
    let owned = object["metadata"]["managedFields"].take();
    newborn(kind, &mut object);
    object["metadata"]["managedFields"] = owned;
    defaults::fill(kind, &mut object);
    validate::check(kind, None, &object)?;
    let object = keep(store, request, object, write);
    Ok(Accepted { object, created: true, warnings: Vec::new() })
}

/// The new version of an object as an update gives it, with its manager on record.
fn replace(
    store: &mut Store,
    request: &Request,
    old: &Value,
    mut object: Value,
    write: Write<'_>,
    warnings: Vec<String>,
) -> Result<Accepted, Status> {
    let sent = &object["metadata"]["resourceVersion"];
    if !sent.is_null() && *sent != old["metadata"]["resourceVersion"] {
        return Err(Status::stale(request.kind, &request.name));
    }
    for name in ["name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion"] {
        if !old["metadata"][name].is_null() {
            object["metadata"][name] = old["metadata"][name].clone();
        }
    }
    // A status is written through its own subresource only.
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        map.extend(old.get("status").map(|status| ("status".to_owned(), status.clone())));
    }
    let manager = Manager::updates(&request.manager);
    managers::record_update(request.kind, old, &mut object, manager, &clock::now());
    store_changed(store, request, old, object, write, warnings)
}

/// Fills in, checks and stores a new version, unless nothing has changed.
fn store_changed(
    store: &mut Store,
    request: &Request,
    old: &Value,
    mut object: Value,
    write: Write<'_>,
    warnings: Vec<String>,
) -> Result<Accepted, Status> {
    let kind = request.kind;
    defaults::fill(kind, &mut object);
    validate::check(kind, Some(old), &object)?;
    if kind.generations && object["spec"] != old["spec"] {
        let generation = old["metadata"]["generation"].as_u64().unwrap_or(0);
        object["metadata"]["generation"] = (generation + 1).into();
    }
    object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    let object =
        if object == *old { Arc::new(object) } else { keep(store, request, object, write) };
    Ok(Accepted { object, created: false, warnings })
}

fn keep(store: &mut Store, request: &Request, object: Value, write: Write<'_>) -> Arc<Value> {
    if request.dry_run {
        Arc::new(object)
    } else {
        store.put(request.kind, object, None, Some(write))
    }
}

fn existing(store: &Store, request: &Request) -> Result<Arc<Value>, Status> {
    store.get(&request.key()).ok_or_else(|| Status::not_found(request.kind, &request.name))
}
