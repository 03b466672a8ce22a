//! Whether a configuration makes sense: what types alone cannot say.

mod names;
mod times;

use std::fmt;
use std::path::Path;

use self::names::{is_loopback_name, is_nic, is_service, is_unicast, url_host};
use super::Config;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What would be right, and why.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.value, self.allowed)
    }
}

/// Collects problems.
struct Findings(Vec<Problem>);

impl Findings {
    /// Notes a problem unless `good`.
    fn need(&mut self, good: bool, key: &str, value: impl fmt::Display, allowed: impl Into<String>) {
        if !good {
            self.0.push(Problem { key: key.to_owned(), value: value.to_string(), allowed: allowed.into() });
        }
    }

    fn path(&mut self, key: &str, path: &Path) {
        self.need(path.is_absolute(), key, path.display(), "must be an absolute path");
    }
}

impl Config {
    /// Everything in this configuration that does not make sense; empty when all does.
    pub fn check(&self) -> Vec<Problem> {
        let mut findings = Findings(Vec::new());
        self.check_names(&mut findings);
        self.check_addresses(&mut findings);
        self.check_api(&mut findings);
        self.check_paths(&mut findings);
        self.check_times(&mut findings);
        self.check_numbers(&mut findings);
        findings.0
    }

    fn check_names(&self, f: &mut Findings) {
        let codename = self.codename.as_bytes();
        f.need(
            codename.first().is_some_and(u8::is_ascii_lowercase)
                && codename.len() <= 16
                && codename.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-'),
            "codename",
            &self.codename,
            "must be a letter and up to 15 letters, digits or hyphens, all lower case",
        );
        let start = self.start_unit();
        let units = [
            ("database.unit", self.database.unit.as_str()),
            ("api.unit", &self.api.unit),
            ("keepalived.unit", &self.keepalived.unit),
        ];
        for (n, (key, unit)) in units.into_iter().enumerate() {
            f.need(is_service(unit), key, unit, "must be the name of a systemd unit ending in .service");
            f.need(
                units[..n].iter().all(|(_, other)| *other != unit),
                key,
                unit,
                "each service needs a unit of its own",
            );
            f.need(
                unit != start && unit != "ap-notify.service",
                key,
                unit,
                format!("must not be the start unit {start} nor ap-notify.service"),
            );
        }
    }

    fn check_addresses(&self, f: &mut Findings) {
        f.need(
            is_unicast(self.vip),
            "vip",
            self.vip,
            "must be an address a host can have: not loopback, multicast, broadcast or 0.0.0.0",
        );
        f.need(
            self.host.iter().all(|host| host.address != self.vip),
            "vip",
            self.vip,
            "must be none of the hosts' own addresses",
        );
        f.need(
            self.host.len() == 2,
            "host",
            format!("{} tables", self.host.len()),
            "must be exactly two [[host]] tables",
        );
        for (n, host) in self.host.iter().enumerate() {
            let before = &self.host[..n];
            let key = |name: &str| format!("host[{n}].{name}");
            f.need(
                !host.name.is_empty()
                    && host.name.len() <= 64
                    && host.name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c)),
                &key("name"),
                &host.name,
                "must be 1 to 64 letters, digits, dots, hyphens or underscores",
            );
            f.need(
                before.iter().all(|other| other.name != host.name),
                &key("name"),
                &host.name,
                "the two hosts need different names",
            );
            f.need(
                is_unicast(host.address),
                &key("address"),
                host.address,
                "must be an address a host can have: not loopback, multicast, broadcast or 0.0.0.0",
            );
            f.need(
                before.iter().all(|other| other.address != host.address),
                &key("address"),
                host.address,
                "the two hosts need different addresses",
            );
            f.need(
                is_nic(&host.nic),
                &key("nic"),
                &host.nic,
                "must be the name of a network interface: 1 to 15 characters, no '/', ':' or space",
            );
        }
        for witness in &self.pair.witness {
            f.need(
                !self.host.iter().map(|host| host.address).chain([self.vip]).any(|own| *witness == own),
                "pair.witness",
                witness,
                "must be a third machine: neither a host of the pair nor the VIP",
            );
            f.need(
                !witness.is_loopback() && !witness.is_unspecified() && !witness.is_multicast(),
                "pair.witness",
                witness,
                "must be the address of a third machine",
            );
        }
    }

    fn check_api(&self, f: &mut Findings) {
        let api = &self.api;
        let host = url_host(&api.health_url);
        f.need(
            host.is_some(),
            "api.health-url",
            &api.health_url,
            "must be a URL such as http://127.0.0.1:8080/healthz or https://localhost/healthz",
        );
        f.need(
            !api.insecure || host.is_some_and(is_loopback_name),
            "api.insecure",
            api.insecure,
            format!(
                "only with a health URL on loopback (127.0.0.1, [::1], localhost), not with {}; use api.ca-file",
                api.health_url
            ),
        );
        f.need(
            (100..=599).contains(&api.expect_status),
            "api.expect-status",
            api.expect_status,
            "must be an HTTP status, 100 to 599",
        );
        f.need(api.redirects <= 10, "api.redirects", api.redirects, "must be 0 to 10");
        f.need(
            api.expect_body.as_ref().is_none_or(|text| !text.is_empty()),
            "api.expect-body",
            "\"\"",
            "must be a text, or left out when any body will do",
        );
    }

    fn check_paths(&self, f: &mut Findings) {
        f.path("database.socket", &self.database.socket);
        f.path("database.credentials", &self.database.credentials);
        f.path("database.settings", &self.database.settings);
        f.path("keepalived.config", &self.keepalived.config);
        f.path("paths.programs", &self.paths.programs);
        f.path("paths.scripts", &self.paths.scripts);
        f.path("paths.units", &self.paths.units);
        f.path("paths.state", &self.state_dir());
        f.path("paths.run", &self.run_dir());
        if !self.paths.mode_file.as_os_str().is_empty() {
            f.path("paths.mode-file", &self.paths.mode_file);
        }
        if let Some(ca_file) = &self.api.ca_file {
            f.path("api.ca-file", ca_file);
        }
        for (key, command) in [("alert.command", &self.alert.command), ("fence.command", &self.fence.command)] {
            if let Some(program) = command.first() {
                f.path(key, Path::new(program));
            }
        }
        f.need(
            !self.paths.units.starts_with("/etc/systemd/system"),
            "paths.units",
            self.paths.units.display(),
            "must not be /etc/systemd/system: a unit file that lies there cannot be masked",
        );
    }

    fn check_numbers(&self, f: &mut Findings) {
        f.need(self.keepalived.virtual_router_id != 0, "keepalived.virtual-router-id", 0, "must be 1 to 255");
        f.need(self.check.fall != 0, "check.fall", 0, "must be 1 or more");
        f.need(self.check.rise != 0, "check.rise", 0, "must be 1 or more");
        for (key, port) in [("database.port", self.database.port), ("pair.port", self.pair.port)] {
            f.need(port != 0, key, port, "must be 1 to 65535");
        }
        f.need(self.pair.port != self.database.port, "pair.port", self.pair.port, "must not be database.port");
    }
}

#[cfg(test)]
mod tests;
