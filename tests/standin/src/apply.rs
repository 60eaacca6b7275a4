//! Server-side apply: ownership per field, conflicts, removal of what an owner no longer lists.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    errors::{Cause, Status},
    fields::{self, Path},
    kinds::Kind,
    managers::{self, Manager, Operation, Owner},
    merge,
};

/// The object that results when `manager` applies `config` onto `live`, or onto nothing.
pub(crate) fn apply(
    kind: &Kind,
    live: Option<&Value>,
    config: &Value,
    manager: &str,
    force: bool,
    now: &str,
) -> Result<Value, Status> {
    let manager = Manager::applies(manager);
    let nothing = json!({"metadata": {}});
    let live = live.unwrap_or(&nothing);
    let config = applicable(config);
    let mut merged = live.clone();
    merge::keyed_merge(kind, &mut merged, &config);

    let before = fields::applied(kind, live);
    let changed = managers::changes(&before, &fields::applied(kind, &merged)).set;
    let mut owners = managers::owners(live);
    let others = |owner: &&mut Owner| owner.manager != manager;
    if force {
        owners.iter_mut().filter(others).for_each(|o| o.fields.retain(|p| !changed.contains(p)));
    } else {
        refuse_conflicts(&owners, &manager, &changed)?;
    }

    let listed: BTreeSet<Path> = fields::applied(kind, &config).into_keys().collect();
    let mine = owners.iter().position(|o| o.manager == manager).map(|at| owners.remove(at));
    if let Some(mine) = &mine {
        drop_unlisted(kind, &mut merged, &mine.fields, &listed, &owners);
    }
    let unchanged = mine.as_ref().is_some_and(|mine| mine.fields == listed) && changed.is_empty();
    let time = mine.filter(|_| unchanged).map_or_else(|| now.to_owned(), |mine| mine.time);
    owners.push(Owner { manager, api_version: kind.api_version(), time, fields: listed });
    managers::write(&mut merged, owners);
    Ok(merged)
}

/// The configuration without what an apply to the main resource does not set.
fn applicable(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(map) = config.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = config["metadata"].as_object_mut() {
        for name in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"] {
            metadata.remove(name);
        }
    }
    config
}

fn refuse_conflicts(
    owners: &[Owner],
    manager: &Manager,
    changed: &BTreeSet<Path>,
) -> Result<(), Status> {
    let others = owners.iter().filter(|owner| owner.manager != *manager);
    let causes: Vec<_> = others
        .flat_map(|owner| owner.fields.intersection(changed).map(move |path| conflict(owner, path)))
        .collect();
    if causes.is_empty() { Ok(()) } else { Err(Status::field_manager_conflict(causes)) }
}

fn conflict(owner: &Owner, path: &Path) -> Cause {
    let mut message = format!("conflict with {:?}", owner.manager.name);
    if !owner.manager.subresource.is_empty() {
        message = format!("{message} with subresource {:?}", owner.manager.subresource);
    }
    if owner.manager.operation == Operation::Update {
        message = format!("{message} using {} at {}", owner.api_version, owner.time);
    }
    Cause { reason: "FieldManagerConflict", message, field: fields::dotted(path) }
}

/// Removes what the manager owned, no longer lists, and nobody else owns.
fn drop_unlisted(
    kind: &Kind,
    merged: &mut Value,
    owned: &BTreeSet<Path>,
    listed: &BTreeSet<Path>,
    others: &[Owner],
) {
    let is_kept = |path: &Path| {
        fields::covers(listed, path) || others.iter().any(|o| fields::covers(&o.fields, path))
    };
    // The longest paths first, so that a list item goes after its fields.
    for path in owned.iter().rev().filter(|path| !is_kept(path)) {
        let mut emptied = merge::remove(kind, merged, path);
        while let Some(parent) = emptied.filter(|parent| parent.len() > 1 && !is_kept(parent)) {
            emptied = merge::remove(kind, merged, &parent);
        }
    }
}
