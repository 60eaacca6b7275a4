//! The `.proto` files as they lie in the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost_types::FileDescriptorProto;
use protox::file::File;

/// Every `.proto` file, parsed with its comments.
pub(crate) fn all() -> Vec<FileDescriptorProto> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no .proto file below {}", root.display());
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            parse(name, &fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// One file from its text. Names of types stay as they are written.
pub(crate) fn parse(name: &str, text: &str) -> FileDescriptorProto {
    match File::from_source(name, text) {
        Ok(file) => file.file_descriptor_proto().clone(),
        Err(error) => panic!("{error:?}"),
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            paths.push(path);
        }
    }
}
