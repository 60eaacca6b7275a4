//! Lists, which come page by page.

use serde::de::DeserializeOwned;

/// A list of the platform's: what was read of it so far.
pub(crate) trait List: Default + DeserializeOwned {
    /// So many are there.
    fn count(&self) -> usize;

    /// Takes the next page on, as far as there is room.
    fn append(&mut self, page: Self, limit: usize);

    /// Where the next page begins, if there is one.
    fn next_page_token(&self) -> Option<&str>;
}

/// A list whose items stand in the field that is named.
macro_rules! list {
    ($(#[$about:meta])* $name:ident { $items:ident: $item:ty }) => {
        $(#[$about])*
        #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
        pub(crate) struct $name {
            pub(crate) $items: Vec<$item>,
            #[serde(default, skip_serializing)]
            pub(crate) next_page_token: Option<String>,
        }

        impl $crate::model::List for $name {
            fn count(&self) -> usize {
                self.$items.len()
            }

            fn append(&mut self, page: Self, limit: usize) {
                self.$items.extend(page.$items);
                self.$items.truncate(limit);
                self.next_page_token = page.next_page_token;
            }

            fn next_page_token(&self) -> Option<&str> {
                self.next_page_token.as_deref()
            }
        }
    };
}

pub(super) use list;
