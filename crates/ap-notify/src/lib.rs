//! The hands of the agent (`ap_core::agent`): what happens becomes its inputs, its
//! effects are carried out. Nothing is decided here.
//!
//! - `service/`: the service: one loop around the agent, and the threads that only
//!   feed it: the FIFO, the addresses. The peer's question is answered with what the
//!   agent published last.
//! - `hands/`: effects, each kind on a thread of its own, so that nothing urgent waits.
//! - `adapters/`: what the hands use, behind traits.
//! - `data/`: the data directory, while no server need run on it.
//! - `events.rs`: the history on disk.
//! - `hook.rs`: puts an event into the FIFO; what keepalived and the drop-ins call.
//! - `shutdown.rs`: the active of a pair hands over before its machine goes down.

pub mod adapters;
mod data;
pub mod events;
pub mod hands;
pub mod hook;
pub mod service;
pub mod shutdown;
