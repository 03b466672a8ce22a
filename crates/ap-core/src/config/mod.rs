//! `/etc/ap/ap.toml`: one file, identical on both hosts.
//!
//! Every key has a default except what only the operator can know: the VIP,
//! the two hosts and the name of the API's unit.

mod check;
mod parse;
pub mod span;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use check::Problem;
pub use parse::{ConfigError, parse};
pub use span::Span;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Names the start unit, the VRRP instance, the state and run directories.
    #[serde(default = "default::codename")]
    pub codename: String,
    /// The virtual address clients use. Always held as a /32.
    pub vip: Ipv4Addr,
    /// Exactly two hosts. The first is active in a fresh pair.
    pub host: Vec<Host>,
    /// MariaDB.
    #[serde(default)]
    pub database: Database,
    /// The REST API.
    pub api: Api,
    /// keepalived.
    #[serde(default)]
    pub keepalived: Keepalived,
    /// How the trackers look.
    #[serde(default)]
    pub check: Checks,
    /// How the two nodes deal with one another.
    #[serde(default)]
    pub pair: Pair,
    /// How a node starts by itself.
    #[serde(default)]
    pub start: Start,
    /// Where things live.
    #[serde(default)]
    pub paths: Paths,
    /// Who is told.
    #[serde(default)]
    pub alert: Alert,
    /// How the other machine can be switched off.
    #[serde(default)]
    pub fence: Fence,
}

/// One of the two machines.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Host {
    /// A name for people; need not be the host name.
    pub name: String,
    /// Its own fixed address, through which the two nodes talk.
    pub address: Ipv4Addr,
    /// The network interface that carries `address` and the VIP.
    pub nic: String,
}

/// MariaDB.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Database {
    /// Its systemd unit.
    pub unit: String,
    /// Its local socket.
    pub socket: PathBuf,
    /// The TCP port on which the peer replicates.
    pub port: u16,
    /// Secrets: `user`, `password`, `replication-user`, `replication-password`.
    /// Mode 0600, or a systemd credential of the same form.
    pub credentials: PathBuf,
    /// The file of MariaDB settings that `ap-mode install` writes.
    pub settings: PathBuf,
    /// Longest single SQL statement or connection attempt.
    pub timeout: Span,
    /// Longest start, crash recovery included.
    pub start_timeout: Span,
}

/// The REST API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Api {
    /// Its systemd unit.
    pub unit: String,
    /// What `ap-track-api` asks, on this host.
    #[serde(default = "default::health_url")]
    pub health_url: String,
    /// The status that counts as healthy.
    #[serde(default = "default::expect_status")]
    pub expect_status: u16,
    /// Text the body must contain, if any.
    #[serde(default)]
    pub expect_body: Option<String>,
    /// Certificate authority for HTTPS, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Skip verification of the certificate. Only for a health URL on loopback.
    #[serde(default)]
    pub insecure: bool,
    /// Redirects to follow, 0 to 10.
    #[serde(default)]
    pub redirects: u8,
    /// Longest start, until healthy.
    #[serde(default = "default::api_start")]
    pub start_timeout: Span,
}

/// keepalived.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Keepalived {
    /// Its systemd unit.
    pub unit: String,
    /// The file that `ap-mode install` writes.
    pub config: PathBuf,
    /// 1 to 255, unique in the network.
    pub virtual_router_id: u8,
    /// Time between adverts, 10 ms to 40 s in steps of 10 ms.
    pub advert_interval: Span,
    /// How keepalived tells `ap-notify`.
    pub hooks: Hooks,
}

/// How keepalived tells `ap-notify` of its decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hooks {
    /// `vrrp_notify_fifo`: ordered, nothing forked.
    Fifo,
    /// `notify`: a program per event, which enqueues into the same FIFO.
    Notify,
}

