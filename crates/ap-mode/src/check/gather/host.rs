//! This machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use ap_core::config::Config;
use nix::sys::statvfs::statvfs;

use super::units::show;
use crate::check::facts::{Database, Machine, Space};
use crate::check::host::{denials, needrestart, unattended};

/// Units of other cluster software.
const CLUSTERS: [&str; 4] = ["pacemaker.service", "corosync.service", "heartbeat.service", "ucarp.service"];
/// Programs known to end connections or statements of MariaDB.
const KILLERS: [&str; 2] = ["pt-kill", "innotop-kill"];
/// Entries of the journal that are looked at.
const ENTRIES: &str = "5000";

pub fn look(config: &Config, database: &Database) -> Machine {
    let run = config.run_dir();
    Machine {
        denials: denials(&log()),
        unattended: Path::new("/usr/bin/unattended-upgrade").exists() && unattended(&all("/etc/apt/apt.conf.d")),
        needrestart: Path::new("/usr/sbin/needrestart").exists()
            && needrestart(&(read("/etc/needrestart/needrestart.conf") + &all("/etc/needrestart/conf.d"))),
        clusters: show(&CLUSTERS).map_or_else(
            |_| Vec::new(),
            |units| units.into_iter().filter(|(_, unit)| unit.active == "active").map(|(name, _)| name).collect(),
        ),
        killers: killers(),
        spaces: spaces(config, database),
        missing_dirs: ["", "fault", "reply", "track"]
            .iter()
            .map(|name| run.join(name))
            .filter(|path| !path.is_dir())
            .collect(),
    }
}

/// What kernel and audit said since boot.
fn log() -> String {
    let arguments =
        ["-q", "-b", "--no-pager", "-o", "cat", "-n", ENTRIES, "_TRANSPORT=kernel", "+", "_TRANSPORT=audit"];
    let journal = super::output(Command::new("journalctl").args(arguments)).unwrap_or_default();
    journal + "\n" + &read("/var/log/audit/audit.log")
}

fn read(path: &str) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned() + "\n").unwrap_or_default()
}

/// All files of a directory in the order of their names, as their programs read them.
fn all(directory: &str) -> String {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| read(&path.to_string_lossy())).collect()
}

/// Those that run; a script is known by its second word.
fn killers() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<String> = processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .flat_map(|line| {
            let words: Vec<String> =
                line.split(|byte| *byte == 0).take(2).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            words
        })
        .filter_map(|word| Path::new(&word).file_name().map(|name| name.to_string_lossy().into_owned()))
        .filter(|name| KILLERS.contains(&name.as_str()))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Data, binary log and state; one line for those that share a file system.
fn spaces(config: &Config, database: &Database) -> Vec<Space> {
    let option = |name: &str| {
        let options = database.options.as_ref().ok()?;
        options.iter().rfind(|(key, _)| key == name).map(|(_, value)| PathBuf::from(value))
    };
    let data = option("datadir").unwrap_or_else(|| "/var/lib/mysql".into());
    let log = option("log_bin").and_then(|path| data.join(path).parent().map(Path::to_owned));
    let mut places = vec![(data, "data"), (config.state_dir(), "state")];
    places.extend(log.map(|path| (path, "binary log")));
    let mut spaces: Vec<Space> = Vec::new();
    for (path, what) in places {
        let Ok(seen) = statvfs(&path) else { continue };
        let size = seen.fragment_size();
        let space = Space { path, what, free: seen.blocks_available() * size, total: seen.blocks() * size };
        if !spaces.iter().any(|other| (other.free, other.total) == (space.free, space.total)) {
            spaces.push(space);
        }
    }
    spaces
}
