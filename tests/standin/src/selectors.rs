//! Label and field selectors of lists and watches.

use serde_json::Value;

use crate::errors::Status;

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Debug, Clone)]
struct Requirement {
    name: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Selector {
    /// Reads the two query parameters.
    pub(crate) fn parse(labels: &str, fields: &str) -> Result<Self, Status> {
        let labels = split(labels).into_iter().map(requirement).collect::<Result<_, _>>()?;
        let fields = split(fields).into_iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether an object is among the selected.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let label = |r: &Requirement| r.test.holds(metadata["labels"][&r.name].as_str());
        let field = |r: &Requirement| {
            let name = r.name.strip_prefix("metadata.").unwrap_or_default();
            r.test.holds(metadata[name].as_str())
        };
        self.labels.iter().all(label) && self.fields.iter().all(field)
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |values: &[String]| value.is_some_and(|v| values.iter().any(|x| x == v));
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
        }
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let parts = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn requirement(text: &str) -> Result<Requirement, Status> {
    let made = |name: &str, test| Ok(Requirement { name: name.trim().to_owned(), test });
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((name, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match name.trim().rsplit_once(' ') {
            Some((name, "in")) => made(name, Test::In(values)),
            Some((name, "notin")) => made(name, Test::NotIn(values)),
            _ => Err(unparsable(text)),
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return made(name, Test::NotIn(one(value)));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(name, Test::In(one(value)));
    }
    match text.strip_prefix('!') {
        Some(name) => made(name, Test::Missing),
        None if text.contains(char::is_whitespace) => Err(unparsable(text)),
        None => made(text, Test::Exists),
    }
}

fn field(text: &str) -> Result<Requirement, Status> {
    let requirement = requirement(text)?;
    match requirement.name.as_str() {
        "metadata.name" | "metadata.namespace" => Ok(requirement),
        name => Err(Status::bad_request(format!("field label not supported: {name}"))),
    }
}

fn unparsable(text: &str) -> Status {
    Status::bad_request(format!("unable to parse requirement: {text}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(labels: &str) -> bool {
        let object =
            json!({"metadata": {"name": "web", "labels": {"paas-app": "web", "tier": "x"}}});
        Selector::parse(labels, "").unwrap().matches(&object)
    }

    #[test]
    fn every_form_of_requirement_is_understood() {
        for labels in [
            "paas-app=web",
            "paas-app==web,tier",
            "tier in (x, y),!gone",
            "tier!=y",
            "tier notin (a)",
        ] {
            assert!(selects(labels), "{labels}");
        }
        for labels in ["paas-app=api", "gone", "!tier", "tier notin (x,y)", "tier in (y)"] {
            assert!(!selects(labels), "{labels}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(Selector::parse("", "spec.replicas=1").is_err());
        assert!(Selector::parse("", "metadata.name=web").is_ok());
    }
}
