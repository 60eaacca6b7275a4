//! What was expected of a case, and what was seen.

/// One case of the story.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// What somebody did.
    pub(super) act: &'static str,
    /// What should come of it.
    pub(super) expected: String,
    /// What came of it.
    pub(super) seen: String,
}

impl Case {
    /// Whether it came as it should.
    pub(super) fn holds(&self) -> bool {
        self.expected == self.seen
    }
}
