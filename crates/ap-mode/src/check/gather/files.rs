//! Files of this toolkit and its configuration.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ap_core::config::{Config, Host};
use ap_db::Credentials;

use crate::check::facts::Files;
use crate::install::accounts;
use crate::install::place::{Kind, Places};
use crate::install::render::{Node, Version, files};

const PROGRAMS: [&str; 5] = ["ap-mode", "ap-notify", "ap-track-nic", "ap-track-api", "ap-track-db"];
const WRITABLE_BY_OTHERS: u32 = 0o022;
const EXECUTABLE: u32 = 0o111;

pub fn look(config: &Config, path: &Path, hosts: [&Host; 2], keepalived: Option<&Version>, database: bool) -> Files {
    let credentials = &config.database.credentials;
    let text = std::fs::read(path).ok();
    Files {
        drift: drift(config, path, hosts, keepalived, database),
        effective: std::fs::read(config.state_dir().join("installed.toml")).ok() == text,
        config_open: insecure(path),
        credentials: credentials
            .exists()
            .then(|| Credentials::read(credentials).map(drop).map_err(|error| error.to_string())),
        programs: PROGRAMS
            .iter()
            .map(|name| config.paths.programs.join(name))
            .map(|path| (path.clone(), wrong(&path)))
            .collect(),
        commands: [("alert.command", &config.alert.command), ("fence.command", &config.fence.command)]
            .into_iter()
            .filter_map(|(key, command)| command.first().map(|program| (key, PathBuf::from(program))))
            .map(|(key, path)| (key, path.clone(), cannot_run(&path)))
            .collect(),
        mode_file: std::fs::read_to_string(config.mode_file()).ok().map(|word| word.trim().to_owned()),
    }
}

fn drift(
    config: &Config,
    path: &Path,
    [own, peer]: [&Host; 2],
    keepalived: Option<&Version>,
    database: bool,
) -> Result<Vec<(PathBuf, Kind)>, String> {
    // Without keepalived there is nothing to render, and that is said elsewhere.
    let Some(keepalived) = keepalived else { return Ok(Vec::new()) };
    let log_bin = accounts::log_bin(config, &config.database.settings, database);
    let node = Node { config, path, own, peer, keepalived: *keepalived, log_bin };
    let changes = files(&node).and_then(|wanted| Places::new(Path::new("/"), &config.state_dir()).survey(&wanted));
    let changes = changes.map_err(|error| format!("{error:#}"))?;
    Ok(changes.into_iter().map(|change| (change.path, change.kind)).collect())
}

/// What is wrong with a program that keepalived runs, by its own rules.
pub fn wrong(path: &Path) -> Option<String> {
    cannot_run(path).or_else(|| insecure(path))
}

fn cannot_run(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) => Some(error.to_string()),
        Ok(file) if !file.is_file() => Some("is no file".into()),
        Ok(file) if file.mode() & EXECUTABLE == 0 => Some("is not executable".into()),
        Ok(_) => None,
    }
}

/// Whether others than root may change a file, or a directory on the way to it:
/// what keepalived asks of scripts.
fn insecure(path: &Path) -> Option<String> {
    let whole = std::fs::canonicalize(path).ok()?;
    whole.ancestors().find_map(|part| {
        let file = std::fs::metadata(part).ok()?;
        open(&file).map(|how| format!("{} may be changed by others than root ({how})", part.display()))
    })
}

fn open(file: &Metadata) -> Option<String> {
    if file.uid() != 0 {
        return Some(format!("owner {}", file.uid()));
    }
    // A sticky directory such as /tmp does not help: names in it can be made by others.
    let writable = file.mode() & WRITABLE_BY_OTHERS != 0;
    writable.then(|| format!("mode {:04o}", file.mode() & 0o7777))
}
