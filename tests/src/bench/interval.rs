//! Section `interval`: how short the time between two adverts may be. Both nodes are
//! starved of processor, minute by minute, and every time the standby believes that
//! the active has vanished is counted: what it believes, and what came of it.
//!
//! Such a belief is not yet a failover: the standby asks, and hears that the active
//! is well. But a pair that lives on being asked is one answer away from it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Bench;
use super::stats::greatest;
use super::store::{Case, build};
use crate::clients::Clients;
use crate::evidence;
use crate::failover::ready;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{PAIR, ap_mode, show, start};
use crate::runner::Runner;
use crate::starve::starve;
use crate::wait::{holds, wait_for};

/// Times between two adverts, and for how many minutes each is tried in ten rounds; the
/// packaged one first, and for longest.
const INTERVALS: [(&str, usize); 5] = [("100ms", 30), ("50ms", 3), ("20ms", 3), ("10ms", 3), ("200ms", 3)];
/// What one round is.
const MINUTE: Duration = Duration::from_secs(60);
/// Until somebody serves again once the load has ended.
const SOON: Duration = Duration::from_secs(20);

/// One minute.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Minute {
    /// Share of time in which something waited for a processor, in percent.
    pressure: f64,
    /// How often the standby became MASTER.
    believed: usize,
    /// It was promoted.
    failover: bool,
    /// Longest time without an acknowledged write.
    outage_ms: f64,
    acknowledged: usize,
    missing: usize,
}

/// Measures what is missing, prints all that is kept.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let chosen: Vec<_> = INTERVALS.into_iter().filter(|(name, _)| bench.options.chosen(name)).collect();
    if !bench.options.report {
        let lab = (bench.new_lab)("")?;
        let build = build(&lab)?;
        let mut runner = Runner::new(lab, &bench.store.path("evidence"));
        for (interval, minutes) in &chosen {
            let minutes = (minutes * bench.options.rounds).div_ceil(10);
            measure_case(bench, &mut runner, interval, minutes, &build)?;
        }
    }
    let mut cases = Vec::new();
    for (interval, _) in chosen {
        cases.extend(bench.store.kept::<Minute>(interval)?.map(|case| (interval, case)));
    }
    cases.sort_by_key(|(interval, _)| interval.trim_end_matches("ms").parse::<u32>().unwrap_or(0));
    let text = table(&cases);
    bench.store.write("table.txt", &text)?;
    writeln!(bench.out, "{text}")?;
    let lost: usize = cases.iter().flat_map(|(_, case)| &case.rounds).map(|minute| minute.missing).sum();
    let failed: usize = cases.iter().map(|(_, case)| case.errors.len()).sum();
    if lost > 0 || failed > 0 {
        writeln!(bench.out, "FAILED: {lost} acknowledged writes lost, {failed} minutes not finished")?;
    }
    Ok(lost == 0 && failed == 0)
}

fn measure_case(bench: &mut Bench<'_>, runner: &mut Runner, name: &str, minutes: usize, build: &str) -> Result<()> {
    let mut case: Case<Minute> = bench.store.resume(name, runner.lab(), build, bench.options.again)?;
    let mut running: Option<Pair> = None;
    while case.rounds.len() < minutes && case.errors.is_empty() {
        let pair = match running.take() {
            Some(pair) => pair,
            None => with_interval(runner.boot(&PAIR)?, name)?,
        };
        match minute(&pair) {
            Ok(minute) => {
                writeln!(
                    bench.out,
                    "{name:<8} {:>3}/{minutes}  believed {:>2}  failover {:<5}  outage {:>6.0} ms  missing {}  pressure {:.0} %",
                    case.rounds.len() + 1,
                    minute.believed,
                    minute.failover,
                    minute.outage_ms,
                    minute.missing,
                    minute.pressure
                )?;
                // One that was disturbed is thrown away.
                running = (minute.believed == 0 && !minute.failover).then_some(pair);
                case.rounds.push(minute);
            }
            Err(error) => {
                evidence::save(&pair, &bench.store.path("evidence").join(name))?;
                writeln!(bench.out, "{name}: {error:#}")?;
                case.errors.push(format!("{error:#}"));
            }
        }
        bench.out.flush()?;
        bench.store.keep(name, &case)?;
    }
    Ok(())
}

/// The usual pair, as its operator would change it.
fn with_interval(pair: Pair, interval: &str) -> Result<Pair> {
    let section = format!("\\n[keepalived]\\nadvert-interval = \"{interval}\"\\n");
    pair.both(|node| node.run(&format!("printf '{section}' >>/etc/ap/ap.toml")))?;
    pair.both(|node| ap_mode(node, "install"))?;
    start(&pair)?;
    Ok(pair)
}

fn minute(pair: &Pair) -> Result<Minute> {
    let (active, standby) = ready(pair)?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    let since = standby.run("date +%s.%N")?;
    let pressure = starve([active, standby], MINUTE)?;
    let over = Instant::now();
    wait_for("somebody to serve", SOON, || Ok(holds(!clients.served_since(over).is_empty())))?;
    let outage = clients.outage(begun).length;
    let believed = became_master(standby, &since)?;
    let failover = show(standby)?.serves();
    let counts = clients.finish(pair, if failover { standby } else { active }, begun)?;
    Ok(Minute {
        pressure,
        believed,
        failover,
        outage_ms: outage.as_secs_f64() * 1000.0,
        acknowledged: counts.acknowledged,
        missing: counts.missing,
    })
}

fn became_master(node: &Node, since: &str) -> Result<usize> {
    let count = "journalctl -u keepalived --no-pager | grep -c 'Entering MASTER STATE' || true";
    let count = count.replace("keepalived --", &format!("keepalived --since=@{since} --"));
    Ok(node.run(&count)?.trim().parse()?)
}

fn table(cases: &[(&str, Case<Minute>)]) -> String {
    let mut text = String::new();
    if let Some((_, case)) = cases.first() {
        let _ = writeln!(text, "interval: {}\n{}\n", case.build, case.machine);
    }
    let _ = writeln!(
        text,
        "Both nodes starved of processor by busy loops, programs and flushed files without end; by the time between\n         two adverts. Believed: how often the standby took the living active for dead; failovers: it was promoted.\n"
    );
    let _ = writeln!(
        text,
        "{:>9}{:>9}{:>10}{:>11}{:>16}{:>9}{:>6}{:>11}",
        "interval", "minutes", "believed", "failovers", "longest outage", "acked", "lost", "pressure"
    );
    for (interval, case) in cases {
        let _ = writeln!(
            text,
            "{interval:>9}{:>9}{:>10}{:>11}{:>13.0} ms{:>9}{:>6}{:>9.0} %",
            case.rounds.len(),
            case.rounds.iter().map(|minute| minute.believed).sum::<usize>(),
            case.rounds.iter().filter(|minute| minute.failover).count(),
            greatest(&case.figures(|minute| minute.outage_ms)),
            case.rounds.iter().map(|minute| minute.acknowledged).sum::<usize>(),
            case.rounds.iter().map(|minute| minute.missing).sum::<usize>(),
            greatest(&case.figures(|minute| minute.pressure)),
        );
        for error in &case.errors {
            let _ = writeln!(text, "  not finished: {error}");
        }
    }
    text
}
