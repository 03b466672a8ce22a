//! F17: what `ap-notify` leans on does not answer: D-Bus, systemd itself, or the
//! state directory. Whoever cannot be made what keepalived decided does not hold the
//! VIP, whoever can is not held up, and the reason is in the journal.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::expect::{Is, expect};
use crate::failover::Failover;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{show, start};
use crate::scenario::{Counts, Scenario, booted, protected};
use crate::wait::{Seen, equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F17", "dbus-hangs-while-promoting", |pair| promoting(pair, DBUS)),
    protected("F17", "dbus-hangs-while-leaving", |pair| leaving(pair, DBUS)).long(),
    protected("F17", "systemd-hangs-while-promoting", |pair| promoting(pair, SYSTEMD)).long(),
    protected("F17", "systemd-hangs-while-leaving", |pair| leaving(pair, SYSTEMD)).long(),
    protected("F17", "state-read-only-while-promoting", |pair| cannot_write(pair, READ_ONLY)).long(),
    protected("F17", "state-read-only-while-leaving", |pair| leaving(pair, READ_ONLY)).long(),
    booted("F17", "state-full", full).long(),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);
/// How long a node that must not serve is watched.
const WATCHED: Duration = Duration::from_secs(8);
/// Longest time without writes: what the same fault costs with everything answering,
/// and a moment.
const QUICK: Duration = Duration::from_secs(3);

/// Something `ap-notify` needs.
#[derive(Clone, Copy)]
struct Support {
    take: fn(&Node) -> Result<()>,
    give: fn(&Node) -> Result<()>,
    /// What the journal must say of it.
    said: &'static str,
    /// Longest time without writes while the active leaves.
    leaves: Duration,
}

/// systemd tells of the end of a unit, and keepalived of its own state, as ever.
const TOLD: Duration = Duration::from_secs(1);

const DBUS: Support = Support {
    take: |node| node.signal_unit("dbus.service", Signal::SIGSTOP).map(drop),
    give: |node| node.signal_unit("dbus.service", Signal::SIGCONT).map(drop),
    said: "deadline",
    leaves: TOLD,
};
const SYSTEMD: Support = Support {
    take: |node| Ok(kill(Pid::from_raw(node.leader()?), Signal::SIGSTOP)?),
    give: |node| Ok(kill(Pid::from_raw(node.leader()?), Signal::SIGCONT)?),
    said: "deadline",
    // It cannot tell of the end of a unit while it hangs: keepalived's check does.
    leaves: Duration::from_secs(7),
};
const READ_ONLY: Support = Support {
    // Made read-only before it is put in place: a mount reaches the mount namespace
    // of ap-notify's sandbox, a change of a bind mount's flags does not. A file
    // system that turns read-only does so in all of them.
    take: |node| {
        node.run(
            "mkdir -p /run/lab-ro; mount --bind /var/lib/ap /run/lab-ro; mount --make-private /run/lab-ro; \
             mount -o remount,bind,ro /run/lab-ro; mount --bind /run/lab-ro /var/lib/ap; umount /run/lab-ro",
        )
        .map(drop)
    },
    give: |node| node.run("umount /var/lib/ap").map(drop),
    said: "Read-only file system",
    leaves: TOLD,
};
/// Where the state directory is a file system of its own, see [`full`].
const FULL: Support = Support {
    take: |node| node.run("cat /dev/zero >/var/lib/ap/filler 2>/dev/null || true").map(drop),
    give: |node| node.run("rm /var/lib/ap/filler").map(drop),
    said: "No space left",
    leaves: TOLD,
};

/// Of a node that may not be able to answer to systemctl.
fn has_vip(pair: &Pair, node: &Node) -> Result<bool> {
    Ok(!node.run(&format!("ip -o -4 address show to {}", pair.options.vip))?.is_empty())
}

/// A step that waits for systemd says so when it gives up.
fn wait_said(node: &Node, since: &str, what: &str) -> Result<()> {
    wait_for(&format!("'{what}' in the journal"), 2 * SOON, || {
        let said = node.run(&format!("journalctl -u ap-notify --since=@{since} --no-pager"))?;
        Ok(if said.contains(what) { Seen::Done(()) } else { Seen::Not(said) })
    })
    .map(drop)
}

