//! Times as the API writes them.

use jiff::Timestamp;

/// Now, in whole seconds, as `metadata` and conditions have it.
pub(crate) fn now() -> String {
    whole(Timestamp::now())
}

/// A time in whole seconds.
pub(crate) fn whole(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Now, in microseconds, for the audit log and for CloudEvents.
pub(crate) fn precise() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
