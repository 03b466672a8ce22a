//! systemd's units, as far as they can be looked at.

use ap_core::mode::Service;
use ap_core::observed::{UnitState, Units};

use crate::node::Node;

/// The unit file of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitFile {
    /// Nothing can start it.
    pub masked: bool,
    /// It starts at boot.
    pub enabled: bool,
}

impl Node {
    /// Whether a service runs.
    pub fn up(&self, service: Service) -> bool {
        match service {
            Service::Database => self.db.up,
            Service::Api => self.api.0,
            Service::Keepalived => self.keepalived.up,
        }
    }

    /// What systemd says.
    pub fn units(&self) -> Units {
        let unit = |active: bool, file: usize| UnitState {
            active: if active { "active" } else { "inactive" }.into(),
            file: match self.unit_files[file] {
                UnitFile { masked: true, .. } => "masked",
                UnitFile { enabled: true, .. } => "enabled",
                UnitFile { .. } => "disabled",
            }
            .into(),
        };
        Units {
            start: unit(false, 0),
            database: unit(self.db.up, 1),
            api: unit(self.api.0, 2),
            keepalived: unit(self.keepalived.up, 3),
        }
    }
}

/// The place of a service's unit file.
pub fn file(service: Service) -> usize {
    match service {
        Service::Database => 1,
        Service::Api => 2,
        Service::Keepalived => 3,
    }
}
