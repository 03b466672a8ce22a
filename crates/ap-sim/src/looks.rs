//! Looks at the simulated machines.

use std::time::Duration;

use ap_core::agent::{Input, Look, Seen};
use ap_core::observed::Gateway;

use crate::world::{Due, World, ms};

/// Longest wait for an answer of systemd, patiently and in passing (`ap-notify`, adapters).
const DBUS: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_secs(1);

/// Among so many looks in trouble one fails: there are ten a second at the database, and
/// a lease ends with the first that brings nothing.
const RARELY: u32 = 60;

impl World {
    /// A look is ordered.
    pub fn order_look(&mut self, n: usize, at: Duration, what: Look) {
        let life = self.nodes[n].life;
        let slow = self.nodes[n].trouble && self.one_in(4);
        let after = match what {
            _ if slow => self.between(100, 3000),
            Look::Gateway if self.gateway_of(n) == Gateway::Silent => ms(300),
            Look::Units { .. } | Look::Api => self.between(1, 8),
            _ => self.between(0, 2),
        };
        let after = after + self.lateness(n);
        self.later(n, after, Due::Look(life, at, what));
    }

    /// A look is taken, and told a moment later.
    pub fn looks(&mut self, n: usize, life: u32, at: Duration, what: Look) {
        if self.nodes[n].life != life {
            return;
        }
        let mut after = Duration::from_micros(200);
        if let Some(what) = unseen(what).filter(|_| self.nodes[n].trouble && self.one_in(RARELY)) {
            return self.input(n, after, Input::Seen { at, what });
        }
        let node = &self.nodes[n];
        let seen = match what {
            Look::Database => {
                let status = match (node.db.up, node.db.hangs) {
                    (false, _) => Err("connection refused".into()),
                    (_, true) => {
                        after = node.site.config.database.timeout.get();
                        Err("timed out".into())
                    }
                    _ => Ok(Box::new(node.db.status())),
                };
                Seen::Database { status, process: node.db.process() }
            }
            Look::Gateway => Seen::Gateway(self.gateway_of(n)),
            Look::Units { patient } if node.deaf => {
                after = if patient { DBUS } else { GLANCE };
                Seen::Units { units: Err("no answer from systemd".into()), shutting_down: false }
            }
            Look::Units { .. } => Seen::Units { units: Ok(Box::new(node.units())), shutting_down: node.going_down },
            Look::Vip => Seen::Vip(node.vip),
            Look::Faults => Seen::Faults(node.faults.clone()),
            Look::Api if node.api == (true, false) => Seen::Api(Ok(())),
            Look::Api => Seen::Api(Err("connection refused".into())),
            Look::Checks => Seen::Checks(self.verdicts(n)),
        };
        self.input(n, after, Input::Seen { at, what: seen });
    }
}

/// What a look brings that fails (`ap-notify`, worker): an address that cannot be read is
/// taken for none; a track file that can be is read.
fn unseen(what: Look) -> Option<Seen> {
    let error = || "it did not work".to_owned();
    Some(match what {
        Look::Database => Seen::Database { status: Err(error()), process: None },
        Look::Gateway => Seen::Gateway(Gateway::Silent),
        Look::Units { .. } => Seen::Units { units: Err(error()), shutting_down: false },
        Look::Vip => Seen::Vip(false),
        Look::Api => Seen::Api(Err(error())),
        Look::Faults | Look::Checks => return None,
    })
}
