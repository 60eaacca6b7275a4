//! The invariants about what the cluster was told.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::World;
use crate::audit::Write;

impl World {
    /// I2: one PipelineRun for each deploy that was built, and a rollout at most.
    pub(super) fn nothing_is_built_or_rolled_out_twice(&self, found: &mut Vec<String>) {
        let mut runs: BTreeMap<Uuid, usize> = BTreeMap::new();
        for write in self.writes.iter().filter(|write| write.starts_a_build()) {
            if let Some(deploy) = write.deploy_id() {
                *runs.entry(deploy).or_default() += 1;
            }
        }
        for event in self.events.iter().filter(|event| event.kind == "build_started") {
            if let Some(deploy) = event.deploy.filter(|deploy| !runs.contains_key(deploy)) {
                found.push(format!("I2: {deploy} was built without a PipelineRun"));
            }
        }
        for (deploy, count) in runs.into_iter().filter(|(_, count)| *count > 1) {
            found.push(format!("I2: {deploy} was built {count} times"));
        }
        let mut rollouts: BTreeMap<Uuid, usize> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.kind == "rollout_started") {
            if let Some(deploy) = event.deploy {
                *rollouts.entry(deploy).or_default() += 1;
            }
        }
        for (deploy, count) in rollouts.into_iter().filter(|(_, count)| *count > 1) {
            found.push(format!("I2: {deploy} was rolled out {count} times"));
        }
    }

    /// I3: each write of an image has a higher generation than the one before, and rollouts of pushes come in the pushes'
    /// order. Putting an image back and rolling back on somebody's command are free to go back.
    pub(super) fn images_follow_the_order_of_pushes(&self, found: &mut Vec<String>) {
        let places: BTreeMap<_, _> = self.pushes.iter().map(|push| (push.deploy, push)).collect();
        let rolled_out: BTreeSet<(Uuid, u64)> = self.rollouts().collect();
        let mut before: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
        for write in self.writes.iter().filter(|write| sets_an_image(write)) {
            let earlier = before.entry(&write.name).or_default();
            let (last, this) =
                (earlier.last().and_then(|last| last.generation()), write.generation());
            if this <= last {
                found.push(format!("I3: {}: generation {this:?} after {last:?}", write.name));
            }
            let is_rollout = |write: &Write| {
                let marks = write.deploy_id().zip(write.generation());
                marks.is_some_and(|marks| rolled_out.contains(&marks))
            };
            let place = |write: &Write| places.get(&write.deploy_id()?).copied();
            if let (true, Some(this)) = (is_rollout(write), place(write)) {
                let last =
                    earlier.iter().rev().find(|write| is_rollout(write) && place(write).is_some());
                if let Some(last) = last.and_then(|write| place(write))
                    && last.deploy != this.deploy
                    && this.is_older_than(last)
                {
                    let (this, last) = (this.deploy, last.deploy);
                    found.push(format!(
                        "I3: {}: {this} rolled out after the newer {last}",
                        write.name
                    ));
                }
            }
            earlier.push(write);
        }
    }

    /// I4, on the cluster: what the Deployment was given last is the live deploy's image.
    pub(super) fn the_image_on_the_cluster_is_the_live_one(&self, found: &mut Vec<String>) {
        for (id, app) in &self.apps {
            let live = self.live(*id).and_then(|(_, deploy)| deploy.image.as_deref());
            let is_its = |write: &&Write| write.name == app.name && sets_an_image(write);
            let there = self.writes.iter().rfind(is_its).and_then(Write::image);
            if live.is_some() && there != live {
                found.push(format!("I4: app {id} runs {there:?}, live is {live:?}"));
            }
        }
    }

    /// I9, for images: each was put there under a generation that the app's own log had given out before.
    pub(super) fn every_image_was_announced(&self, found: &mut Vec<String>) {
        let ids: BTreeMap<_, _> =
            self.apps.iter().map(|(id, app)| (app.name.as_str(), *id)).collect();
        let announced: BTreeSet<(Uuid, u64)> = self
            .events
            .iter()
            .filter(|event| ["rollout_started", "put_back_started"].contains(&event.kind.as_str()))
            .filter_map(|event| Some((event.app, event.data["generation"].as_u64()?)))
            .collect();
        for write in self.writes.iter().filter(|write| sets_an_image(write)) {
            let marks = ids.get(write.name.as_str()).copied().zip(write.generation());
            if !marks.is_some_and(|marks| announced.contains(&marks)) {
                let generation = write.generation();
                found.push(format!("I9: {}: nobody announced {generation:?}", write.name));
            }
        }
    }

    /// Deploy and generation of every rollout that the log tells of.
    fn rollouts(&self) -> impl Iterator<Item = (Uuid, u64)> {
        let started = self.events.iter().filter(|event| event.kind == "rollout_started");
        started.filter_map(|event| event.deploy.zip(event.data.get("generation")?.as_u64()))
    }
}

fn sets_an_image(write: &Write) -> bool {
    write.kind == "Deployment" && write.image().is_some()
}
