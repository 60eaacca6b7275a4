//! Which metrics and labels an expression names. promtool has said that it is valid, so this reads tokens and no grammar:
//! a name is a metric unless a parenthesis or a grouping follows it, and the names in a grouping are labels.

use std::collections::BTreeSet;

/// A metric and the conditions on its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
}

/// A condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub(super) operator: String,
    pub(super) value: String,
}

/// All that an expression names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) selectors: Vec<Selector>,
    /// Labels by which it groups or joins.
    pub(super) groupings: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(String),
}

const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 8] = ["and", "or", "unless", "offset", "bool", "atan2", "inf", "nan"];

impl Named {
    /// Reads an expression.
    pub(super) fn of(expression: &str) -> Self {
        let tokens = tokens(expression);
        let mut named = Self::default();
        let mut rest = tokens.as_slice();
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            let Token::Name(name) = token else { continue };
            let lower = name.to_lowercase();
            let is_called = match after.first() {
                Some(Token::Sign(sign)) => sign == "(",
                Some(Token::Name(next)) => ["by", "without"].contains(&next.as_str()),
                Some(Token::Text(_)) | None => false,
            };
            if GROUPINGS.contains(&lower.as_str()) {
                let end =
                    after.iter().position(|it| *it == Token::Sign(")".to_owned())).unwrap_or(0);
                named.groupings.extend(after[..end].iter().filter_map(|token| match token {
                    Token::Name(label) => Some(label.clone()),
                    Token::Text(_) | Token::Sign(_) => None,
                }));
                rest = &after[end..];
            } else if !is_called && !WORDS.contains(&lower.as_str()) {
                let matchers;
                (matchers, rest) = braces(after);
                named.selectors.push(Selector { metric: name.clone(), matchers });
            }
        }
        named
    }
}

/// The conditions in the braces that come next, if they do, and what is behind them.
fn braces(tokens: &[Token]) -> (Vec<Matcher>, &[Token]) {
    let is = |token: Option<&Token>, sign: &str| token == Some(&Token::Sign(sign.to_owned()));
    if !is(tokens.first(), "{") {
        return (Vec::new(), tokens);
    }
    let mut matchers = Vec::new();
    let mut rest = &tokens[1..];
    while let [Token::Name(label), Token::Sign(operator), Token::Text(value), after @ ..] = rest {
        let (label, operator, value) = (label.clone(), operator.clone(), value.clone());
        matchers.push(Matcher { label, operator, value });
        rest = if is(after.first(), ",") { &after[1..] } else { after };
    }
    assert!(is(rest.first(), "}"), "not understood: {rest:?}");
    (matchers, &rest[1..])
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                let length = length_of(rest, |c| c.is_ascii_alphanumeric() || "_:".contains(c));
                tokens.push(Token::Name(rest[..length].to_owned()));
                length
            }
            '"' | '\'' => {
                let length = 2 + rest[1..].find(first).unwrap();
                // Escapes would be taken as they stand: nothing here needs any.
                assert!(!rest[..length].contains('\\'), "an escape in {rest}");
                tokens.push(Token::Text(rest[1..length - 1].to_owned()));
                length
            }
            // A duration names nothing.
            '[' => 1 + rest.find(']').unwrap(),
            '0'..='9' | '.' => length_of(rest, |c| c.is_ascii_alphanumeric() || c == '.'),
            '=' | '!' | '<' | '>' | '~' => {
                let length = length_of(rest, |c| "=!<>~".contains(c));
                tokens.push(Token::Sign(rest[..length].to_owned()));
                length
            }
            _ => {
                tokens.push(Token::Sign(first.to_string()));
                first.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

fn length_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

#[test]
fn metrics_conditions_and_groupings_are_told_apart() {
    let named = Named::of(
        "histogram_quantile(0.99, sum by (le, job) (rate(a_bucket{x=\"1\",y=~\"p|q\"}[5m]))) > 1e3 \
         and on (z) count(b) without (w) / ignoring(v) c or absent(d)",
    );
    let metrics: Vec<_> = named.selectors.iter().map(|it| it.metric.as_str()).collect();
    assert_eq!(metrics, ["a_bucket", "b", "c", "d"]);
    let matcher = |label: &str, operator: &str, value: &str| Matcher {
        label: label.to_owned(),
        operator: operator.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(named.selectors[0].matchers, [matcher("x", "=", "1"), matcher("y", "=~", "p|q")]);
    assert_eq!(named.groupings.into_iter().collect::<Vec<_>>(), ["job", "le", "v", "w", "z"]);
}
