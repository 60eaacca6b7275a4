//! One thread with a runtime that lives as long as the process. It starts children, because the kernel sends their
//! parent-death signal when the *thread* that started them ends; and it runs proxies, so that these go on while a test
//! blocks its own thread, as it does while it is dropped.

use std::{future::Future, sync::LazyLock};

use anyhow::{Context as _, Result};
use tokio::runtime::Handle;

static HANDLE: LazyLock<Option<Handle>> = LazyLock::new(|| {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("background".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                let _ = sender.send(runtime.handle().clone());
                runtime.block_on(std::future::pending::<()>());
            }
        })
        .ok()?;
    receiver.recv().ok()
});

/// The runtime of that thread.
pub(crate) fn handle() -> Result<&'static Handle> {
    HANDLE.as_ref().context("no background thread")
}

/// Runs a future there.
pub(crate) async fn run<F>(future: F) -> Result<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Ok(handle()?.spawn(future).await?)
}

/// Runs a future to its end from a thread that may be inside another runtime, blocking it.
pub(crate) fn block_on<F>(future: F) -> Result<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let handle = handle()?;
    let thread = std::thread::spawn(move || handle.block_on(future));
    thread.join().map_err(|_| anyhow::anyhow!("the background task panicked"))
}
