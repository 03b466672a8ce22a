//! Results that are no good ones, in the agent's words.

use std::collections::BTreeMap;

use ap_core::agent::{Failure, Look, Seen};
use ap_core::exit::Exit;
use ap_core::observed::Gateway;

use crate::adapters::Refused;

/// What a look found that was not taken.
pub fn unseen(what: Look, why: &str) -> Seen {
    match what {
        Look::Database => Seen::Database { status: Err(why.into()), process: None },
        Look::Gateway => Seen::Gateway(Gateway::Silent),
        Look::Units { .. } => Seen::Units { units: Err(why.into()), shutting_down: false },
        Look::Vip => Seen::Vip(false),
        Look::Faults => Seen::Faults(Vec::new()),
        Look::Api => Seen::Api(Err(why.into())),
        Look::Checks => Seen::Checks(BTreeMap::new()),
    }
}

/// An error as the agent is told it.
pub fn failure(error: &anyhow::Error) -> Failure {
    match error.chain().find_map(|cause| cause.downcast_ref::<Refused>()) {
        Some(refused) => Failure::refused(format!("{error:#}"), &refused.way),
        None => Failure::new(exit_of(error), format!("{error:#}")),
    }
}

/// The exit code of whoever asked for what failed.
fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::TimedOut => Exit::Deadline,
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::ReadOnlyFilesystem => Exit::CannotWrite,
                std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => continue,
            };
        }
    }
    Exit::Unavailable
}
