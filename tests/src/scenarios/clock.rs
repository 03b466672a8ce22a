//! F15: the wall clock is stepped by an hour, for MariaDB and keepalived: alone, and
//! at the very moment of a cut. Nothing of ours decides by it, so nothing happens, or
//! exactly what happens without it.
//!
//! libfaketime is loaded into both programs on both nodes and reads the offset from a
//! file; the machine's own clock is not touched. Monotonic clocks run on, as they do
//! when a real wall clock is stepped. Our programs are static: nothing can be loaded
//! into them, and nothing needs to be.

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::failover::{Failover, failover};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::start;
use crate::scenario::{Counts, Scenario, booted};
use crate::wait::{Seen, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    booted("F15", "clock-stepped", |pair| stepped(pair, -HOUR)),
    booted("F15", "clock-stepped-forward", |pair| stepped(pair, HOUR)).long(),
];

const OFFSET: &str = "/etc/lab-clock";
const UNITS: [&str; 2] = ["mariadb.service", "keepalived.service"];
/// An hour, in seconds.
const HOUR: i64 = 3600;
/// Longer than a lease, a gap and any check.
const WATCHED: Duration = Duration::from_secs(5);

/// Steps the wall clock of both programs.
fn step(node: &Node, seconds: i64) -> Result<()> {
    // In place and in one piece: a file that is missing or cut short would be no offset.
    node.run(&format!("printf %s '{seconds:+06}' | dd of={OFFSET} conv=notrunc status=none")).map(drop)
}

/// Waits until MariaDB's clock is that far off; that keepalived has the library
/// loaded has to do, it tells nobody the time.
fn wait_stepped(node: &Node, seconds: i64) -> Result<()> {
    let keepalived = node.pid_of("keepalived.service")?;
    let maps = std::fs::read_to_string(format!("/proc/{keepalived}/maps"))?;
    ensure!(maps.contains("libfaketime"), "keepalived has its own clock");
    wait_for("a clock that is off", Duration::from_secs(5), || {
        let theirs: f64 = node.sql("SELECT UNIX_TIMESTAMP(NOW(6))")?.parse()?;
        let off = theirs - SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        Ok(if (off - seconds as f64).abs() < 2.0 { Seen::Done(()) } else { Seen::Not(format!("off by {off:.1} s")) })
    })
    .map(drop)
}

fn load(node: &Node) -> Result<()> {
    node.write(OFFSET, b"+00000", "0644")?;
    let library = node.run("ls /usr/lib/*/faketime/libfaketimeMT.so.1")?;
    for unit in UNITS {
        let drop_in = format!(
            "[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={OFFSET} FAKETIME_NO_CACHE=1 \
             FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1\n"
        );
        node.write(&format!("/etc/systemd/system/{unit}.d/90-lab-clock.conf"), drop_in.as_bytes(), "0644")?;
    }
    node.run("systemctl daemon-reload").map(drop)
}

fn stepped(pair: &Pair, seconds: i64) -> Result<Counts> {
    pair.both(load)?;
    start(pair)?;
    let alone = alone(pair)?;
    let cut = cut(pair, seconds).with_context(|| format!("stepped by {seconds} s at the moment of a cut"))?;
    Ok(Counts {
        acknowledged: alone.acknowledged + cut.acknowledged,
        missing: alone.missing + cut.missing,
        note: format!("stepped alone: {}", alone.note),
        ..cut
    })
}

/// There and back, on the active, on the standby, on both: nobody does anything.
fn alone(pair: &Pair) -> Result<Counts> {
    let mut story = Failover::begin(pair)?;
    let nodes = [story.failed, story.survivor];
    let outage = story.endure(|_| {
        for (seconds, stepped) in [(-HOUR, &nodes[..1]), (HOUR, &nodes[..1]), (-HOUR, &nodes[1..]), (HOUR, &nodes[..])]
        {
            for node in stepped {
                step(node, seconds)?;
            }
            for node in stepped {
                wait_stepped(node, seconds)?;
            }
            sleep(WATCHED);
        }
        Ok(())
    })?;
    let (active, standby) = (story.failed, story.survivor);
    for node in [active, standby] {
        step(node, 0)?;
        wait_stepped(node, 0)?;
    }
    Ok(Counts { note: format!("{:.3} s without writes", outage.as_secs_f64()), ..story.end()? })
}

/// The active loses its cable at the moment at which both clocks are stepped.
fn cut(pair: &Pair, seconds: i64) -> Result<Counts> {
    let both = |seconds| pair.both(|node| step(node, seconds)).map(drop);
    let counts = failover(
        pair,
        |node| {
            both(seconds)?;
            node.cut_cable()
        },
        Node::plug_cable,
    )?;
    both(0)?;
    Ok(counts)
}