/// The standby is held up by nothing: what it needs to serve is MariaDB and its own
/// disk. What is left to do, it does when it can.
///
/// Red when the look before a promotion asks systemd, or waits for it as long as for
/// any other call: the lease ends meanwhile (tests/broken/promotion-asks-systemd.patch).
fn promoting(pair: &Pair, support: Support) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let (node, since) = (story.survivor, story.survivor.run("date +%s.%N")?);
    (support.take)(node)?;
    let broken = Instant::now();
    let outage = story.strike_serving(Node::power_off, SOON)?;
    ensure!(outage < QUICK, "nobody served for {outage:?}");
    let answer = show(node)?;
    ensure!(answer.vip && answer.writable == Some(true) && answer.mode.as_str() == "s", "it became {answer:?}");
    sleep(WATCHED.saturating_sub(broken.elapsed()));
    (support.give)(node)?;
    wait_said(node, &since, support.said)?;
    expect(pair, node, Is::Alone)?;
    story.mend(|node| node.power_on().map(drop))?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// The active gives the VIP away and its database dies, whatever else cannot be
/// done; the standby serves in time. The rest is made up for later.
///
/// Red when the reason is told only once the last step has given up as well, which
/// took more than three minutes; and when keepalived's word reaches the peer only
/// between two steps, which took 1.1 s with D-Bus hung and 2.0 s read-only.
fn leaving(pair: &Pair, support: Support) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let (node, since) = (story.failed, story.failed.run("date +%s.%N")?);
    story.patient(SOON)?;
    (support.take)(node)?;
    let outage = story.strike(|node| node.signal_unit("demo-api.service", Signal::SIGKILL).map(drop))?;
    ensure!(outage < support.leaves, "nobody served for {outage:?}");
    wait_for("a node without VIP and database", SOON, || {
        let database = node.unit_processes("mariadb.service").len();
        Ok(equals((has_vip(pair, node)?, database), &(false, 0)))
    })?;
    wait_said(node, &since, support.said)?;
    (support.give)(node).context("failed to mend")?;
    story.mend(|_| Ok(()))?;
    story.way_back()?;
    Ok(Counts { outage: Some(outage), ..story.end()? })
}

/// A standby that cannot write down what it is about to become does not become it,
/// and gives the VIP back; when it can again, it serves on the word of the fenced active.
fn cannot_write(pair: &Pair, support: Support) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let (node, since) = (story.survivor, story.survivor.run("date +%s.%N")?);
    (support.take)(node)?;
    let failed = story.failed;
    failed.signal_unit("demo-api.service", Signal::SIGKILL)?;
    wait_said(node, &since, support.said)?;
    let (until, mut held, mut looks) = (Instant::now() + WATCHED, 0, 0);
    while Instant::now() < until {
        let answer = show(node)?;
        ensure!(answer.writable == Some(false) && answer.mode.as_str() == "ap", "it became {answer:?}");
        looks += 1;
        held += u32::from(has_vip(pair, node)?);
        sleep(Duration::from_millis(100));
    }
    ensure!(held * 5 < looks, "it holds the VIP in {held} of {looks} looks");
    let mended = Instant::now();
    let outage = story.strike(|_| (support.give)(node))?;
    let after = mended.elapsed().as_secs_f64();
    story.mend(|_| Ok(()))?;
    story.way_back()?;
    let note = format!("serves {after:.1} s after it can write; held the VIP in {held} of {looks} looks");
    Ok(Counts { outage: Some(outage), note, ..story.end()? })
}

/// Full is as read-only, but for what fits into the room that is left in a block.
fn full(pair: &Pair) -> Result<Counts> {
    pair.both(|node| {
        node.run(
            "systemctl stop ap-notify; cp -a /var/lib/ap /run/lab-ap; \
             mount -t tmpfs -o size=8m,mode=755 lab /var/lib/ap; cp -a /run/lab-ap/. /var/lib/ap/; \
             systemctl start ap-notify",
        )
    })?;
    start(pair)?;
    let left = leaving(pair, FULL).context("while leaving")?;
    let refused = cannot_write(pair, FULL).context("while promoting")?;
    let (acknowledged, missing) = (left.acknowledged + refused.acknowledged, left.missing + refused.missing);
    Ok(Counts { acknowledged, missing, outage: left.outage, note: refused.note })
}
