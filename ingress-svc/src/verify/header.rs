//! One header of a delivery. A name that is there twice is ambiguous, and what is ambiguous does not authenticate.

use actix_web::http::header::HeaderMap;

/// A header as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header<'a> {
    /// Not there.
    Absent,
    /// There once.
    Once(&'a str),
    /// There several times, or not text.
    Unusable,
}

impl<'a> Header<'a> {
    /// Reads a header.
    pub(crate) fn read(headers: &'a HeaderMap, name: &str) -> Self {
        let mut values = headers.get_all(name);
        match (values.next().map(|value| value.to_str()), values.next()) {
            (None, _) => Self::Absent,
            (Some(Ok(value)), None) => Self::Once(value.trim()),
            (Some(_), _) => Self::Unusable,
        }
    }

    /// The value, when it is there once and says something.
    pub(crate) fn value(self) -> Option<&'a str> {
        match self {
            Self::Once(value) if !value.is_empty() => Some(value),
            Self::Once(_) | Self::Absent | Self::Unusable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_header_that_is_there_twice_is_unusable() {
        let name = HeaderName::from_static("x-hub-signature-256");
        let mut headers = HeaderMap::new();
        assert_eq!(Header::read(&headers, name.as_str()), Header::Absent);
        headers.append(name.clone(), HeaderValue::from_static("one"));
        assert_eq!(Header::read(&headers, name.as_str()), Header::Once("one"));
        headers.append(name.clone(), HeaderValue::from_static("one"));
        assert_eq!(Header::read(&headers, name.as_str()), Header::Unusable);
    }
}
