//! What keepalived and the drop-ins call: put one line into the FIFO and return.
//!
//! Nothing is decided here and nothing is waited for. keepalived forgets its
//! notify scripts, and one that did the work itself would be killed half-way
//! when it stops keepalived (docs/FACTS.md#stop-kills-scripts).

use std::net::Ipv4Addr;

use anyhow::{Context, Error, Result, anyhow, bail};
use ap_core::action::track_file;
use ap_core::config::Config;
use ap_core::message::Message;
use ap_core::mode::{Mode, Role, Service};
use ap_core::state::State;
use ap_host::fifo::{self, SendError};
use ap_host::grace::Grace;
use ap_net::Net;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::adapters::Files;

/// Puts a message into the FIFO of `ap-notify.socket`.
///
/// # Errors
/// The socket unit is not there, nobody reads, or the pipe is full.
pub fn enqueue(config: &Config, message: &Message) -> Result<()> {
    let path = config.fifo();
    let line = message.to_line(&config.codename);
    fifo::send(&path, &line).map_err(|error| match error {
        SendError::Absent(error) | SendError::Open(error) => {
            Error::new(error).context(format!("failed to open {}; is ap-notify.socket started?", path.display()))
        }
        SendError::Full(_) => {
            anyhow!("{} is full: ap-notify does not read. Look at: journalctl -u ap-notify", path.display())
        }
        SendError::Write(error) => Error::new(error).context(format!("failed to write to {}", path.display())),
        SendError::Partly { written } => anyhow!("wrote {written} of {} bytes to {}", line.len(), path.display()),
    })
}

/// `ExecStartPost` of a service.
///
/// # Errors
/// As [`enqueue`].
pub fn unit_started(config: &Config, service: Service) -> Result<()> {
    enqueue(config, &Message::Started(service))
}

/// `ExecStop` of a service; `main` is `$MAINPID`, which systemd leaves out when the
/// unit has ended by itself.
///
/// A stop on purpose has its grace from here on. The database of an active in a
/// session is killed: on its way down it would tell clients that commits are
/// done which the standby never got, or commit them for itself
/// (docs/FACTS.md#semi-sync-shutdown-commits).
///
/// # Errors
/// Whatever failed, after everything was tried.
pub fn unit_stopping(config: &Config, files: &dyn Files, service: Service, main: Option<i32>) -> Result<()> {
    let Some(main) = main else { return Ok(()) };
    let until = ap_host::boottime() + config.pair.restart_grace.get();
    let kept = Grace { until, stopping: true }.write(&config.run_dir(), service).context("failed to keep the grace");
    if service == Service::Database && in_session(files) {
        match kill(Pid::from_raw(main), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => bail!("failed to kill process {main} of the database: {errno}"),
        }
    }
    kept
}

/// Whether commits here wait for the standby. A state that cannot be read may be
/// that of an active.
fn in_session(files: &dyn Files) -> bool {
    let active = |state: State| state.mode == Mode::Ap && state.role == Role::Active && !state.solo && !state.fenced;
    files.state().map_or(true, active)
}

/// `ExecStopPost` of a service; `result` is `$SERVICE_RESULT`.
///
/// A crash sets the track file at once: keepalived reads it within milliseconds,
/// whether or not `ap-notify` is there to hear of it. keepalived's own end takes
/// the VIP off the interface, because SIGKILL leaves it there (F3).
///
/// # Errors
/// Whatever failed, after everything was tried.
pub fn unit_stopped(config: &Config, files: &dyn Files, net: &dyn Net, service: Service, result: &str) -> Result<()> {
    let mut failures = Vec::new();
    let run = config.run_dir();
    let grace = Grace::read(&run, service).filter(|grace| grace.stopping);
    let clean = result == "success" || grace.is_some();
    if let Some(grace) = grace
        && let Err(error) = (Grace { stopping: false, ..grace }).write(&run, service)
    {
        failures.push(format!("failed to keep the grace: {error}"));
    }
    if service == Service::Keepalived
        && let Err(error) = remove_vip(net, config.vip)
    {
        failures.push(format!("{error:#}"));
    }
    if let (Some(fault), false) = (track_file(service), clean)
        && let Err(error) = files.set_fault(fault, true)
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
/// The kernel refuses.
pub fn remove_vip(net: &dyn Net, vip: Ipv4Addr) -> Result<()> {
    let nics = net.nics()?;
    for nic in &nics.0 {
        if nic.addresses.contains(&vip) {
            net.remove_address(&nic.name, vip).with_context(|| format!("failed to remove {vip} from {}", nic.name))?;
        }
    }
    Ok(())
}
