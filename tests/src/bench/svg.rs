//! A picture that stands alone: writes per 10 ms around each fault, of the round
//! in the middle.

use std::fmt::Write;

use super::faults::Fault;
use super::phases::COLUMNS;
use super::round::{BAR_MS, Round};
use super::store::Case;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 150.0;
const PANEL: f64 = 120.0;
/// Height of the bars.
const TALL: f64 = 60.0;
const BEFORE: &str = "#4477aa";
const AFTER: &str = "#228833";
const FAILED: &str = "#ee6677";

/// One panel for each case that has rounds.
pub fn timeline(who: &str, cases: &[(Fault, Case<Round>)]) -> String {
    let panels: Vec<_> = cases.iter().filter_map(|(fault, case)| Some((fault, case, middle(case)?))).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let height = 60.0 + PANEL * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"14\">{who}: writes per 10 ms around each fault (the round in the middle)</text>\n"
    );
    for (x, colour, word) in [
        (10.0, BEFORE, "acknowledged by the node that was active"),
        (300.0, AFTER, "acknowledged by its peer"),
        (500.0, FAILED, "failed"),
    ] {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"30\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"39\">{word}</text>",
            x + 15.0
        );
    }
    let mut top = 60.0;
    for (fault, case, round) in panels {
        panel(&mut svg, top, fault, case.rounds.len(), round);
        top += PANEL;
    }
    svg.push_str("</svg>\n");
    svg
}

fn middle(case: &Case<Round>) -> Option<&Round> {
    let mut rounds: Vec<&Round> = case.rounds.iter().collect();
    rounds.sort_by(|a, b| a.outage_ms().total_cmp(&b.outage_ms()));
    rounds.get(rounds.len().saturating_sub(1) / 2).copied()
}

fn panel(svg: &mut String, top: f64, fault: &Fault, rounds: usize, round: &Round) {
    let bars = &round.bars;
    #[expect(clippy::cast_precision_loss, reason = "hundreds")]
    let count = bars.before.len().max(1) as f64;
    let scale = (WIDTH - LEFT - 20.0) / (count * BAR_MS);
    let x = |ms: f64| LEFT + (ms - bars.from_ms) * scale;
    let base = top + TALL + 20.0;
    let _ = writeln!(
        svg,
        "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}</text><text x=\"10\" y=\"{}\">HTTP {:.0} ms</text>\
         <text x=\"10\" y=\"{}\">SQL {:.0} ms</text><text x=\"10\" y=\"{}\">lost {}, {rounds} rounds</text>",
        top + 30.0,
        fault.name,
        top + 45.0,
        round.http_ms,
        top + 58.0,
        round.sql_ms,
        top + 71.0,
        round.missing
    );
    let most =
        (0..bars.before.len()).map(|i| bars.before[i] + bars.after[i] + bars.failed[i]).max().unwrap_or(1).max(1);
    for i in 0..bars.before.len() {
        let mut y = base;
        for (row, colour) in [(&bars.before, BEFORE), (&bars.after, AFTER), (&bars.failed, FAILED)] {
            if row[i] > 0 {
                let tall = f64::from(row[i]) / f64::from(most) * TALL;
                y -= tall;
                #[expect(clippy::cast_precision_loss, reason = "hundreds")]
                let left = x(bars.from_ms + i as f64 * BAR_MS);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{colour}\"/>",
                    (BAR_MS * scale - 0.3).max(0.5)
                );
            }
        }
    }
    let right = WIDTH - 20.0;
    let _ = writeln!(svg, "<line x1=\"{LEFT}\" y1=\"{base}\" x2=\"{right}\" y2=\"{base}\" stroke=\"black\"/>");
    mark(svg, x(0.0), top, base, "fault", 0);
    // Names beside each other would cover each other: in three rows.
    let mut row = 1;
    for (title, figure) in COLUMNS.iter().filter(|(title, _)| ["FAULT", "MASTER", "writable"].contains(title)) {
        if let Some(at) = figure(&round.phases) {
            mark(svg, x(at), top, base, &format!("{title} {at:.0}"), row % 3);
            row += 1;
        }
    }
}

fn mark(svg: &mut String, x: f64, top: f64, base: f64, word: &str, row: u8) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{base}\" stroke=\"black\" stroke-dasharray=\"2,2\"/>\
         <text x=\"{:.1}\" y=\"{}\">{word}</text>",
        x + 2.0,
        base + 11.0 + 11.0 * f64::from(row)
    );
}
