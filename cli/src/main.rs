//! `paas`: what a person does with the platform, from the command line.

fn main() {}
