//! The stand-in's process.

fn main() {}
