//! The engine: what a rule forbids, and where a source does it all the same.

use crate::source::{Source, is_part_of_a_name};

/// Something that may not be named in some files.
pub(crate) struct Rule {
    /// Files, and folders with a `/` at the end, from the root of the repository.
    pub within: &'static [&'static str],
    /// The same, taken out again.
    pub except: &'static [&'static str],
    pub forbid: Forbid,
    pub because: &'static str,
}

/// What may not be named. Comments and a file's own tests at its end may name anything.
pub(crate) enum Forbid {
    /// Identifiers.
    Words(&'static [&'static str]),
    /// What is named directly below any of these paths, also within a `use` group.
    Names { of: &'static [&'static str], names: &'static [&'static str] },
    /// What begins with a capital directly below this name: `HttpResponse::Ok`.
    Variants(&'static str),
    /// Statements, in a string.
    Sql,
}

impl Rule {
    /// Whether the rule is about a file.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let lies_in = |places: &[&str]| {
            places.iter().any(|place| match place.strip_suffix('/') {
                Some(_) => path.starts_with(place),
                None => path == *place,
            })
        };
        lies_in(self.within) && !lies_in(self.except)
    }

    /// Where and how a source breaks the rule, as sentences.
    pub(crate) fn violations(&self, source: &Source) -> Vec<String> {
        if !self.covers(&source.path) {
            return Vec::new();
        }
        let mut found = self.forbid.occurrences(source);
        found.sort();
        found
            .into_iter()
            .map(|(line, name)| format!("{}:{line}: `{name}`: {}", source.path, self.because))
            .collect()
    }
}

impl Forbid {
    fn occurrences(&self, source: &Source) -> Vec<(usize, String)> {
        let parsed = source.parsed();
        let code = parsed.code.as_str();
        let located = |(at, name): (usize, String)| (line_of(code, at), name);
        match self {
            Self::Words(words) => words
                .iter()
                .flat_map(|word| positions(code, word).map(|at| (at, (*word).to_owned())))
                .map(located)
                .collect(),
            Self::Names { of, names } => of
                .iter()
                .flat_map(|parent| children(code, parent))
                .filter(|(_, child)| names.contains(&child.rsplit("::").next().unwrap_or("")))
                .map(located)
                .collect(),
            Self::Variants(parent) => children(code, parent)
                .into_iter()
                .filter(|(_, child)| {
                    let last = child.rsplit("::").next().unwrap_or("");
                    last.starts_with(|c: char| c.is_ascii_uppercase())
                })
                .map(located)
                .collect(),
            Self::Sql => parsed
                .strings
                .into_iter()
                .filter(|(_, text)| is_sql(text))
                .map(|(at, text)| (line_of(code, at), text.chars().take(40).collect()))
                .collect(),
        }
    }
}

/// Where a whole identifier stands.
fn positions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part_of_a_name) && !after.is_some_and(is_part_of_a_name)
    })
}

/// The paths `parent::child`, also those of `use parent::{child, other::{…}}`.
fn children(code: &str, parent: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in positions(code, parent) {
        let Some(rest) = code[at + parent.len()..].strip_prefix("::") else { continue };
        let names = match rest.strip_prefix('{') {
            Some(group) => group_names(group),
            None => vec![leading_name(rest)],
        };
        found.extend(names.iter().map(|name| (at, format!("{parent}::{name}"))));
    }
    found
}

/// The first names in a `use` group, whose opening brace has been read.
fn group_names(group: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(leading_name(group[start..at].trim_start()));
                if c == '}' {
                    break;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn leading_name(code: &str) -> &str {
    &code[..code.find(|c| !is_part_of_a_name(c)).unwrap_or(code.len())]
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    let starts = ["select ", "insert into ", "delete from ", "create table ", "alter table "];
    starts.iter().any(|start| text.starts_with(start))
        || (text.starts_with("update ") && text.contains(" set "))
        || (text.starts_with("with ") && text.contains(" as ("))
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(forbid: Forbid, text: &str) -> Vec<String> {
        let rule = Rule { within: &["a/"], except: &["a/b.rs", "a/c/"], forbid, because: "why" };
        rule.violations(&Source { path: "a/x.rs".to_owned(), text: text.to_owned() })
    }

    #[test]
    fn a_rule_covers_its_places_and_not_the_exceptions() {
        let rule =
            Rule { within: &["a/"], except: &["a/b.rs", "a/c/"], forbid: Forbid::Sql, because: "" };
        for (path, covered) in [
            ("a/x.rs", true),
            ("a/b.rs", false),
            ("a/b/x.rs", true),
            ("a/c/x.rs", false),
            ("a/c.rs", true),
            ("ab/x.rs", false),
        ] {
            assert_eq!(rule.covers(path), covered, "{path}");
        }
    }

    #[test]
    fn a_violation_says_where_what_and_why() {
        let text = "//! Why.\nfn f() {\n    kube::run()\n}\n";
        assert_eq!(found(Forbid::Words(&["kube"]), text), ["a/x.rs:3: `kube`: why"]);
    }

    #[test]
    fn a_word_counts_only_as_a_whole_and_in_code() {
        let words = || Forbid::Words(&["kube"]);
        assert!(
            found(words(), "kubelet; my_kube; // kube\n/* kube */ let a = \"kube\";").is_empty()
        );
        assert_eq!(found(words(), "use kube;").len(), 1);
        assert_eq!(found(words(), "use {kube::Api, x};").len(), 1);
    }

    #[test]
    fn a_name_is_found_below_its_parent_also_in_a_group() {
        let names = || Forbid::Names { of: &["crate"], names: &["runner", "grpc"] };
        assert_eq!(found(names(), "use crate::runner;").len(), 1);
        assert_eq!(found(names(), "crate::runner::step()").len(), 1);
        assert_eq!(found(names(), "use crate::{store, runner::{a, b}, grpc};").len(), 2);
        assert!(found(names(), "use crate::store::{runner, grpc};").is_empty());
        assert!(found(names(), "use crate::{store::{runner}, x}; use other::runner;").is_empty());
    }

    #[test]
    fn a_variant_is_told_from_a_function() {
        let variants = || Forbid::Variants("HttpResponse");
        assert_eq!(found(variants(), "HttpResponse::Ok().finish()").len(), 1);
        assert!(found(variants(), "fn f() -> HttpResponse { HttpResponse::new(s) }").is_empty());
    }

    #[test]
    fn sql_is_found_in_any_kind_of_string() {
        for text in [
            r#"query("select 1")"#,
            "query(r#\"\n  INSERT INTO apps\"#)",
            r#"query("update apps set name = $1")"#,
            r#"query("with x as (select 1) delete from apps")"#,
        ] {
            assert_eq!(found(Forbid::Sql, text).len(), 1, "{text}");
        }
        assert!(found(Forbid::Sql, r#"warn!("update of the app failed")"#).is_empty());
        assert!(found(Forbid::Sql, "// select 1").is_empty());
    }

    #[test]
    fn tests_at_the_end_of_a_file_may_name_anything() {
        let text = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use kube::Api;\n}\n";
        assert!(found(Forbid::Words(&["kube"]), text).is_empty());
        let code_after = "#[cfg(test)]\nuse x;\nfn f() { kube::run() }\n";
        assert_eq!(found(Forbid::Words(&["kube"]), code_after).len(), 1);
    }
}
