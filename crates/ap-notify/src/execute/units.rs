//! Services and unit files.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ap_core::mode::{Mode, Service};
use ap_systemd::FileChange;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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
    /// after this. Where systemd does not answer, the process last seen is killed.
    pub fn fence_database(&mut self) -> Result<()> {
        let unit = self.config.database.unit.clone();
        let killed = self.units.kill(&unit).and_then(|()| self.units.wait_down(&unit, FENCE));
        if let Err(error) = killed {
            log::error!("{error:#}; killing process {} itself", self.database_pid);
            let pid = i32::try_from(self.database_pid).unwrap_or(0);
            if pid <= 1 {
                return Err(error).context("failed to fence the database");
            }
            match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
                Err(errno) => bail!("failed to kill process {pid}: {errno}"),
            }
        }
        Ok(())
    }

    /// Starts a service and waits until it does its work, not only runs.
    pub fn start(&mut self, service: Service) -> Result<()> {
        let unit = self.config.unit(service).to_owned();
        let deadline = match service {
            Service::Database => self.config.database.start_timeout.get(),
            Service::Api => self.config.api.start_timeout.get(),
            Service::Keepalived => START_KEEPALIVED,
        };
        let until = Instant::now() + deadline;
        if !self.units.state(&unit)?.is_active() {
            self.units.reset_failed(&unit)?;
            self.units.start(&unit, deadline).with_context(|| format!("failed to start {unit}"))?;
        }
        match service {
            Service::Database => self.await_database(until),
            Service::Api => self.await_api(until),
            Service::Keepalived => Ok(()),
        }
    }

    /// A server that was never restarted since `install` does not have our settings.
    pub fn await_database(&mut self, until: Instant) -> Result<()> {
        loop {
            let at = ap_host::boottime();
            match self.db.status() {
                Ok(status) if !status.log_bin => {
                    bail!(
                        "{} runs without a binary log: `ap-mode install` has not written {}, or it was not restarted since",
                        self.config.database.unit,
                        self.config.database.settings.display()
                    )
                }
                Ok(status) => {
                    self.shared.facts().saw_db(at, Ok(status));
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
