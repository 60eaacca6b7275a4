//! Builds again when a migration was added: the ones that were there are tracked by themselves.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
