//! The protocol of the pair, explored. See `crates/ap-core/src/protection`.

#![allow(missing_docs)]

mod clock;
mod database;
mod executor;
mod faults;
mod limits;
mod live;
mod network;
mod node;
mod normal;
mod properties;
mod safe;
mod safeguards;
mod story;
mod world;
