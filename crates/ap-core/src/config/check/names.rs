//! What a name or an address may look like.

use std::net::{IpAddr, Ipv4Addr};

/// Whether systemd would take it as the name of a service.
pub fn is_service(unit: &str) -> bool {
    unit.strip_suffix(".service").is_some_and(|name| {
        !name.is_empty()
            && unit.len() <= 255
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || br":-_.\@".contains(&c))
    })
}

/// The kernel's own rule (IFNAMSIZ, dev_valid_name) and no quotes or braces,
/// which would mean something to keepalived.
pub fn is_nic(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|c| c.is_ascii_graphic() && !br#"/:"'{}!#\"#.contains(&c))
}

/// Whether a host can have this address and talk to others with it.
pub fn is_unicast(address: Ipv4Addr) -> bool {
    !address.is_loopback() && !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
}

/// The host of an http or https URL, brackets of IPv6 taken off.
pub fn url_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    if url.bytes().any(|c| !c.is_ascii_graphic()) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?,
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port_good = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (!host.is_empty() && !host.contains('@') && port_good).then_some(host)
}

/// Whether a URL's host can only be this machine.
pub fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
