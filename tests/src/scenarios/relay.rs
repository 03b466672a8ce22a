//! F21: the standby has received writes that it cannot apply, or may have lost
//! some that it had received. It is no standby to promote until it has everything.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ap_core::mode::Role;
use nix::sys::signal::Signal;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{Failover, roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, holds, wait_for};

/// Scenarios of this file.
///
/// `standby-database-restarted` is red when a relay log is not told from its successor,
/// for which MariaDB has thrown acknowledged writes away (tests/broken/relay-log-without-name.patch).
pub const SCENARIOS: &[Scenario] = &[
    protected("F21", "errant-write-active-dies-at-once", |pair| errant(pair, Duration::ZERO)),
    protected("F21", "errant-write-active-dies-later", |pair| errant(pair, Duration::from_secs(5))).long(),
    protected("F21", "standby-database-restarted", |pair| {
        lost(pair, |node| {
            // The relay log holds what was acknowledged and not applied.
            node.sql("FLUSH TABLES WITH READ LOCK; DO SLEEP(0.5)")?;
            node.signal_unit("mariadb.service", Signal::SIGKILL)?;
            ap_mode(node, "start").map(drop)
        })
    })
    .long(),
    protected("F21", "standby-replication-restarted", |pair| {
        lost(pair, |node| {
            node.sql("FLUSH TABLES WITH READ LOCK; DO SLEEP(0.5)").and(node.sql("STOP SLAVE; START SLAVE")).map(drop)
        })
    }),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);
/// Longer than any lease and any check.
const WATCHED: Duration = Duration::from_secs(6);

/// A write by root on the standby stops its SQL thread, while its IO thread goes
/// on acknowledging. Then the active dies. Refusal instead of loss, and what was
/// received is saved.
fn errant(pair: &Pair, later: Duration) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    standby
        .sql("INSERT INTO demo.quotes (text, author) VALUES ('errant', 'root')")
        .or_else(|_| standby.sql("CREATE TABLE lab.errant (k INT PRIMARY KEY)"))?;
    wait_for("the SQL thread to stop", SOON, || Ok(holds(!show(standby)?.replicating)))?;
    if !later.is_zero() {
        // The active goes on, alone before long.
        std::thread::sleep(later);
        clients.wait_served_by(active, Instant::now(), SOON)?;
        expect(pair, active, Is::Active)?;
    }
    active.power_off()?;
    let gone = Instant::now();
    std::thread::sleep(WATCHED);
    let answer = show(standby)?;
    ensure!(answer.role == Role::Standby && answer.writable == Some(false), "it became {answer:?}");
    let served = clients.served_since(gone);
    ensure!(served.is_empty(), "{served:?} acknowledged");
    // What was received and not applied is kept, whatever happens to replication.
    let saved = standby.run("ls /var/lib/ap/relay-logs/*/ | grep -c relay-bin")?;
    ensure!(saved.parse::<u32>().is_ok_and(|files| files > 0), "no relay log was saved");
    active.power_on()?;
    ap_mode(active, "start")?;
    clients.wait_served_by(active, Instant::now(), SOON)?;
    // The errant transaction is a fork: taken off, the standby follows again.
    standby.sql("STOP SLAVE; DROP TABLE IF EXISTS lab.errant")?;
    ap_mode(standby, "set m")?;
    ap_mode(standby, "set ap --reseed")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    clients.finish(pair, active, broken)
}

/// The standby's relay log was lost with writes in it that were acknowledged and
/// not yet applied. At once, before it could ask the active to send them again,
/// the active dies; and once more when there was time.
fn lost(pair: &Pair, lose: fn(&Node) -> Result<()>) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    lose(standby)?;
    active.power_off()?;
    // Either it had received everything again, in a session that was whole, or it refuses.
    std::thread::sleep(WATCHED);
    let promoted = show(standby)?.mode.as_str() == "s";
    active.power_on()?;
    if promoted {
        expect(pair, active, Is::Resting)?;
        way_back(pair, standby)?;
        return clients.finish(pair, standby, broken);
    }
    ap_mode(active, "start")?;
    ap_mode(standby, "start")?;
    wait_protected(active)?;
    wait_protected(standby)?;
    clients.finish(pair, active, broken)?;
    let mut story = Failover::begin(pair)?;
    let before = show(story.survivor)?.relay;
    lose(story.survivor)?;
    wait_for("a lease for the new relay log", SOON, || {
        let (grant, answer) = (show(story.failed)?.grant, show(story.survivor)?);
        Ok(holds(answer.relay != before && answer.protected && grant == Some(answer.relay)))
    })?;
    wait_for("the standby to be BACKUP", SOON, || {
        Ok(equals(show(story.survivor)?.vrrp, &Some(ap_core::mode::Vrrp::Backup)))
    })?;
    let outage = story.strike(Node::power_off)?;
    story.mend(|node| node.power_on().map(drop))?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}
