//! Lists, in pages where a client asks for them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    errors::{Cause, Status},
    kinds::{self, Kind},
    pods,
    selectors::Selector,
    store::Store,
    switches::Logs,
};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) limit: Option<usize>,
    /// The token that the page before ended with.
    pub(crate) from: Option<&'a str>,
}

/// The list of a kind's selected objects.
pub(crate) fn list(
    store: &Store,
    logs: &Logs,
    kind: &Kind,
    namespace: &str,
    selector: &Selector,
    page: Page<'_>,
) -> Result<Value, Status> {
    let objects: Vec<Arc<Value>> = if kind == &kinds::POD {
        pods::list(store, logs, namespace).into_iter().map(|pod| Arc::new(pod.object)).collect()
    } else {
        store.list(kind, namespace).map(|(_, object)| Arc::clone(object)).collect()
    };
    let (version, after) = start(store, page.from)?;
    let selected = objects.iter().filter(|o| selector.matches(o) && position(o) > after);
    let mut selected: Vec<_> = selected.collect();
    let total = selected.len();
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(limit) = page.limit.filter(|limit| *limit > 0 && *limit < total) {
        selected.truncate(limit);
        let last = selected.last().map(|object| position(object)).unwrap_or_default();
        metadata["continue"] = hex::encode(json!([version, last.0, last.1]).to_string()).into();
        metadata["remainingItemCount"] = (total - limit).into();
    }
    let items: Vec<_> = selected.into_iter().map(|object| item(kind, object)).collect();
    Ok(json!({
        "kind": format!("{}List", kind.name),
        "apiVersion": kind.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

/// Items of built-in lists have neither kind nor version, those of custom resources do.
fn item(kind: &Kind, object: &Value) -> Value {
    let mut item = object.clone();
    if let Some(map) = item.as_object_mut().filter(|_| !kind.custom) {
        map.remove("kind");
        map.remove("apiVersion");
    }
    item
}

fn position(object: &Value) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

/// The version of a list and the object to go on after, from a token.
fn start(store: &Store, token: Option<&str>) -> Result<(u64, (String, String)), Status> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok((store.version(), Default::default()));
    };
    let decoded = hex::decode(token).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (version, namespace, name): (u64, String, String) =
        decoded.ok_or_else(|| Status::bad_request("continue key is not valid"))?;
    if version < store.forgotten() {
        let message =
            "The provided continue parameter is too old to display a consistent list result.";
        return Err(Status::expired(message));
    }
    Ok((version, (namespace, name)))
}

/// `sendInitialEvents` needs to say which versions will do.
pub(crate) fn check_watch_options(
    send_initial_events: bool,
    version_match: Option<&str>,
) -> Result<(), Status> {
    if send_initial_events && version_match != Some("NotOlderThan") {
        let cause = Cause {
            reason: "FieldValueForbidden",
            message:
                "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                    .to_owned(),
            field: "resourceVersionMatch".to_owned(),
        };
        return Err(Status::invalid_options("ListOptions", &[cause]));
    }
    Ok(())
}
