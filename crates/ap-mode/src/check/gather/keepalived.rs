//! keepalived and the configuration it uses.

use std::path::Path;
use std::time::{Duration, SystemTime};

use ap_core::config::Config;

use crate::check::facts::{Keepalived, Unit};
use crate::check::keepalived_conf::Conf;
use crate::install::host;

use super::files;

/// Two readings of two clocks are that far apart at most.
const MARGIN: Duration = Duration::from_secs(1);

pub fn look(config: &Config, unit: Option<&Unit>) -> Keepalived {
    let path = &config.keepalived.config;
    let text = std::fs::read_to_string(path).ok();
    let conf = text.as_deref().map(Conf::parse);
    let version = host::keepalived_version().map_err(|error| format!("{error:#}"));
    let verdict = match (&version, &text) {
        (Ok(version), Some(text)) => host::test_keepalived(text, *version).map_err(|error| format!("{error:#}")),
        _ => Ok(()),
    };
    let scripts = conf.iter().flat_map(|conf| &conf.scripts).map(|script| &script.program);
    Keepalived {
        version,
        verdict,
        scripts: scripts.map(|program| (program.clone(), files::wrong(Path::new(program)))).collect(),
        conf,
        script_user: nix::unistd::User::from_name("keepalived_script").is_ok_and(|user| user.is_some()),
        stale: stale(path, unit),
    }
}

/// Whether it runs and last started or reloaded before its file was changed.
fn stale(path: &Path, unit: Option<&Unit>) -> bool {
    let Some(since) = unit.filter(|unit| unit.active == "active").and_then(|unit| unit.since) else { return false };
    let modified = std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age + MARGIN < since)
}
