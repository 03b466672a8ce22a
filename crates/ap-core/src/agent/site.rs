//! What does not change while the agent runs.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::config::{Config, Host};
use crate::protection::Timing;

/// This node's place: the configuration, which of the two hosts this is, and the
/// account that replicates.
#[derive(Clone, PartialEq, Eq)]
pub struct Site {
    /// The configuration.
    pub config: Config,
    /// This host.
    pub own: Host,
    /// The other one.
    pub peer: Host,
    /// Account with which the standby replicates.
    pub replication_user: String,
    /// Its password. Goes into statements only, which do not print it.
    pub replication_password: String,
}

impl Site {
    /// The fence command with the peer's name and address; empty: none.
    pub fn fence_command(&self) -> Vec<String> {
        let mut command = self.config.fence.command.clone();
        if !command.is_empty() {
            command.extend([self.peer.name.clone(), self.peer.address.to_string()]);
        }
        command
    }

    /// The same pair, seen from the other host.
    pub fn seen_from_peer(&self) -> Self {
        Self { own: self.peer.clone(), peer: self.own.clone(), ..self.clone() }
    }

    /// The lengths of time of the protocol.
    pub fn timing(&self) -> Timing {
        Timing {
            lease: self.config.pair.lease.get(),
            gap: self.config.pair.gap.get(),
            takeover: self.config.keepalived.advert_interval.get() * 3,
            stall: self.config.pair.stall.get(),
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({} of {})", self.own.name, self.config.codename)
    }
}

/// Two agents of one search have the same site, or sites told apart by their host.
impl Hash for Site {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.own.name.hash(state);
    }
}
