//! What the runner knows of deploys beyond their state. It never changes, so it is read once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use deploy_domain::DeployId;

use crate::store::{self, DeployInputs, Store};

/// Deploys underway at the same time, by far.
const REMEMBERED: usize = 4_000;

#[derive(Debug, Default)]
pub(super) struct Inputs {
    known: Mutex<HashMap<DeployId, Arc<DeployInputs>>>,
}

impl Inputs {
    /// Those of a deploy; `None` if it was never recorded.
    pub(super) async fn of(
        &self,
        deploy: DeployId,
        store: &Store,
    ) -> Result<Option<Arc<DeployInputs>>, store::Error> {
        if let Some(inputs) = self.recall(deploy) {
            return Ok(Some(inputs));
        }
        let Some(inputs) = store.deploy_inputs(deploy).await?.map(Arc::new) else {
            return Ok(None);
        };
        self.remember(deploy, Arc::clone(&inputs));
        Ok(Some(inputs))
    }

    fn recall(&self, deploy: DeployId) -> Option<Arc<DeployInputs>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&deploy).cloned()
    }

    fn remember(&self, deploy: DeployId, inputs: Arc<DeployInputs>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What is still underway is read again.
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(deploy, inputs);
    }
}
