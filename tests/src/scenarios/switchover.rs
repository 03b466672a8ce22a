//! The planned swap of roles: under writes, refused, and with `ap-notify` or either
//! node dying in the middle of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::trap;
use crate::untouched::untouched;
use crate::wait::{Seen, equals, holds, wait_for};

use ap_core::mode::{Mode, Role, Vrrp};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("op", "switchover", there_and_back).matrix(),
    protected("op", "switchover-refused", refused),
    protected("op", "switchover-killed", |pair| killed(pair, &["RecordFenced", "Follow"], &["Drain"])),
    protected("op", "switchover-killed-at-each-step", |pair| killed(pair, &GIVER, &TAKER)).long().within(LONG),
    protected("op", "switchover-active-dies", |pair| active_dies(pair, &["AwaitPeerServes"])),
    protected("op", "switchover-active-dies-at-each-step", |pair| active_dies(pair, &GIVER)).long().within(LONG),
    protected("op", "switchover-standby-dies", standby_dies).long(),
];

const LONG: Duration = Duration::from_secs(900);
/// Until a pair is whole again after a kill.
const SETTLED: Duration = Duration::from_secs(40);
/// What writers may see of it; the median is far below, other work on the machine is not.
const PAUSE: Duration = Duration::from_millis(500);

/// Steps of the node that gives its role.
const GIVER: [&str; 11] = [
    "AwaitProtection",
    "ReadOnly",
    "RecordFenced",
    "Fault(Role, true)",
    "AwaitPeerServes",
    "CompareHistories",
    "SemiSync",
    "Follow",
    "AwaitReplication",
    "Become",
    "AwaitLease",
];
/// Steps of the one that takes it.
const TAKER: [&str; 9] = [
    "Intend(Promote",
    "StopReceiving",
    "Drain",
    "Confirm",
    "Become",
    "EndReplication",
    "Writable",
    "UnitFiles",
    "Finish",
];

/// A whole pair, that node active, keepalived on the other one ready to take over.
fn whole(pair: &Pair, active: &Node) -> Result<()> {
    pair.both(wait_protected)?;
    expect(pair, active, Is::Active)?;
    let standby = pair.peer(active);
    expect(pair, standby, Is::Standby)?;
    wait_for("the standby to be in BACKUP", SETTLED, || Ok(equals(show(standby)?.vrrp, &Some(Vrrp::Backup)))).map(drop)
}

/// There and back while clients write: no epoch skipped, no database restarted.
fn there_and_back(pair: &Pair) -> Result<Counts> {
    let mut pauses = Vec::new();
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    let mut counts = Counts::default();
    for _ in 0..2 {
        let (old, new) = roles(pair)?;
        whole(pair, old)?;
        let server = |node: &Node| node.run("cat /run/mysqld/mysqld.pid");
        let (epoch, before) = (show(old)?.epoch, server(old)?);
        let planned = ap_mode(old, "switchover --dry-run")?;
        let host = format!("MASTER_HOST='{}'", new.address());
        for says in ["SET GLOBAL read_only=ON", "STOP SLAVE IO_THREAD", &host, "'***'", "role standby"] {
            ensure!(planned.contains(says), "--dry-run does not say {says}: {planned}");
        }
        ensure!(show(old)?.serves(), "--dry-run did something");
        let since = Instant::now();
        ap_mode(old, "switchover --why 'new memory'")?;
        clients.wait_served_by(new, since, SETTLED)?;
        pauses.push(clients.outage(since).length);
        whole(pair, new)?;
        ensure!(show(new)?.epoch == epoch + 1 && show(old)?.epoch == epoch + 1, "not one epoch further");
        ensure!(server(old)? == before, "the database of {} was restarted", old.name());
    }
    let (active, _) = roles(pair)?;
    counts.outage = pauses.iter().max().copied();
    ensure!(counts.outage < Some(PAUSE), "pauses {pauses:?}");
    let note = format!("pauses {:.0?}", pauses);
    // Two hand-overs are in this time, so acknowledgements of both nodes alternate.
    let seen = clients.stop()?.count(active, Instant::now(), begun)?;
    ensure!(seen.missing == 0, "{} acknowledged writes are missing", seen.missing);
    Ok(Counts { acknowledged: seen.acknowledged, note, ..counts })
}

/// Refused with the evidence and the way forward, and nothing is changed.
fn refused(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    whole(pair, active)?;
    let refuses = |node: &Node, evidence: &str| {
        untouched(pair, evidence, || {
            for command in ["switchover --dry-run", "switchover"] {
                let said = ap_mode_ends(node, command, 1)?;
                ensure!(said.contains(evidence) && said.contains('`'), "{command} said: {said}");
            }
            Ok(())
        })
    };
    refuses(standby, "this node is the standby")?;
    ap_mode(standby, "stop")?;
    wait_for("the active to go on alone", SETTLED, || Ok(holds(show(active)?.solo)))?;
    refuses(active, "this node acknowledges alone")?;
    ap_mode(standby, "start")?;
    whole(pair, active)?;
    Ok(Counts::default())
}

/// A whole pair with a trap on one of its nodes, whose `ap-notify` comes back after `pause`.
fn armed(pair: &Pair, active: &Node, victim: &Node, step: &str, pause: &str) -> Result<()> {
    trap::arm(victim, pause)?;
    whole(pair, active)?;
    trap::lay(victim, step)
}

