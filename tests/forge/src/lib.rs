//! A stand-in for the APIs of GitHub, GitLab and Forgejo.

pub mod deliveries;
