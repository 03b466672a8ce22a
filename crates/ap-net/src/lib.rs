//! Links, addresses, routes, the gateway and the peer of a node.
//!
//! Everything is asked of the kernel itself (getifaddrs, rtnetlink, /proc);
//! no program is run. No nix type crosses the interface.

mod echo;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod nic;
mod peer;
mod poll;
mod route;
mod rtnetlink;
pub mod watch;

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::Result;
use ap_core::answer::Answer;
use ap_core::observed::Gateway;

pub use nic::{Nic, Nics};

/// The question *what are you?*, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// Own fixed address: the peer lets in only this one, and the VIP may move
    /// while the question is on its way.
    pub from: Ipv4Addr,
    /// Where the peer listens.
    pub to: SocketAddrV4,
    /// A stranger's answer is no answer.
    pub codename: &'a str,
    /// From the first packet to the last byte.
    pub deadline: Duration,
}

/// The network as a node sees and changes it.
pub trait Net {
    /// All network interfaces with their states and IPv4 addresses, at one moment.
    ///
    /// # Errors
    /// The kernel does not say.
    fn nics(&self) -> Result<Nics>;

    /// Puts `address`/32 on the interface. Already there: done.
    ///
    /// # Errors
    /// No such interface, or not permitted.
    fn add_address(&self, nic: &str, address: Ipv4Addr) -> Result<()>;

    /// Takes `address`/32 off the interface. Not there: done.
    ///
    /// # Errors
    /// No such interface, or not permitted.
    fn remove_address(&self, nic: &str, address: Ipv4Addr) -> Result<()>;

    /// Makes a host unreachable from here, so that connecting to it fails at once
    /// instead of waiting for packets from a machine that is off. Already so: done.
    ///
    /// # Errors
    /// Not permitted.
    fn block(&self, host: Ipv4Addr) -> Result<()>;

    /// Undoes [`Net::block`]. Not blocked: done. A program that blocks also
    /// unblocks at its own start: it may have been killed in between.
    ///
    /// # Errors
    /// Not permitted.
    fn unblock(&self, host: Ipv4Addr) -> Result<()>;

    /// Asks the peer what it is.
    ///
    /// # Errors
    /// No answer within the deadline, or not one of this pair; says which.
    fn ask(&self, question: &Question<'_>) -> Result<Answer>;

    /// Whether one of the witnesses answers an ICMP echo from `own` within the
    /// deadline; without witnesses, the default gateway.
    fn gateway(&self, witnesses: &[IpAddr], own: Ipv4Addr, deadline: Duration) -> Gateway;

    /// The IPv4 addresses of this machine.
    ///
    /// # Errors
    /// The kernel does not say.
    fn own_addresses(&self) -> Result<Vec<Ipv4Addr>> {
        Ok(self.nics()?.addresses())
    }

    /// Whether the interface carries the address.
    ///
    /// # Errors
    /// The kernel does not say. A missing interface carries nothing.
    fn has_address(&self, nic: &str, address: Ipv4Addr) -> Result<bool> {
        let nics = self.nics()?;
        Ok(nics.get(nic).is_some_and(|nic| nic.addresses.contains(&address)))
    }
}

/// The real network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kernel;

impl Net for Kernel {
    fn nics(&self) -> Result<Nics> {
        Nics::read()
    }

    fn add_address(&self, nic: &str, address: Ipv4Addr) -> Result<()> {
        rtnetlink::add_address(nic, address)
    }

    fn remove_address(&self, nic: &str, address: Ipv4Addr) -> Result<()> {
        rtnetlink::remove_address(nic, address)
    }

    fn block(&self, host: Ipv4Addr) -> Result<()> {
        rtnetlink::add_unreachable(host)
    }

    fn unblock(&self, host: Ipv4Addr) -> Result<()> {
        rtnetlink::remove_unreachable(host)
    }

    fn ask(&self, question: &Question<'_>) -> Result<Answer> {
        peer::ask(question)
    }

    fn gateway(&self, witnesses: &[IpAddr], own: Ipv4Addr, deadline: Duration) -> Gateway {
        if !witnesses.is_empty() {
            return echo::gateway(witnesses, own, deadline);
        }
        match route::default_gateway() {
            Some(gateway) => echo::gateway(&[gateway.into()], own, deadline),
            None => Gateway::None,
        }
    }
}

/// A host kept unreachable for as long as this value lives: stopping the IO
/// thread against a vanished host takes 2 s, and 12 ms when its address is
/// unreachable (measured, MariaDB 10.11).
#[must_use]
pub struct Unreachable<'a> {
    net: &'a dyn Net,
    host: Option<Ipv4Addr>,
}

impl<'a> Unreachable<'a> {
    /// Blocks the host.
    ///
    /// # Errors
    /// Not permitted.
    pub fn new(net: &'a dyn Net, host: Ipv4Addr) -> Result<Self> {
        net.block(host)?;
        Ok(Self { net, host: Some(host) })
    }

    /// Unblocks the host and says whether that went well, which a drop cannot.
    ///
    /// # Errors
    /// Not permitted; dropping would have failed as well.
    pub fn close(mut self) -> Result<()> {
        self.host.take().map_or(Ok(()), |host| self.net.unblock(host))
    }
}

impl Drop for Unreachable<'_> {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            // Whoever needs to know calls `close`; the next start unblocks again.
            let _ = self.net.unblock(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeNet, held};

    #[test]
    fn a_host_is_unreachable_only_as_long_as_needed() {
        let (net, host) = (FakeNet::default(), Ipv4Addr::new(192, 0, 2, 11));
        let guard = Unreachable::new(&net, host).unwrap();
        assert_eq!(*held(&net.blocked), [host]);
        drop(guard);
        assert!(held(&net.blocked).is_empty());
        Unreachable::new(&net, host).unwrap().close().unwrap();
        assert!(held(&net.blocked).is_empty());
    }
}
