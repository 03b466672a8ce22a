//! `ap-mode check` as scenarios use it: break several things at once, see exactly
//! their codes, mend each by its command, see them gone.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::node::Node;
use crate::wait::{Seen, wait_for};

/// A check takes about a second.
const SHORT: Duration = Duration::from_secs(20);
/// Until what was changed is seen by whoever looks once a second.
const SETTLED: Duration = Duration::from_secs(20);

/// A thing to break: how, the codes that must appear, and the command that mends
/// it; the command must be a part of what `check` prints, unless it begins with `#`.
pub struct Break {
    /// Shell, on the node.
    pub how: &'static str,
    /// What is found.
    pub codes: &'static [&'static str],
    /// Shell, on the node.
    pub mend: &'static str,
}

/// Everything `ap-mode check --json` says.
pub fn check(node: &Node) -> Result<Value> {
    let output = node.sh("ap-mode check --json", SHORT)?;
    let report: Value = serde_json::from_str(&output.stdout)
        .with_context(|| format!("ap-mode check on {} said {output:?}", node.name()))?;
    let level = match output.code {
        0 => "ok",
        1 => "warning",
        2 => "critical",
        _ => "unknown",
    };
    ensure!(report["level"] == level, "exit code {} and level {}", output.code, report["level"]);
    Ok(report)
}

/// The codes that were found.
pub fn codes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter_map(|finding| finding["code"].as_str()).map(str::to_owned).collect()
}

/// What is always found: the MariaDB of Debian 11, while it runs, cannot take back what
/// was never acknowledged.
pub fn standing(node: &Node) -> &'static [&'static str] {
    let old = node.sql("SELECT version()").is_ok_and(|version| version.starts_with("10.5."));
    if old { &["AP061"] } else { &[] }
}

/// Waits until exactly these codes are found on the node, and those that always are.
pub fn finds(node: &Node, wanted: &[&str]) -> Result<Value> {
    let expected: BTreeSet<String> = wanted.iter().chain(standing(node)).map(|&code| code.to_owned()).collect();
    let what = format!("ap-mode check on {} to find {expected:?}", node.name());
    wait_for(&what, SETTLED, || {
        let report = check(node)?;
        let found = codes(&report);
        Ok(if found == expected { Seen::Done(report) } else { Seen::Not(format!("{found:?}: {}", report["findings"])) })
    })
    .map(|(report, _)| report)
}

/// Breaks all of them, sees exactly their codes besides those that were there,
/// mends all of them, sees only what was there.
pub fn break_and_mend(node: &Node, before: &[&str], breaks: &[Break]) -> Result<usize> {
    finds(node, before)?;
    for one in breaks {
        node.run(one.how).with_context(|| format!("breaking for {:?}", one.codes))?;
    }
    let mut wanted: Vec<&str> = before.to_vec();
    wanted.extend(breaks.iter().flat_map(|one| one.codes));
    let report = finds(node, &wanted)?;
    let findings = report["findings"].as_array().context("no findings")?;
    let printed: Vec<&str> = findings.iter().filter_map(|finding| finding["mend"].as_str()).collect();
    for one in breaks {
        if let Some(mend) = one.mend.strip_prefix('#') {
            node.run(mend)?;
            continue;
        }
        ensure!(printed.iter().any(|line| line.contains(one.mend)), "nobody said '{}', only {printed:#?}", one.mend);
        node.run(one.mend).with_context(|| format!("mending {:?}", one.codes))?;
    }
    finds(node, before)?;
    Ok(wanted.iter().collect::<BTreeSet<_>>().len() - before.len())
}
