//! keepalived's two ways to speak: the FIFO, which all other scenarios use, and the
//! classic `notify` program, and the classic words.

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::{failover, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, config};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("hooks", "hooks-fifo-and-notify", both).long()];

/// Renders that kind on a running pair, the standby first, and has keepalived read it.
fn render(pair: &Pair, hooks: &str) -> Result<()> {
    let (active, standby) = roles(pair)?;
    let text = format!("{}\n[keepalived]\nhooks = \"{hooks}\"\n", config(pair));
    for node in [standby, active] {
        node.write("/etc/ap/ap.toml", text.as_bytes(), "0644")?;
        ap_mode(node, "install")?;
        let conf = node.run("cat /etc/keepalived/keepalived.conf")?;
        ensure!(conf.contains("vrrp_notify_fifo /run/ap/notify.fifo") == (hooks == "fifo"), "{hooks}: {conf}");
        ensure!(conf.contains("notify \"/usr/bin/ap-notify") == (hooks == "notify"), "{hooks}: {conf}");
        let tested = node.sh("keepalived -t", std::time::Duration::from_secs(10))?;
        ensure!(tested.code == 0, "keepalived refuses {hooks}: {tested:?}");
        node.run("systemctl reload keepalived")?;
    }
    settled(pair, active, standby).with_context(|| format!("after the reload with {hooks}"))
}

/// A reload and a new configuration are no failover.
fn settled(pair: &Pair, active: &Node, standby: &Node) -> Result<()> {
    crate::product::wait_protected(active)?;
    crate::product::wait_protected(standby)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)
}

fn both(pair: &Pair) -> Result<Counts> {
    render(pair, "notify")?;
    let by_notify = failover(pair, |node| node.run("systemctl stop keepalived").map(drop), |_| Ok(()))?;

    // The classic words: those that say nothing new change nothing, `fault` is a fault.
    let (active, standby) = roles(pair)?;
    for (node, word) in [(active, "master"), (standby, "backup")] {
        node.run(&format!("ap-notify {word}"))?;
    }
    node_heard(active, "keepalived says MASTER")?;
    settled(pair, active, standby)?;
    render(pair, "fifo")?;
    let by_word = failover(pair, |node| node.run("ap-notify fault").map(drop), |_| Ok(()))?;
    let stopped = failover(pair, |node| node.run("ap-notify stop").map(drop), |_| Ok(()))?;

    // As it was.
    for node in pair.nodes() {
        node.write("/etc/ap/ap.toml", config(pair).as_bytes(), "0644")?;
        ap_mode(node, "install")?;
    }
    let ms = |counts: &Counts| counts.outage.unwrap_or_default().as_millis();
    let note = format!("words: fault {} ms, stop {} ms", ms(&by_word), ms(&stopped));
    Ok(Counts {
        acknowledged: by_notify.acknowledged + by_word.acknowledged + stopped.acknowledged,
        missing: by_notify.missing + by_word.missing + stopped.missing,
        outage: by_notify.outage,
        note,
    })
}

fn node_heard(node: &Node, word: &str) -> Result<()> {
    wait_for("the word to be heard", std::time::Duration::from_secs(5), || {
        Ok(holds(node.run("tail -n 3 /var/lib/ap/events.jsonl")?.contains(word)))
    })
    .map(drop)
}
