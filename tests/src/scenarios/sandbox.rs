//! What the units of the package may do at most. That they still can do their work
//! within it, all other scenarios show.

use anyhow::{Context, Result, ensure};

use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[protected("op", "sandbox", sandbox)];

/// Highest exposure, as `systemd-analyze security` counts it: 10 is root without limits.
const EXPOSURE: [(&str, f64); 3] = [("ap-notify.service", 5.0), ("ap-metrics.service", 5.0), ("demo-api.service", 3.0)];
/// `CAP_SYS_MODULE`, `_RAWIO`, `_PTRACE`, `_ADMIN`, `_BOOT`, `_TIME` (capability.h).
const NEVER: [u32; 6] = [16, 17, 19, 21, 22, 25];

/// Red at 9.6 without the lines of the unit, and, on the kernel's word, when an
/// override empties `SystemCallFilter=` while the unit's file stays as it was.
fn sandbox(pair: &Pair) -> Result<Counts> {
    let mut notes = Vec::new();
    for (unit, most) in EXPOSURE {
        let told = pair.a.run(&format!("systemd-analyze security --no-pager {unit} | tail -n 1"))?;
        let figure = told.split_once(": ").and_then(|(_, rest)| rest.split(' ').next()).context("no exposure")?;
        let exposure: f64 = figure.parse().with_context(|| told.clone())?;
        ensure!(exposure < most, "the exposure of {unit} is {exposure}, not below {most}");
        notes.push(format!("{unit} {exposure}"));
    }
    pair.nodes().into_iter().try_for_each(held_by_the_kernel)?;
    Ok(Counts { note: notes.join(", "), ..Counts::default() })
}

/// The running service as the kernel holds it, whatever systemd thinks it asked for.
fn held_by_the_kernel(node: &Node) -> Result<()> {
    let process = node.pid_of("ap-notify.service")?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        value.with_context(|| format!("no {name} in {status}"))
    };
    ensure!(field("NoNewPrivs:")? == "1" && field("Seccomp:")? == "2", "no filter: {status}");
    let may = u64::from_str_radix(field("CapBnd:")?, 16)?;
    ensure!(NEVER.iter().all(|bit| may & (1 << bit) == 0), "capabilities {may:x}");
    Ok(())
}
