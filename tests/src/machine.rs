//! On what a record was made: figures mean nothing without it.

use std::fs;
use std::path::Path;

use crate::command::host;

/// Date, processors, memory, load, releases; two lines.
pub fn describe(base: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let date = host("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = value(&cpuinfo, "model name", ':').unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value(&read("/proc/meminfo"), "MemTotal", ':').and_then(|kib| kib.split(' ').next()?.parse().ok());
    let memory: u64 = memory.unwrap_or(0) / 1_048_576;
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let releases = releases(base).map(|(package, version)| format!("{package} {version}")).join(", ");
    format!(
        "{date}, {cores} x {model}, {memory} GiB, Linux {kernel}, load {load} at the start\n\
         nodes: {releases}"
    )
}

/// What the nodes are made of, as far as this project depends on it: packages and
/// their versions.
pub fn releases(base: &Path) -> [(&'static str, String); 3] {
    let status = fs::read_to_string(base.join("var/lib/dpkg/status")).unwrap_or_default();
    ["keepalived", "mariadb-server", "systemd"]
        .map(|package| (package, version(&status, package).unwrap_or("?").to_owned()))
}

/// The value behind a key at the beginning of a line.
fn value<'a>(text: &'a str, key: &str, separator: char) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// Version of an installed package, from dpkg's own list.
fn version<'a>(status: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("Package: {package}");
    let entry = status.split("\n\n").find(|entry| entry.lines().next() == Some(name.as_str()))?;
    value(entry, "Version", ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_version_of_one_package() {
        let status = "Package: a-b\nVersion: 9\n\nPackage: a\nStatus: x\nVersion: 1:2.2.7-1\n";
        assert_eq!(version(status, "a"), Some("1:2.2.7-1"));
        assert_eq!(version(status, "c"), None);
    }
}
