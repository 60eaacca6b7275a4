//! What people filter pushes by: words in the head commit's message, and the paths that an app watches.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::delivery::Push;

/// In any case, anywhere in the head commit's message.
const SKIP_WORDS: [&str; 3] = ["[skip ci]", "[ci skip]", "[skip deploy]"];
const MAX_GLOBS: usize = 50;
const MAX_GLOB_BYTES: usize = 200;

/// Whether a commit's message asks that it is not deployed.
pub(crate) fn asks_to_skip(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    SKIP_WORDS.iter().any(|word| message.contains(word))
}

/// Whether a push counts for an app that watches these paths. When in doubt, it does: where the provider did not list
/// all that changed, and where the globs are none that this version knows.
pub(crate) fn is_watched(watch_paths: &[String], push: &Push) -> bool {
    if watch_paths.is_empty() || push.paths_truncated || push.changed_paths.is_empty() {
        return true;
    }
    let Ok(watched) = WatchPaths::parse(watch_paths.to_vec()) else { return true };
    watched.globs.is_empty() || push.changed_paths.iter().any(|path| watched.set.is_match(path))
}

/// Globs over the paths of a repository: `*` and `?` stay within a folder, `**` goes through folders, a glob that ends
/// with `/` means all that is in the folder.
#[derive(Debug, Clone)]
pub(crate) struct WatchPaths {
    globs: Vec<String>,
    set: GlobSet,
}

/// Globs that are not taken; the message is for whoever set them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidGlob {
    /// More than are tried for each push.
    #[error("watch_paths may have at most {MAX_GLOBS} globs")]
    TooMany,
    /// Empty, or longer than any sensible one.
    #[error("a glob of watch_paths has 1 to {MAX_GLOB_BYTES} bytes")]
    Length,
    /// It would match nothing.
    #[error(
        "{0:?} is no path within the repository: leave `/`, `./` and `!` at its beginning away"
    )]
    Beginning(String),
    /// Not a glob.
    #[error("{0:?} is no glob: {1}")]
    Syntax(String, String),
    /// Together they are more than can be looked for.
    #[error("the globs of watch_paths are too large")]
    TooLarge,
}

impl WatchPaths {
    /// Reads the globs; none at all: every push counts.
    pub(crate) fn parse(globs: Vec<String>) -> Result<Self, InvalidGlob> {
        if globs.len() > MAX_GLOBS {
            return Err(InvalidGlob::TooMany);
        }
        let mut set = GlobSetBuilder::new();
        for text in &globs {
            set.add(glob(text)?);
        }
        Ok(Self { set: set.build().map_err(|_| InvalidGlob::TooLarge)?, globs })
    }

    /// The globs as they were given.
    pub(crate) fn into_globs(self) -> Vec<String> {
        self.globs
    }
}

fn glob(text: &str) -> Result<Glob, InvalidGlob> {
    if text.is_empty() || text.len() > MAX_GLOB_BYTES {
        return Err(InvalidGlob::Length);
    }
    if text.starts_with(['/', '!']) || text.starts_with("./") {
        return Err(InvalidGlob::Beginning(text.to_owned()));
    }
    let whole = if text.ends_with('/') { format!("{text}**") } else { text.to_owned() };
    GlobBuilder::new(&whole)
        .literal_separator(true)
        .build()
        .map_err(|error| InvalidGlob::Syntax(text.to_owned(), error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(paths: &[&str]) -> Push {
        let changed_paths = paths.iter().map(|&path| path.to_owned()).collect();
        Push { changed_paths, ..Push::example() }
    }

    fn watches(globs: &[&str], paths: &[&str]) -> bool {
        let globs: Vec<_> = globs.iter().map(|&glob| glob.to_owned()).collect();
        WatchPaths::parse(globs.clone()).unwrap();
        is_watched(&globs, &push(paths))
    }

    #[test]
    fn a_message_asks_anywhere_and_in_any_case() {
        for message in [
            "[skip ci]",
            "Fix typo [CI Skip]",
            "Fix typo\n\nNot now: [skip Deploy].",
            "é [SKIP CI]",
        ] {
            assert!(asks_to_skip(message), "{message}");
        }
        for message in ["", "skip ci", "[skip  ci]", "[skip tests]", "[deploy skip]", "[skip\nci]"]
        {
            assert!(!asks_to_skip(message), "{message}");
        }
    }

    #[test]
    fn one_changed_path_that_is_watched_is_enough() {
        assert!(watches(&["services/api/**"], &["README.md", "services/api/src/main.rs"]));
        assert!(watches(&["docs/**", "*.toml"], &["Cargo.toml"]));
        assert!(!watches(&["services/api/**"], &["services/web/index.html", "README.md"]));
    }

    #[test]
    fn a_star_stays_within_its_folder_and_two_go_through_folders() {
        assert!(watches(&["src/*.rs"], &["src/main.rs"]));
        assert!(!watches(&["src/*.rs"], &["src/deep/main.rs"]));
        assert!(!watches(&["*.rs"], &["src/main.rs"]));
        assert!(watches(&["**/*.rs"], &["main.rs"]) && watches(&["**/*.rs"], &["a/b/main.rs"]));
        assert!(watches(&["src/{a,b}/?.[ch]"], &["src/b/x.c"]));
        assert!(!watches(&["src?main.rs"], &["src/main.rs"]));
    }

    #[test]
    fn a_folder_means_all_that_is_in_it_and_case_counts() {
        assert!(watches(&["services/api/"], &["services/api/a/b"]));
        assert!(!watches(&["services/api/"], &["services/api-two/a"]));
        assert!(!watches(&["Services/**"], &["services/a"]));
    }

    #[test]
    fn without_globs_and_without_a_whole_list_every_push_counts() {
        assert!(watches(&[], &["a"]));
        assert!(watches(&["b"], &[]));
        let cut = Push { paths_truncated: true, ..push(&["a"]) };
        assert!(is_watched(&["b".to_owned()], &cut));
        assert!(is_watched(&["[".to_owned()], &push(&["a"])), "a glob of another version");
    }

    #[test]
    fn what_can_never_match_is_refused_with_a_reason() {
        let parse = |glob: &str| WatchPaths::parse(vec![glob.to_owned()]).map(drop);
        assert_eq!(parse(""), Err(InvalidGlob::Length));
        assert_eq!(parse(&"a".repeat(201)), Err(InvalidGlob::Length));
        for beginning in ["/src/**", "./src", "!src"] {
            assert_eq!(parse(beginning), Err(InvalidGlob::Beginning(beginning.to_owned())));
        }
        for syntax in ["[", "{a", "[z-a]", "a\\"] {
            assert!(matches!(parse(syntax), Err(InvalidGlob::Syntax(..))), "{syntax}");
        }
        let many = vec!["a".to_owned(); MAX_GLOBS + 1];
        assert_eq!(WatchPaths::parse(many).map(drop), Err(InvalidGlob::TooMany));
    }

    #[test]
    fn globs_come_out_as_they_went_in() {
        let globs = vec!["services/api/".to_owned(), "*.toml".to_owned()];
        assert_eq!(WatchPaths::parse(globs.clone()).unwrap().into_globs(), globs);
    }
}
