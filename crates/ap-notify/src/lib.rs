//! The one executor: observe, plan, execute, record.
//!
//! - `hook.rs`: puts an event into the FIFO; what keepalived and the drop-ins call.
//! - `shutdown.rs`: the active of a pair hands over before its machine goes down.
//! - `serve/`: the service: main loop, inbox, and the threads that watch
//!   database, peer and gateway and answer the peer's question.
//! - `observe.rs`: the snapshot the planner sees.
//! - `execute/`: runs steps, knows no policy.
//! - `events.rs`: the history, replies, alerts; what else is kept is in `ap_host::store`.

pub mod dry_run;
pub mod events;
pub mod execute;
pub mod hook;
pub mod node;
pub mod observe;
pub mod serve;
pub mod shared;
pub mod shutdown;
