//! Units, all of them in one question to systemd.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use ap_core::config::Config;

use crate::check::facts::Unit;
use crate::install::render::{PEER, QUEUE, SERVICE};

const PROPERTIES: &str = "Id,LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,Restart,\
     TriggeredBy,StateChangeTimestampMonotonic";

pub fn look(config: &Config) -> Result<BTreeMap<String, Unit>> {
    let start = config.start_unit();
    let units = [&config.database.unit, &config.api.unit, &config.keepalived.unit, &start, SERVICE, QUEUE, PEER];
    show(&units)
}

/// Asks for several units, by the names given.
pub fn show(units: &[&str]) -> Result<BTreeMap<String, Unit>> {
    let text = super::output(Command::new("systemctl").args(["show", "--no-pager", "-p", PROPERTIES]).args(units))?;
    let now = monotonic();
    let blocks = text.split("\n\n");
    Ok(units.iter().zip(blocks).map(|(name, block)| ((*name).to_owned(), parse(block, now))).collect())
}

/// systemd's own clock.
fn monotonic() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

fn parse(block: &str, now: Duration) -> Unit {
    let get = |key: &str| {
        block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let list = |key: &str| get(key).split_whitespace().map(str::to_owned).collect();
    let since = get("StateChangeTimestampMonotonic").parse().ok().map(Duration::from_micros);
    Unit {
        load: get("LoadState"),
        active: get("ActiveState"),
        file: get("UnitFileState"),
        fragment: get("FragmentPath"),
        drop_ins: list("DropInPaths"),
        reload: get("NeedDaemonReload") == "yes",
        restart: get("Restart"),
        triggered_by: list("TriggeredBy"),
        since: since.map(|since| now.saturating_sub(since)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_prints_is_read() {
        let block = "Id=mariadb.service\nRestart=no\nLoadState=loaded\nActiveState=active\nUnitFileState=disabled\n\
             FragmentPath=/lib/systemd/system/mariadb.service\nNeedDaemonReload=no\nTriggeredBy=mariadb.socket\n\
             DropInPaths=/etc/systemd/system/mariadb.service.d/50-ap.conf /run/x.conf\n\
             StateChangeTimestampMonotonic=4000000";
        let unit = parse(block, Duration::from_secs(10));
        assert_eq!((unit.load.as_str(), unit.restart.as_str(), unit.file.as_str()), ("loaded", "no", "disabled"));
        assert_eq!((unit.drop_ins.len(), unit.reload), (2, false));
        assert_eq!((unit.triggered_by, unit.since), (vec!["mariadb.socket".to_owned()], Some(Duration::from_secs(6))));
    }
}
