//! Waiting for the network to change instead of looking again and again.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

use crate::{Changes, poll};

/// Multicast groups of rtnetlink(7): links and IPv4 addresses.
const LINKS: u32 = 0x1;
const ADDRESSES: u32 = 0x10;

/// The kernel's news of links and addresses.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Starts to listen.
    ///
    /// # Errors
    /// The kernel has no rtnetlink, or a sandbox forbids it.
    pub fn new() -> Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        )
        .context("failed to open rtnetlink")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, LINKS | ADDRESSES)).context("failed to listen to rtnetlink")?;
        Ok(Self(socket))
    }
}

impl Changes for Watch {
    fn changed(&self, until: Instant) -> Result<bool> {
        match poll::wait(self.0.as_fd(), PollFlags::POLLIN, until) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let mut news = [0; 8192];
        loop {
            match recv(self.0.as_raw_fd(), &mut news, MsgFlags::empty()) {
                Ok(_) | Err(Errno::EINTR) => {}
                // ENOBUFS: more news than fits; looking again is all we do anyway.
                Err(Errno::EAGAIN | Errno::ENOBUFS) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
