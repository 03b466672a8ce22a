//! What the operator sees: `ap-mode status` from either node in every state of
//! the pair, its exit codes, and `ap-mode history`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ap_core::event::Event;
use serde_json::Value;

use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, start, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, equals, holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("op", "status-of-a-pair", status_of_a_pair),
    protected("op", "status-in-every-state", status_in_every_state),
    protected("op", "history", history),
];

const SHORT: Duration = Duration::from_secs(5);
/// A failover, or a restart of a pair.
const SETTLED: Duration = Duration::from_secs(20);

/// Exit code and output of `ap-mode status`.
fn status(node: &Node, arguments: &str) -> Result<(i32, String)> {
    let output = node.sh(&format!("ap-mode status {arguments}"), SHORT)?;
    ensure!(output.stderr.is_empty(), "said on standard error: {}", output.stderr);
    Ok((output.code, output.stdout))
}

/// Waits until the status of a node, asked there, has that exit code and says that.
fn wait_status(node: &Node, code: i32, words: &[&str]) -> Result<String> {
    let what = format!("status {code} on {} with {words:?}", node.name());
    let (text, _) = wait_for(&what, SETTLED, || {
        let (exit, text) = status(node, "")?;
        let words = words.iter().all(|word| text.contains(word));
        Ok(if exit == code && words { Seen::Done(text) } else { Seen::Not(format!("{exit}: {text}")) })
    })?;
    let widest = text.lines().map(|line| line.chars().count()).max();
    ensure!(widest <= Some(80), "a line of {widest:?} columns: {text}");
    let first = text.lines().next().unwrap_or_default();
    let word = ["OK: ", "WARNING: ", "CRITICAL: ", "UNKNOWN: "][usize::try_from(code)?];
    ensure!(first.starts_with(word), "the first line is not for Nagios: {first}");
    Ok(text)
}

