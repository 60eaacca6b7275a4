//! The platform as `deploy/` runs it: its own broker with a user for each service, its own database with a role for
//! each, and real processes that have no more than these.

mod broker_users;
mod database_roles;
mod health;
mod installed;
mod row_security;
mod story;
