//! Sockets and FIFOs that systemd opened for this service (sd_listen_fds(3)).

use std::env;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};

/// The first descriptor handed over, `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;

/// More than any service of ours is given.
const MOST: RawFd = 64;

/// What systemd handed over, with the names of `FileDescriptorName=`. Empty when
/// it handed over nothing. Programs started from here do not inherit them.
///
/// # Errors
/// The environment is malformed, names a descriptor that is not open, or this
/// was called before: a descriptor has one owner.
pub fn listen_fds() -> Result<Vec<(String, OwnedFd)>> {
    let var = |name| env::var(name).unwrap_or_default();
    let names = names(&var("LISTEN_PID"), &var("LISTEN_FDS"), &var("LISTEN_FDNAMES"), std::process::id())?;
    static TAKEN: AtomicBool = AtomicBool::new(false);
    ensure!(!TAKEN.swap(true, Ordering::Relaxed), "the sockets handed over by systemd were taken before");
    names.into_iter().zip(FIRST..).map(|(name, fd)| Ok((name, own(fd)?))).collect()
}

/// The names of the descriptors, in order, if they are meant for this process.
fn names(listen_pid: &str, listen_fds: &str, listen_names: &str, pid: u32) -> Result<Vec<String>> {
    if listen_pid.is_empty() || listen_fds.is_empty() {
        return Ok(Vec::new());
    }
    let meant_for: u32 = listen_pid.parse().context("LISTEN_PID is not a process number")?;
    if meant_for != pid {
        return Ok(Vec::new());
    }
    let count: RawFd = listen_fds.parse().context("LISTEN_FDS is not a number")?;
    if !(0..=MOST).contains(&count) {
        bail!("LISTEN_FDS is {count}, 0 to {MOST} expected");
    }
    let mut given = listen_names.split(':').filter(|_| !listen_names.is_empty());
    Ok((0..count).map(|_| given.next().unwrap_or("unknown").to_owned()).collect())
}

/// Takes ownership of a descriptor that this process was started with.
fn own(fd: RawFd) -> Result<OwnedFd> {
    ensure!(
        std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_ok(),
        "descriptor {fd}, handed over by systemd, is not open"
    );
    // SAFETY: the descriptor is open, checked above; it was there before main, so
    // nothing in this process has made it; and TAKEN lets this run once for it.
    #[allow(unsafe_code)] // the only way from the number in the environment to an owner
    let inherited = unsafe { OwnedFd::from_raw_fd(fd) };
    // The copy is closed on exec, the inherited one was not.
    inherited.try_clone().with_context(|| format!("failed to copy descriptor {fd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_descriptors() {
        for (pid, fds, given, expected) in [
            ("", "", "", Some(vec![])),
            ("7", "", "", Some(vec![])),
            ("8", "2", "a:b", Some(vec![])),
            ("7", "2", "fifo:peer", Some(vec!["fifo", "peer"])),
            ("7", "2", "fifo", Some(vec!["fifo", "unknown"])),
            ("7", "1", "", Some(vec!["unknown"])),
            ("7", "0", "", Some(vec![])),
            ("x", "1", "", None),
            ("7", "x", "", None),
            ("7", "-1", "", None),
            ("7", "65", "", None),
        ] {
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(names(pid, fds, given, 7).ok(), expected, "{pid} {fds} {given}");
        }
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_refused() {
        assert!(own(1_000_000).is_err());
    }
}
