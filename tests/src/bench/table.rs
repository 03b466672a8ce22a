//! Results as text.

use std::fmt::Write;

use super::faults::Fault;
use super::phases::COLUMNS;
use super::round::Round;
use super::stats::{greatest, least, median};
use super::store::Case;

/// Two tables: what clients saw, and which phase took the time.
pub fn failover(title: &str, cases: &[(Fault, Case<Round>)]) -> String {
    let mut text = String::new();
    if let Some((_, case)) = cases.first() {
        let _ = writeln!(text, "{title}: {}\n{}\n", case.build, case.machine);
    }
    text.push_str(
        "Milliseconds without acknowledged writes: median (least - greatest); slowest: longest try of one client;\n\
         load: average of the machine; pressure: percent of the time in which something waited for a processor.\n\n",
    );
    let _ = writeln!(
        text,
        "{:<18}{:>7}{:>22}{:>22}{:>9}{:>9}{:>9}{:>8}{:>12}{:>8}{:>10}",
        "fault", "rounds", "HTTP", "SQL", "slowest", "target", "acked", "lost", "both write", "load", "pressure"
    );
    for (fault, case) in cases {
        let outage = |figure: fn(&Round) -> f64| {
            let figures = case.figures(figure);
            format!("{:.0} ({:.0} - {:.0})", median(&figures), least(&figures), greatest(&figures))
        };
        let met = if median(&case.figures(Round::outage_ms)) <= fault.target_ms { " " } else { "!" };
        let _ = writeln!(
            text,
            "{:<18}{:>7}{:>22}{:>22}{:>9.0}{:>8.0}{met}{:>9}{:>8}{:>9.0} ms{:>8}{:>10}",
            fault.name,
            case.rounds.len(),
            outage(|round| round.http_ms),
            outage(|round| round.sql_ms),
            median(&case.figures(|round| round.slowest_ms)),
            fault.target_ms,
            case.rounds.iter().map(|round| round.acknowledged).sum::<usize>(),
            case.rounds.iter().map(|round| round.missing).sum::<usize>(),
            greatest(&case.figures(|round| round.overlap_ms)),
            range(case, |round| round.load),
            range(case, |round| round.pressure)
        );
        for error in &case.errors {
            let _ = writeln!(text, "  not finished: {error}");
        }
    }
    phases(&mut text, cases);
    text
}

/// Least to greatest.
fn range(case: &Case<Round>, figure: fn(&Round) -> f64) -> String {
    let figures = case.figures(figure);
    format!("{:.0}-{:.0}", least(&figures), greatest(&figures))
}

fn phases(text: &mut String, cases: &[(Fault, Case<Round>)]) {
    text.push_str("\nMilliseconds from the fault to the end of each phase, medians:\n\n");
    let _ = write!(text, "{:<18}", "fault");
    for (title, _) in COLUMNS {
        let _ = write!(text, "{title:>10}");
    }
    let _ = writeln!(text, "{:>20}", "MASTER to writable");
    for (fault, case) in cases {
        let _ = write!(text, "{:<18}", fault.name);
        for (_, figure) in COLUMNS {
            let figures: Vec<f64> = case.rounds.iter().filter_map(|round| figure(&round.phases)).collect();
            let shown = if figures.is_empty() { "-".to_owned() } else { format!("{:.0}", median(&figures)) };
            let _ = write!(text, "{shown:>10}");
        }
        let promotions: Vec<f64> =
            case.rounds.iter().filter_map(|round| Some(round.phases.writable? - round.phases.master?)).collect();
        let _ = writeln!(
            text,
            "{:>20}",
            format!("{:.0} ({:.0} - {:.0})", median(&promotions), least(&promotions), greatest(&promotions))
        );
    }
}
