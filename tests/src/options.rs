//! What a lab can be varied by, and the addresses it uses.

use std::net::Ipv4Addr;

/// The bridge's address that plays the gateway; can be switched off.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The address clients connect from.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
/// Length of the network prefix of all of them.
pub const PREFIX: u8 = 24;

/// What may differ from one scenario to the next.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of the network interface inside node `a` and node `b`.
    pub nics: [&'static str; 2],
    /// Addresses of node `a` and node `b`.
    pub addresses: [Ipv4Addr; 2],
    /// The virtual address clients use.
    pub vip: Ipv4Addr,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nics: ["host0", "host0"],
            addresses: [Ipv4Addr::new(10, 77, 0, 11), Ipv4Addr::new(10, 77, 0, 12)],
            vip: Ipv4Addr::new(10, 77, 0, 100),
        }
    }
}
