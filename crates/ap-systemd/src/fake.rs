//! A systemd that lives in memory, for the tests of every crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use ap_core::agent::FileChange;
use ap_core::observed::UnitState;

use crate::units::Units;

/// Units that start and stop at once, and remember what was asked.
#[derive(Debug, Default)]
pub struct FakeUnits(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    units: BTreeMap<String, UnitState>,
    calls: Vec<String>,
    failing: BTreeMap<String, String>,
    sticky: BTreeSet<String>,
    shutting_down: bool,
}

impl FakeUnits {
    /// These units exist, disabled and down.
    pub fn new(units: &[&str]) -> Self {
        let fake = Self::default();
        for unit in units {
            fake.set(unit, "inactive", "disabled");
        }
        fake
    }

    /// Puts a unit into a state.
    pub fn set(&self, unit: &str, active: &str, file: &str) {
        let state = UnitState { active: active.into(), file: file.into() };
        self.inner().units.insert(unit.into(), state);
    }

    /// From now on a call (`"start mariadb.service"`, `"unit-files"`, `"states"`) fails with this reason.
    pub fn fail(&self, call: &str, why: &str) {
        self.inner().failing.insert(call.into(), why.into());
    }

    /// Calls succeed again.
    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.failing.clear();
        inner.sticky.clear();
    }

    /// From now on a fence does not bring this unit down.
    pub fn survive_fence(&self, unit: &str) {
        self.inner().sticky.insert(unit.into());
    }

    /// The machine is going down, or not.
    pub fn set_shutting_down(&self, on: bool) {
        self.inner().shutting_down = on;
    }

    /// What was asked so far that changes anything, in order: `"stop api.service"`.
    pub fn calls(&self) -> Vec<String> {
        self.inner().calls.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, then makes the unit active or not.
    fn change(&self, call: &str, unit: &str, active: &str) -> Result<()> {
        let mut inner = self.inner();
        let call = format!("{call} {unit}");
        inner.calls.push(call.clone());
        inner.check(&call)?;
        if call.starts_with("fence") && inner.sticky.contains(unit) {
            return Ok(());
        }
        match inner.units.get_mut(unit) {
            Some(state) if active == "active" && state.is_masked() => bail!("{unit} is masked"),
            Some(state) => {
                // What is down stays as it is: inactive or failed.
                if active == "active" || !state.is_down() {
                    state.active = active.into();
                }
                Ok(())
            }
            None if active == "active" => bail!("{unit} not found"),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn check(&self, call: &str) -> Result<()> {
        match self.failing.get(call) {
            Some(why) => bail!("failed to {call}: {why}"),
            None => Ok(()),
        }
    }
}

impl Units for FakeUnits {
    fn start(&self, unit: &str, _deadline: Duration) -> Result<()> {
        self.change("start", unit, "active")
    }

    fn stop(&self, unit: &str, _deadline: Duration) -> Result<()> {
        self.change("stop", unit, "inactive")
    }

    fn restart(&self, unit: &str, _deadline: Duration) -> Result<()> {
        self.change("restart", unit, "active")
    }

    fn fence(&self, unit: &str, deadline: Duration) -> Result<()> {
        self.change("fence", unit, "failed")?;
        if self.state(unit)?.is_down() {
            return Ok(());
        }
        let why = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("deadline of {deadline:?} passed"));
        Err(anyhow::Error::new(why).context(format!("{unit} is not down")))
    }

    fn unit_files(&self, changes: &[(FileChange, &[&str])]) -> Result<()> {
        let mut inner = self.inner();
        inner.check("unit-files")?;
        for &(change, units) in changes {
            for &unit in units {
                let (call, file) = match change {
                    FileChange::Mask => ("mask", "masked"),
                    FileChange::Unmask => ("unmask", "disabled"),
                    FileChange::Enable => ("enable", "enabled"),
                    FileChange::Disable => ("disable", "disabled"),
                };
                let call = format!("{call} {unit}");
                inner.calls.push(call.clone());
                inner.check(&call)?;
                let state = inner.units.entry(unit.into()).or_insert_with(nothing);
                match change {
                    FileChange::Enable if state.is_masked() => bail!("{unit} is masked"),
                    // Masked stays masked when disabled; only what is masked can be unmasked.
                    FileChange::Disable if state.is_masked() => {}
                    FileChange::Unmask if !state.is_masked() => {}
                    _ => state.file = file.into(),
                }
            }
        }
        Ok(())
    }

    fn reset_failed(&self, unit: &str) -> Result<()> {
        let mut inner = self.inner();
        if let Some(state) = inner.units.get_mut(unit).filter(|state| state.active == "failed") {
            state.active = "inactive".into();
        }
        Ok(())
    }

    fn states(&self, units: &[&str]) -> Result<Vec<UnitState>> {
        let inner = self.inner();
        inner.check("states")?;
        Ok(units.iter().map(|&unit| inner.units.get(unit).cloned().unwrap_or_else(nothing)).collect())
    }

    fn shutting_down(&self) -> Result<bool> {
        let inner = self.inner();
        inner.check("states")?;
        Ok(inner.shutting_down)
    }
}

/// A unit that does not exist.
fn nothing() -> UnitState {
    UnitState { active: "inactive".into(), file: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn the_mode_table_can_be_played() {
        let fake = FakeUnits::new(&["a.service", "b.service"]);
        fake.start("a.service", SOON).unwrap();
        fake.survive_fence("a.service");
        assert!(fake.fence("a.service", SOON).is_err());
        fake.heal();
        fake.fence("a.service", SOON).unwrap();
        let files = |change, units: &[&str]| fake.unit_files(&[(change, units)]);
        files(FileChange::Mask, &["a.service", "b.service"]).unwrap();
        assert!(fake.bring_up("a.service", SOON).is_err() && files(FileChange::Enable, &["b.service"]).is_err());
        files(FileChange::Disable, &["a.service"]).unwrap();
        assert!(fake.state("a.service").unwrap().is_masked());
        files(FileChange::Unmask, &["a.service"]).unwrap();
        files(FileChange::Enable, &["a.service"]).unwrap();
        assert_eq!(fake.state("a.service").unwrap().file, "enabled");
        assert_eq!(fake.calls()[..2], ["start a.service", "fence a.service"]);
        assert_eq!(fake.state("nowhere.service").unwrap(), nothing());
    }

    #[test]
    fn calls_can_be_made_to_fail() {
        let fake = FakeUnits::new(&["a.service"]);
        fake.fail("start a.service", "no");
        assert_eq!(fake.start("a.service", SOON).unwrap_err().to_string(), "failed to start a.service: no");
        fake.heal();
        fake.start("a.service", SOON).unwrap();
    }
}
