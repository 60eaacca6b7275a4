//! The loop that plays the controllers: every run and every Deployment has at most one next step, due at some time.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    clock,
    deployment::{self, Plan},
    finally::Reporter,
    kinds::{self, Kind},
    managers::{self, Manager},
    pipelinerun::{self, Build, End},
    store::{Key, Store},
    switches::{Outcome, Switches},
    world::{State, World},
};

/// How many steps are taken under one lock, so that requests get their turn in between.
const STEPS_AT_ONCE: usize = 8;

/// Runs the controllers until the future is dropped.
pub(crate) async fn run(world: Arc<World>, reporter: Reporter) {
    let mut changes = world.changes();
    let mut agenda =
        Agenda { world: Arc::clone(&world), due: BTreeMap::new(), seen: None, switches: None };
    loop {
        changes.mark_unchanged();
        let ended = world.with(|state| {
            agenda.take_note(state);
            agenda.act(state)
        });
        for (run, end) in ended {
            reporter.run_ended(&run, end);
        }
        let next = agenda.due.values().min().copied();
        let timer = async move {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            result = changes.changed() => if result.is_err() { return },
        }
    }
}

struct Agenda {
    world: Arc<World>,
    due: BTreeMap<Key, Instant>,
    /// The version up to which the agenda is right.
    seen: Option<u64>,
    /// The switches under which it was made.
    switches: Option<Switches>,
}

/// The next version of an object, from either controller.
struct Next {
    after: std::time::Duration,
    object: Value,
    memory: Value,
    end: Option<End>,
}

impl Agenda {
    /// Puts what has changed on the agenda.
    fn take_note(&mut self, state: &State) {
        let seen = self.seen.filter(|seen| *seen >= state.store.forgotten());
        // A count of failing requests goes down by itself and changes nothing here.
        let mut switches = state.switches.clone();
        switches.fail_next = crate::switches::FailNext::default();
        let keys: Vec<Key> = match seen.filter(|_| self.switches.as_ref() == Some(&switches)) {
            Some(seen) => state
                .store
                .events_after(seen)
                .flat_map(|event| concerned(state, &event.key))
                .collect(),
            None => [&kinds::PIPELINE_RUN, &kinds::DEPLOYMENT]
                .into_iter()
                .flat_map(|kind| state.store.list(kind, "").map(|(key, _)| key.clone()))
                .collect(),
        };
        for key in keys {
            match self.next(state, &key) {
                Some(next) => self.due.insert(key, Instant::now() + next.after),
                None => self.due.remove(&key),
            };
        }
        self.seen = Some(state.store.version());
        self.switches = Some(switches);
    }

