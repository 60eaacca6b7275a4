//! What may not change between two versions of the protocol: whatever is on the wire or in a stream was written by
//! one of them and is read by the other. Additions are free.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, OneofDescriptorProto, field_descriptor_proto::Label,
};

/// Every break, as a sentence. A field or value may go when its number and its name are reserved.
pub(crate) fn breaks(old: &FileDescriptorSet, new: &FileDescriptorSet) -> Vec<String> {
    let (old, new) = (Protocol::of(old), Protocol::of(new));
    let mut found = Vec::new();
    for (name, definition) in &old.numbered {
        match new.numbered.get(name) {
            Some(now) => definition.breaks(now, name, &mut found),
            None => found.push(format!("{name} is gone")),
        }
    }
    for (name, signature) in &old.methods {
        match new.methods.get(name) {
            Some(now) if now == signature => {}
            Some(now) => found.push(format!("{name}: was `{signature}`, is `{now}`")),
            None => found.push(format!("{name} is gone")),
        }
    }
    found
}

/// All definitions by their full names, wherever they are nested.
#[derive(Default)]
struct Protocol {
    /// Messages and enums.
    numbered: BTreeMap<String, Numbered>,
    /// Each rpc's types.
    methods: BTreeMap<String, String>,
}

impl Protocol {
    fn of(set: &FileDescriptorSet) -> Self {
        let mut protocol = Self::default();
        for file in &set.file {
            let package = file.package();
            for message in &file.message_type {
                protocol.add_message(package, message);
            }
            for values in &file.enum_type {
                protocol.add_enum(package, values);
            }
            for service in &file.service {
                for method in &service.method {
                    let name = format!("{package}.{}.{}", service.name(), method.name());
                    protocol.methods.insert(name, signature(method));
                }
            }
        }
        protocol
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
        for values in &message.enum_type {
            self.add_enum(&name, values);
        }
        self.numbered.insert(name, Numbered::of_message(message));
    }

    fn add_enum(&mut self, scope: &str, values: &EnumDescriptorProto) {
        self.numbered.insert(format!("{scope}.{}", values.name()), Numbered::of_enum(values));
    }
}

/// A message or an enum: what each number stands for, and what none may stand for again.
struct Numbered {
    entries: BTreeMap<i32, Entry>,
    reserved_numbers: Vec<RangeInclusive<i32>>,
    reserved_names: BTreeSet<String>,
}

struct Entry {
    name: String,
    /// Two entries of one number mean the same when these texts are equal.
    meaning: String,
}

impl Numbered {
    fn of_message(message: &DescriptorProto) -> Self {
        let entry = |field: &FieldDescriptorProto| {
            let meaning = meaning(message, field);
            (field.number(), Entry { name: field.name().to_owned(), meaning })
        };
        // A message's ranges end before their end, an enum's with it.
        let range = |range: &prost_types::descriptor_proto::ReservedRange| {
            range.start()..=range.end().saturating_sub(1)
        };
        Self {
            entries: message.field.iter().map(entry).collect(),
            reserved_numbers: message.reserved_range.iter().map(range).collect(),
            reserved_names: message.reserved_name.iter().cloned().collect(),
        }
    }

    fn of_enum(values: &EnumDescriptorProto) -> Self {
        let entries = values.value.iter().map(|value| {
            let name = value.name().to_owned();
            (value.number(), Entry { meaning: name.clone(), name })
        });
        Self {
            entries: entries.collect(),
            reserved_numbers: values.reserved_range.iter().map(|r| r.start()..=r.end()).collect(),
            reserved_names: values.reserved_name.iter().cloned().collect(),
        }
    }

    fn breaks(&self, new: &Self, scope: &str, found: &mut Vec<String>) {
        for (number, Entry { name, meaning }) in &self.entries {
            match new.entries.get(number) {
                Some(now) if now.meaning == *meaning => {}
                Some(now) => {
                    found.push(format!("{scope}, {number}: was `{meaning}`, is `{}`", now.meaning));
                }
                None if new.reserves(*number) && new.reserved_names.contains(name) => {}
                None => found.push(format!(
                    "{scope}, {number}: gone without `reserved {number}; reserved \"{name}\";`"
                )),
            }
        }
        for range in &self.reserved_numbers {
            if !new.reserves(*range.start()) || !new.reserves(*range.end()) {
                found.push(format!("{scope}: {range:?} is no longer reserved"));
            }
        }
        for name in self.reserved_names.difference(&new.reserved_names) {
            found.push(format!("{scope}: \"{name}\" is no longer reserved"));
        }
    }

