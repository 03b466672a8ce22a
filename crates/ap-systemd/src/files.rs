//! Unit files: what is masked, what starts at boot.

use anyhow::{Context, Result};
use ap_core::agent::FileChange;
use ap_core::observed::UnitState;
use zbus::blocking::Connection;
use zbus::zvariant::OwnedObjectPath;

use crate::bus::{error_name, unless};
use crate::jobs::manager;

/// A unit file that is not there has nothing to undo.
const NO_FILE: [&str; 3] = [
    "org.freedesktop.DBus.Error.FileNotFound",
    "org.freedesktop.systemd1.NoSuchUnit",
    "org.freedesktop.systemd1.NoSuchUnitFile",
];

/// One row of `ListUnitsByNames`: name, description, load state, active state,
/// sub state, followed unit, path, job number, job type, job path.
type Row = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// Makes one change, for good (not just until the next boot).
pub fn change(bus: &Connection, change: FileChange, units: &[String]) -> Result<()> {
    const RUNTIME: bool = false;
    const FORCE: bool = true;
    match change {
        FileChange::Mask => manager(bus, "MaskUnitFiles", &(units, RUNTIME, FORCE)).map(drop),
        FileChange::Unmask => unless(manager(bus, "UnmaskUnitFiles", &(units, RUNTIME)).map(drop), &NO_FILE),
        FileChange::Disable => unless(manager(bus, "DisableUnitFiles", &(units, RUNTIME)).map(drop), &NO_FILE),
        FileChange::Enable => {
            let reply = manager(bus, "EnableUnitFiles", &(units, RUNTIME, FORCE))?;
            let body = reply.body();
            let (installable, _): (bool, Vec<(String, String, String)>) = body.deserialize()?;
            if !installable {
                log::warn!("enabling {} has no effect: no [Install] section", units.join(" "));
            }
            Ok(())
        }
    }
}

/// Has systemd read its files again. Returns when it has.
pub fn reload(bus: &Connection) -> Result<()> {
    manager(bus, "Reload", &()).map(drop)
}

/// The states of units, in the order asked.
pub fn states(bus: &Connection, units: &[String]) -> Result<Vec<UnitState>> {
    let reply = manager(bus, "ListUnitsByNames", &(units,))?;
    let body = reply.body();
    let rows: Vec<Row> = body.deserialize()?;
    anyhow::ensure!(rows.len() == units.len(), "systemd told of {} units, asked for {}", rows.len(), units.len());
    units.iter().zip(rows).map(|(unit, row)| state(bus, unit, &row)).collect()
}

fn state(bus: &Connection, unit: &str, row: &Row) -> Result<UnitState> {
    Ok(UnitState { active: row.3.clone(), file: file_state(bus, unit)? })
}

/// `UnitFileState`, read from disk; empty when there is no file.
fn file_state(bus: &Connection, unit: &str) -> Result<String> {
    match manager(bus, "GetUnitFileState", &(unit,)) {
        Ok(reply) => Ok(reply.body().deserialize()?),
        Err(error) if error_name(&error).is_some_and(|name| NO_FILE.contains(&name)) => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("failed to read the unit file state of {unit}")),
    }
}
