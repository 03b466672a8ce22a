//! F9, F10: who comes back last may know least. It refuses, says why, and only an
//! operator's word makes it serve.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ap_core::mode::Role;

use crate::checker;
use crate::clients::{Clients, Seen};
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::tail::{Range, Tail};
use crate::wait::{equals, wait_for};
use crate::{http, sql};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F9", "stale-standby", stale_standby),
    protected("F9", "stale-standby-forced", stale_standby_forced),
    protected("F10", "stale-active", stale_active),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);
/// Longer than any lease and any check.
const WATCHED: Duration = Duration::from_secs(6);

/// The standby was lost, the active went on alone, and was lost as well. Returns
/// what the clients saw, and when the active began to acknowledge alone.
fn both_lost<'a>(pair: &'a Pair, clients: &Clients) -> Result<(&'a Node, &'a Node)> {
    let (active, standby) = roles(pair)?;
    standby.power_off()?;
    wait_for("the active to acknowledge alone", WATCHED, || Ok(equals(show(active)?.solo, &true)))?;
    clients.wait_served_by(active, Instant::now(), SOON)?;
    std::thread::sleep(Duration::from_millis(500));
    active.power_off()?;
    standby.power_on()?;
    Ok((active, standby))
}

/// It starts as what it was, gets no lease, takes no VIP, becomes nothing else
/// on request, and says why each time. The other one back, all is well.
///
/// Red when a lease is believed beyond its end, or without its relay log
/// (tests/broken/lease-never-ends.patch).
fn stale_standby(pair: &Pair) -> Result<Counts> {
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    let (active, standby) = both_lost(pair, &clients)?;
    expect(pair, standby, Is::Stopped(Role::Standby))?;
    ap_mode(standby, "start")?;
    let said = ap_mode_ends(standby, "set s", 1)?;
    ensure!(said.contains("the peer does not say what it is") && said.contains("--force"), "set s said: {said}");
    refuses_to_serve(pair, standby)?;
    let answer = show(standby)?;
    ensure!(!answer.protected, "it believes that it has everything: {answer:?}");
    active.power_on()?;
    ap_mode(active, "start")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    clients.wait_served_by(active, Instant::now(), SOON)?;
    clients.finish(pair, active, broken)
}

/// For a while nobody is told that a write is done, whatever keepalived does.
fn refuses_to_serve(pair: &Pair, node: &Node) -> Result<()> {
    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        let answer = show(node)?;
        ensure!(answer.writable != Some(true) && answer.mode.as_str() == "ap", "became {answer:?}");
        let vip = node.run(&format!("ip -o -4 address show to {}", pair.options.vip))?;
        ensure!(vip.is_empty(), "it holds the VIP");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The operator's word: it serves, says beforehand what is given up, and what is
/// missing is exactly that. The other node's history has forked: refused, its
/// tail saved, reseeded.
fn stale_standby_forced(pair: &Pair) -> Result<Counts> {
    let clients = Clients::start(pair)?;
    let (active, standby) = both_lost(pair, &clients)?;
    let seen = clients.stop()?;
    ap_mode(standby, "start")?;
    let said = ap_mode_ends(standby, "set s --force", 0)?;
    ensure!(said.contains("given up"), "it does not say what may be lost: {said}");
    let foretold = word_after(&said, "after ").context("no position in what was foretold")?;
    expect(pair, standby, Is::Alone)?;
    let recorded = standby.run("cat /var/lib/ap/events.jsonl")?;
    ensure!(recorded.contains("forced"), "the force is not recorded");
    // Acknowledged and not there; and what nobody was told anything about.
    let (missing, unsure) = missing_keys(&seen, standby)?;
    ensure!(!missing.is_empty(), "nothing is missing: nothing was acknowledged alone");
    active.power_on()?;
    expect(pair, active, Is::Resting)?;
    let said = ap_mode_ends(active, "set ap", 1)?;
    ensure!(said.contains("forked") && said.contains("--reseed"), "set ap said: {said}");
    // The saved tail is what is missing, and nothing else but writes in flight when
    // the power went: on no other node, and acknowledged to nobody.
    let tail = Tail::named_in(&said, active)?;
    let kept = tail.all_keys();
    let unsaved = missing.difference(&kept).count();
    ensure!(unsaved == 0, "{unsaved} of {} missing rows are not in the saved tail", missing.len());
    let surplus = kept.difference(&missing).filter(|key| !unsure.contains(*key)).count();
    ensure!(surplus == 0, "{surplus} rows in the saved tail are not missing");
    // And its transactions are those that were foretold: all after that position.
    let first = foretold.rsplit('-').next().and_then(|n| n.parse::<u64>().ok()).context("no position")?;
    let mut numbers: Vec<u64> = tail.gtids().into_iter().map(|(_, _, number)| number).collect();
    numbers.sort_unstable();
    let all = (first + 1..).zip(&numbers).all(|(expected, number)| expected == *number);
    ensure!(all && numbers.len() == kept.len(), "{} rows, foretold after {foretold}: {numbers:?}", kept.len());
    let listed = Range::all(&said);
    let last = numbers.last().copied();
    ensure!(listed.iter().map(|range| Some(range.to)).eq([last]), "{listed:?} are listed, {last:?} is the last");
    ap_mode(active, "set ap --reseed")?;
    ap_mode(standby, "set ap")?;
    wait_protected(standby)?;
    wait_protected(active)?;
    expect(pair, active, Is::Standby)?;
    crate::clients::same_data(pair)?;
    let acknowledged = seen.http.acknowledged().count() + seen.sql.acknowledged().count();
    let note = format!("{} missing, as foretold; {} kept", missing.len(), kept.len());
    Ok(Counts { acknowledged, note, ..Counts::default() })
}

fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split([' ', ',', ';', '\n']).next()).find(|w| w.contains('-'))
}

/// What was acknowledged and is not there, and the keys of writes without an answer.
fn missing_keys(seen: &Seen, node: &Node) -> Result<(HashSet<i64>, HashSet<i64>)> {
    let (mut missing, mut unsure) = (HashSet::new(), HashSet::new());
    for (table, history) in [(http::TABLE, &seen.http), (sql::TABLE, &seen.sql)] {
        missing.extend(checker::check(node, table, history)?.missing);
        unsure.extend(history.writes().iter().filter(|write| write.node().is_none()).map(|write| write.key));
    }
    Ok((missing, unsure))
}

/// The active was lost, the standby promoted, acknowledged, and lost; the old
/// active comes back first. It refuses, and the other one's word makes it rest.
fn stale_active(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    active.power_off()?;
    clients.wait_served_by(standby, broken, SOON)?;
    let outage = clients.outage(broken).length;
    expect(pair, standby, Is::Alone)?;
    standby.power_off()?;
    let gone = Instant::now();
    active.power_on()?;
    for command in ["start", "set s", "set ap"] {
        let said = ap_mode_ends(active, command, 1)?;
        ensure!(said.contains("the peer does not say what it is"), "{command} said: {said}");
        ensure!(said.contains("--force"), "{command} names no way forward: {said}");
    }
    expect(pair, active, Is::Stopped(Role::Active))?;
    let served = clients.served_since(gone);
    ensure!(served.is_empty(), "{served:?} acknowledged");
    standby.power_on()?;
    expect(pair, standby, Is::Alone)?;
    expect(pair, active, Is::Resting)?;
    way_back(pair, standby)?;
    clients.wait_served_by(standby, Instant::now(), SOON)?;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, standby, broken)? })
}
