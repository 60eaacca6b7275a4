//! Where the state is kept: in memory, and in a file from which a restart takes it up.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context as _;

use crate::{Options, journal::Journal, state::State};

/// Everything that requests share.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) http: reqwest::Client,
    state: Mutex<State>,
    journal: Mutex<Journal>,
    is_dirty: AtomicBool,
}

impl World {
    /// As the state's file says; new when there is none.
    pub(crate) fn open(options: Options) -> anyhow::Result<Self> {
        let kept = options.state.as_ref().and_then(|path| std::fs::read(path).ok());
        let state = match kept {
            Some(bytes) => serde_json::from_slice(&bytes).context("cannot read the state")?,
            None => State::default(),
        };
        let http = reqwest::Client::builder()
            .timeout(options.delivery_deadline)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let (state, journal) = (Mutex::new(state), Mutex::default());
        Ok(Self { options, http, state, journal, is_dirty: AtomicBool::new(false) })
    }

    /// Works on the state, alone.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let result = work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_dirty.store(true, Ordering::Release);
        result
    }

    /// Works on the journal, alone.
    pub(crate) fn journal<T>(&self, work: impl FnOnce(&mut Journal) -> T) -> T {
        work(&mut self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the state to its file, whole or not at all, if there is a file and anything new.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let Some(path) = &self.options.state else { return Ok(()) };
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = path.with_extension("draft");
        std::fs::write(&draft, serde_json::to_vec(&*state)?)?;
        Ok(std::fs::rename(&draft, path)?)
    }
}
