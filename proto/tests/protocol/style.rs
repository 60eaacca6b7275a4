//! The protocol's style, after buf's standard rules: names from which the generated code, the subjects and the reader
//! can tell what a thing is, and a comment on whatever is not explained by its name.

use std::collections::BTreeMap;

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

use crate::sources;

#[test]
fn the_protocol_is_written_alike_everywhere() {
    let files = sources::all();
    let mut found: Vec<String> = files.iter().flat_map(|file| Style::of(file).check()).collect();
    found.extend(shared_messages(&files));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

// Numbers of the descriptor's own fields, of which the paths of comments are made.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const SERVICE_METHOD: i32 = 2;

struct Style<'a> {
    file: &'a FileDescriptorProto,
    comments: BTreeMap<&'a [i32], &'a str>,
    found: Vec<String>,
}

impl<'a> Style<'a> {
    fn of(file: &'a FileDescriptorProto) -> Self {
        let comments = file
            .source_code_info
            .iter()
            .flat_map(|info| &info.location)
            .map(|location| (location.path.as_slice(), location.leading_comments()))
            .collect();
        Self { file, comments, found: Vec::new() }
    }

    fn check(mut self) -> Vec<String> {
        let file = self.file;
        self.check_file();
        for (index, message) in (0..).zip(&file.message_type) {
            self.check_message(&[FILE_MESSAGE, index], message);
        }
        for (index, values) in (0..).zip(&file.enum_type) {
            self.check_enum(&[FILE_ENUM, index], values);
        }
        for (index, service) in (0..).zip(&file.service) {
            let path = [FILE_SERVICE, index];
            self.require(is_pascal_case(service.name()), service.name(), "is not PascalCase");
            self.require_comment(&path, service.name());
            for (index, method) in (0..).zip(&service.method) {
                let name = method.name();
                self.require(is_pascal_case(name), name, "is not PascalCase");
                self.require_comment(&[path[0], path[1], SERVICE_METHOD, index], name);
                let takes = method.input_type() == format!("{name}Request");
                self.require(takes, name, "does not take its own …Request");
                let returns = method.output_type() == format!("{name}Response");
                self.require(returns, name, "does not return its own …Response");
            }
        }
        self.found
    }

    fn check_file(&mut self) {
        let (path, package) = (self.file.name(), self.file.package());
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.require(folder.replace('/', ".") == package, package, "is not the file's folder");
        let version = package.rsplit('.').next().and_then(|last| last.strip_prefix('v'));
        let versioned = version.is_some_and(|number| number.parse::<u32>().is_ok());
        self.require(versioned, package, "does not end in a version");
        self.require(is_snake_case(name.trim_end_matches(".proto")), name, "is not snake_case");
        self.require(self.file.syntax() == "proto3", name, "is not proto3");
    }

    fn check_message(&mut self, path: &[i32], message: &DescriptorProto) {
        let name = message.name();
        self.require(is_pascal_case(name), name, "is not PascalCase");
        // The rpc's comment says what it takes and returns.
        let of_an_rpc = self
            .file
            .service
            .iter()
            .flat_map(|service| &service.method)
            .any(|method| [method.input_type(), method.output_type()].contains(&name));
        if !of_an_rpc {
            self.require_comment(path, name);
        }
        for field in &message.field {
            let field_name = format!("{name}.{}", field.name());
            self.require(is_snake_case(field.name()), &field_name, "is not snake_case");
        }
        for oneof in &message.oneof_decl {
            // An optional field has a made-up one, `_field`.
            let snake = is_snake_case(oneof.name().trim_start_matches('_'));
            self.require(snake, oneof.name(), "is not snake_case");
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.check_message(&[path, &[MESSAGE_NESTED, index]].concat(), nested);
        }
        for (index, values) in (0..).zip(&message.enum_type) {
            self.check_enum(&[path, &[MESSAGE_ENUM, index]].concat(), values);
        }
    }

