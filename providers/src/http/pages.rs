//! Lists in pages: where the next one is (RFC 8288, as GitHub, GitLab and Forgejo send it).

use reqwest::header::{HeaderMap, LINK};

/// The target of `rel="next"`.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|link| {
            let (target, parameters) = link.split_once('>')?;
            let is_next = parameters.split(';').any(|parameter| {
                let parameter = parameter.trim();
                parameter == "rel=\"next\"" || parameter == "rel=next"
            });
            is_next.then(|| target.trim().strip_prefix('<').map(str::to_owned)).flatten()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_of(link: &str) -> Option<String> {
        next(&HeaderMap::from_iter([(LINK, link.parse().unwrap())]))
    }

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let link =
            r#"<https://a.example/x?page=1>; rel="prev", <https://a.example/x?page=3>; rel="next""#;
        assert_eq!(next_of(link).as_deref(), Some("https://a.example/x?page=3"));
    }

    #[test]
    fn the_last_page_has_no_next() {
        for link in [r#"<https://a.example/x>; rel="last""#, "nonsense", ""] {
            assert_eq!(next_of(link), None, "{link}");
        }
        assert_eq!(next(&HeaderMap::new()), None);
    }
}
