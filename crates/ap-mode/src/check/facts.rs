//! What was seen of this host and its peer. A thing that could not be looked at
//! is an `Err` with the reason, never a default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ap_core::config::{Config, Host};
use ap_core::observed::Gateway;
use ap_core::state::State;
use ap_core::status::Sight;

use super::keepalived_conf::Conf;
use crate::install::place::Kind;
use crate::install::render::Version;

/// Everything.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The configuration.
    pub config: Config,
    /// Where it lies.
    pub path: PathBuf,
    /// This host.
    pub own: Host,
    /// The other one.
    pub peer: Host,
    /// `state.toml`; `None` before installation.
    pub state: Result<Option<State>, String>,
    /// Files of this toolkit and its configuration.
    pub files: Files,
    /// keepalived.
    pub keepalived: Keepalived,
    /// MariaDB.
    pub database: Database,
    /// Units by name, or why systemd did not say.
    pub units: Result<BTreeMap<String, Unit>, String>,
    /// The way to the peer and beyond.
    pub network: Network,
    /// What this node and its peer say of themselves.
    pub sights: [Sight; 2],
    /// This machine.
    pub host: Machine,
}

impl Facts {
    /// Whether `ap-mode install` has been here.
    pub fn installed(&self) -> bool {
        !matches!(self.state, Ok(None))
    }

    /// The state, if an operator has said what this node is.
    pub fn set_up(&self) -> Option<&State> {
        self.state.as_ref().ok().and_then(Option::as_ref).filter(|state| !state.is_fresh())
    }

    /// Whether the services are meant to run.
    pub fn started(&self) -> bool {
        self.sights[0].known().is_some_and(|answer| answer.report.started)
    }
}

/// Files.
#[derive(Debug, Clone)]
pub struct Files {
    /// Files of install, and what install would do with each.
    pub drift: Result<Vec<(PathBuf, Kind)>, String>,
    /// Whether the configuration is the one that took effect.
    pub effective: bool,
    /// Who but root may change the configuration, and how.
    pub config_open: Option<String>,
    /// The credentials; `None` when there is no such file.
    pub credentials: Option<Result<(), String>>,
    /// The five programs, and what is wrong with each.
    pub programs: Vec<(PathBuf, Option<String>)>,
    /// The key of a command in the configuration, its program, and what is wrong with it.
    pub commands: Vec<(&'static str, PathBuf, Option<String>)>,
    /// The word in the mode file.
    pub mode_file: Option<String>,
}

/// keepalived.
#[derive(Debug, Clone)]
pub struct Keepalived {
    /// Its version, or why it did not say.
    pub version: Result<Version, String>,
    /// What it says of the configuration in use.
    pub verdict: Result<(), String>,
    /// That configuration, if there is one.
    pub conf: Option<Conf>,
    /// The programs it names as checks, and what is wrong with each.
    pub scripts: Vec<(String, Option<String>)>,
    /// Whether the user `keepalived_script` exists.
    pub script_user: bool,
    /// Whether it runs and has not read its configuration since that was changed.
    pub stale: bool,
}

/// MariaDB.
#[derive(Debug, Clone)]
pub struct Database {
    /// What its option files say, in order; names with `_`, without `loose_`.
    pub options: Result<Vec<(String, String)>, String>,
    /// The server, or why it did not answer.
    pub server: Result<Server, String>,
}

/// A server that answers.
#[derive(Debug, Clone)]
pub struct Server {
    /// `version()`.
    pub version: String,
    /// Global variables.
    pub variables: BTreeMap<String, String>,
    /// Replicas connected in semi-sync.
    pub replicas: u32,
    /// Each of our accounts, its grants as `SHOW GRANTS` prints them, or the error.
    pub grants: Vec<(Whose, String, Result<Vec<String>, String>)>,
    /// Accounts that `read_only` does not bind, other than root's and ours.
    pub unbound: Vec<String>,
    /// Tables that do not survive a crash or cannot be rolled back.
    pub not_innodb: Vec<String>,
    /// Tables without a primary key.
    pub no_key: Vec<String>,
    /// Events that end connections or statements.
    pub killers: Vec<String>,
}

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This toolkit's.
    Local,
    /// The replica's.
    Replication,
}

/// What systemd says of a unit.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// `LoadState`.
    pub load: String,
    /// `ActiveState`.
    pub active: String,
    /// `UnitFileState`; empty when there is no file.
    pub file: String,
    /// `FragmentPath`.
    pub fragment: String,
    /// `DropInPaths`.
    pub drop_ins: Vec<String>,
    /// `NeedDaemonReload`.
    pub reload: bool,
    /// `Restart`.
    pub restart: String,
    /// `TriggeredBy`.
    pub triggered_by: Vec<String>,
    /// How long ago it changed its state, a reload included.
    pub since: Option<Duration>,
}

/// The way to the peer and beyond.
#[derive(Debug, Clone)]
pub struct Network {
    /// What is wrong with the network interface of the configuration.
    pub nic: Option<String>,
    /// The VIP on this machine: interface and prefix length.
    pub vip: Vec<(String, u8)>,
    /// Whether somebody answers at the VIP; looked at when neither node has it.
    pub vip_answers: bool,
    /// The way out.
    pub gateway: Gateway,
    /// Longest of a few questions to the peer.
    pub round_trip: Option<Duration>,
    /// The peer's database port as seen from here.
    pub database_port: Result<(), String>,
    /// Whether adverts of the peer arrive; `None` when it is not the one to send any.
    pub adverts: Option<bool>,
}

/// This machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Denials of SELinux or AppArmor that concern us.
    pub denials: Vec<Denial>,
    /// Whether packages are upgraded unattended, keepalived or MariaDB among them.
    pub unattended: bool,
    /// Whether needrestart restarts services by itself.
    pub needrestart: bool,
    /// Other cluster software that runs.
    pub clusters: Vec<String>,
    /// Programs that end connections of the database.
    pub killers: Vec<String>,
    /// Where it matters: free and all bytes.
    pub spaces: Vec<Space>,
    /// Directories under RUN that are missing.
    pub missing_dirs: Vec<PathBuf>,
}

/// A refusal of a security module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// SELinux or AppArmor.
    pub module: &'static str,
    /// The program.
    pub program: String,
    /// What it was not let do.
    pub what: String,
}

/// Room on a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// A directory on it.
    pub path: PathBuf,
    /// What for.
    pub what: &'static str,
    /// Bytes left to us.
    pub free: u64,
    /// All bytes.
    pub total: u64,
}
