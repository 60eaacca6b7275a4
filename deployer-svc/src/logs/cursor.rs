//! How far somebody has read a timeline: a position in each of its sources. Opaque to callers, and the same on every
//! replica.

use std::{fmt, str::FromStr};

/// A position in the app's own lines grows with its pods; more than this nobody was ever given.
const LONGEST: usize = 8 * 1024;
/// What the text begins with; another form of it would begin otherwise.
const FORM: &str = "1";

/// A position in each source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Of the last event that was told.
    pub(super) version: i64,
    /// Of the next chunk of build lines to be told, and how many of its lines were told already.
    pub(super) chunk: i64,
    pub(super) line: u32,
    /// In the app's own lines, as the cluster's agent named it.
    pub(super) app: String,
}

/// What a line is behind of in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Event(i64),
    Build {
        chunk: i64,
        line: u32,
    },
    App(String),
    /// A word of ours, which has no place.
    Nowhere,
}

impl Cursor {
    /// Moves behind a line.
    pub(super) fn pass(&mut self, place: &Place) {
        match place {
            Place::Event(version) => self.version = *version,
            Place::Build { chunk, line } => (self.chunk, self.line) = (*chunk, *line),
            Place::App(cursor) => self.app.clone_from(cursor),
            Place::Nowhere => {}
        }
    }
}

/// A text that was never given out as a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the cursor of a line")]
pub(crate) struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, chunk, line, app } = self;
        write!(f, "{FORM}_{version:x}_{chunk:x}_{line:x}_{app}")
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let usable = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut parts = text.splitn(5, '_');
        let mut next = || parts.next().ok_or(InvalidCursor);
        if !usable || next()? != FORM {
            return Err(InvalidCursor);
        }
        let number = |text: &str| {
            let number = i64::from_str_radix(text, 16).ok().filter(|number| *number >= 0);
            number.ok_or(InvalidCursor)
        };
        Ok(Self {
            version: number(next()?)?,
            chunk: number(next()?)?,
            line: u32::try_from(number(next()?)?).map_err(|_| InvalidCursor)?,
            app: next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_to_a_client_and_back() {
        let cursor = Cursor { version: 7, chunk: 9, line: 3, app: "1.ab-cd-1_x".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!(Cursor::default().to_string().parse(), Ok(Cursor::default()));
    }

    #[test]
    fn what_was_never_a_cursor_is_refused() {
        let long = format!("1_0_0_0_{}", "a".repeat(LONGEST));
        for text in ["", "1", "1_0_0_0", "2_0_0_0_", "1_-1_0_0_", "1_g_0_0_", "1_0_0_fffffffff_"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
        for text in ["1_0_0_0_a b", "1_0_0_0_a\nb", "1_0_0_0_ä", long.as_str()] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_line_moves_its_own_source_only() {
        let mut cursor = Cursor::default();
        cursor.pass(&Place::Event(4));
        cursor.pass(&Place::Build { chunk: 8, line: 2 });
        cursor.pass(&Place::App("a".to_owned()));
        cursor.pass(&Place::Nowhere);
        let app = "a".to_owned();
        assert_eq!(cursor, Cursor { version: 4, chunk: 8, line: 2, app });
    }
}
