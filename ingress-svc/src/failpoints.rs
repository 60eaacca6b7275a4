//! Boundaries at which a test ends the process, as a power cut would. Without the feature `failpoints` there are none.

/// Ends the process at once: nothing is flushed, no destructor runs.
#[cfg(feature = "failpoints")]
pub(crate) fn crash() -> ! {
    std::process::abort()
}

/// Arms the boundaries that the variable `FAILPOINTS` names (`hooks::created=return;…`) until the guard is dropped.
#[cfg(feature = "failpoints")]
#[must_use = "dropping the guard disarms the boundaries"]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
