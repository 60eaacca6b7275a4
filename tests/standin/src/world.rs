//! The one piece of shared state: store and switches behind one lock, and the signals that wake whoever waits for them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Options, store::Store, switches::Switches};

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) switches: Switches,
}

/// The cluster, as request handlers and controllers share it.
#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    broken: watch::Sender<()>,
    broken_logs: watch::Sender<()>,
    pub(crate) options: Options,
}

impl World {
    pub(crate) fn new(store: Store, options: Options) -> Self {
        let state = State { store, switches: options.switches.clone() };
        let signal = || watch::Sender::new(());
        let (changed, broken, broken_logs) = (signal(), signal(), signal());
        Self { state: Mutex::new(state), changed, broken, broken_logs, options }
    }

    /// Works on the state alone; wakes those who wait when it has changed it.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, forgotten) = (state.store.version(), state.store.forgotten());
        let result = work(&mut state);
        if (version, forgotten) != (state.store.version(), state.store.forgotten()) {
            self.changed.send_replace(());
        }
        result
    }

    /// Changes the switches and wakes the controllers.
    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.with(|state| change(&mut state.switches));
        self.changed.send_replace(());
    }

    /// Breaks every open watch in the middle of a chunk.
    pub(crate) fn break_watches(&self) {
        self.broken.send_replace(());
    }

    /// Breaks every log that is followed.
    pub(crate) fn break_logs(&self) {
        self.broken_logs.send_replace(());
    }

    pub(crate) fn log_breaks(&self) -> watch::Receiver<()> {
        self.broken_logs.subscribe()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn breaks(&self) -> watch::Receiver<()> {
        self.broken.subscribe()
    }

    /// What the switches hold for the next request: a delay, and a status to fail with.
    pub(crate) fn next_request(&self) -> (Duration, Option<u16>) {
        self.with(|state| {
            let fail = &mut state.switches.fail_next;
            let status = (fail.count > 0).then_some(fail.status);
            fail.count = fail.count.saturating_sub(1);
            (Duration::from_millis(state.switches.slow_ms), status)
        })
    }
}