    fn check_enum(&mut self, path: &[i32], values: &EnumDescriptorProto) {
        let name = values.name();
        self.require(is_pascal_case(name), name, "is not PascalCase");
        self.require_comment(path, name);
        let prefix = format!("{}_", upper_snake_case(name));
        for value in &values.value {
            self.require(value.name().starts_with(&prefix), value.name(), "lacks its enum's name");
            if value.number() == 0 {
                let unspecified = value.name() == format!("{prefix}UNSPECIFIED");
                self.require(unspecified, value.name(), "is 0 and not …_UNSPECIFIED");
            }
        }
    }

    fn require_comment(&mut self, path: &[i32], name: &str) {
        let commented = self.comments.get(path).is_some_and(|text| !text.trim().is_empty());
        self.require(commented, name, "has no comment");
    }

    fn require(&mut self, holds: bool, name: &str, complaint: &str) {
        if !holds {
            self.found.push(format!("{}: `{name}` {complaint}", self.file.name()));
        }
    }
}

/// Messages that two rpcs take or return: neither could be changed without the other.
fn shared_messages(files: &[FileDescriptorProto]) -> Vec<String> {
    let mut users: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for file in files {
        for method in file.service.iter().flat_map(|service| &service.method) {
            for message in [method.input_type(), method.output_type()] {
                users.entry((file.package(), message)).or_default().push(method.name());
            }
        }
    }
    let shared = users.into_iter().filter(|(_, rpcs)| rpcs.len() > 1);
    shared
        .map(|((package, message), rpcs)| {
            format!("{package}: `{message}` is shared by {}", rpcs.join(", "))
        })
        .collect()
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
}

fn is_pascal_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
}

fn upper_snake_case(pascal: &str) -> String {
    let mut snake = String::new();
    for c in pascal.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_uppercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        syntax = "proto3";
        package paas.pushes.v1;
        // What it is for.
        service Pushes {
            // What it does.
            rpc GetPush(GetPushRequest) returns (GetPushResponse);
        }
        message GetPushRequest { string deploy_id = 1; }
        message GetPushResponse { Push push = 1; }
        // A push.
        message Push { optional string sha = 1; }
        // Who sent it.
        enum GitProvider { GIT_PROVIDER_UNSPECIFIED = 0; GIT_PROVIDER_GITHUB = 1; }"#;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let file = sources::parse(path, text);
        let mut found = Style::of(&file).check();
        found.extend(shared_messages(&[file]));
        found
    }

    #[test]
    fn a_file_in_good_style_passes() {
        assert_eq!(complaints("paas/pushes/v1/pushes.proto", GOOD), Vec::<String>::new());
    }

    #[test]
    fn a_file_in_the_wrong_place_is_found() {
        assert_eq!(complaints("paas/events/v1/pushes.proto", GOOD).len(), 1);
        assert_eq!(complaints("paas/pushes/v1/Pushes.proto", GOOD).len(), 1);
    }

    #[test]
    fn every_departure_is_found() {
        for (good, bad) in [
            ("paas.pushes.v1", "paas.pushes"),
            ("string deploy_id", "string deployId"),
            ("message Push {", "message push {"),
            ("// A push.", ""),
            ("// Who sent it.", ""),
            ("// What it is for.", ""),
            ("// What it does.", ""),
            ("GIT_PROVIDER_GITHUB", "GITHUB"),
            ("GIT_PROVIDER_UNSPECIFIED", "GIT_PROVIDER_NONE"),
            ("rpc GetPush(GetPushRequest)", "rpc GetPush(Push)"),
            ("returns (GetPushResponse)", "returns (Push)"),
            ("// What it does.", "// A.\nrpc Look(GetPushRequest) returns (LookResponse);\n// B."),
        ] {
            assert!(GOOD.contains(good), "{good} is not there to be changed");
            let found = complaints("paas/pushes/v1/pushes.proto", &GOOD.replacen(good, bad, 1));
            assert!(!found.is_empty(), "{good} → {bad} went unnoticed");
        }
    }
}
