//! The real binary and the scripts around it, against a real MariaDB.

// clippy.toml's exception for tests does not reach the helpers of an integration test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod exit_codes;
mod scripts;
mod service;
