//! The lab: two whole Debian machines on one host, a network of their own,
//! faults from outside, writers that remember what was acknowledged, and a
//! checker. See section 10 of the design.

pub mod bench;
pub mod checker;
pub mod checkup;
pub mod clients;
pub mod command;
pub mod demo;
pub mod evidence;
pub mod expect;
pub mod facts;
pub mod failover;
pub mod faults;
pub mod history;
pub mod http;
pub mod lab;
pub mod leftovers;
pub mod machine;
pub mod matrix;
pub mod node;
pub mod options;
pub mod pair;
pub mod product;
#[cfg(test)]
mod runbook;
pub mod runner;
pub mod scenario;
pub mod scenarios;
pub mod soak;
pub mod sql;
pub mod starve;
pub mod tail;
pub mod trap;
pub mod untouched;
pub mod wait;
pub mod writer;

pub use history::{History, Outage, Turn};
pub use lab::Lab;
pub use node::Node;
pub use options::Options;
pub use pair::{Pair, Snapshot};
pub use scenario::{Counts, Scenario, Setup};
pub use wait::wait_for;
pub use writer::Writer;
