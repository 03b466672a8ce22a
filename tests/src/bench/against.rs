//! Two builds side by side, from rounds that alternated on one machine.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::failover;
use super::faults::Fault;
use super::round::Round;
use super::stats::median;
use super::store::{Case, Store};

/// A median may be worse by this part of the other one, or by this many milliseconds,
/// whichever is more: less than that is noise.
const PART: f64 = 0.1;
const MILLIS: f64 = 20.0;

/// The medians of both, and whether none of ours is worse.
///
/// # Errors
/// What is kept cannot be read.
pub fn table(ours: &Path, theirs: &Path) -> Result<(String, bool)> {
    let cases = failover::cases();
    let (new, old) = (Store::new(ours, "failover")?.all(&cases)?, Store::new(theirs, "failover")?.all(&cases)?);
    let mut text = String::from(
        "Median time without acknowledged writes; of a service that hangs from keepalived's FAULT on.\n\n",
    );
    let _ = writeln!(text, "{:<18}{:>7}{:>14}{:>14}{:>12}", "fault", "rounds", "before", "now", "now/before");
    let mut well = true;
    for (fault, before) in &old {
        let Some((_, now)) = new.iter().find(|(other, _)| other.name == fault.name) else {
            let _ = writeln!(text, "{:<18} not measured now", fault.name);
            well = false;
            continue;
        };
        let middle = |case: &Case<Round>| median(&case.figures(|round| counted(fault, round)));
        let worse = is_worse(middle(before), middle(now));
        well &= !worse;
        let _ = writeln!(
            text,
            "{:<18}{:>7}{:>11.0} ms{:>11.0} ms{:>12.2}{}",
            fault.name,
            now.rounds.len(),
            middle(before),
            middle(now),
            middle(now) / middle(before),
            if worse { "  worse" } else { "" }
        );
    }
    Ok((text, well))
}

/// Milliseconds without writes; of a service that hangs from FAULT on. Until then it is
/// keepalived's check that takes its time, from one to three seconds, as it happens to
/// stand to the moment of the fault.
fn counted(fault: &Fault, round: &Round) -> f64 {
    let found = if fault.name.ends_with("-hung") { round.phases.lost.unwrap_or(0.0) } else { 0.0 };
    round.outage_ms() - found
}

fn is_worse(before: f64, now: f64) -> bool {
    now - before > (PART * before).max(MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_not_worse() {
        let table = [(100.0, 119.0, false), (100.0, 121.0, true), (1000.0, 1099.0, false), (1000.0, 1101.0, true)];
        for (before, now, worse) in table {
            assert_eq!(is_worse(before, now), worse, "{before} {now}");
        }
        assert!(!is_worse(500.0, 100.0));
    }
}
