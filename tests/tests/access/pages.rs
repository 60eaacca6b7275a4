//! Lists come in pages.

use serde_json::{Value, json};

use super::{Somebody, ingress_alone};

/// Every page's items, and how many pages there were.
async fn all(by: &Somebody, path: &str, list: &str, size: usize) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let (status, page) = by.get(&format!("{path}?page_size={size}&page_token={token}")).await;
        assert_eq!(status, 200, "{page}");
        let shown = page[list].as_array().unwrap();
        assert!(shown.len() <= size, "{page}");
        items.extend(shown.iter().cloned());
        pages += 1;
        match page.get("next_page_token") {
            Some(next) => next.as_str().unwrap().clone_into(&mut token),
            None => return (items, pages),
        }
    }
}

#[tokio::test]
async fn every_list_can_be_read_page_by_page() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    for name in ["b", "a-1", "a", "c", "a0"] {
        operator.app(name).await;
        operator.tenant(name).await;
        operator.token(name, "read").await;
    }
    let names = |items: Vec<Value>| items.iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    let (apps, pages) = all(&operator, "/v1/apps", "apps", 2).await;
    assert_eq!(
        (names(apps), pages),
        (vec![json!("a"), json!("a-1"), json!("a0"), json!("b"), json!("c")], 3)
    );
    let (tenants, pages) = all(&operator, "/v1/tenants", "tenants", 3).await;
    assert_eq!((tenants.len(), pages), (6, 2));
    let (tokens, pages) = all(&operator, "/v1/tokens", "tokens", 5).await;
    let newest_first = ["a0", "c", "a", "a-1", "b"].map(Value::from);
    assert_eq!((names(tokens), pages), (newest_first.to_vec(), 1));
    let (entries, pages) = all(&operator, "/v1/audit", "entries", 4).await;
    assert_eq!((entries.len(), pages), (15, 4));
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    for path in ["/v1/apps", "/v1/tenants", "/v1/tokens", "/v1/audit"] {
        // The last one is a null character in base64.
        for wrong in
            ["page_size=-1", "page_size=many", "page_token=junk!", "page_token=AA", "page=2"]
        {
            let (status, body) = operator.get(&format!("{path}?{wrong}")).await;
            assert_eq!(status, 422, "{path}?{wrong}: {body}");
        }
        assert_eq!(operator.get(&format!("{path}?page_size=4294967295")).await.0, 200);
    }
    let (status, body) = operator.get("/v1/whoami?verbose=1").await;
    assert_eq!((status, body), (422, json!({ "error": "unknown query parameter `verbose`" })));
}
