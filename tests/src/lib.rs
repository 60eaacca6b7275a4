//! What tests, demo and bench stand on: private servers, the services as real processes, links that can be cut, signed
//! deliveries like the providers', and a client for the management API. Nothing of the product depends on it.

pub mod api;
pub mod audit;
mod background;
pub mod binaries;
pub mod checker;
pub mod collector;
pub mod forge;
pub mod harness;
pub mod hook;
pub mod installation;
pub mod keys;
pub mod load;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod repository;
pub mod roles;
pub mod servers;
pub mod signals;
pub mod stack;
pub mod supervisor;
pub mod wait;

pub use forge_standin::deliveries;
