//! F19: VRRP alone is blocked, while everything else gets through.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ap_core::mode::Vrrp;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::faults::Direction;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, holds, wait_for};

/// Scenarios of this file.
///
/// Without the question (the guard's `peer.holds_on()` removed) the standby
/// would promote on its lease (tests/broken/vrrp-blocked-unasked.patch).
pub const SCENARIOS: &[Scenario] = &[
    protected("F19", "vrrp-blocked-both-ways", |pair| vrrp_blocked(pair, Direction::Both)).long(),
    protected("F19", "vrrp-blocked-towards-standby", |pair| vrrp_blocked(pair, Direction::In)),
    protected("F19", "vrrp-blocked-from-standby", |pair| vrrp_blocked_once(pair, Direction::Out)),
];

/// How long clients may be drawn to a standby that holds the VIP until it knows
/// better: it asks for 1.5 s, and a second later the active has called them back.
const CONTEST: Duration = Duration::from_millis(3500);
/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// IP protocol 112 alone does not get through to the standby, from it, or both.
/// It asks, hears that the active is well, refuses and says what is blocked.
fn vrrp_blocked(pair: &Pair, direction: Direction) -> Result<Counts> {
    // With either priority on the active node: with the lower one it gives way to
    // adverts it should not have to hear.
    let first = vrrp_blocked_once(pair, direction)?;
    swap(pair)?;
    let second = vrrp_blocked_once(pair, direction)?;
    Ok(Counts {
        acknowledged: first.acknowledged + second.acknowledged,
        missing: first.missing + second.missing,
        outage: first.outage.max(second.outage),
        note: String::new(),
    })
}

/// The planned swap of roles, by the documented commands.
fn swap(pair: &Pair) -> Result<()> {
    let (active, standby) = roles(pair)?;
    ap_mode(active, "set m")?;
    way_back(pair, standby)
}

fn vrrp_blocked_once(pair: &Pair, direction: Direction) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    let since = standby.run("date +%s.%N")?;
    standby.block_vrrp(direction)?;
    if direction != Direction::Out {
        let said = "journalctl -u ap-notify --since=@SINCE --no-pager | grep -c 'let IP protocol 112 through'";
        let said = said.replace("SINCE", &since);
        wait_for("the standby to say what is blocked", SOON, || Ok(holds(standby.run(&said).is_ok())))?;
    }
    sleep(Duration::from_secs(4));
    clients.wait_served_by(active, Instant::now(), SOON)?;
    let outage = clients.outage(broken).length;
    ensure!(outage < CONTEST, "writes stood still for {outage:?}");
    ensure!(clients.served_since(broken) == [active.name()], "served by {:?}", clients.served_since(broken));
    expect(pair, active, Is::Active)?;
    let answer = show(standby)?;
    ensure!(answer.role.as_str() == "standby" && !answer.vip, "the standby is something else: {answer:?}");
    standby.unblock_vrrp(direction)?;
    // It would try again by itself within a minute.
    ap_mode(standby, "restart")?;
    wait_protected(active)?;
    wait_for("the standby to be BACKUP", SOON, || Ok(equals(show(standby)?.vrrp, &Some(Vrrp::Backup))))?;
    expect(pair, standby, Is::Standby)?;
    expect(pair, active, Is::Active)?;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, active, broken)? })
}
