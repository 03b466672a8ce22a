//! What a node has to be, by the mode table: modes, roles, unit states, VIP,
//! `read_only`, replication. Waits for it, and names what is different.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::node::Node;
use crate::pair::Pair;
use crate::product::show;
use crate::wait::{equals, wait_for};

/// How long a node gets to become what it should be.
pub const SETTLED: Duration = Duration::from_secs(15);

/// What a node can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// Mode `ap`, serving, its standby connected.
    Active,
    /// Mode `ap`, replicating.
    Standby,
    /// Mode `s`, serving.
    Alone,
    /// Mode `m`, nothing runs and nothing can.
    Resting,
}

/// Everything that is asserted, as text: a difference is easy to see.
fn wanted(is: Is) -> String {
    match is {
        Is::Active => facts("ap", "active", "disabled", "disabled", "active", true, "writable", false),
        Is::Standby => facts("ap", "standby", "disabled", "disabled", "active", false, "read-only", true),
        Is::Alone => facts("s", "active", "enabled", "disabled", "active", true, "writable", false),
        Is::Resting => facts("m", "standby", "masked", "masked", "down", false, "down", false),
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of the table above")]
fn facts(
    mode: &str,
    role: &str,
    start: &str,
    services: &str,
    runs: &str,
    vip: bool,
    database: &str,
    replicating: bool,
) -> String {
    let mut text = format!("mode {mode}, file {mode}, role {role}, ap.service {start}");
    for unit in UNITS {
        let _ = write!(text, ", {unit} {services} {runs}");
    }
    let _ = write!(text, ", VIP {vip}, database {database}, replicating {replicating}");
    text
}

const UNITS: [&str; 3] = ["mariadb.service", "demo-api.service", "keepalived.service"];

/// What the node is, from systemd, the kernel and MariaDB themselves where they can be asked.
fn seen(pair: &Pair, node: &Node) -> Result<String> {
    let answer = show(node)?;
    let show = |unit: &str| node.run(&format!("systemctl show --value -p UnitFileState -p ActiveState {unit}"));
    let states = |unit: &str| -> Result<(String, String)> {
        let text = show(unit)?;
        let mut words = text.split_whitespace();
        // systemd prints properties in its own order: ActiveState first.
        let active = words.next().context("no ActiveState")?;
        let active = if matches!(active, "inactive" | "failed") { "down" } else { active };
        Ok((words.next().unwrap_or("-").to_owned(), active.to_owned()))
    };
    let mode_file = node.run("cat /var/lib/ap/mode")?;
    let mut text =
        format!("mode {}, file {mode_file}, role {}, ap.service {}", answer.mode, answer.role, states("ap.service")?.0);
    for unit in UNITS {
        let (file, active) = states(unit)?;
        let _ = write!(text, ", {unit} {file} {active}");
    }
    let vip = node.run(&format!("ip -o -4 address show to {}", pair.options.vip))?.contains("/32");
    let database = match node.sql("SELECT @@read_only") {
        Ok(value) if value == "0" => "writable",
        Ok(_) => "read-only",
        Err(_) => "down",
    };
    let replica = node.sql("SHOW ALL SLAVES STATUS").unwrap_or_default();
    let replicating = replica.split('\t').filter(|word| *word == "Yes").count() >= 2;
    let _ = write!(text, ", VIP {vip}, database {database}, replicating {replicating}");
    Ok(text)
}

/// Waits until the node is that.
///
/// # Errors
/// It is not within [`SETTLED`]; what it is instead is named.
pub fn expect(pair: &Pair, node: &Node, is: Is) -> Result<()> {
    let wanted = wanted(is);
    let what = format!("node {} to be {is:?}: {wanted}", node.name());
    wait_for(&what, SETTLED, || Ok(equals(seen(pair, node)?, &wanted))).map(drop)
}