/// Everything the table promises of a protected pair, the same from either side,
/// and its forms: JSON, terminal, no colour, watch.
fn status_of_a_pair(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let headline = format!("OK: {} serves {}", active.name(), pair.options.vip);
    for node in pair.nodes() {
        wait_status(
            node,
            0,
            &[
                &headline,
                "each acknowledged write is on both nodes",
                "active",
                "standby",
                "ap, epoch",
                "MASTER",
                "BACKUP",
            ],
        )?;
        wait_status(
            node,
            0,
            &["here", "good", "writable, 10.11", "read-only, 10.11", "semi-sync on", "granted", " s left"],
        )?;
        let text = wait_status(node, 0, &["streaming, 0 s / 0 trx behind", "yes, for", "last event", "since"])?;
        ensure!(!text.contains('\x1b'), "colour into a pipe: {text:?}");
        let (code, line) = status(node, "--json")?;
        let seen: Value = serde_json::from_str(&line)?;
        ensure!((code, line.lines().count()) == (0, 1), "{code}: {line}");
        ensure!(seen["level"] == "ok" && seen["findings"].as_array().is_some_and(Vec::is_empty), "{line}");
        ensure!(seen["nodes"][0]["host"] == node.name() && seen["nodes"][0]["here"] == true, "{line}");
        let of = |name: &str| seen["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["host"] == name));
        let (a, s) = (of(active.name()).context("no active")?, of(standby.name()).context("no standby")?);
        ensure!(a["facts"]["database"] == "writable" && a["facts"]["lease"]["granted"] == true, "{line}");
        ensure!(a["facts"]["vip"] == true && a["facts"]["vrrp"] == "MASTER" && a["facts"]["api"] == true, "{line}");
        ensure!(
            s["facts"]["replication"]["state"] == "streaming" && s["facts"]["replication"]["semi-sync"] == true,
            "{line}"
        );
        ensure!(s["facts"]["lease"]["left-ms"].as_u64().is_some_and(|left| (1..=3000).contains(&left)), "{line}");
        ensure!(s["facts"]["last-event"]["at"].is_string() && s["reachable"] == true, "{line}");
    }
    // On a terminal; script(1) makes one.
    let tty = |settings: &str| active.run(&format!("{settings} script -qec 'ap-mode status' /dev/null </dev/null"));
    ensure!(tty("TERM=xterm")?.contains("\x1b[32mOK\x1b[0m"), "no colour on a terminal");
    ensure!(!tty("TERM=xterm NO_COLOR=1")?.contains('\x1b'), "colour in spite of NO_COLOR");
    let watched = active.sh("timeout 1.2 ap-mode status --watch=200ms", SHORT)?.stdout;
    let looks = watched.matches(&headline).count();
    ensure!((4..=6).contains(&looks), "{looks} looks in 1.2 s");
    // Without privileges, as a monitoring agent would.
    let agent = active.sh("setpriv --reuid=65534 --regid=65534 --clear-groups ap-mode status", SHORT)?;
    ensure!(agent.code == 0 && agent.stdout.starts_with("OK: "), "{agent:?}");
    // What cannot be found out is UNKNOWN.
    for (how, says) in [
        ("ap-mode --config /nonexistent status", "/nonexistent"),
        (
            "(echo 'codename = \"other\"'; sed s/10.77/10.9/ /etc/ap/ap.toml) >/run/other.toml; \
             ap-mode --config /run/other.toml status",
            "UNKNOWN: ",
        ),
    ] {
        let output = active.sh(how, SHORT)?;
        ensure!(output.code == 3 && output.stdout.contains(says), "{how}: {output:?}");
    }
    Ok(Counts::default())
}

/// From both nodes: a silent peer, ap-notify gone on either side, an API that is
/// down on the standby, a failover, the old active back in `m`, everything at rest.
fn status_in_every_state(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let (a, s) = (active.name(), standby.name());
    write_something(active)?;
    let ours = "ap-notify.service ap-notify.socket ap-peer.socket";

    standby.run(&format!("systemctl stop {ours}"))?;
    let silent = format!("{s}, SILENT, as of");
    let text = wait_status(active, 1, &[&format!("WARNING: {a} serves"), &silent, "does not answer (last heard"])?;
    ensure!(text.contains("read-only, 10.11"), "what was last known is gone: {text}");
    wait_status(standby, 2, &[&format!("ap-notify does not answer on {s}"), "without ap-notify"])?;
    let (code, line) = status(active, "--json")?;
    let seen: Value = serde_json::from_str(&line)?;
    let peer = &seen["nodes"][1];
    ensure!(
        code == 1 && peer["reachable"] == false && peer["heard-ms"].as_u64().is_some_and(|ms| ms < 60_000),
        "{line}"
    );
    ensure!(peer["silence"].is_string() && peer["facts"]["role"] == "standby", "{line}");
    standby.run(&format!("systemctl start {ours}"))?;
    wait_protected(active)?;
    wait_status(standby, 0, &[])?;

    standby.run("systemctl stop demo-api")?;
    for node in [active, standby] {
        wait_status(node, 1, &[&format!("the check api on the standby {s} is bad"), "BAD: "])?;
    }
    standby.run("systemctl start demo-api")?;
    for node in [active, standby] {
        wait_status(node, 0, &[])?;
    }

    active.power_off()?;
    expect(pair, standby, Is::Alone)?;
    wait_status(
        standby,
        1,
        &[&format!("WARNING: {s} serves"), &format!("{a}, SILENT, as of"), "alone (s)", "way back: `ap-mode set ap`"],
    )?;
    active.power_on()?;
    expect(pair, active, Is::Resting)?;
    for node in [active, standby] {
        wait_status(node, 1, &[&format!("WARNING: {s} serves"), "UNPROTECTED", "m, epoch", "s, epoch", "way back"])?;
    }
    way_back(pair, standby)?;

    // At rest nobody serves, and it says what to type.
    ap_mode(active, "stop")?;
    wait_for("the other to go on alone", SETTLED, || Ok(holds(show(standby)?.solo)))?;
    ap_mode(standby, "stop")?;
    for node in [active, standby] {
        wait_status(node, 2, &["CRITICAL: nobody is seen to serve", "is not started: `ap-mode start` on it"])?;
    }
    start(pair)?;
    for node in [active, standby] {
        wait_status(node, 0, &[])?;
    }
    Ok(Counts::default())
}

/// A pair that never wrote anything has no history to compare on the way back.
fn write_something(active: &Node) -> Result<()> {
    active.sql("REPLACE INTO demo.users (id, name) VALUES (1, 'one')").map(drop)
}

fn events(node: &Node) -> Result<Vec<Event>> {
    let text = ap_mode(node, "history -n 0 --json")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// The history tells cause, evidence, plan, times, outcome and who; a full disk
/// loses none of it, and it stays within its bounds.
fn history(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    write_something(active)?;
    ap_mode(active, "set m --why 'new memory'")?;
    expect(pair, standby, Is::Alone)?;
    let left = events(active)?;
    let asked = left.iter().rfind(|event| event.cause.contains("set m")).context("no set m in the history")?;
    ensure!(asked.who == "operator root" && asked.cause.contains("new memory") && asked.outcome == "done", "{asked:?}");
    ensure!(asked.evidence.contains("mode ap, role active") && asked.evidence.contains("ap standby"), "{asked:?}");
    ensure!(asked.steps.len() > 5 && asked.steps.iter().any(|step| step.ms > 1.0), "{asked:?}");
    let promoted = events(standby)?;
    let master = promoted.iter().rfind(|event| event.text.contains("promoting")).context("no promotion")?;
    ensure!(master.who == "keepalived" && master.cause == "keepalived says MASTER", "{master:?}");
    ensure!(master.steps.iter().any(|step| step.step.contains("STOP SLAVE IO_THREAD")), "{master:?}");
    let text = ap_mode(standby, "history")?;
    for says in
        ["keepalived says MASTER: done", "why   MASTER: promoting", "who   keepalived", "seen  mode ap", " ms  "]
    {
        ensure!(text.contains(says), "no '{says}' in {text}");
    }
    let brief = ap_mode(standby, "history --brief")?;
    let widest = text.lines().chain(brief.lines()).map(|line| line.chars().count()).max();
    ensure!(widest <= Some(80) && brief.lines().count() <= 20, "{widest:?}: {text}{brief}");

    // Refusals on a disk without a free byte: nothing can be written, nothing is lost.
    let before = events(active)?.len();
    let mut refusals = 0;
    let refuse = |number: usize| {
        let refused = active.sh(&format!("ap-mode set s --why 'full {number}'"), SHORT)?;
        ensure!(refused.code == 1, "{refused:?}");
        Ok(())
    };
    // The last page of the file has room for a few, and journald gives some of its own away.
    while !active.run("journalctl -qu ap-notify --no-pager")?.contains("events wait for room") {
        active.fill_disk()?;
        refuse(refusals)?;
        refusals += 1;
        ensure!(refusals < 100, "the disk does not fill up");
    }
    active.free_disk()?;
    refuse(refusals)?;
    let output = active.sh("ap-mode history -n 0 --json", SHORT)?;
    ensure!(output.stderr.is_empty(), "damaged: {}", output.stderr);
    let after = events(active)?;
    let causes: Vec<&str> = after[before..].iter().map(|event| event.cause.as_str()).collect();
    let all =
        (0..=refusals).all(|number| causes.get(number).is_some_and(|cause| cause.contains(&format!("full {number})"))));
    ensure!(all && causes.len() == refusals + 1, "{causes:?}");

    // Two files of 2 MiB: the third replaces the first.
    let line = serde_json::to_string(&Event { text: "x".repeat(900), ..Event::default() })?;
    let fill = format!("yes '{line}' | head -c 2200000 >/var/lib/ap/events.jsonl");
    for _ in 0..3 {
        active.run(&fill)?;
        ensure!(active.sh("ap-mode set s", SHORT)?.code == 1, "not refused");
    }
    let bytes = active.run("cat /var/lib/ap/events.jsonl* | wc -c; ls /var/lib/ap | grep -c events")?;
    wait_for("two files", SHORT, || Ok(equals(active.run("ls /var/lib/ap | grep -c events")?.as_str(), &"2")))?;
    let size: u64 = bytes.lines().next().context("no size")?.parse()?;
    ensure!(size < 4_500_000, "{size} bytes of history");
    way_back(pair, standby)?;
    Ok(Counts { note: format!("{} events", promoted.len()), ..Counts::default() })
}