    fn reserves(&self, number: i32) -> bool {
        self.reserved_numbers.iter().any(|range| range.contains(&number))
    }
}

fn meaning(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let oneof = field.oneof_index.and_then(|index| usize::try_from(index).ok());
    let oneof = oneof.and_then(|index| message.oneof_decl.get(index));
    let presence = match oneof.map(OneofDescriptorProto::name) {
        Some(_) if field.proto3_optional() => "optional ".to_owned(),
        Some(name) => format!("oneof {name} "),
        None => String::new(),
    };
    let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
    let kind = match field.type_name() {
        "" => field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        named => named.to_owned(),
    };
    format!("{presence}{repeated}{kind} {}", field.name())
}

fn signature(method: &MethodDescriptorProto) -> String {
    let stream = |streaming| if streaming { "stream " } else { "" };
    format!(
        "({}{}) returns ({}{})",
        stream(method.client_streaming()),
        method.input_type(),
        stream(method.server_streaming()),
        method.output_type()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::parse;

    const COMMITTED: &str = r#"
        message Push {
            string sha = 1;
            optional uint64 pushed_at = 2;
            reserved 3;
            reserved "who";
            oneof origin { string key = 4; }
        }
        enum Provider { NONE = 0; GITHUB = 1; reserved 2; reserved "SVN"; }
        service Deploys { rpc Get(Push) returns (Push); }"#;

    /// The breaks of the committed protocol after each text has been replaced by another.
    fn after(changes: &[(&str, &str)]) -> Vec<String> {
        let set = |body: &str| FileDescriptorSet {
            file: vec![parse("t.proto", &format!("syntax = \"proto3\"; package t; {body}"))],
        };
        let now = changes.iter().fold(COMMITTED.to_owned(), |text, (old, new)| {
            assert!(text.contains(old), "{old} is not there to be changed");
            text.replace(old, new)
        });
        breaks(&set(COMMITTED), &set(&now))
    }

    #[test]
    fn additions_are_free() {
        let field = ("string sha = 1;", "string sha = 1; repeated string paths = 9;");
        let value = ("GITHUB = 1;", "GITHUB = 1; GITLAB = 3;");
        let rpc = ("service Deploys {", "service Deploys { rpc List(Push) returns (stream Push);");
        assert_eq!(after(&[field, value, rpc]), Vec::<String>::new());
    }

    #[test]
    fn a_field_may_go_when_number_and_name_are_reserved() {
        let gone = ("string sha = 1;", "reserved 1; reserved \"sha\";");
        assert_eq!(after(&[gone]), Vec::<String>::new());
        assert_eq!(after(&[("string sha = 1;", "reserved 1;")]).len(), 1);
        assert_eq!(after(&[("string sha = 1;", "")]).len(), 1);
    }

    #[test]
    fn a_value_may_go_when_number_and_name_are_reserved() {
        assert_eq!(after(&[("GITHUB = 1;", "reserved 1; reserved \"GITHUB\";")]).len(), 0);
        assert_eq!(after(&[("GITHUB = 1;", "")]).len(), 1);
    }

    #[test]
    fn every_change_of_meaning_is_a_break() {
        for change in [
            ("string sha = 1", "string sha = 7"),
            ("string sha = 1", "bytes sha = 1"),
            ("string sha = 1", "string commit = 1"),
            ("string sha = 1", "repeated string sha = 1"),
            ("string sha = 1", "Provider sha = 1"),
            ("optional uint64", "uint64"),
            ("oneof origin { string key = 4; }", "string key = 4;"),
            ("reserved 3;", ""),
            ("reserved \"who\";", ""),
            ("message Push", "message Other {} message Pushed"),
            ("NONE = 0", "NOTHING = 0"),
            ("reserved 2;", ""),
            ("reserved \"SVN\";", ""),
            ("enum Provider", "enum Host"),
            ("returns (Push)", "returns (stream Push)"),
            ("rpc Get", "rpc Read"),
            ("service Deploys", "service Deployments"),
        ] {
            assert!(!after(&[change]).is_empty(), "{change:?} went unnoticed");
        }
    }
}
