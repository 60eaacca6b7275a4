//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.

mod dev_stack;
mod servers;
mod smoke;
