//! The subcommands, one per file: `Args` and `run`.

pub mod check;
pub mod history;
pub mod install;
pub mod metrics;
pub mod restart;
pub mod set;
pub mod show;
pub mod start;
pub mod status;
pub mod stop;
pub mod switchover;
pub mod uninstall;
