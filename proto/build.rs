//! Compiles the `.proto` files without a system `protoc` and keeps the descriptor for reflection and the field-number test.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = [
        "paas/events/v1/events.proto",
        "paas/deploys/v1/deploys.proto",
        "paas/cluster/v1/cluster.proto",
    ];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("paas.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
