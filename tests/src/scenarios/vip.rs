//! F14: the VIP vanishes while keepalived believes to hold it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ap_core::mode::Vrrp;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::show;
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F14", "vip-removed-by-hand", |pair| {
        vip_lost(pair, |node| node.remove_address(&format!("{}/32", pair.options.vip)))
    }),
    protected("F14", "network-daemon-restarted", |pair| {
        // Without KeepConfiguration networkd may take off addresses it does not know.
        vip_lost(pair, |node| {
            node.run(
                "sed -i s/^KeepConfiguration=yes// /etc/systemd/network/10-lab.network && \
                 systemctl restart systemd-networkd && systemctl is-active systemd-networkd",
            )
            .map(drop)
        })
    }),
];

/// A standby that believes VRRP to be blocked tries again each minute.
const AGAIN: Duration = Duration::from_secs(70);

/// Detected within the second in which everything is looked at, and repaired
/// where it is: clients see a pause, nobody changes roles.
fn vip_lost(pair: &Pair, fault: impl FnOnce(&Node) -> Result<()>) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    fault(active)?;
    clients.wait_served_by(active, broken, Duration::from_secs(10))?;
    // Whatever happens late would happen within keepalived's slowest check.
    std::thread::sleep(Duration::from_secs(3));
    clients.wait_served_by(active, Instant::now(), Duration::from_secs(10))?;
    let outage = clients.outage(broken).length;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    ensure!(outage < Duration::from_secs(4), "nobody served for {outage:?}");
    // With the higher priority the standby was MASTER for a moment, took the active that
    // was BACKUP for one whose adverts do not arrive, and keeps itself from the VIP.
    let able = || Ok(equals(show(standby)?.vrrp, &Some(Vrrp::Backup)));
    wait_for("the standby to be able to take over", AGAIN, able)?;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}