/// `ap-notify` is killed at a step and comes back: the pair is whole, with the roles
/// swapped or as before.
fn killed(pair: &Pair, giver: &[&str], taker: &[&str]) -> Result<Counts> {
    let mut total = Counts::default();
    let mut ends = Vec::new();
    let steps = giver.iter().map(|step| (true, *step)).chain(taker.iter().map(|step| (false, *step)));
    for (on_giver, step) in steps {
        let (old, new) = roles(pair)?;
        let victim = if on_giver { old } else { new };
        armed(pair, old, victim, step, "100ms")?;
        let clients = Clients::start(pair)?;
        let begun = Instant::now();
        // It ends one way or the other; which one is looked at below.
        old.sh("ap-mode switchover --timeout 10s", Duration::from_secs(90))?;
        let counts = (|| {
            trap::sprung(victim, step, SETTLED)?;
            let (active, _) = wait_for("one active, one standby", SETTLED, || {
                let nodes = [show(old)?, show(new)?];
                let active = nodes.iter().position(|node| node.mode == Mode::Ap && node.role == Role::Active);
                let standby = nodes.iter().any(|node| node.mode == Mode::Ap && node.role == Role::Standby);
                let both = nodes.iter().all(|node| node.protected && node.doing.is_empty());
                Ok(match active {
                    Some(active) if standby && both => Seen::Done(active),
                    _ => Seen::Not(format!("{nodes:?}")),
                })
            })?;
            let active = if active == 0 { old } else { new };
            whole(pair, active)?;
            ends.push(format!("{step} {}", if active.name() == new.name() { "swapped" } else { "as before" }));
            clients.wait_served_by(active, Instant::now(), SETTLED)?;
            let outage = clients.outage(begun).length;
            Ok::<_, anyhow::Error>(Counts { outage: Some(outage), ..clients.finish(pair, active, begun)? })
        })()
        .with_context(|| format!("{step} on the {}", if on_giver { "active" } else { "standby" }))?;
        trap::disarm(victim)?;
        total.acknowledged += counts.acknowledged;
        total.missing += counts.missing;
        total.outage = total.outage.max(counts.outage);
    }
    let (active, _) = roles(pair)?;
    whole(pair, active)?;
    Ok(Counts { note: ends.join(", "), ..total })
}

/// The active loses power in the middle: the other one serves, and has everything.
fn active_dies(pair: &Pair, steps: &[&str]) -> Result<Counts> {
    let mut total = Counts::default();
    for step in steps {
        let (old, new) = roles(pair)?;
        armed(pair, old, old, step, "1h")?;
        let clients = Clients::start(pair)?;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| old.sh("ap-mode switchover --timeout 3s", Duration::from_secs(60)));
            trap::sprung(old, step, SETTLED)?;
            old.power_off()
        })
        .and_then(|()| clients.wait_served_by(new, Instant::now(), SETTLED))
        .with_context(|| (*step).to_owned())?;
        let outage = clients.outage(begun).length;
        old.power_on()?;
        back(pair, old, new).with_context(|| (*step).to_owned())?;
        let counts = clients.finish(pair, new, begun).with_context(|| (*step).to_owned())?;
        total.acknowledged += counts.acknowledged;
        total.missing += counts.missing;
        total.outage = total.outage.max(Some(outage));
    }
    Ok(total)
}

/// The way back of a node that lost power, by what it says it is: it left for `m`,
/// or was the standby already.
fn back(pair: &Pair, node: &Node, serving: &Node) -> Result<()> {
    let (standby, _) = wait_for("the node to have settled", SETTLED, || {
        let answer = show(node)?;
        Ok(match (answer.mode, answer.role) {
            (Mode::Ap, Role::Standby) => Seen::Done(true),
            (Mode::M, Role::Standby) => Seen::Done(false),
            other => Seen::Not(format!("{other:?}")),
        })
    })?;
    ap_mode(node, if standby { "start" } else { "set ap" })?;
    if show(serving)?.mode == Mode::S {
        ap_mode(serving, "set ap")?;
    }
    whole(pair, serving)
}

/// The standby loses power after it was given the role and before it was promoted.
/// The old active has given its word and keeps it: it rests, says so, and an
/// operator's word brings it back once the other one answers that it never served.
fn standby_dies(pair: &Pair) -> Result<Counts> {
    let (old, new) = roles(pair)?;
    armed(pair, old, new, "Drain", "1h")?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| old.sh("ap-mode switchover", Duration::from_secs(60)));
        trap::sprung(new, "Drain", SETTLED)?;
        new.power_off()
    })?;
    let gone = Instant::now();
    wait_for("the old active to rest", SETTLED, || {
        let answer = show(old)?;
        Ok(holds(answer.mode == Mode::M && answer.writable.is_none() && !answer.vip))
    })?;
    expect(pair, old, Is::RestingActive)?;
    let said = ap_mode_ends(old, "set s", 1)?;
    ensure!(said.contains("the peer does not say what it is") && said.contains("--force"), "it said: {said}");
    ensure!(clients.served_since(gone).is_empty(), "somebody acknowledged");
    new.power_on()?;
    wait_for("the other one to answer", SETTLED, || Ok(holds(show(new)?.role == Role::Standby)))?;
    ap_mode(old, "set s")?;
    clients.wait_served_by(old, Instant::now(), SETTLED)?;
    ap_mode(new, "set m")?;
    way_back(pair, old)?;
    let outage = clients.outage(begun).length;
    Ok(Counts { outage: Some(outage), ..clients.finish(pair, old, begun)? })
}
