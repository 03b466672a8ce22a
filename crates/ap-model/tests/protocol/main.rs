//! The protocol of the pair, explored. See `crates/ap-core/src/protection`.

#![allow(missing_docs, clippy::panic)]

mod act;
mod actions;
mod bounds;
mod clock;
mod database;
mod explore;
mod faults;
mod limits;
mod live;
mod network;
mod node;
mod normal;
mod observe;
mod properties;
mod protect;
mod repair;
mod safe;
mod safeguards;
mod said;
mod start;
mod steps;
mod story;
mod world;
