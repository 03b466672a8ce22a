//! systemd, in words of the domain: units, readiness, sockets handed over.
//!
//! No type of the D-Bus library crosses this crate's interface, and no call
//! takes longer than it was given, whatever D-Bus does.

mod bus;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod files;
mod group;
mod jobs;
pub mod listen;
pub mod notify;
mod systemd;
mod units;

pub use ap_core::agent::FileChange;
pub use listen::listen_fds;
pub use systemd::Systemd;
pub use units::Units;
