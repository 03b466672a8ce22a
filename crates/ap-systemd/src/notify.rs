//! Telling systemd that this service is ready and alive (sd_notify(3)).

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use anyhow::{Context, Result};

/// The service does its work.
pub const READY: &str = "READY=1";
/// The service is alive; to be sent at least twice in the unit's `WatchdogSec`.
pub const WATCHDOG: &str = "WATCHDOG=1";

/// Sends a state. `Ok(false)`: nobody wants to know, as when run by hand.
///
/// # Errors
/// The socket that systemd named cannot be written.
pub fn notify(state: &str) -> Result<bool> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(name) if !name.is_empty() => send(name.as_bytes(), state).map(|()| true),
        _ => Ok(false),
    }
}

/// A name with a leading `@` is abstract: no file behind it.
fn send(name: &[u8], state: &str) -> Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
    };
    let socket = UnixDatagram::unbound()?;
    // systemd reads quickly; if it does not, this must not stop the service.
    socket.set_nonblocking(true)?;
    address
        .and_then(|address| socket.send_to_addr(state.as_bytes(), &address))
        .map(drop)
        .with_context(|| format!("failed to send {state} to {}", String::from_utf8_lossy(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_arrive_by_path_and_by_abstract_name() {
        let path = env::temp_dir().join(format!("ap-notify-{}", std::process::id()));
        let name = format!("ap-notify-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, name) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{name}")),
        ] {
            send(name.as_bytes(), READY).unwrap();
            let mut text = [0; 16];
            let length = socket.recv(&mut text).unwrap();
            assert_eq!(&text[..length], b"READY=1", "{name}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(send(path.to_str().unwrap().as_bytes(), READY).is_err());
    }
}
