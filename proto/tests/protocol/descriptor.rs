//! The protocol against `proto/tests/descriptor.bin`, everything that was ever committed. What is new is added to it by
//! `UPDATE_DESCRIPTOR=1 cargo test -p paas-proto`, which refuses to write over a break.

use std::{env, fs, path::PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::{compatibility::breaks, sources};

fn committed_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/descriptor.bin")
}

/// Our own files of the compiled descriptor; those of Google's are theirs to keep.
fn compiled() -> FileDescriptorSet {
    let mut set = FileDescriptorSet::decode(paas_proto::FILE_DESCRIPTOR_SET).unwrap();
    set.file.retain(|file| file.name().starts_with("paas/"));
    set.file.sort_by(|a, b| a.name.cmp(&b.name));
    set
}

#[test]
fn every_file_is_compiled() {
    let compiled: Vec<_> = compiled().file.iter().map(|file| file.name().to_owned()).collect();
    let written: Vec<_> = sources::all().iter().map(|file| file.name().to_owned()).collect();
    assert_eq!(compiled, written, "`build.rs` lists the files that are compiled");
}

#[test]
fn nothing_that_was_ever_committed_has_changed() {
    let update = env::var_os("UPDATE_DESCRIPTOR").is_some();
    let compiled = compiled();
    let bytes = fs::read(committed_path()).unwrap_or_default();
    let committed = FileDescriptorSet::decode(bytes.as_slice()).unwrap();

    let breaks = breaks(&committed, &compiled);
    assert!(breaks.is_empty(), "who runs the older version misreads this:\n{}", breaks.join("\n"));
    if update {
        fs::write(committed_path(), compiled.encode_to_vec()).unwrap();
    } else {
        assert!(
            committed == compiled,
            "the protocol has grown: run `UPDATE_DESCRIPTOR=1 cargo test -p paas-proto` and commit \
             proto/tests/descriptor.bin"
        );
    }
}
