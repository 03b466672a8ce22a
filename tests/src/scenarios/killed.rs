//! The operator's commands killed half-way: ap-notify at a step of the plan, and
//! ap-mode itself. The same end, and repeated, nothing changes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::trap;
use crate::untouched::untouched;

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("modes", "commands-killed-half-way", |pair| rounds(pair, &[2])),
    protected("modes", "commands-killed-at-each-step", |pair| rounds(pair, &Vec::from_iter(0..16)))
        .long()
        .within(Duration::from_secs(900)),
];

/// Names of a plan's steps, in order, for the trap: the first word is enough where
/// it comes once. Longer plans are cut off, shorter ones are not struck again.
const SET_M: [&str; 14] = [
    "Intend",
    "AwaitProtection",
    "ReadOnly",
    "RecordFenced",
    "Fault",
    "AwaitPeerServes",
    "Started",
    "Stop(Keepalived",
    "RemoveVip",
    "Stop(Api",
    "Stop(Database",
    "Become",
    "UnitFiles",
    "Finish",
];
const SET_AP: [&str; 14] = [
    "Intend",
    "UnitFiles",
    "Start",
    "EndReplication",
    "CompareHistories",
    "ReadOnly",
    "Follow",
    "AwaitReplication",
    "Become",
    "Start(Api",
    "Fault(Role",
    "Started",
    "Start(Keepalived",
    "Finish",
];
const PAIR_UP: [&str; 6] = ["Intend", "AwaitStandby", "Become", "UnitFiles", "AwaitProtection", "Finish"];
const SET_S: [&str; 5] = ["Intend", "GoSolo", "Become", "UnitFiles", "Finish"];

/// Has ap-notify kill itself at a step, once, and asks. The answer may be lost with it.
fn struck(node: &Node, step: &str, command: &str) -> Result<()> {
    trap::lay(node, step)?;
    // Killed before it was written down, a request is gone: whoever asked is told
    // that nobody knows, and asks again.
    let gone = step == "Intend";
    let output = crate::product::ask(node, &format!("{command} --timeout {}", if gone { "2s" } else { "60s" }))?;
    trap::lift(node)?;
    if gone {
        ensure!(output.code == 75, "{command}, ap-notify killed before it was begun: {output:?}");
        return ap_mode(node, command).map(drop);
    }
    ensure!(output.code == 0, "{command}, ap-notify killed at {step}: {output:?}");
    Ok(())
}

fn again(pair: &Pair, node: &Node, command: &str, is: Is) -> Result<()> {
    expect(pair, node, is).with_context(|| command.to_owned())?;
    untouched(pair, command, || ap_mode_ends(node, command, 0).map(drop))
}

fn rounds(pair: &Pair, numbers: &[usize]) -> Result<Counts> {
    pair.both(|node| trap::arm(node, "100ms"))?;
    for node in pair.nodes() {
        wait_protected(node)?;
    }
    let mut all = Counts::default();
    for &number in numbers {
        let counts = round(pair, number).with_context(|| format!("round {number}"))?;
        all.acknowledged += counts.acknowledged;
        all.missing += counts.missing;
    }
    all.note = format!("{} rounds", numbers.len());
    mode_killed(pair)?;
    pair.both(trap::disarm)?;
    for node in pair.nodes() {
        wait_protected(node)?;
    }
    Ok(all)
}

/// `set m`, `set ap`, `set ap`, `set s`, `set ap`, each struck at its step of that number.
fn round(pair: &Pair, number: usize) -> Result<Counts> {
    let (x, y) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let begun = std::time::Instant::now();
    let step = |steps: &[&'static str]| steps[number % steps.len()];
    struck(x, step(&SET_M), "set m")?;
    again(pair, x, "set m", Is::Resting)?;
    expect(pair, y, Is::Alone)?;
    struck(x, step(&SET_AP), "set ap")?;
    again(pair, x, "set ap", Is::Standby)?;
    struck(y, step(&PAIR_UP), "set ap")?;
    again(pair, y, "set ap", Is::Active)?;
    wait_protected(y)?;
    wait_protected(x)?;
    let counts = clients.stop()?.count(y, begun, std::time::Instant::now())?;
    struck(y, step(&SET_S), "set s")?;
    again(pair, y, "set s", Is::Alone)?;
    ap_mode(y, "set ap")?;
    wait_protected(y)?;
    wait_protected(x)?;
    Ok(counts)
}

/// ap-mode only asks: killed, it leaves what it asked for to be done.
fn mode_killed(pair: &Pair) -> Result<()> {
    let (x, y) = roles(pair)?;
    x.run("ap-mode set m 2>/root/said & asker=$!; until [ -s /root/said ]; do :; done; kill -9 $asker")?;
    ap_mode(x, "set m")?;
    again(pair, x, "set m", Is::Resting)?;
    expect(pair, y, Is::Alone)?;
    crate::failover::way_back(pair, y)
}
