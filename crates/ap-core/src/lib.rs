//! Policy of an active-standby pair: configuration, modes, events, planner, and the
//! agent that makes plans and goes through with them.
//!
//! Nothing here opens a file, a socket or a clock. Time comes in as a value. The planner
//! is told a snapshot and answers with steps; the agent is told what happened and answers
//! with effects.

pub mod action;
pub mod agent;
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
