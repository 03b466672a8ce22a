//! `ap-mode metrics`: what Prometheus is told of a pair, by the timer, before and
//! after a failover.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{Seen, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("op", "metrics", metrics)];

const FILE: &str = "/var/lib/prometheus/node-exporter/ap.prom";
const SHORT: Duration = Duration::from_secs(20);

/// The value of a metric on a page, found by its name and a part of its labels.
fn value(page: &str, name: &str, label: &str) -> Result<f64> {
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")) && line.contains(label))
        .with_context(|| format!("no {name} with {label} in {page}"))?;
    Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
}

/// Waits until the node tells all of these.
fn tells(node: &Node, wanted: &[(&str, &str, f64)]) -> Result<String> {
    let what = format!("metrics of {} to be {wanted:?}", node.name());
    let page = wait_for(&what, SHORT, || {
        let page = ap_mode(node, "metrics")?;
        let wrong: Vec<_> = wanted
            .iter()
            .map(|(name, label, wanted)| Ok((name, label, wanted, value(&page, name, label)?)))
            .filter(|one: &Result<_>| one.as_ref().map_or(true, |(_, _, wanted, value)| *wanted != value))
            .collect::<Result<_>>()?;
        Ok(if wrong.is_empty() { Seen::Done(page) } else { Seen::Not(format!("{wrong:?}")) })
    })?;
    Ok(page.0)
}

fn metrics(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    // A pair that never wrote anything has no history to compare on the way back.
    active.sql("REPLACE INTO demo.users (id, name) VALUES (1, 'one')")?;
    let both =
        [("ap_notify_up", "", 1.0), ("ap_peer_up", "", 1.0), ("ap_status_level", "", 0.0), ("ap_protected", "", 1.0)];
    tells(
        active,
        &[
            &both[..],
            &[
                ("ap_serves", "", 1.0),
                ("ap_role", "active", 1.0),
                ("ap_vrrp_state", "MASTER", 1.0),
                ("ap_lease_granted", "", 1.0),
                ("ap_check_up", "db", 1.0),
                ("ap_solo", "", 0.0),
            ],
        ]
        .concat(),
    )?;
    let page = tells(
        standby,
        &[
            &both[..],
            &[
                ("ap_serves", "", 0.0),
                ("ap_role", "active", 0.0),
                ("ap_replication_running", "", 1.0),
                ("ap_replication_lag_transactions", "", 0.0),
                ("ap_mode", "mode=\"ap\"", 1.0),
            ],
        ]
        .concat(),
    )?;
    ensure!(value(&page, "ap_lease_remaining_seconds", "")? > 0.0, "{page}");
    let series = page.lines().filter(|line| !line.starts_with('#')).count();

    // By the timer of the package, into the collector's directory, never half a page.
    active.run("mkdir -p /var/lib/prometheus/node-exporter; systemctl enable --now ap-metrics.timer; systemctl start ap-metrics.service")?;
    let written = active.run(&format!(
        "stat -c '%a %U' {FILE}; grep -c ^ap_serves {FILE}; ls {} | wc -l",
        "/var/lib/prometheus/node-exporter"
    ))?;
    ensure!(written == "644 root\n1\n1", "{written}");
    let first = active.run(&format!("stat -c %Y%i {FILE}"))?;
    wait_for("the timer to write again", Duration::from_secs(30), || {
        let now = active.run(&format!("stat -c %Y%i {FILE}"))?;
        Ok(if now == first { Seen::Not(now) } else { Seen::Done(()) })
    })?;
    active.run("systemctl disable --now ap-metrics.timer; rm -r /var/lib/prometheus")?;
    ap_mode_ends(active, "metrics --output /nonexistent/ap.prom", 73)?;

    let epoch = value(&ap_mode(standby, "metrics")?, "ap_epoch", "")?;
    active.power_off()?;
    expect(pair, standby, Is::Alone)?;
    tells(
        standby,
        &[
            ("ap_serves", "", 1.0),
            ("ap_peer_up", "", 0.0),
            ("ap_mode", "mode=\"s\"", 1.0),
            ("ap_protected", "", 0.0),
            ("ap_status_level", "", 1.0),
            ("ap_epoch", "", epoch + 1.0),
        ],
    )?;
    active.power_on()?;
    expect(pair, active, Is::Resting)?;
    tells(active, &[("ap_mode", "mode=\"m\"", 1.0), ("ap_database_up", "", 0.0), ("ap_serves", "", 0.0)])?;
    active.run("systemctl stop ap-notify.service ap-notify.socket ap-peer.socket")?;
    tells(active, &[("ap_notify_up", "", 0.0), ("ap_mode", "mode=\"m\"", 1.0)])?;
    active.run("systemctl start ap-notify.socket ap-peer.socket ap-notify.service")?;
    way_back(pair, standby)?;
    Ok(Counts { note: format!("{series} series"), ..Counts::default() })
}
