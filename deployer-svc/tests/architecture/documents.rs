//! The documents, held to what they are about: a file, a function or a setting that they name is there, and a setting
//! that is there is named.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    root,
    source::{Source, is_part_of_a_name},
    sources,
};

/// Where the settings of the two services are declared.
const SETTINGS: &[&str] = &["ingress-svc/src/", "deployer-svc/src/", "deployer-svc/cluster/src/"];
/// What with such an ending stands in a document is a file.
const EXTENSIONS: [&str; 6] = ["rs", "md", "sql", "toml", "proto", "yaml"];
const PAGE_OF_SETTINGS: &str = "docs/configuration.md";

#[test]
fn every_file_that_a_document_names_is_there() {
    let files = files();
    let mut missing = Vec::new();
    for document in documents(&files) {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let folder = Path::new(document).parent().unwrap();
        for link in links(&text) {
            if !root().join(folder).join(&link).exists() {
                missing.push(format!("{document}: a link leads to {link}"));
            }
        }
        for (path, function) in spans(&text).filter_map(|span| named_file(span, &files)) {
            let found: Vec<_> = files.iter().filter(|file| is_meant(file, path)).collect();
            if found.is_empty() {
                missing.push(format!("{document}: there is no {path}"));
            } else if let Some(function) = function
                && !found.iter().any(|file| defines(file, function))
            {
                missing.push(format!("{document}: there is no {function} in {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn every_setting_is_on_the_page_of_settings() {
    let page = fs::read_to_string(root().join(PAGE_OF_SETTINGS)).unwrap();
    let mut missing = Vec::new();
    for Setting { variable, default } in settings(&sources()) {
        let mut rows = page.lines().filter(|line| line.starts_with(&format!("| `{variable}` |")));
        match (rows.next(), default) {
            (None, _) => missing.push(format!("{variable} has no row")),
            (Some(row), Some(default)) if !row.contains(&format!("`{default}`")) => {
                missing.push(format!("{variable} is {default} by default, not as in {row}"));
            }
            (Some(_), _) => {}
        }
    }
    assert!(missing.is_empty(), "{PAGE_OF_SETTINGS}:\n{}", missing.join("\n"));
}

#[test]
fn every_setting_on_the_page_of_settings_is_there() {
    let page = fs::read_to_string(root().join(PAGE_OF_SETTINGS)).unwrap();
    let sources = sources();
    let known: BTreeSet<String> =
        settings(&sources).into_iter().map(|setting| setting.variable).collect();
    let unknown: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        // Not all are ours to parse: those of libraries are named in what documents their use.
        .filter(|name| !known.contains(*name))
        .filter(|name| !sources.iter().any(|source| source.text.contains(*name)))
        .collect();
    assert!(unknown.is_empty(), "{PAGE_OF_SETTINGS}: nobody reads {}", unknown.join(", "));
}

/// Everything that people read, but the notes on other people's recordings and on what used to be.
fn documents(files: &[String]) -> impl Iterator<Item = &str> {
    files.iter().map(String::as_str).filter(|file| {
        extension(file) == "md" && *file != "CHANGELOG.md" && !file.contains("/recordings/")
    })
}

/// Files and folders (with a `/` at their end) of the repository.
fn files() -> Vec<String> {
    let (root, mut files) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            // `.dev/` is of this machine, `target/` was built.
            if name == "target" || (name.starts_with('.') && name != ".ci" && name != ".config") {
                continue;
            }
            if path.is_dir() {
                files.push(format!("{name}/"));
                folders.push(path);
            } else {
                files.push(name);
            }
        }
    }
    files
}

/// What stands between backticks, outside of blocks of code.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Where links within the repository lead.
fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .map(str::to_owned)
        .collect()
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The file that a span names, and perhaps a function in it: `a/file.rs::function`.
fn named_file<'a>(span: &'a str, files: &[String]) -> Option<(&'a str, Option<&'a str>)> {
    let (path, function) = match span.split_once("::") {
        Some((path, function)) if extension(path) == "rs" => (path, Some(function)),
        _ => (span, None),
    };
    let is_path = path.chars().all(|c| is_part_of_a_name(c) || "/.-".contains(c));
    let top = path.split_once('/').map(|(top, _)| format!("{top}/"));
    let looks_like_ours =
        EXTENSIONS.contains(&extension(path)) || top.is_some_and(|top| files.contains(&top));
    (is_path && looks_like_ours).then_some((path, function))
}

fn extension(path: &str) -> &str {
    Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default()
}

/// A path may begin at any folder, as long as it is followed to its end.
fn is_meant(file: &str, path: &str) -> bool {
    let file = if path.ends_with('/') { file } else { file.trim_end_matches('/') };
    file.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn defines(file: &str, function: &str) -> bool {
    let text = fs::read_to_string(root().join(file)).unwrap();
    text.match_indices(&format!("fn {function}")).any(|(at, found)| {
        let after = text[at + found.len()..].chars().next();
        !after.is_some_and(is_part_of_a_name)
    })
}

/// A variable that a service reads, and its default where the declaration spells it out.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    variable: String,
    default: Option<String>,
}

fn settings(sources: &[Source]) -> Vec<Setting> {
    let ours = |source: &&Source| SETTINGS.iter().any(|folder| source.path.starts_with(folder));
    sources.iter().filter(ours).flat_map(|source| declared(&source.text)).collect()
}

/// The settings of a file: `#[arg(long, env, default_value = "…")] name: Type`.
fn declared(text: &str) -> Vec<Setting> {
    let attributes = text.split("#[arg(").skip(1).filter_map(|rest| rest.split_once(")]"));
    attributes
        .filter_map(|(attribute, rest)| {
            let mut parts = attribute.split(',').map(str::trim);
            let env = parts.find(|part| *part == "env" || part.starts_with("env = "))?;
            let field = rest.split(':').next()?.split_whitespace().next_back()?;
            let variable = quoted(env).map_or_else(|| field.to_uppercase(), str::to_owned);
            let default = attribute.split_once("default_value");
            let default = default.and_then(|(_, default)| literal(default));
            Some(Setting { variable, default })
        })
        .collect()
}

/// What a default is, where it is a text that is not empty or a number.
fn literal(default: &str) -> Option<String> {
    if let Some(text) = default.strip_prefix(" = ") {
        return quoted(text).filter(|text| !text.is_empty()).map(str::to_owned);
    }
    let number = default.strip_prefix("_t = ")?.split(',').next()?.trim();
    number.parse::<u64>().is_ok().then(|| number.to_owned())
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_with_its_default() {
        let text = r#"
            /// Where.
            #[arg(long, env, default_value = "127.0.0.1:80")]
            pub address: SocketAddr,
            #[arg(long, env = "OTHER", hide_env_values = true)]
            key: SecretString,
            #[arg(long, env, default_value_t = 25)]
            pub(crate) grace: u64,
            #[arg(long, env, default_value_t = 1 << 30)]
            pub room: u64,
            #[arg(long)]
            pub write: bool,
        "#;
        let found: Vec<_> = declared(text)
            .into_iter()
            .map(|setting| (setting.variable, setting.default.unwrap_or_default()))
            .collect();
        let expected = [("ADDRESS", "127.0.0.1:80"), ("OTHER", ""), ("GRACE", "25"), ("ROOM", "")];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn only_what_looks_like_a_file_of_ours_is_looked_for() {
        let files = ["a/".to_owned(), "a/x.rs".to_owned()];
        assert_eq!(named_file("a/x", &files), Some(("a/x", None)));
        assert_eq!(named_file("x.rs::run", &files), Some(("x.rs", Some("run"))));
        for other in ["owner/name", "x::y", "a/<id>", "./a run", "deploys", "https://a/x.rs"] {
            assert_eq!(named_file(other, &files), None, "{other}");
        }
    }

    #[test]
    fn a_path_may_begin_at_any_folder() {
        assert!(is_meant("a/b/x.rs", "b/x.rs"));
        assert!(is_meant("a/b/", "a/b"));
        assert!(!is_meant("a/bb/x.rs", "b/x.rs"));
    }

    #[test]
    fn code_is_neither_prose_nor_a_link() {
        let text = "see `a/x.rs` and [b](c.md#d), [e](https://f)\n```\n`g.rs` [h](i.md)\n```\n";
        assert_eq!(spans(text).collect::<Vec<_>>(), ["a/x.rs"]);
        assert_eq!(links(text), ["c.md"]);
    }
}
