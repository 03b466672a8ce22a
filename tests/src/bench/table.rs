//! Results as text.

use std::fmt::Write;

use super::checks::{self, Turn};
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

/// Another kind of pair beside ours.
pub fn compared(title: &str, theirs: &[(Fault, Case<Round>)], ours: &[(Fault, Case<Round>)]) -> String {
    let mut text = String::new();
    if let Some((_, case)) = theirs.first() {
        let _ = writeln!(text, "{title}: {}\n", case.machine);
    }
    text.push_str("Milliseconds without acknowledged writes, over HTTP or SQL: median (least - greatest).\n\n");
    let _ = writeln!(
        text,
        "{:<18}{:>7}{:>26}{:>9}{:>12}{:>22}{:>8}{:>8}{:>10}",
        "fault", "rounds", title, "lost", "both write", "ours", "ratio", "load", "pressure"
    );
    let shown = |case: &Case<Round>| {
        let figures = case.figures(Round::outage_ms);
        (median(&figures), format!("{:.0} ({:.0} - {:.0})", median(&figures), least(&figures), greatest(&figures)))
    };
    for (fault, case) in theirs {
        let (theirs, words) = shown(case);
        let (ratio, our_words) = match ours.iter().find(|(other, _)| other.name == fault.name) {
            Some((_, case)) => (format!("{:.1}", theirs / shown(case).0), shown(case).1),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let lost: usize = case.rounds.iter().map(|round| round.missing).sum();
        let _ = writeln!(
            text,
            "{:<18}{:>7}{words:>26}{lost:>9}{:>9.0} ms{our_words:>22}{ratio:>8}{:>8}{:>10}",
            fault.name,
            case.rounds.len(),
            greatest(&case.figures(|round| round.overlap_ms)),
            range(case, |round| round.load),
            range(case, |round| round.pressure)
        );
        for error in &case.errors {
            let _ = writeln!(text, "  never served: {error}");
        }
    }
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

/// What a run of each check costs, and the ratios that are aimed at.
pub fn checks(case: &Case<Turn>) -> String {
    let mut text = format!("checks: {}\n{}\n\n", case.build, case.machine);
    let loads = case.figures(|turn| turn.load);
    let pressure = case.figures(|turn| turn.pressure);
    let _ = writeln!(
        text,
        "{} turns of 50 runs; load {:.0}-{:.0}, pressure {:.0}-{:.0} %. Median (least); ratios of medians.\n",
        case.rounds.len(),
        least(&loads),
        greatest(&loads),
        least(&pressure),
        greatest(&pressure)
    );
    let _ = writeln!(
        text,
        "{:<12}{:>18}{:>18}{:>14}{:>10}{:>12}{:>14}",
        "program", "wall ms", "CPU ms", "instructions", "peak KiB", "x empty CPU", "shell / ours"
    );
    let empty = checks::middle(case, "empty", |cost| Some(cost.cpu_ms)).unwrap_or(f64::NAN);
    let mut daily = 0.0;
    let shells = checks::names().map(|name| format!("shell {name}"));
    let programs = ["empty"].into_iter().chain(checks::names()).chain(shells.iter().map(String::as_str));
    for name in programs {
        let cpu = checks::middle(case, name, |cost| Some(cost.cpu_ms)).unwrap_or(f64::NAN);
        let both = |figure: fn(&checks::Cost) -> Option<f64>| {
            let of = |value: Option<f64>| value.unwrap_or(f64::NAN);
            format!("{:.2} ({:.2})", of(checks::middle(case, name, figure)), of(checks::best(case, name, figure)))
        };
        let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
        let shell = checks::middle(case, &format!("shell {name}"), |cost| Some(cost.cpu_ms));
        if shell.is_some() {
            daily += cpu * 86.4;
        }
        let _ = writeln!(
            text,
            "{name:<12}{:>18}{:>18}{:>14}{:>10}{:>12.1}{:>14}",
            both(|cost| Some(cost.wall_ms)),
            both(|cost| Some(cost.cpu_ms)),
            shown(checks::middle(case, name, |cost| cost.instructions)),
            shown(checks::middle(case, name, |cost| cost.peak_kib)),
            cpu / empty,
            shell.map_or_else(|| "-".to_owned(), |shell| format!("{:.1}", shell / cpu))
        );
    }
    let _ = writeln!(
        text,
        "\nAll three each second: {daily:.0} s of processor time a day, {:.2} % of one core.",
        daily / 864.0
    );
    text
}
