//! What install asks of the host it runs on, and does to it.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use ap_core::config::{Config, Host};
use ap_core::exit::Exit;
use ap_net::Net;

use super::render::Version;
use crate::failure::Failure;

const KEEPALIVED: &str = "/usr/sbin/keepalived";
const TMPFILES: &str = "systemd-tmpfiles";
/// Longest run of a program that only looks at files.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(15);

/// This host and its peer: the ones named, or found by the addresses of this machine, or remembered.
///
/// # Errors
/// [`Exit::Config`]: this machine is neither, or both.
pub fn locate<'a>(config: &'a Config, name: Option<&str>) -> Result<(&'a Host, &'a Host)> {
    let own = match name {
        Some(name) => {
            let host = config.host.iter().find(|host| host.name == name);
            vec![
                host.ok_or_else(|| {
                    let names: Vec<&str> = config.host.iter().map(|host| host.name.as_str()).collect();
                    Failure::new(
                        Exit::Usage,
                        format!("no host '{name}' in the configuration, there are: {}", names.join(", ")),
                    )
                })?
                .address,
            ]
        }
        None => ap_net::Kernel.own_addresses()?,
    };
    ap_host::own::locate(config, &own).ok_or_else(|| not_one(config, &own).into())
}

/// Why this machine is not one of the two.
fn not_one(config: &Config, own: &[Ipv4Addr]) -> Failure {
    let list = |addresses: &[Ipv4Addr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let hosts: Vec<Ipv4Addr> = config.host.iter().map(|host| host.address).collect();
    let both = hosts.iter().all(|address| own.contains(address));
    let text = format!(
        "this machine has {} of the two addresses {} of [[host]]; it has {}",
        if both { "both" } else { "none" },
        list(&hosts),
        list(own)
    );
    Failure::new(Exit::Config, text)
}

/// The version of keepalived on this machine.
///
/// # Errors
/// [`Exit::Unavailable`]: it is not installed.
pub fn keepalived_version() -> Result<Version> {
    let output = run(Command::new(KEEPALIVED).arg("--version"))?;
    // It goes to standard error.
    let text = [output.stderr, output.stdout].concat();
    Version::find(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{KEEPALIVED} --version does not tell a version"))
}

/// Lets keepalived judge its configuration, without touching the one in use.
///
/// # Errors
/// [`Exit::Config`] with what keepalived said.
pub fn test_keepalived(text: &str, version: Version) -> Result<()> {
    let file = Scratch(PathBuf::from(format!("/run/ap-mode-keepalived-{}.conf", std::process::id())));
    ap_host::write_atomically(&file.0, text.as_bytes(), 0o600)
        .with_context(|| format!("failed to write {}", file.0.display()))?;
    let output = run(Command::new(KEEPALIVED).arg("-t").arg("-f").arg(&file.0))?;
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
    if output.status.success() && (said.is_empty() || version >= Version::TEST_STATUS) {
        return Ok(());
    }
    Err(Failure::new(Exit::Config, format!("keepalived refuses its configuration ({}): {said}", output.status)).into())
}

/// A file that is gone when done with.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // In /run, gone with the next boot at the latest.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Creates what tmpfiles.d says, now instead of at the next boot.
///
/// # Errors
/// [`Exit::CannotWrite`] with what systemd-tmpfiles said.
pub fn create_run_dirs(tmpfiles: &Path) -> Result<()> {
    let output = run(Command::new(TMPFILES).arg("--create").arg(tmpfiles))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Failure::new(Exit::CannotWrite, format!("{TMPFILES} --create {} failed: {said}", tmpfiles.display())).into())
}

/// Runs a program to its end, or to the deadline.
fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::new(Exit::Unavailable, format!("{name} is not installed")).into(),
            _ => anyhow!(error).context(format!("failed to run {name}")),
        })?;
    ap_host::track::within(PROGRAM_TIMEOUT, move || child.wait_with_output())
        .map_err(|verdict| Failure::new(Exit::Deadline, format!("{name}: {}", verdict.reason)))?
        .with_context(|| format!("failed to run {name}"))
}
