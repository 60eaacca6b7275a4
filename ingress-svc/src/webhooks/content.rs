//! In what a delivery's content comes.

/// What `Content-Type` announces.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Json,
    Form,
    Other,
}

pub(super) fn content_type(header: &str) -> Content {
    let essence = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some("json") => Content::Json,
        Some("x-www-form-urlencoded") => Content::Form,
        Some(structured) if structured.ends_with("+json") => Content::Json,
        Some(_) | None => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_may_have_parameters() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/x.y+json"]
        {
            assert_eq!(content_type(json), Content::Json, "{json}");
        }
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(content_type(form), Content::Form);
        for other in ["", "text/plain", "text/json", "application/jsonp", "multipart/form-data"] {
            assert_eq!(content_type(other), Content::Other, "{other}");
        }
    }
}
