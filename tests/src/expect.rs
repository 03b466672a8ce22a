//! What a node has to be, by the mode table: modes, roles, unit states, VIP,
//! `read_only`, replication. Waits for it, and names what is different.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::mode::Role;

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
    /// Mode `m`, of a node that had the active role and handed it to nobody.
    RestingActive,
    /// Mode `ap`, that role, nothing runs.
    Stopped(Role),
    /// Mode `s`, nothing runs.
    StoppedAlone,
}

/// A row of the mode table.
struct Row {
    mode: &'static str,
    role: Role,
    /// Unit file of the start unit and of the services.
    files: [&'static str; 2],
    runs: &'static str,
    vip: bool,
    database: &'static str,
    replicating: bool,
}

/// Everything that is asserted.
fn row(is: Is) -> Row {
    let ap = ["disabled", "disabled"];
    let (role, vip, database, replicating) = match is {
        Is::Active | Is::Alone => (Role::Active, true, "writable", false),
        Is::Standby => (Role::Standby, false, "read-only", true),
        Is::Resting => (Role::Standby, false, "down", false),
        Is::RestingActive | Is::StoppedAlone => (Role::Active, false, "down", false),
        Is::Stopped(role) => (role, false, "down", false),
    };
    let (mode, files) = match is {
        Is::Active | Is::Standby | Is::Stopped(_) => ("ap", ap),
        Is::Alone | Is::StoppedAlone => ("s", ["enabled", "disabled"]),
        Is::Resting | Is::RestingActive => ("m", ["masked", "masked"]),
    };
    let runs = if database == "down" { "down" } else { "active" };
    Row { mode, role, files, runs, vip, database, replicating }
}

/// The same as text: a difference is easy to see.
fn wanted(pair: &Pair, is: Is) -> String {
    let Row { mode, role, files: [start, services], runs, vip, database, replicating } = row(is);
    let mut text = format!("mode {mode}, file {mode}, role {role}, start unit {start}");
    for unit in pair.options.units {
        let _ = write!(text, ", {unit} {services} {runs}");
    }
    let _ = write!(text, ", VIP {vip}, database {database}, replicating {replicating}");
    text
}

/// What the node is, from systemd, the kernel and MariaDB themselves where they can be asked.
fn seen(pair: &Pair, node: &Node) -> Result<String> {
    let o = &pair.options;
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
    let mode_file = node.run(&format!("cat {}", o.mode_file))?;
    let start = states(&format!("{}.service", o.codename))?.0;
    let mut text = format!("mode {}, file {mode_file}, role {}, start unit {start}", answer.mode, answer.role);
    for unit in o.units {
        let (file, active) = states(unit)?;
        let _ = write!(text, ", {unit} {file} {active}");
    }
    let vip = node.run(&format!("ip -o -4 address show to {}", o.vip))?.contains("/32");
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
    let wanted = wanted(pair, is);
    let what = format!("node {} to be {is:?}: {wanted}", node.name());
    wait_for(&what, SETTLED, || Ok(equals(seen(pair, node)?, &wanted))).map(drop)
}
