//! What a lab can be varied by, and the addresses it uses.

use std::net::Ipv4Addr;

/// The bridge's address that plays the gateway; can be switched off.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The address clients connect from.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
/// Length of the network prefix of all of them.
pub const PREFIX: u8 = 24;

/// Port of the demo API, unless told otherwise.
pub const API_PORT: u16 = 8080;

/// What may differ from one scenario to the next.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of the network interface inside node `a` and node `b`.
    pub nics: [&'static str; 2],
    /// Addresses of node `a` and node `b`.
    pub addresses: [Ipv4Addr; 2],
    /// The virtual address clients use.
    pub vip: Ipv4Addr,
    /// Names the start unit.
    pub codename: &'static str,
    /// The state directory.
    pub state: &'static str,
    /// Where the mode is kept as one word.
    pub mode_file: &'static str,
    /// Units of database, API and keepalived.
    pub units: [&'static str; 3],
    /// Port of the database.
    pub database_port: u16,
    /// Port of the API.
    pub api_port: u16,
    /// Size of each node's disk, as mount(8) of a tmpfs takes it.
    pub disk: &'static str,
    /// What an operator's shell has in its environment on each node.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nics: ["host0", "host0"],
            addresses: [Ipv4Addr::new(10, 77, 0, 11), Ipv4Addr::new(10, 77, 0, 12)],
            vip: Ipv4Addr::new(10, 77, 0, 100),
            codename: "ap",
            state: "/var/lib/ap",
            mode_file: "/var/lib/ap/mode",
            units: ["mariadb.service", "demo-api.service", "keepalived.service"],
            database_port: 3306,
            api_port: API_PORT,
            disk: "2g",
            environment: &[],
        }
    }
}
