//! What keepalived and the drop-ins call: put one line into the FIFO and return.
//!
//! Nothing is decided here and nothing is waited for. keepalived forgets its
//! notify scripts, and one that did the work itself would be killed half-way
//! when it stops keepalived (facts: keepalived, notify).

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, bail};
use ap_core::config::Config;
use ap_core::message::Message;
use ap_core::mode::{Fault, Service};
use ap_net::{Kernel, Net};
use nix::fcntl::OFlag;

use crate::store::Store;

/// Puts a message into the FIFO of `ap-notify.socket`.
///
/// # Errors
/// The socket unit is not there, nobody reads, or the pipe is full.
pub fn enqueue(config: &Config, message: &Message) -> Result<()> {
    let path = config.fifo();
    let line = message.to_line(&config.codename);
    let mut fifo = OpenOptions::new()
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(&path)
        .with_context(|| format!("failed to open {}; is ap-notify.socket started?", path.display()))?;
    let written = fifo.write(line.as_bytes()).with_context(|| format!("failed to write to {}", path.display()))?;
    if written != line.len() {
        bail!("wrote {written} of {} bytes to {}", line.len(), path.display());
    }
    Ok(())
}

/// `ExecStartPost` of a service.
///
/// # Errors
/// As [`enqueue`].
pub fn unit_started(config: &Config, service: Service) -> Result<()> {
    enqueue(config, &Message::Started(service))
}

/// `ExecStopPost` of a service; `result` is `$SERVICE_RESULT`.
///
/// A crash sets the track file at once: keepalived reads it within milliseconds,
/// whether or not `ap-notify` is there to hear of it. keepalived's own end takes
/// the VIP off the interface, because SIGKILL leaves it there (F3).
///
/// # Errors
/// Whatever failed, after everything was tried.
pub fn unit_stopped(config: &Config, service: Service, result: &str) -> Result<()> {
    let clean = result == "success";
    let mut failures = Vec::new();
    if service == Service::Keepalived
        && let Err(error) = remove_vip(config)
    {
        failures.push(format!("{error:#}"));
    }
    let fault = match service {
        Service::Database => Some(Fault::Db),
        Service::Api => Some(Fault::Api),
        Service::Keepalived => None,
    };
    if let (Some(fault), false) = (fault, clean)
        && let Err(error) = Store::new(config).set_fault(fault, true)
    {
        failures.push(format!("{error:#}"));
    }
    if let Err(error) = enqueue(config, &Message::Stopped { service, clean }) {
        failures.push(format!("{error:#}"));
    }
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("; ")) }
}

/// Takes the VIP off this host's interface.
///
/// # Errors
/// This machine is neither host, or the kernel refuses.
pub fn remove_vip(config: &Config) -> Result<()> {
    let net = Kernel;
    let nics = net.nics()?;
    for nic in &nics.0 {
        if nic.addresses.contains(&config.vip) {
            net.remove_address(&nic.name, config.vip)
                .with_context(|| format!("failed to remove {} from {}", config.vip, nic.name))?;
        }
    }
    Ok(())
}
