//! The real systemd.

use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::agent::FileChange;
use ap_core::observed::UnitState;
use zbus::blocking::Connection;

use crate::bus::{Bus, unless};
use crate::units::Units;
use crate::{files, group, jobs};

/// Longest reading of all unit files, on a machine that is busy with other things.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// systemd on the system bus. Connects when first used, and again after a
/// restart of D-Bus. May be used from several threads.
pub struct Systemd {
    bus: Bus,
    call_timeout: Duration,
}

impl Systemd {
    /// The machine's systemd. `call_timeout` is the longest wait for an answer
    /// where no deadline is given; 5 s is generous, an answer takes about 1 ms.
    pub fn new(call_timeout: Duration) -> Self {
        Self { bus: Bus::new(None), call_timeout }
    }

    /// As `new`, on the bus at a D-Bus address, for tests.
    pub fn at(address: &str, call_timeout: Duration) -> Self {
        Self { bus: Bus::new(Some(address.to_owned())), call_timeout }
    }

    /// A job from its queueing to its end.
    fn job(&self, method: &'static str, unit: &str, deadline: Duration) -> Result<()> {
        let name = unit.to_owned();
        self.bus.with(deadline, move |bus| jobs::run(bus, method, &name))
    }

    /// A short call about one unit.
    fn call(&self, unit: &str, call: impl FnOnce(&Connection, &str) -> Result<()> + Send + 'static) -> Result<()> {
        let name = unit.to_owned();
        self.bus.with(self.call_timeout, move |bus| call(bus, &name))
    }
}

/// systemd does not know the unit: there is nothing to stop, kill or reset.
const NO_UNIT: [&str; 3] =
    ["org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.NoSuchProcess", "System.Error.ESRCH"];

impl Units for Systemd {
    fn start(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.job("StartUnit", unit, deadline).with_context(|| format!("failed to start {unit}"))
    }

    fn stop(&self, unit: &str, deadline: Duration) -> Result<()> {
        unless(self.job("StopUnit", unit, deadline), &NO_UNIT).with_context(|| format!("failed to stop {unit}"))
    }

    fn restart(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.job("RestartUnit", unit, deadline).with_context(|| format!("failed to restart {unit}"))
    }

    fn fence(&self, unit: &str, deadline: Duration) -> Result<()> {
        const SIGKILL: i32 = 9;
        match group::kill(unit, deadline) {
            Ok(true) => return Ok(()),
            // It does not run, or runs elsewhere: systemd knows.
            Ok(false) => {}
            Err(error) => log::error!("{error:#}"),
        }
        let result = self.call(unit, |bus, unit| jobs::manager(bus, "KillUnit", &(unit, "all", SIGKILL)).map(drop));
        unless(result, &NO_UNIT).with_context(|| format!("failed to kill {unit}"))?;
        let name = unit.to_owned();
        self.bus.with(deadline, move |bus| jobs::wait_down(bus, &name)).with_context(|| format!("{unit} is not down"))
    }

    fn unit_files(&self, changes: &[(FileChange, &[&str])]) -> Result<()> {
        let changed = changes.iter().filter(|(_, units)| !units.is_empty()).map(|&(change, units)| {
            let names: Vec<String> = units.iter().map(|&unit| unit.to_owned()).collect();
            let verb = match change {
                FileChange::Mask => "mask",
                FileChange::Unmask => "unmask",
                FileChange::Enable => "enable",
                FileChange::Disable => "disable",
            };
            self.bus
                .with(self.call_timeout, move |bus| files::change(bus, change, &names))
                .with_context(|| format!("failed to {verb} {}", units.join(" ")))
        });
        // One that fails must not keep the others from being changed and read. Read even
        // when nothing changed: the last attempt may have ended just before this.
        let results: Vec<Result<()>> = changed.collect();
        let reloaded = self.bus.with(RELOAD_TIMEOUT, files::reload);
        results.into_iter().collect::<Result<()>>()?;
        reloaded.context("failed to have systemd read its unit files")
    }

    fn reset_failed(&self, unit: &str) -> Result<()> {
        let result = self.call(unit, |bus, unit| jobs::manager(bus, "ResetFailedUnit", &(unit,)).map(drop));
        unless(result, &NO_UNIT).with_context(|| format!("failed to reset {unit}"))
    }

    fn states(&self, units: &[&str]) -> Result<Vec<UnitState>> {
        let names: Vec<String> = units.iter().map(|&unit| unit.to_owned()).collect();
        self.bus
            .with(self.call_timeout, move |bus| files::states(bus, &names))
            .with_context(|| format!("failed to read the state of {}", units.join(" ")))
    }

    fn shutting_down(&self) -> Result<bool> {
        // systemd says so as soon as shutdown.target is queued.
        self.bus
            .with(self.call_timeout, |bus| jobs::manager_text(bus, "SystemState"))
            .map(|state| state == "stopping")
            .context("failed to read the state of the machine")
    }
}