    /// Takes the steps that are due; gives the runs that ended.
    fn act(&mut self, state: &mut State) -> Vec<(Arc<Value>, End)> {
        let now = Instant::now();
        let due = self.due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone());
        let due: Vec<_> = due.take(STEPS_AT_ONCE).collect();
        let mut ended = Vec::new();
        for key in due {
            self.due.remove(&key);
            let (Some(next), Some(kind)) = (self.next(state, &key), kinds::by_plural(key.plural))
            else {
                continue;
            };
            let object = write(&mut state.store, kind, &key, next.object, next.memory);
            ended.extend(next.end.map(|end| (object, end)));
        }
        ended
    }

    fn next(&self, state: &State, key: &Key) -> Option<Next> {
        let object = state.store.get(key)?;
        let memory = state.store.memory(key).as_ref().clone();
        match key.plural {
            "pipelineruns" => {
                let build = self.build(&state.switches, &object);
                let progress = serde_json::from_value(memory).unwrap_or_default();
                let is_missing = |name: &str| {
                    state.store.get(&Key::new(&kinds::SECRET, &key.namespace, name)).is_none()
                };
                let waits = pipelinerun::has_yet_to_mount(&progress)
                    && pipelinerun::secrets(&object).any(is_missing)
                    && object["spec"]["status"].is_null();
                if waits {
                    return None;
                }
                let name = object["spec"]["pipelineRef"]["name"].as_str().unwrap_or_default();
                let pipeline = state.store.get(&Key::new(&kinds::PIPELINE, &key.namespace, name));
                let spec = pipeline.as_ref().map(|pipeline| &pipeline["spec"]);
                let next = pipelinerun::next(&object, progress, spec, build)?;
                let memory = serde_json::to_value(next.progress).unwrap_or_default();
                Some(Next { after: next.after, object: next.run, memory, end: next.ends })
            }
            "deployments" => {
                let plan = self.plan(state, &object);
                let memory = serde_json::from_value(memory).unwrap_or_default();
                let next = deployment::next(&object, memory, plan)?;
                let memory = serde_json::to_value(next.memory).unwrap_or_default();
                Some(Next { after: next.after, object: next.deployment, memory, end: None })
            }
            _ => None,
        }
    }

    fn build(&self, switches: &Switches, run: &Value) -> Build {
        let commit = pipelinerun::param(run, "commit-sha").unwrap_or_default();
        let course = switches.course(app(run), commit);
        Build {
            outcome: course.build.unwrap_or(Outcome::Succeed),
            takes: course
                .build_ms
                .map_or(self.world.options.build, std::time::Duration::from_millis),
            has_digest: !course.missing_digest.unwrap_or(false),
        }
    }

    fn plan(&self, state: &State, deployment: &Value) -> Plan {
        let containers = deployment["spec"]["template"]["spec"]["containers"].as_array();
        let images: Vec<_> =
            containers.into_iter().flatten().filter_map(|c| c["image"].as_str()).collect();
        let switches = &state.switches;
        let commit =
            if switches.commits.is_empty() { "" } else { commit_of(&state.store, &images) };
        let course = switches.course(app(deployment), commit);
        let is_named = |text: &String| images.iter().any(|image| image.contains(&**text));
        let outcome = if switches.fail_images.iter().any(is_named) {
            Outcome::Fail
        } else {
            course.rollout.unwrap_or(Outcome::Succeed)
        };
        let options = &self.world.options;
        Plan { outcome, step: options.rollout_step, deadline: options.rollout_deadline }
    }
}

/// Whom a change concerns: a Secret those that wait for it, anything else itself.
fn concerned(state: &State, key: &Key) -> Vec<Key> {
    if key.plural != kinds::SECRET.plural {
        return vec![key.clone()];
    }
    let runs = state.store.list(&kinds::PIPELINE_RUN, &key.namespace);
    let waiting = runs.filter(|(_, run)| pipelinerun::secrets(run).any(|name| name == key.name));
    waiting.map(|(run, _)| run.clone()).collect()
}

/// The name of the app that an object belongs to.
fn app(object: &Value) -> &str {
    let metadata = &object["metadata"];
    metadata["labels"]["paas-app"].as_str().or(metadata["name"].as_str()).unwrap_or_default()
}

/// The commit that one of the images was built from, as the runs tell; else what the tag says.
fn commit_of<'a>(store: &'a Store, images: &[&'a str]) -> &'a str {
    let built = |run: &Value| {
        let results = run["status"]["results"].as_array();
        let digests = results.into_iter().flatten().filter_map(|result| result["value"].as_str());
        digests.into_iter().any(|digest| images.iter().any(|image| image.ends_with(digest)))
    };
    let run = store.list(&kinds::PIPELINE_RUN, "").find(|(_, run)| built(run));
    let commit = run.and_then(|(_, run)| pipelinerun::param(run, "commit-sha"));
    let tag = images.first().and_then(|image| image.rsplit_once(':')).map(|(_, tag)| tag);
    commit.or(tag).unwrap_or_default()
}

/// Stores what a controller made of an object, with the controller as the manager of what it changed.
fn write(
    store: &mut Store,
    kind: &Kind,
    key: &Key,
    mut object: Value,
    memory: Value,
) -> Arc<Value> {
    let old = store.get(key).unwrap_or_default();
    let name = if kind.custom { "tekton-controller" } else { "kube-controller-manager" };
    // Tekton writes a label like any client, and all else through the subresource.
    let manager = if object.get("status") == old.get("status") {
        Manager::updates(name)
    } else {
        Manager::reports(name)
    };
    managers::record_update(kind, &old, &mut object, manager, &clock::now());
    store.put(kind, object, Some(memory), None)
}
