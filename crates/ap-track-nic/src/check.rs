//! The verdict on a network interface.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use ap_core::config::Host;
use ap_core::verdict::Verdict;
use ap_host::track::within;
use ap_net::watch::Watch;
use ap_net::{Changes, Nics};

/// What is checked.
pub enum What {
    /// One interface, with the address or with any.
    One { nic: String, address: Option<Ipv4Addr> },
    /// The interface and address of whichever of the hosts this machine is.
    OwnOf(Vec<Host>),
}

/// Looks once, or until it is good when there is time to wait.
pub fn run(what: What, deadline: Duration, wait: Option<Duration>) -> Verdict {
    let all = wait.map_or(deadline, |wait| wait + deadline);
    // The kernel's lock on the network configuration can be held by others.
    within(all, move || match wait {
        None => look(&what).unwrap_or_else(failed),
        Some(wait) => wait_until_good(&what, Instant::now() + wait).unwrap_or_else(failed),
    })
    .unwrap_or_else(|verdict| verdict)
}

fn failed(error: anyhow::Error) -> Verdict {
    Verdict::bad(format!("{error:#}"))
}

fn wait_until_good(what: &What, until: Instant) -> Result<Verdict> {
    let watch = Watch::new()?;
    loop {
        let verdict = look(what)?;
        if verdict.good || !watch.changed(until)? {
            return Ok(verdict);
        }
    }
}

fn look(what: &What) -> Result<Verdict> {
    Ok(judge(what, &Nics::read()?))
}

fn judge(what: &What, nics: &Nics) -> Verdict {
    match what {
        What::One { nic, address } => judge_nic(nics, nic, *address),
        What::OwnOf(hosts) => {
            let addresses = nics.addresses();
            let own: Vec<_> = hosts.iter().filter(|host| addresses.contains(&host.address)).collect();
            match own.as_slice() {
                [host] => judge_nic(nics, &host.nic, Some(host.address)),
                [] => Verdict::bad(format!("this machine has no host's address ({})", list(hosts))),
                _ => Verdict::bad(format!("this machine has more than one host's address ({})", list(hosts))),
            }
        }
    }
}

fn list(hosts: &[Host]) -> String {
    let addresses: Vec<_> = hosts.iter().map(|host| host.address.to_string()).collect();
    addresses.join(", ")
}

fn judge_nic(nics: &Nics, name: &str, address: Option<Ipv4Addr>) -> Verdict {
    let Some(nic) = nics.get(name) else {
        return Verdict::bad(format!("{name} does not exist"));
    };
    if !nic.up {
        return Verdict::bad(format!("{name} is administratively down"));
    }
    if !nic.carrier {
        return Verdict::bad(format!("{name} has no carrier"));
    }
    match address {
        Some(address) if !nic.addresses.contains(&address) => Verdict::bad(format!("{name} does not carry {address}")),
        None if nic.addresses.is_empty() => Verdict::bad(format!("{name} carries no IPv4 address")),
        Some(address) => Verdict::good(format!("{name} is up and carries {address}")),
        None => Verdict::good(format!("{name} is up and carries an address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ap_net::Nic;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
    const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 12);

    fn nic(name: &str, up: bool, carrier: bool, addresses: &[Ipv4Addr]) -> Nic {
        Nic { name: name.into(), up, carrier, addresses: addresses.to_vec() }
    }

    #[test]
    fn one_interface() {
        let table = [
            (nic("eth0", true, true, &[OWN]), Some(OWN), "good: eth0 is up and carries 192.0.2.11"),
            (nic("eth0", true, true, &[OWN]), None, "good: eth0 is up and carries an address"),
            (nic("eth1", true, true, &[OWN]), None, "bad: eth0 does not exist"),
            (nic("eth0", false, false, &[OWN]), None, "bad: eth0 is administratively down"),
            (nic("eth0", true, false, &[OWN]), None, "bad: eth0 has no carrier"),
            (nic("eth0", true, true, &[]), None, "bad: eth0 carries no IPv4 address"),
            (nic("eth0", true, true, &[PEER]), Some(OWN), "bad: eth0 does not carry 192.0.2.11"),
        ];
        for (nic, address, expected) in table {
            let what = What::One { nic: "eth0".into(), address };
            assert_eq!(said(judge(&what, &Nics(vec![nic]))), expected);
        }
    }

    #[test]
    fn the_own_host_is_found_by_its_address() {
        let host = |name: &str, address, nic: &str| Host { name: name.into(), address, nic: nic.into() };
        let what = What::OwnOf(vec![host("one", OWN, "eth0"), host("two", PEER, "eth1")]);
        let none = "bad: this machine has no host's address (192.0.2.11, 192.0.2.12)";
        let both = "bad: this machine has more than one host's address (192.0.2.11, 192.0.2.12)";
        let table = [
            (vec![nic("eth0", true, true, &[OWN])], "good: eth0 is up and carries 192.0.2.11"),
            (vec![nic("eth1", true, true, &[PEER])], "good: eth1 is up and carries 192.0.2.12"),
            (vec![nic("eth1", true, true, &[OWN])], "bad: eth0 does not exist"),
            (
                vec![nic("eth0", true, true, &[]), nic("eth1", true, true, &[OWN])],
                "bad: eth0 does not carry 192.0.2.11",
            ),
            (vec![nic("eth0", true, true, &[])], none),
            (vec![nic("eth0", true, true, &[OWN, PEER])], both),
        ];
        for (nics, expected) in table {
            assert_eq!(said(judge(&what, &Nics(nics))), expected);
        }
    }

    fn said(verdict: Verdict) -> String {
        format!("{}: {}", if verdict.good { "good" } else { "bad" }, verdict.reason)
    }
}
