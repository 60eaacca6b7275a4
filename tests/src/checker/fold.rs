//! The state that a log folds to, worked out a second time: from the recorded shape of the events, by none of the code
//! that writes them.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EventRow, order::StoredPush};

const RELEASES_KEPT: usize = 10;

/// The state's recorded shape.
#[derive(Serialize)]
struct Line {
    next_generation: u64,
    next_release: u64,
    releases: Vec<Value>,
    newest: Value,
    underway: Vec<Value>,
    stopping: Vec<Value>,
    auto_deploy: Value,
}

/// The state after these events.
pub(super) fn fold<'a>(events: impl Iterator<Item = &'a EventRow>) -> Value {
    let mut line = Line {
        next_generation: 1,
        next_release: 1,
        releases: Vec::new(),
        newest: Value::Null,
        underway: Vec::new(),
        stopping: Vec::new(),
        auto_deploy: json!({ "auto_deploy": "on" }),
    };
    for event in events {
        line.take(&event.kind, &event.data);
    }
    serde_json::to_value(line).unwrap_or_default()
}

impl Line {
    fn take(&mut self, kind: &str, data: &Value) {
        let push = &data["push"];
        let id = &data["deploy"];
        match kind {
            "requested" => {
                self.see(push);
                self.begin(&push["deploy"], &push["after"], &push["source"], requested());
            }
            "left_unchanged" | "found_duplicate" | "arrived_late" | "held_back" => self.see(push),
            "redeploy_requested" => self.begin(id, &data["sha"], &json!("manual"), requested()),
            "rollback_requested" => {
                let source = json!({ "rollback": data["release"] });
                self.begin(id, &data["sha"], &source, built(&data["image"]));
            }
            "build_started" => self.advance(id, |_| json!({ "stage": "building" })),
            "built" => self.advance(id, |_| built(&data["image"])),
            "rollout_started" => self.fence(id, data, |stage| {
                json!({ "stage": "rolling_out", "image": stage["image"], "generation": data["generation"] })
            }),
            "put_back_started" => self.fence(id, data, |_| {
                json!({ "stage": "putting_back", "generation": data["generation"], "ending": data["ending"] })
            }),
            "went_live" => self.release(id, &data["release"]),
            "superseded" | "cancelled" => {
                let ended = self.end(id);
                let stage = ended.as_ref().and_then(|deploy| deploy["stage"]["stage"].as_str());
                if matches!(stage, Some("requested" | "building")) {
                    self.stopping.push(id.clone());
                }
            }
            "failed" => drop(self.end(id)),
            "build_stopped" => self.stopping.retain(|other| other != id),
            "auto_deploy_paused" => {
                self.auto_deploy = json!({ "auto_deploy": "paused", "by": data["by"] });
            }
            "auto_deploy_resumed" => self.auto_deploy = json!({ "auto_deploy": "on" }),
            unknown => self.auto_deploy = json!(format!("unknown event {unknown}")),
        }
    }

    /// The newest push stays the newest, whatever arrives after it.
    fn see(&mut self, push: &Value) {
        let is_older = recorded(push)
            .zip(recorded(&self.newest))
            .is_some_and(|(this, newest)| this.is_older_than(&newest));
        if !is_older {
            let mut mark = push.clone();
            if let Some(mark) = mark.as_object_mut() {
                mark.retain(|field, _| field != "source" && field != "origin");
            }
            self.newest = mark;
        }
    }

    fn begin(&mut self, id: &Value, sha: &Value, source: &Value, stage: Value) {
        self.underway.push(json!({ "id": id, "sha": sha, "source": source, "stage": stage }));
    }

    fn advance(&mut self, id: &Value, stage: impl FnOnce(&Value) -> Value) {
        if let Some(deploy) = self.underway.iter_mut().find(|deploy| deploy["id"] == *id) {
            deploy["stage"] = stage(&deploy["stage"]);
        }
    }

    fn fence(&mut self, id: &Value, data: &Value, stage: impl FnOnce(&Value) -> Value) {
        self.next_generation = data["generation"].as_u64().unwrap_or_default() + 1;
        self.advance(id, stage);
    }

    fn end(&mut self, id: &Value) -> Option<Value> {
        let at = self.underway.iter().position(|deploy| deploy["id"] == *id)?;
        Some(self.underway.remove(at))
    }

    fn release(&mut self, id: &Value, number: &Value) {
        let Some(deploy) = self.end(id) else { return };
        let (sha, image) = (&deploy["sha"], &deploy["stage"]["image"]);
        self.releases.push(json!({ "number": number, "deploy": id, "sha": sha, "image": image }));
        let surplus = self.releases.len().saturating_sub(RELEASES_KEPT);
        self.releases.drain(..surplus);
        self.next_release = number.as_u64().unwrap_or_default() + 1;
    }
}

fn requested() -> Value {
    json!({ "stage": "requested" })
}

fn built(image: &Value) -> Value {
    json!({ "stage": "built", "image": image })
}

/// A push as an event or a state records it.
fn recorded(push: &Value) -> Option<StoredPush> {
    let text = |field: &str| push[field].as_str().map(str::to_owned);
    let place = (push["place"]["epoch"].as_u64()?, push["place"]["sequence"].as_u64()?);
    Some(StoredPush {
        place,
        stored_at: place,
        deploy: Uuid::try_parse(push["deploy"].as_str()?).ok()?,
        app: Uuid::nil(),
        before: text("before")?,
        after: text("after")?,
        pushed_at: push["pushed_at"].as_u64(),
    })
}
