//! Every file that one host of the pair needs, as text.

mod keepalived;
mod template;
mod units;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ap_core::config::{Config, Host};
use ap_core::exit::Exit;
use ap_core::sql::{Settings, mariadb_settings};

use crate::failure::Failure;
pub use keepalived::Version;
pub use units::{PEER, QUEUE, SERVICE, tmpfiles};

/// What the files of one host depend on.
#[derive(Debug)]
pub struct Node<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Where it lies.
    pub path: &'a Path,
    /// This host.
    pub own: &'a Host,
    /// The other one.
    pub peer: &'a Host,
    /// keepalived's version here.
    pub keepalived: Version,
    /// Where MariaDB already keeps a binary log; see [`Settings::log_bin`].
    pub log_bin: Option<String>,
}

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub text: String,
}

/// All files of this host.
///
/// # Errors
/// The configuration asks for what keepalived of this version, or a unit file,
/// cannot express.
pub fn files(node: &Node) -> Result<Vec<Rendered>> {
    check_paths(node)?;
    let mut files = units::files(node)?;
    files.push(Rendered { path: node.config.keepalived.config.clone(), text: keepalived::text(node)? });
    files.push(Rendered { path: node.config.database.settings.clone(), text: settings(node) });
    for file in &mut files {
        file.text.insert_str(0, &header(node));
    }
    Ok(files)
}

/// MariaDB's settings, without their own words on who wrote them.
fn settings(node: &Node) -> String {
    let text = mariadb_settings(&Settings {
        server_id: server_id(node.own.address),
        port: node.config.database.port,
        log_bin: node.log_bin.clone(),
    });
    text.replacen("# Written by ap-mode install. ", "# ", 1)
}

/// Differs between the hosts, and from the small numbers that an adopted server
/// may have used in its history: the address as a number.
fn server_id(address: Ipv4Addr) -> u32 {
    u32::from(address)
}

/// The first line of every file.
fn header(node: &Node) -> String {
    format!("# Written by ap-mode install; changes are refused, edit {}\n", node.path.display())
}

/// Paths stand in unit files, in keepalived.conf and in a crontab, each with its
/// own rules for quoting; a path that needs quoting in any of them is refused.
fn check_paths(node: &Node) -> Result<()> {
    let config = node.config;
    for (key, path) in [
        ("the configuration's own path", node.path),
        ("keepalived.config", &config.keepalived.config),
        ("database.settings", &config.database.settings),
        ("paths.programs", &config.paths.programs),
        ("paths.scripts", &config.paths.scripts),
        ("paths.units", &config.paths.units),
        ("paths.state", &config.state_dir()),
        ("paths.run", &config.run_dir()),
    ] {
        let plain =
            path.to_str().is_some_and(|path| path.bytes().all(|c| c.is_ascii_alphanumeric() || b"/._+-".contains(&c)));
        if !plain {
            let text = format!("{key} = {}: must be made of letters, digits and /._+-", path.display());
            return Err(Failure::new(Exit::Config, text).into());
        }
    }
    Ok(())
}

/// Fills a template that comes with the program.
fn fill(name: &str, template: &str, values: &[(&str, &str)]) -> Result<String> {
    template::fill(template, values).with_context(|| format!("the template of {name} is wrong"))
}

#[cfg(test)]
mod tests;
