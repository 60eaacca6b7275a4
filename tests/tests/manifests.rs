//! The files by which the platform is run, held to the schemas of those who read them and to the programs that they name.

mod compose;
mod dockerfile;
mod kubernetes;
mod kustomize;
mod programs;
mod references;
mod secrets;
mod yaml;
