//! Who owns which field of an object: reading and writing `metadata.managedFields`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    fields::{self, Leaves, Path},
    kinds::Kind,
};

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// Somebody who writes fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    /// The subresource it writes through, else empty.
    pub(crate) subresource: &'static str,
}

impl Manager {
    /// A client that applies.
    pub(crate) fn applies(name: &str) -> Self {
        Self { name: name.to_owned(), operation: Operation::Apply, subresource: "" }
    }

    /// A client that creates, updates or patches.
    pub(crate) fn updates(name: &str) -> Self {
        Self { operation: Operation::Update, ..Self::applies(name) }
    }

    /// A controller that writes a status.
    pub(crate) fn reports(name: &str) -> Self {
        Self { subresource: "status", ..Self::updates(name) }
    }
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owner {
    pub(crate) manager: Manager,
    pub(crate) api_version: String,
    pub(crate) time: String,
    pub(crate) fields: BTreeSet<Path>,
}

/// The owners that an object names.
pub(crate) fn owners(object: &Value) -> Vec<Owner> {
    object["metadata"]["managedFields"].as_array().into_iter().flatten().map(read).collect()
}

fn read(entry: &Value) -> Owner {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let operation =
        if entry["operation"] == "Apply" { Operation::Apply } else { Operation::Update };
    let subresource = if entry["subresource"] == "status" { "status" } else { "" };
    Owner {
        manager: Manager { name: text("manager"), operation, subresource },
        api_version: text("apiVersion"),
        time: text("time"),
        fields: fields::from_fields_v1(&entry["fieldsV1"]),
    }
}

/// Writes the owners into an object; those who own nothing vanish.
pub(crate) fn write(object: &mut Value, mut owners: Vec<Owner>) {
    owners.retain(|owner| !owner.fields.is_empty());
    owners.sort_by(|a, b| {
        let key = |o: &Owner| (o.manager.operation, o.time.clone(), o.manager.name.clone());
        key(a).cmp(&key(b))
    });
    let entries: Vec<_> = owners.iter().map(to_json).collect();
    object["metadata"]["managedFields"] = entries.into();
}

fn to_json(owner: &Owner) -> Value {
    let mut entry = json!({
        "manager": owner.manager.name,
        "operation": match owner.manager.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        },
        "apiVersion": owner.api_version,
        "time": owner.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields::to_fields_v1(&owner.fields),
    });
    if !owner.manager.subresource.is_empty() {
        entry["subresource"] = owner.manager.subresource.into();
    }
    entry
}

/// Paths that differ between two versions of an object.
pub(crate) struct Changes {
    /// Added, or with another value.
    pub(crate) set: BTreeSet<Path>,
    pub(crate) removed: BTreeSet<Path>,
}

/// What changed from `old` to `new`.
pub(crate) fn changes(old: &Leaves, new: &Leaves) -> Changes {
    let set = new.iter().filter(|(path, value)| old.get(*path) != Some(value));
    let removed = old.keys().filter(|path| !new.contains_key(*path));
    Changes {
        set: set.map(|(path, _)| path.clone()).collect(),
        removed: removed.cloned().collect(),
    }
}

/// Writes into `new` that `manager` made it out of `old` at `now`: what changed is its own from here on.
pub(crate) fn record_update(
    kind: &Kind,
    old: &Value,
    new: &mut Value,
    manager: Manager,
    now: &str,
) {
    let changes = changes(&fields::all(kind, old), &fields::all(kind, new));
    let mut owners = owners(old);
    for owner in &mut owners {
        let is_ours = owner.manager == manager;
        owner.fields.retain(|path| {
            !changes.removed.contains(path) && (is_ours || !changes.set.contains(path))
        });
    }
    match owners.iter_mut().find(|owner| owner.manager == manager) {
        Some(ours) => {
            if !changes.set.is_empty() || !changes.removed.is_empty() {
                now.clone_into(&mut ours.time);
            }
            ours.fields.extend(changes.set);
        }
        None => owners.push(Owner {
            manager,
            api_version: kind.api_version(),
            time: now.to_owned(),
            fields: changes.set,
        }),
    }
    write(new, owners);
}
