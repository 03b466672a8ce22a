//! systemd's part of install: enable, start, restart what has changed.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ap_core::config::Config;
use ap_core::exit::Exit;
use ap_core::mode::Service;
use ap_core::observed::UnitState;
use ap_systemd::{FileChange, Systemd, Units};

use super::render::{PEER, QUEUE, SERVICE};
use crate::failure::Failure;

/// Longest single call; reading all unit files again is the slowest.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest start or stop of a socket.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest start or stop of ap-notify, which finishes the step it is at.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(60);

/// What of our own has changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changed {
    /// Some unit or drop-in, so that systemd has to read them again.
    pub units: bool,
    /// A socket unit: what is listened on.
    pub sockets: bool,
    /// Something that ap-notify reads when it starts.
    pub service: bool,
}

/// Enables and starts ap-notify and its sockets; restarts what has changed.
///
/// # Errors
/// [`Exit::Unavailable`]: systemd does not do it.
pub fn bring_up(config: &Config, changed: Changed) -> Result<()> {
    enable_and_start(&Systemd::new(CALL_TIMEOUT), changed).with_context(|| {
        Failure::new(
            Exit::Unavailable,
            format!("the files of {} are written, but {SERVICE} does not run", config.codename),
        )
    })
}

fn enable_and_start(systemd: &dyn Units, changed: Changed) -> Result<()> {
    let ours = [QUEUE, PEER, SERVICE];
    let states = systemd.states(&ours)?;
    if changed.units || states.iter().any(|state| state.file != "enabled") {
        systemd.unit_files(&[(FileChange::Enable, &ours)])?;
    }
    // A socket cannot start while its service runs without it, and one that listens
    // on would start the service at the peer's next question.
    let relisten = changed.sockets || states[..2].iter().any(|state| !state.is_active());
    if relisten {
        systemd.stop(PEER, SOCKET_TIMEOUT)?;
        systemd.stop(QUEUE, SOCKET_TIMEOUT)?;
        systemd.stop(SERVICE, SERVICE_TIMEOUT)?;
        systemd.start(QUEUE, SOCKET_TIMEOUT)?;
        systemd.start(PEER, SOCKET_TIMEOUT)?;
    }
    if changed.service { systemd.restart(SERVICE, SERVICE_TIMEOUT) } else { systemd.start(SERVICE, SERVICE_TIMEOUT) }
}

/// Whether a unit runs.
///
/// # Errors
/// systemd does not say.
pub fn is_active(unit: &str) -> Result<bool> {
    Ok(Systemd::new(CALL_TIMEOUT).state(unit)?.is_active())
}

/// The four units of this node and what systemd says of them, for people.
pub fn states(config: &Config) -> Vec<(String, String)> {
    let word = |state: &UnitState| {
        let file = if state.file.is_empty() { "no such unit" } else { &state.file };
        format!("{}, {file}", state.active)
    };
    match Systemd::new(CALL_TIMEOUT).node(config) {
        Ok(units) => {
            let mut states = vec![(config.start_unit(), word(&units.start))];
            for service in [Service::Database, Service::Api, Service::Keepalived] {
                states.push((config.unit(service).to_owned(), word(units.get(service))));
            }
            states
        }
        Err(error) => vec![("systemd".into(), format!("does not answer: {error:#}"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ap_systemd::fake::FakeUnits;

    #[test]
    fn only_what_has_changed_is_restarted() {
        let all = Changed { units: true, sockets: true, service: true };
        let drop_in = Changed { units: true, ..Changed::default() };
        let config = Changed { service: true, ..Changed::default() };
        let enable = ["enable ap-notify.socket", "enable ap-peer.socket", "enable ap-notify.service"];
        let relisten = [
            "stop ap-peer.socket",
            "stop ap-notify.socket",
            "stop ap-notify.service",
            "start ap-notify.socket",
            "start ap-peer.socket",
        ];
        let (start, restart) = ("start ap-notify.service", "restart ap-notify.service");
        let table = [
            (false, all, [&enable[..], &relisten, &[restart]].concat()),
            (true, all, [&enable[..], &relisten, &[restart]].concat()),
            (true, drop_in, [&enable[..], &[start]].concat()),
            (true, config, vec![restart]),
            (true, Changed::default(), vec![start]),
        ];
        for (installed, changed, expected) in table {
            let units = FakeUnits::new(&[QUEUE, PEER, SERVICE]);
            if installed {
                [QUEUE, PEER, SERVICE].iter().for_each(|unit| units.set(unit, "active", "enabled"));
            }
            enable_and_start(&units, changed).unwrap();
            assert_eq!(units.calls(), expected, "{installed} {changed:?}");
        }
    }
}
