//! A node in s: nobody else can serve, so whatever fails is started again, the mode
//! stays, and nothing is fenced.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, show};
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("alone", "alone-recovers", recovers)];

type Hiccup = fn(&Node) -> Result<()>;

const HICCUPS: [(&str, Hiccup); 6] = [
    ("API crash", |node| kill(node, "demo-api.service")),
    ("database crash", |node| kill(node, "mariadb.service")),
    ("keepalived crash", |node| kill(node, "keepalived.service")),
    ("keepalived restart", |node| node.run("systemctl restart keepalived").map(drop)),
    ("API stop", |node| node.run("systemctl stop demo-api").map(drop)),
    ("ap-notify crash", |node| kill(node, "ap-notify.service")),
];

fn kill(node: &Node, unit: &str) -> Result<()> {
    node.signal_unit(unit, Signal::SIGKILL).map(drop)
}

/// Without `recover` in the planner's event table the first of these ends with a
/// pair that nobody serves.
fn recovers(pair: &Pair) -> Result<Counts> {
    let (x, y) = roles(pair)?;
    ap_mode(y, "set m")?;
    ap_mode(x, "set s")?;
    let before = show(x)?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    let mut notes = Vec::new();
    for (name, hiccup) in HICCUPS {
        let struck = Instant::now();
        hiccup(x).context(name)?;
        // Two writes in a row after a check of keepalived could have failed.
        clients.wait_served_by(x, struck + Duration::from_millis(500), Duration::from_secs(30)).context(name)?;
        expect(pair, x, Is::Alone).context(name)?;
        let after = show(x)?;
        ensure!((after.epoch, &after.since) == (before.epoch, &before.since), "{name}: the mode was entered anew");
        notes.push(format!("{name} {:.1}", clients.outage(struck).length.as_secs_f64()));
    }
    expect(pair, y, Is::Resting)?;
    way_back(pair, x)?;
    let counts = clients.stop()?.count(x, begun, Instant::now())?;
    Ok(Counts { note: format!("seconds without writes: {}", notes.join(", ")), ..counts })
}
