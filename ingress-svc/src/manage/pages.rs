//! Pages of lists: so many rows after the last one of the page before, which the page token names. It is opaque to
//! callers.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::error::Error;

const DEFAULT_SIZE: usize = 50;
const MAX_SIZE: usize = 200;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most so many; 50 unless given, 200 at most.
    #[serde(default)]
    pub(crate) page_size: u32,
    /// `next_page_token` of the page before.
    #[serde(default)]
    pub(crate) page_token: String,
}

impl Page {
    fn size(&self) -> usize {
        match usize::try_from(self.page_size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => MAX_SIZE,
        }
    }

    /// How many rows to read: one more than are shown, which says whether another page follows.
    pub(crate) fn rows(&self) -> i64 {
        i64::try_from(self.size() + 1).unwrap_or(i64::MAX)
    }

    /// The last row of the page before.
    pub(crate) fn after<T: TryFrom<String>>(&self) -> Result<Option<T>, Error> {
        if self.page_token.is_empty() {
            return Ok(None);
        }
        let key = BASE64_URL_SAFE_NO_PAD.decode(&self.page_token).ok();
        let key = key.and_then(|key| T::try_from(String::from_utf8(key).ok()?).ok());
        key.map(Some).ok_or_else(|| Error::Invalid("page_token is none of ours".to_owned()))
    }

    /// What is shown of the rows, and the token of the next page.
    pub(crate) fn cut<T>(
        &self,
        mut rows: Vec<T>,
        token: impl FnOnce(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let is_more = rows.len() > self.size();
        rows.truncate(self.size());
        let next = rows.last().filter(|_| is_more).map(token);
        (rows, next)
    }
}

/// A row that is named by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) Uuid);

impl TryFrom<String> for Id {
    type Error = uuid::Error;

    fn try_from(text: String) -> Result<Self, uuid::Error> {
        Uuid::try_parse(&text).map(Self)
    }
}

/// The token of the page that begins after this row.
pub(crate) fn token(last: &impl fmt::Display) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page_size: u32, page_token: &str) -> Page {
        Page { page_size, page_token: page_token.to_owned() }
    }

    #[test]
    fn a_page_has_50_rows_unless_asked_and_200_at_most() {
        for (asked, rows) in [(0, 51), (1, 2), (200, 201), (201, 201), (u32::MAX, 201)] {
            assert_eq!(page(asked, "").rows(), rows, "{asked}");
        }
    }

    #[test]
    fn the_next_page_begins_where_this_one_ended() {
        let (shown, next) = page(2, "").cut(vec!["a", "b", "c"], token);
        assert_eq!(shown, ["a", "b"]);
        let after = page(2, &next.unwrap()).after::<String>().unwrap();
        assert_eq!(after.as_deref(), Some("b"));
        let (shown, next) = page(2, "").cut(vec!["a", "b"], token);
        assert_eq!((shown.len(), next), (2, None));
    }

    #[test]
    fn what_was_never_a_page_token_is_refused() {
        for wrong in ["!", "a", "_w", &token(&"web")] {
            assert!(page(0, wrong).after::<Id>().is_err(), "{wrong}");
        }
        assert_eq!(page(0, "").after::<Id>().unwrap(), None);
        assert_eq!(page(0, &token(&Uuid::nil())).after().unwrap(), Some(Id(Uuid::nil())));
    }
}
