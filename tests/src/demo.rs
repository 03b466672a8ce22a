//! The demo: a pair is set up as a user would, broken five ways, and brought
//! back by hand each time, while clients write.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::failover::{Failover, roles};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{self, show, wait_protected};
use crate::scenario::Counts;

/// One of the five failures.
struct Failure {
    name: &'static str,
    strike: fn(&Node) -> Result<()>,
    mend: fn(&Node) -> Result<()>,
}

const FIVE: [Failure; 5] = [
    Failure { name: "power off", strike: Node::power_off, mend: |node| node.power_on().map(drop) },
    Failure { name: "NIC down", strike: Node::link_down, mend: Node::link_up },
    Failure { name: "keepalived killed", strike: |node| kill(node, "keepalived.service"), mend: |_| Ok(()) },
    Failure { name: "API crashed", strike: |node| kill(node, "demo-api.service"), mend: |_| Ok(()) },
    Failure { name: "database crashed", strike: |node| kill(node, "mariadb.service"), mend: |_| Ok(()) },
];

fn kill(node: &Node, unit: &str) -> Result<()> {
    node.signal_unit(unit, Signal::SIGKILL).map(drop)
}

/// Sets up a pair on two machines just booted, and breaks it.
///
/// # Errors
/// Something is not as it should be, or an acknowledged write is missing.
pub fn run(pair: &Pair, out: &mut dyn Write) -> Result<()> {
    set_up(pair, out)?;
    let mut table = Vec::new();
    for (number, failure) in FIVE.iter().enumerate() {
        let counts = fail(pair, number + 1, failure, out).with_context(|| failure.name)?;
        table.push((failure.name, counts));
    }
    writeln!(out, "\nfailure             seconds without writes  writes acknowledged  acknowledged writes missing")?;
    for (name, counts) in &table {
        let outage = counts.outage.unwrap_or_default().as_secs_f64();
        writeln!(out, "{name:<20}{outage:>22.3}{:>21}{:>29}", counts.acknowledged, counts.missing)?;
    }
    let missing: usize = table.iter().map(|(_, counts)| counts.missing).sum();
    ensure!(missing == 0, "{missing} acknowledged writes are missing");
    Ok(())
}

fn set_up(pair: &Pair, out: &mut dyn Write) -> Result<()> {
    let begun = Instant::now();
    writeln!(out, "two machines have booted: a ({}) and b ({})", pair.a.address(), pair.b.address())?;
    writeln!(out, "installing: the package, /etc/ap/ap.toml, `ap-mode install`, on both")?;
    product::install(pair, &product::config(pair))?;
    writeln!(out, "on a: `ap-mode set ap --role active`; on b: `ap-mode set ap --reseed`")?;
    product::pair_up(pair)?;
    wait_protected(&pair.a)?;
    wait_protected(&pair.b)?;
    writeln!(out, "the pair runs after {:.1} s: {}", begun.elapsed().as_secs_f64(), modes(pair))?;
    Ok(())
}

fn fail(pair: &Pair, number: usize, failure: &Failure, out: &mut dyn Write) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    writeln!(out, "\n{number}. {} on the active node {}, while clients write", failure.name, active.name())?;
    let mut story = Failover::begin(pair)?;
    // Some writes before, so that there is something to lose.
    story.write_for(Duration::from_secs(1))?;
    let outage = story.strike(failure.strike)?;
    writeln!(out, "   {} serves after {:.3} s without writes", standby.name(), outage.as_secs_f64())?;
    story.mend(failure.mend)?;
    writeln!(out, "   {} is mended and starts nothing by itself: {}", active.name(), modes(pair))?;
    let back = story.way_back()?;
    writeln!(
        out,
        "   `ap-mode set ap` on {}, then on {}: {} after {:.1} s",
        active.name(),
        standby.name(),
        modes(pair),
        back.took.as_secs_f64()
    )?;
    let counts = story.end()?;
    writeln!(out, "   {} writes acknowledged, {} of them missing", counts.acknowledged, counts.missing)?;
    out.flush()?;
    Ok(Counts { outage: Some(outage), ..counts })
}

/// Modes and roles of both, as far as they answer.
fn modes(pair: &Pair) -> String {
    let one = |node: &Node| {
        show(node).map_or_else(
            |_| format!("{} does not answer", node.name()),
            |answer| format!("{} is {} ({})", node.name(), answer.mode, answer.role),
        )
    };
    format!("{}, {}", one(&pair.a), one(&pair.b))
}