/// How the trackers look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Checks {
    /// Time between two runs of a check; whole seconds before keepalived 2.3.2.
    pub interval: Span,
    /// When keepalived gives a check up. Checks stop themselves earlier.
    pub timeout: Span,
    /// Bad results until FAULT.
    pub fall: u8,
    /// Good results until the fault is over.
    pub rise: u8,
    /// How long the holder of the VIP may still be read-only.
    pub writable_grace: Span,
}

/// How the two nodes deal with one another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Pair {
    /// TCP port on which each node tells its peer what it is.
    pub port: u16,
    /// How often the peer is asked.
    pub ask_interval: Span,
    /// Longest wait for an answer.
    pub ask_timeout: Span,
    /// How long a grant of the active lets the standby promote by itself.
    pub lease: Span,
    /// Longest gap in its own running after which a node distrusts what it knew;
    /// also the margin for differing clock rates.
    pub gap: Span,
    /// How long a commit may wait for its acknowledgement before going on alone is considered.
    pub stall: Span,
    /// A clean stop of a unit counts as down after this long.
    pub restart_grace: Span,
    /// Addresses that tell whether this node is cut off. Empty: the default gateway.
    pub witness: Vec<IpAddr>,
}

/// How a node starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Start {
    /// Who starts a node in mode `s` after a reboot.
    pub scheduler: Scheduler,
    /// Waited before the start, for slow networks. Whole minutes with `at`.
    pub delay: Span,
    /// Longest wait for the network interface.
    pub nic_timeout: Span,
}

/// Who starts a node in mode `s` after a reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheduler {
    /// The start unit itself, after the network interface is truly up.
    Boot,
    /// The start unit hands `start-ap.sh` to `at`.
    At,
    /// `@reboot` in /etc/cron.d.
    Cron,
}

/// Where things live. Empty paths follow from the codename.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Paths {
    /// Home of the five programs.
    pub programs: PathBuf,
    /// Home of the scripts.
    pub scripts: PathBuf,
    /// Durable state; default /var/lib/CODENAME.
    pub state: PathBuf,
    /// Volatile state; default /run/CODENAME.
    pub run: PathBuf,
    /// One word for `cat`; default STATE/mode.
    pub mode_file: PathBuf,
    /// Where unit files go. Not /etc/systemd/system: what lies there cannot be masked.
    pub units: PathBuf,
}

/// Who is told of a failover, a refusal, a change of protection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Alert {
    /// Program and arguments; gets the event as JSON on standard input. Empty: nobody.
    pub command: Vec<String>,
    /// Longest run.
    pub timeout: Span,
}

/// How the other machine can be switched off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Fence {
    /// Program and arguments; the peer's name and address are appended. Empty: none.
    pub command: Vec<String>,
    /// Whether its failure forbids to go on.
    pub required: bool,
    /// Longest run.
    pub timeout: Span,
}

/// Values used where the file is silent.
mod default {
    use super::{Alert, Checks, Database, Fence, Hooks, Keepalived, Pair, Paths, Scheduler, Span, Start};

    pub fn codename() -> String {
        "ap".into()
    }
    pub fn health_url() -> String {
        "http://127.0.0.1:8080/healthz".into()
    }
    pub fn expect_status() -> u16 {
        200
    }
    pub fn api_start() -> Span {
        Span::secs(30)
    }

    impl Default for Database {
        fn default() -> Self {
            Self {
                unit: "mariadb.service".into(),
                socket: "/run/mysqld/mysqld.sock".into(),
                port: 3306,
                credentials: "/etc/ap/credentials.toml".into(),
                settings: "/etc/mysql/mariadb.conf.d/90-ap.cnf".into(),
                timeout: Span::millis(1500),
                start_timeout: Span::secs(90),
            }
        }
    }

    impl Default for Keepalived {
        fn default() -> Self {
            Self {
                unit: "keepalived.service".into(),
                config: "/etc/keepalived/keepalived.conf".into(),
                virtual_router_id: 51,
                advert_interval: Span::millis(100),
                hooks: Hooks::Fifo,
            }
        }
    }

