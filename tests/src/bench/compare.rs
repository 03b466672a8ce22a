//! Ours, the shell pair and Pacemaker side by side, for the faults they share.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::faults::{FAULTS, Fault};
use super::round::Round;
use super::stats::median;
use super::store::{Case, Store};

/// Kinds of pairs: what they are called, and the section that measures them.
const KINDS: [(&str, &str); 3] = [("ours", "failover"), ("shell", "shell"), ("pacemaker", "pacemaker")];

/// Medians, acknowledged writes lost, and how many times longer than ours the others take.
pub fn table(results: &Path) -> Result<String> {
    let mut kept = Vec::new();
    for (_, section) in KINDS {
        kept.push(Store::new(results, section)?.all(FAULTS)?);
    }
    let mut text = String::from(
        "Milliseconds without acknowledged writes, over HTTP or SQL, medians (rounds; acknowledged writes lost in all\n\
         of them), and how many times longer than ours:\n\n",
    );
    let _ = write!(text, "{:<18}", "fault");
    for (kind, _) in KINDS {
        let _ = write!(text, "{kind:>26}");
    }
    let _ = writeln!(text, "{:>12}{:>16}", "shell/ours", "pacemaker/ours");
    for fault in FAULTS {
        let cases: Vec<Option<&Case<Round>>> = kept.iter().map(|kind| case(kind, fault)).collect();
        if cases.iter().flatten().count() < 2 {
            continue;
        }
        let _ = write!(text, "{:<18}", fault.name);
        for case in &cases {
            let _ = write!(text, "{:>26}", case.map_or_else(|| "-".to_owned(), shown));
        }
        let ours = cases[0].map(middle);
        for (other, width) in [(cases[1], 12), (cases[2], 16)] {
            let ratio = ours.zip(other.map(middle)).map(|(ours, other)| format!("{:.1}", other / ours));
            let _ = write!(text, "{:>width$}", ratio.unwrap_or_else(|| "-".to_owned()));
        }
        text.push('\n');
    }
    Ok(text)
}

fn case<'a>(kind: &'a [(Fault, Case<Round>)], fault: &Fault) -> Option<&'a Case<Round>> {
    kind.iter().find(|(other, case)| other.name == fault.name && !case.rounds.is_empty()).map(|(_, case)| case)
}

fn middle(case: &Case<Round>) -> f64 {
    median(&case.figures(Round::outage_ms))
}

fn shown(case: &Case<Round>) -> String {
    let lost: usize = case.rounds.iter().map(|round| round.missing).sum();
    format!("{:.0} ({}; {lost} lost)", middle(case), case.rounds.len())
}
