//! The protocol of the pair, explored with the agents that ship (`ap_core::agent`).

#![allow(missing_docs, clippy::panic)]

mod actions;
mod bounds;
mod clock;
mod database;
mod effects;
mod explore;
mod faults;
mod keepalived;
mod known;
mod limits;
mod live;
mod network;
mod node;
mod properties;
mod repair;
mod safe;
mod safeguards;
mod start;
mod story;
mod twist;
mod world;