    impl Default for Checks {
        fn default() -> Self {
            Self { interval: Span::secs(2), timeout: Span::secs(1), fall: 1, rise: 2, writable_grace: Span::secs(5) }
        }
    }

    impl Default for Pair {
        fn default() -> Self {
            Self {
                port: 7331,
                ask_interval: Span::millis(500),
                ask_timeout: Span::millis(300),
                lease: Span::secs(3),
                gap: Span::secs(1),
                stall: Span::millis(300),
                restart_grace: Span::secs(3),
                witness: Vec::new(),
            }
        }
    }

    impl Default for Start {
        fn default() -> Self {
            Self { scheduler: Scheduler::Boot, delay: Span::secs(0), nic_timeout: Span::secs(60) }
        }
    }

    impl Default for Paths {
        fn default() -> Self {
            Self {
                programs: "/usr/bin".into(),
                scripts: "/usr/lib/ap".into(),
                state: "".into(),
                run: "".into(),
                mode_file: "".into(),
                units: "/usr/local/lib/systemd/system".into(),
            }
        }
    }

    impl Default for Alert {
        fn default() -> Self {
            Self { command: Vec::new(), timeout: Span::secs(5) }
        }
    }

    impl Default for Fence {
        fn default() -> Self {
            Self { command: Vec::new(), required: false, timeout: Span::secs(10) }
        }
    }
}

impl Config {
    /// The same for two configurations that say the same, however they are written.
    /// To compare two hosts: not a secret, and no proof against intent (FNV-1a).
    pub fn fingerprint(&self) -> String {
        let text = toml::to_string(self).unwrap_or_default();
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// The unit that starts the node: `CODENAME.service`.
    pub fn start_unit(&self) -> String {
        format!("{}.service", self.codename)
    }

    /// The systemd unit of a service.
    pub fn unit(&self, service: crate::mode::Service) -> &str {
        use crate::mode::Service;
        match service {
            Service::Database => &self.database.unit,
            Service::Api => &self.api.unit,
            Service::Keepalived => &self.keepalived.unit,
        }
    }

    /// Durable state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.or_named(&self.paths.state, "/var/lib")
    }

    /// Volatile state directory.
    pub fn run_dir(&self) -> PathBuf {
        self.or_named(&self.paths.run, "/run")
    }

    fn or_named(&self, path: &Path, parent: &str) -> PathBuf {
        if path.as_os_str().is_empty() { PathBuf::from(parent).join(&self.codename) } else { path.to_path_buf() }
    }

    /// The state of this node: `STATE/state.toml`.
    pub fn state_file(&self) -> PathBuf {
        self.state_dir().join("state.toml")
    }

    /// What happened: `STATE/events.jsonl`.
    pub fn events_file(&self) -> PathBuf {
        self.state_dir().join("events.jsonl")
    }

    /// The mode as one word, for `cat` and other people's scripts.
    pub fn mode_file(&self) -> PathBuf {
        if self.paths.mode_file.as_os_str().is_empty() {
            self.state_dir().join("mode")
        } else {
            self.paths.mode_file.clone()
        }
    }

    /// The queue to `ap-notify`: `RUN/notify.fifo`.
    pub fn fifo(&self) -> PathBuf {
        self.run_dir().join("notify.fifo")
    }

    /// A file keepalived tracks: `RUN/fault/NAME`.
    pub fn fault_file(&self, fault: crate::mode::Fault) -> PathBuf {
        self.run_dir().join("fault").join(fault.as_str())
    }

    /// This node and its peer, found by the addresses this machine carries.
    /// `None` when not exactly one of the two hosts has one of them.
    pub fn locate(&self, own: &[Ipv4Addr]) -> Option<(&Host, &Host)> {
        match self.host.as_slice() {
            [a, b] => match (own.contains(&a.address), own.contains(&b.address)) {
                (true, false) => Some((a, b)),
                (false, true) => Some((b, a)),
                _ => None,
            },
            _ => None,
        }
    }
}
