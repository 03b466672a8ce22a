//! What the toolkit asks of systemd.

use std::time::Duration;

use anyhow::{Result, anyhow};
use ap_core::agent::FileChange;
use ap_core::config::Config;
use ap_core::mode::Service;
use ap_core::observed::{self, UnitState};

/// systemd, as far as this toolkit needs it. Everything is idempotent.
///
/// # Errors
/// Every method fails when systemd or D-Bus does not answer in time; then the
/// chain of causes holds an [`std::io::Error`] of kind `TimedOut`.
pub trait Units: Send + Sync {
    /// Starts a unit and waits for the end of the job. Fails at once when the unit is masked.
    fn start(&self, unit: &str, deadline: Duration) -> Result<()>;

    /// Stops a unit and waits for the end of the job. A unit that does not exist is down.
    fn stop(&self, unit: &str, deadline: Duration) -> Result<()>;

    /// Restarts a unit and waits for the end of the job.
    fn restart(&self, unit: &str, deadline: Duration) -> Result<()>;

    /// SIGKILL for all processes of a unit; returns when none lives any more. Not
    /// an error when there are none. Needs no answer from systemd for a service in
    /// its usual slice.
    fn fence(&self, unit: &str, deadline: Duration) -> Result<()>;

    /// Changes unit files, in this order, then has systemd read them once.
    /// Reading takes hundreds of milliseconds with many units: put into one call what belongs together.
    fn unit_files(&self, changes: &[(FileChange, &[&str])]) -> Result<()>;

    /// Forgets that a unit failed, and its start limit.
    fn reset_failed(&self, unit: &str) -> Result<()>;

    /// The states of several units, in the order asked.
    fn states(&self, units: &[&str]) -> Result<Vec<UnitState>>;

    /// Whether the machine is going down.
    fn shutting_down(&self) -> Result<bool>;

    /// Starts a unit unless it runs, however it ended before, and waits for the end of the job.
    fn bring_up(&self, unit: &str, deadline: Duration) -> Result<()> {
        if self.state(unit)?.is_active() {
            return Ok(());
        }
        self.reset_failed(unit)?;
        self.start(unit, deadline)
    }

    /// The state of a unit; `inactive` and no file when it does not exist.
    fn state(&self, unit: &str) -> Result<UnitState> {
        self.states(&[unit])?.pop().ok_or_else(|| anyhow!("systemd said nothing of {unit}"))
    }

    /// The four units of a node.
    fn node(&self, config: &Config) -> Result<observed::Units> {
        let start = config.start_unit();
        let names = [
            start.as_str(),
            config.unit(Service::Database),
            config.unit(Service::Api),
            config.unit(Service::Keepalived),
        ];
        let states = <[UnitState; 4]>::try_from(self.states(&names)?);
        let [start, database, api, keepalived] =
            states.map_err(|states| anyhow!("systemd told of {} units, asked for 4", states.len()))?;
        Ok(observed::Units { start, database, api, keepalived })
    }
}
