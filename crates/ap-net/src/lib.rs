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
use std::time::{Duration, Instant};

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

/// Hears of every change of links and addresses. Open it before the first look,
/// or a change in between is missed.
pub trait Changes: Send {
    /// Waits until something changed (true) or the moment has come (false).
    ///
    /// # Errors
    /// Nothing more will be heard from it.
    fn changed(&self, until: Instant) -> Result<bool>;
}

/// The network as a node sees and changes it.
pub trait Net: Send + Sync {
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

    /// Starts to listen to changes of links and addresses.
    ///
    /// # Errors
    /// The kernel does not tell of them.
    fn watch(&self) -> Result<Box<dyn Changes>>;

    /// The IPv4 addresses of this machine.
    ///
    /// # Errors
    /// The kernel does not say.
    fn own_addresses(&self) -> Result<Vec<Ipv4Addr>> {
        Ok(self.nics()?.addresses())
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

    fn watch(&self) -> Result<Box<dyn Changes>> {
        Ok(Box::new(watch::Watch::new()?))
    }
}
