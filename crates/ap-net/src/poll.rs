//! Waiting for a descriptor, never longer than to a moment.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until the descriptor is ready or broken; what it is, the next call on it tells.
///
/// # Errors
/// `TimedOut` when the moment has come.
pub fn wait(fd: BorrowedFd<'_>, what: PollFlags, until: Instant) -> Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::from(ErrorKind::TimedOut));
        }
        // Rounded up: a rest of less than a millisecond would spin.
        let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, what)], timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
