//! Policy of an active-standby pair: configuration, modes, events, planner.
//!
//! Nothing here opens a file, a socket or a clock. Time comes in as a value,
//! observations come in as snapshots, decisions go out as steps.

pub mod answer;
pub mod config;
pub mod event;
mod evidence;
pub mod exit;
pub mod gtid;
pub mod history;
pub mod message;
pub mod mode;
pub mod observed;
pub mod plan;
pub mod protection;
pub mod sql;
pub mod state;
pub mod status;
pub mod step;
pub mod verdict;
