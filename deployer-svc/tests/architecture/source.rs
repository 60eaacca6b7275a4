//! Source files as the rules see them: code without comments and strings, and the strings by themselves.

/// One file of the repository.
pub(crate) struct Source {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
}

/// A file taken apart. What was taken out of the code has left blanks, so that positions stay as they were.
pub(crate) struct Parsed {
    pub code: String,
    /// Each string with the position at which it begins.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The file without its own tests, which stand at its end.
    pub(crate) fn parsed(&self) -> Parsed {
        let tests = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        Reader::new(&self.text[..tests]).read()
    }
}

/// Whether a character can stand in an identifier.
pub(crate) fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The keys in a section of a manifest.
pub(crate) fn section<'a>(manifest: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    manifest
        .lines()
        .skip_while(move |line| line.trim() != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
}

/// Goes through a text once, from one comment or string to the next.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, parsed: Parsed { code: String::new(), strings: Vec::new() } }
    }

    fn read(mut self) -> Parsed {
        while let Some(next) = self.rest().chars().next() {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.blank(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.blank(rest.find("*/").map_or(rest.len(), |end| end + 2));
            } else if let Some(hashes) = self.raw_string() {
                let open = rest.find('"').unwrap_or(0) + 1;
                let close = format!("\"{}", "#".repeat(hashes));
                let length = rest[open..].find(&close).unwrap_or(rest.len() - open);
                self.string(open, length, close.len());
            } else if next == '"' {
                self.string(1, end_of_string(&rest[1..]), 1);
            } else if let Some(length) = character(rest) {
                self.blank(length);
            } else {
                self.parsed.code.push(next);
                self.at += next.len_utf8();
            }
        }
        self.parsed
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// How many `#` a raw string that begins here has.
    fn raw_string(&self) -> Option<usize> {
        let before = self.parsed.code.chars().next_back();
        let rest = self.rest();
        let rest = rest.strip_prefix('b').or_else(|| rest.strip_prefix('c')).unwrap_or(rest);
        let hashed = rest.strip_prefix('r').filter(|_| !before.is_some_and(is_part_of_a_name))?;
        let quoted = hashed.trim_start_matches('#');
        quoted.starts_with('"').then_some(hashed.len() - quoted.len())
    }

    fn string(&mut self, open: usize, length: usize, close: usize) {
        let content = &self.rest()[open..open + length];
        self.parsed.strings.push((self.at, content.to_owned()));
        self.blank(open + length + close);
    }

    fn blank(&mut self, length: usize) {
        let taken = self.rest().get(..length).unwrap_or(self.rest());
        let blanks = taken.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
        self.parsed.code.extend(blanks);
        self.at += taken.len();
    }
}

/// Length of a string's content, escapes included.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        // The quote that ends it is not the one that is escaped.
        let end = inner.get(2..)?.find('\'')?;
        return Some(1 + 2 + end + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| 1 + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        Source { path: String::new(), text: text.to_owned() }.parsed()
    }

    #[test]
    fn comments_and_strings_leave_blanks() {
        let text = "a // b\nc /* d\n*/ e \"f \\\" g\" h r#\"i \" j\"# k";
        let Parsed { code, strings } = parsed(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "c", "e", "h", "k"]);
        assert_eq!(code.len(), text.len());
        let strings: Vec<_> = strings.into_iter().map(|(_, text)| text).collect();
        assert_eq!(strings, ["f \\\" g", "i \" j"]);
    }

    #[test]
    fn quotes_that_open_no_string_are_told_apart() {
        let code =
            parsed(r#"f('"', '\'', '\u{22}', b'"'); fn g<'a>(x: &'a str) { for_r"x" }"#).code;
        assert!(code.contains("fn g<'a>(x: &'a str)"), "{code}");
    }

    #[test]
    fn a_section_lists_its_keys() {
        let manifest = "[dependencies]\na.workspace = true\n# why\nb = \"1\"\n\n[dev-dependencies]\nc = \"1\"\n";
        assert_eq!(section(manifest, "dependencies").collect::<Vec<_>>(), ["a", "b"]);
    }
}
