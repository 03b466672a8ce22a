//! The fence command: run before a promotion on silence. One that kills the other
//! machine decides a cut that neither node can see through; one that fails, where
//! it is required, forbids the promotion.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{Failover, roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("fence", "fence-kills-the-other", kills),
    protected("fence", "fence-fails", fails),
    protected("fence", "fence-before-going-alone", alone).long(),
    protected("fence", "fence-fails-best-effort", best_effort).long(),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// Asks the lab, as a power switch would be asked, and waits until it is done.
const SWITCH: &str = "#!/bin/sh\necho \"$@\" >/run/lab-fence\nwhile ! [ -e /run/lab-fenced ]; do sleep 0.05; done\n";

/// Both nodes get the command, for as long as `story` lasts.
fn with_fence(pair: &Pair, command: &str, required: bool, story: impl FnOnce() -> Result<Counts>) -> Result<Counts> {
    let section = format!("\\n[fence]\\ncommand = [\"{command}\"]\\nrequired = {required}\\n");
    pair.both(|node| {
        node.write("/usr/local/bin/lab-fence", SWITCH.as_bytes(), "0755")?;
        node.run(&format!("cp /etc/ap/ap.toml /root/ap.toml; printf '{section}' >>/etc/ap/ap.toml"))?;
        node.run("rm -f /run/lab-fence /run/lab-fenced; systemctl restart ap-notify")
    })?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;
    let counts = story()?;
    pair.both(|node| node.run("cp /root/ap.toml /etc/ap/ap.toml; systemctl restart ap-notify"))?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;
    Ok(counts)
}

/// The nodes are cut off from each other, both reach the gateway and the clients.
/// Whoever asks first lives.
fn kills(pair: &Pair) -> Result<Counts> {
    with_fence(pair, "/usr/local/bin/lab-fence", true, || {
        let (active, standby) = roles(pair)?;
        let clients = Clients::start(pair)?;
        let broken = Instant::now();
        pair.partition()?;
        wait_for("the standby to ask for the fence", SOON, || {
            Ok(holds(standby.run("cat /run/lab-fence")?.contains(&active.address().to_string())))
        })?;
        let writable = standby.sql("SELECT @@read_only")? == "0";
        active.power_off()?;
        standby.run("touch /run/lab-fenced")?;
        ensure!(!writable, "promoted before the fence was done");
        clients.wait_served_by(standby, broken, SOON)?;
        let outage = clients.outage(broken).length;
        expect(pair, standby, Is::Alone)?;
        pair.heal()?;
        active.power_on()?;
        expect(pair, active, Is::Resting)?;
        way_back(pair, standby)?;
        Ok(Counts { outage: Some(outage), ..clients.finish(pair, standby, broken)? })
    })
}

/// Nobody can tell whether the silent active is dead: refused, and said why.
fn fails(pair: &Pair) -> Result<Counts> {
    with_fence(pair, "/bin/false", true, || {
        let (active, standby) = roles(pair)?;
        let clients = Clients::start(pair)?;
        let broken = Instant::now();
        active.power_off()?;
        let gone = Instant::now();
        wait_for("the refusal", SOON, || {
            let history = standby.run("tail -n 20 /var/lib/ap/events.jsonl")?;
            Ok(holds(history.contains("the fence command is required and failed")))
        })?;
        std::thread::sleep(Duration::from_secs(3));
        let answer = show(standby)?;
        ensure!(answer.writable == Some(false) && !answer.vip, "it became {answer:?}");
        ensure!(clients.served_since(gone).is_empty(), "somebody acknowledged");
        active.power_on()?;
        ap_mode(active, "start").context("the way back")?;
        wait_protected(active)?;
        wait_protected(standby)?;
        clients.wait_served_by(active, Instant::now(), SOON)?;
        clients.finish(pair, active, broken)
    })
}

/// The standby loses power, and is silent for longer than any lease. Going on alone
/// waits for the fence all the same, and follows it at once.
///
/// Meant to fail when `Active` does not look at `fence_missing`.
fn alone(pair: &Pair) -> Result<Counts> {
    with_fence(pair, "/usr/local/bin/lab-fence", true, || {
        let (active, standby) = roles(pair)?;
        let clients = Clients::start(pair)?;
        let broken = Instant::now();
        standby.power_off()?;
        wait_for("the active to ask for the fence", SOON, || {
            Ok(holds(active.run("cat /run/lab-fence")?.contains(&standby.address().to_string())))
        })?;
        let asked = Instant::now();
        std::thread::sleep(Duration::from_secs(2));
        let (answer, served) = (show(active)?, clients.served_since(asked));
        ensure!(!answer.solo && served.is_empty(), "{served:?} acknowledged before the fence was done: {answer:?}");
        let done = Instant::now();
        active.run("touch /run/lab-fenced")?;
        clients.wait_served_by(active, done, SOON)?;
        let after = done.elapsed();
        ensure!(after < Duration::from_secs(2), "the fence was done {after:?} ago");
        let outage = clients.outage(broken).length;
        expect(pair, active, Is::Active)?;
        standby.power_on()?;
        ap_mode(standby, "start")?;
        wait_protected(active)?;
        expect(pair, standby, Is::Standby)?;
        let note = format!("goes on {:.1} s after the fence", after.as_secs_f64());
        Ok(Counts { outage: Some(outage), note, ..clients.finish(pair, active, broken)? })
    })
}

/// Where the fence is not required, one that fails is tried, told, and no hindrance:
/// neither to a promotion nor to going on alone.
fn best_effort(pair: &Pair) -> Result<Counts> {
    with_fence(pair, "/bin/false", false, || {
        let mut story = Failover::begin(pair)?;
        let outage = story.strike(Node::power_off)?;
        tried(story.survivor)?;
        story.mend(|node| node.power_on().map(drop))?;
        story.way_back()?;
        let first = story.end()?;
        let (active, standby) = roles(pair)?;
        let clients = Clients::start(pair)?;
        let broken = Instant::now();
        standby.power_off()?;
        wait_for("the active to go on alone", SOON, || Ok(holds(show(active)?.solo)))?;
        tried(active)?;
        clients.wait_served_by(active, Instant::now(), SOON)?;
        let stall = clients.outage(broken).length;
        standby.power_on()?;
        ap_mode(standby, "start")?;
        wait_protected(active)?;
        let second = clients.finish(pair, active, broken)?;
        let note = format!("going on alone {:.1} s", stall.as_secs_f64());
        let acknowledged = first.acknowledged + second.acknowledged;
        Ok(Counts { acknowledged, missing: first.missing + second.missing, outage: Some(outage), note })
    })
}

/// The command was run, and that it failed is told.
fn tried(node: &Node) -> Result<()> {
    wait_for("the failure of the fence to be told", SOON, || {
        Ok(holds(node.run("tail -n 30 /var/lib/ap/events.jsonl")?.contains("failed: /bin/false")))
    })
    .map(drop)
}
