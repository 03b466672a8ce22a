//! Services and unit files.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ap_core::mode::{Mode, Service};
use ap_systemd::FileChange;

use super::refused;
use super::reseed::unfinished;
use crate::node::Node;

/// Longest stop in the ordinary way; a database writes its buffers out.
const STOP: Duration = Duration::from_secs(90);
/// keepalived sends priority 0 and is gone a second later.
const STOP_KEEPALIVED: Duration = Duration::from_secs(10);
/// Longest start of keepalived.
const START_KEEPALIVED: Duration = Duration::from_secs(10);
/// From SIGKILL to the end of the last process.
const FENCE: Duration = Duration::from_secs(10);
/// Pause between two looks at a service that starts.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Node {
    /// Nothing waiting for an acknowledgement is ever acknowledged or committed
    /// after this.
    pub fn fence_database(&mut self) -> Result<()> {
        self.units.fence(&self.config.database.unit, FENCE).context("failed to fence the database")
    }

    /// Starts a service and waits until it does its work, not only runs. A copy of
    /// the peer's data that was interrupted looks like a database and is half of one.
    pub fn start(&mut self, service: Service) -> Result<()> {
        if service == Service::Database && unfinished() {
            return Err(refused(
                "the data directory holds a copy of the peer's data that was interrupted",
                "`ap-mode set ap --reseed` begins it anew",
            ));
        }
        let until = Instant::now() + self.start_limit(service);
        self.start_unit(service)?;
        match service {
            Service::Database => self.await_database(until),
            Service::Api => self.await_api(until),
            Service::Keepalived => Ok(()),
        }
    }

    /// Starts a unit and waits until systemd says that it runs.
    pub fn start_unit(&mut self, service: Service) -> Result<()> {
        let unit = self.config.unit(service).to_owned();
        if self.units.state(&unit)?.is_active() {
            return Ok(());
        }
        self.units.reset_failed(&unit)?;
        self.units.start(&unit, self.start_limit(service)).with_context(|| format!("failed to start {unit}"))
    }

    fn start_limit(&self, service: Service) -> Duration {
        match service {
            Service::Database => self.config.database.start_timeout.get(),
            Service::Api => self.config.api.start_timeout.get(),
            Service::Keepalived => START_KEEPALIVED,
        }
    }

    /// A server that was never restarted since `install` does not have our settings.
    pub fn await_database(&mut self, until: Instant) -> Result<()> {
        loop {
            let seen = ap_host::boottime();
            match self.db.status() {
                Ok(status) if !status.log_bin => {
                    bail!(
                        "{} runs without a binary log: `ap-mode install` has not written {}, or it was not restarted since",
                        self.config.database.unit,
                        self.config.database.settings.display()
                    )
                }
                Ok(status) => {
                    self.shared.facts().see_db(seen, Ok(status));
                    return Ok(());
                }
                Err(error) if Instant::now() >= until => {
                    return Err(error).context("the database does not answer after its start");
                }
                Err(_) => pause(),
            }
        }
    }

    fn await_api(&mut self, until: Instant) -> Result<()> {
        loop {
            match self.check_api() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= until => {
                    return Err(error).with_context(|| {
                        format!("{} is not healthy: {}", self.config.api.unit, self.config.api.health_url)
                    });
                }
                Err(_) => pause(),
            }
        }
    }

    /// Stops a service in the ordinary way.
    pub fn stop(&mut self, service: Service) -> Result<()> {
        let unit = self.config.unit(service).to_owned();
        let deadline = if service == Service::Keepalived { STOP_KEEPALIVED } else { STOP };
        self.units.stop(&unit, deadline).with_context(|| format!("failed to stop {unit}"))
    }

    /// The mode table, as far as unit files go.
    pub fn unit_files(&mut self, mode: Mode) -> Result<()> {
        let start = self.config.start_unit();
        let start = [start.as_str()];
        let services = [Service::Database, Service::Api, Service::Keepalived].map(|service| self.config.unit(service));
        let all = [start[0], services[0], services[1], services[2]];
        let changes: &[(FileChange, &[&str])] = match mode {
            Mode::M => &[(FileChange::Mask, &all)],
            Mode::Ap => &[(FileChange::Unmask, &all), (FileChange::Disable, &all)],
            Mode::S => &[(FileChange::Unmask, &all), (FileChange::Disable, &services), (FileChange::Enable, &start)],
        };
        self.units.unit_files(changes).with_context(|| format!("failed to set the unit files for mode {mode}"))
    }
}

/// A moment, while a service starts.
fn pause() {
    crate::serve::alive();
    std::thread::sleep(LOOK_AGAIN);
}
