//! Units, drop-ins, tmpfiles.d and the crontab.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use ap_core::config::{Config, Scheduler};

use super::{Node, Rendered, fill};

/// Where administrators' drop-ins go. Only whole units cannot be masked there.
const DROP_INS: &str = "/etc/systemd/system";
const TMPFILES: &str = "/etc/tmpfiles.d";
const CRON: &str = "/etc/cron.d";
/// What keepalived's unit looks for unless told otherwise.
const KEEPALIVED_CONFIG: &str = "/etc/keepalived/keepalived.conf";
/// Longest wait of `ap-mode start` beyond the starts of database and API.
const START_MARGIN: Duration = Duration::from_secs(120);

/// A template that comes with the program.
macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../../systemd/", $name)))
    };
}

/// The name of the queue's socket unit.
pub const QUEUE: &str = "ap-notify.socket";
/// The name of the socket unit the peer asks.
pub const PEER: &str = "ap-peer.socket";
/// The name of the service behind both.
pub const SERVICE: &str = "ap-notify.service";

/// The tmpfiles.d file.
pub fn tmpfiles(config: &Config) -> PathBuf {
    Path::new(TMPFILES).join(format!("{}.conf", config.codename))
}

/// All of them for one host.
pub fn files(node: &Node) -> Result<Vec<Rendered>> {
    let config = node.config;
    let values = Values::new(node);
    let units = &config.paths.units;
    let drop_in = |unit: &str| Path::new(DROP_INS).join(format!("{unit}.d/50-ap.conf"));
    let mut files = vec![
        values.fill(units.join(config.start_unit()), template!("start.service"))?,
        values.fill(units.join(SERVICE), template!("ap-notify.service"))?,
        values.fill(units.join(QUEUE), template!("ap-notify.socket"))?,
        values.fill(units.join(PEER), template!("ap-peer.socket"))?,
        values.fill(tmpfiles(config), template!("tmpfiles.conf"))?,
        values.fill(drop_in(&config.database.unit), template!("drop-ins/database.conf"))?,
        values.fill(drop_in(&config.api.unit), template!("drop-ins/api.conf"))?,
        values.fill(drop_in(&config.keepalived.unit), template!("drop-ins/keepalived.conf"))?,
    ];
    if config.start.scheduler == Scheduler::Cron {
        files.push(values.fill(Path::new(CRON).join(&config.codename), template!("cron"))?);
    }
    Ok(files)
}

/// The values of all names, by name.
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn new(node: &Node) -> Self {
        let config = node.config;
        let path = node.path.display().to_string();
        let programs = config.paths.programs.display().to_string();
        let scripts = config.paths.scripts.display().to_string();
        let delay = config.start.delay.get();
        let limit = config.start.nic_timeout.get()
            + delay
            + config.database.start_timeout.get()
            + config.api.start_timeout.get()
            + START_MARGIN;
        // The script is copied into the job: the environment is all it keeps.
        let at = config.start.scheduler == Scheduler::At;
        let start = if at {
            format!("/usr/bin/at -f {scripts}/start-ap.sh now + {} minutes", delay.as_secs() / 60)
        } else {
            format!("{programs}/ap-mode --config {path} start --who boot")
        };
        let delayed = config.start.scheduler == Scheduler::Boot && !delay.is_zero();
        let elsewhere = config.keepalived.config != Path::new(KEEPALIVED_CONFIG);
        let only = |wanted: bool, text: String| if wanted { text } else { String::new() };
        let moved = config.keepalived.config.display();
        Self(vec![
            ("start", start),
            ("wants", only(at, "atd.service".into())),
            ("environment", only(at, format!("Environment=AP_CONFIG={path} AP_PROGRAMS={programs}"))),
            ("delay", only(delayed, format!("ExecStartPre=/bin/sleep {}", delay.as_secs_f64()))),
            ("delay-seconds", delay.as_secs_f64().to_string()),
            ("start-limit", limit.as_secs().to_string()),
            ("nic-timeout", format!("{}ms", config.start.nic_timeout.get().as_millis())),
            ("condition-reset", only(elsewhere, "ConditionFileNotEmpty=".into())),
            ("condition", only(elsewhere, format!("ConditionFileNotEmpty={moved}"))),
            ("exec-reset", only(elsewhere, "ExecStart=".into())),
            ("exec", only(elsewhere, format!("ExecStart=/usr/sbin/keepalived --dont-fork -f {moved} $DAEMON_ARGS"))),
            ("codename", config.codename.clone()),
            ("database", config.database.unit.clone()),
            ("api", config.api.unit.clone()),
            ("keepalived", config.keepalived.unit.clone()),
            ("state", config.state_dir().display().to_string()),
            ("run", config.run_dir().display().to_string()),
            ("address", node.own.address.to_string()),
            ("port", config.pair.port.to_string()),
            ("config", path),
            ("programs", programs),
            ("scripts", scripts),
        ])
    }

    fn fill(&self, path: PathBuf, template: (&str, &str)) -> Result<Rendered> {
        let values: Vec<(&str, &str)> = self.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(Rendered { path, text: fill(template.0, template.1, &values)? })
    }
}
