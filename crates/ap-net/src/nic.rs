//! What the kernel says of the network interfaces.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Administratively up (`ip link set up`).
    pub up: bool,
    /// A cable with something at the other end (LOWER_UP).
    pub carrier: bool,
    /// Its IPv4 addresses.
    pub addresses: Vec<Ipv4Addr>,
}

/// All network interfaces, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nics(pub Vec<Nic>);

impl Nics {
    /// Asks the kernel, once, for everything.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn read() -> Result<Self> {
        let mut nics = Self::default();
        for entry in getifaddrs().context("failed to list the network interfaces")? {
            nics.note(&entry);
        }
        Ok(nics)
    }

    /// The interface of that name.
    pub fn get(&self, name: &str) -> Option<&Nic> {
        self.0.iter().find(|nic| nic.name == name)
    }

    /// All IPv4 addresses.
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.0.iter().flat_map(|nic| nic.addresses.iter().copied()).collect()
    }

    /// One entry per interface and one more per address.
    fn note(&mut self, entry: &InterfaceAddress) {
        // An address may have a label of its own ("eth0:1").
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        let at = self.0.iter().position(|nic| nic.name == name).unwrap_or_else(|| {
            self.0.push(Nic {
                name: name.to_owned(),
                up: entry.flags.contains(InterfaceFlags::IFF_UP),
                carrier: entry.flags.contains(InterfaceFlags::IFF_LOWER_UP),
                addresses: Vec::new(),
            });
            self.0.len() - 1
        });
        let address = entry.address.as_ref().and_then(|address| address.as_sockaddr_in());
        if let Some(address) = address {
            self.0[at].addresses.push(address.ip());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_there_and_has_carrier() {
        let nics = Nics::read().unwrap();
        let lo = nics.get("lo").unwrap();
        assert_eq!((lo.up, lo.carrier), (true, true));
        assert!(lo.addresses.contains(&Ipv4Addr::LOCALHOST));
        assert!(nics.addresses().contains(&Ipv4Addr::LOCALHOST));
        assert_eq!(nics.get("none0"), None);
    }
}
