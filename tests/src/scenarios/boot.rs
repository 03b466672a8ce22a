//! Reboots and power cycles in every mode, and the three ways to start at boot.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ap_core::mode::Role;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{Failover, roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, config, show, wait_protected};
use crate::scenario::{Counts, Scenario, booted, protected};
use crate::wait::{Seen, holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("boot", "reboot-of-the-active", reboot_of_the_active),
    protected("boot", "reboot-in-every-mode", reboot_in_every_mode),
    booted("boot", "start-delayed", start_delayed).long(),
];

/// A node that starts by itself does so within this, counted from its power.
const STARTED: Duration = Duration::from_secs(20);

/// An orderly shutdown is no failure: the active hands over first. Without the
/// `ExecStop` of keepalived's drop-in the database is fenced instead, which the
/// journal tells; with it nothing is ever killed.
fn reboot_of_the_active(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let since = pair.a.run("date +%s")?;
    let outage = story.strike(|node| node.reboot().map(drop))?;
    story.mend(|_| Ok(()))?;
    let asked = show(story.failed)?;
    ensure!(asked.who == "shutdown", "in m by the word of {}: {}", asked.who, asked.why);
    let journal = story.failed.journal(&format!("@{since}"))?;
    ensure!(!journal.contains("KillUnit"), "the database was fenced");
    ensure!(outage < Duration::from_millis(500), "a planned handover took {outage:?}");
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// In s the node comes back by itself, with the VIP, serving.
fn comes_back(pair: &Pair, node: &Node, cycle: impl FnOnce(&Node) -> Result<()>) -> Result<Duration> {
    let begun = Instant::now();
    let before = show(node)?;
    cycle(node)?;
    wait_for("the VIP to come back", STARTED, || Ok(holds(show(node)?.vip)))?;
    expect(pair, node, Is::Alone)?;
    let after = show(node)?;
    ensure!(
        (after.epoch, &after.since) == (before.epoch, &before.since),
        "the mode was entered anew: {} by {}: {}",
        after.since,
        after.who,
        after.why
    );
    Ok(begun.elapsed())
}

/// Nothing starts: what a node is stays what it is.
fn rests(pair: &Pair, node: &Node, is: Is, cycle: impl FnOnce(&Node) -> Result<()>) -> Result<()> {
    cycle(node)?;
    expect(pair, node, is)?;
    // Booted, and ap-notify has looked around more than once: nothing is about to start.
    let looked = Instant::now();
    wait_for("two looks of ap-notify", Duration::from_secs(10), || {
        show(node)?;
        Ok(holds(looked.elapsed() > Duration::from_secs(3)))
    })?;
    expect(pair, node, is)
}

fn power_cycle(node: &Node) -> Result<()> {
    node.power_off()?;
    node.power_on().map(drop)
}

fn reboot(node: &Node) -> Result<()> {
    node.reboot().map(drop)
}

fn reboot_in_every_mode(pair: &Pair) -> Result<Counts> {
    let (x, y) = roles(pair)?;
    let clients = Clients::start(pair)?;

    // A standby starts nothing: the active goes on alone until the operator's start.
    for cycle in [reboot, power_cycle] {
        let begun = Instant::now();
        rests(pair, y, Is::Stopped(Role::Standby), cycle)?;
        clients.wait_served_by(x, begun, Duration::from_secs(10))?;
        ap_mode(y, "start")?;
        wait_protected(x)?;
        wait_protected(y)?;
    }

    // In m.
    ap_mode(y, "set m")?;
    for cycle in [reboot, power_cycle] {
        rests(pair, y, Is::Resting, cycle)?;
    }
    // In s, while the other one rests in m.
    ap_mode(x, "set s")?;
    let counts = clients.stop()?.count(x, Instant::now(), Instant::now())?;
    let rebooted = comes_back(pair, x, reboot)?;
    let cycled = comes_back(pair, x, power_cycle)?;
    expect(pair, y, Is::Resting)?;
    way_back(pair, x)?;
    let note =
        format!("in s, back with the VIP: reboot {:.1} s, power {:.1} s", rebooted.as_secs_f64(), cycled.as_secs_f64());
    Ok(Counts { note, ..counts })
}

/// The configuration with a way to start.
fn scheduled(pair: &Pair, node: &Node, start: &str) -> Result<()> {
    let text = format!("{}\n[start]\n{start}\n", config(pair));
    node.write("/etc/ap/ap.toml", text.as_bytes(), "0644")?;
    ap_mode(node, "install").map(drop)
}

/// How the node was started: boot, at, cron. And the seconds from its boot to keepalived's start.
fn started_by(node: &Node) -> Result<(String, f64)> {
    let told = node.run("grep -h 'asks: start' /var/lib/ap/events.jsonl | tail -n 1")?;
    let who = told.split("\"cause\":\"").nth(1).and_then(|rest| rest.split(" asks").next());
    let after = node.run(
        "expr $(systemctl show --value -p ActiveEnterTimestampMonotonic keepalived) \
         - $(systemctl show --value -p UserspaceTimestampMonotonic)",
    )?;
    let after: f64 = after.parse().with_context(|| format!("no number: {after}"))?;
    Ok((who.unwrap_or("nobody").to_owned(), after / 1e6))
}

/// `boot` with a delay, `cron`, and `at`, one after the other on a node in s. In ap
/// none of them starts anything.
fn start_delayed(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    // The other one is out of the way: a node in s looks at its peer before it starts.
    ap_mode(b, "set m")?;
    scheduled(pair, a, "scheduler = \"cron\"")?;
    rests(pair, a, Is::Stopped(Role::Active), reboot).context("cron in mode ap")?;
    ap_mode(a, "set s")?;
    expect(pair, a, Is::Alone)?;
    let mut took = Vec::new();
    for (start, who, least, most) in [
        ("scheduler = \"cron\"\ndelay = \"2s\"", "cron", 2.0, 20.0),
        ("scheduler = \"boot\"\ndelay = \"2s\"", "boot", 2.0, 20.0),
        ("scheduler = \"at\"\ndelay = \"1min\"", "at", 0.0, 75.0),
    ] {
        scheduled(pair, a, start)?;
        let reader = a.run("ls /etc/cron.d/ap 2>/dev/null || true")?;
        ensure!(reader.is_empty() != (who == "cron"), "{start}: crontab {reader:?}");
        a.reboot()?;
        let limit = Duration::from_secs_f64(most);
        wait_for(&format!("the start by {who}"), limit, || {
            let answer = show(a)?;
            Ok(if answer.vip && answer.writable == Some(true) { Seen::Done(()) } else { Seen::Not(answer.doing) })
        })?;
        expect(pair, a, Is::Alone)?;
        let (by, after) = started_by(a)?;
        ensure!(by == who, "started by {by}, not {who}");
        ensure!(after >= least, "{who} started after {after:.1} s, before its delay");
        took.push(format!("{who} {after:.1} s"));
    }
    Ok(Counts { note: format!("from boot to keepalived: {}", took.join(", ")), ..Counts::default() })
}
