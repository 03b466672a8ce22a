//! Section `return`: how long it takes until a failed node is a standby again and
//! the pair is protected, with nobody and with many clients writing meanwhile;
//! how fast a copy of all data is, `copy.rs`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ap_core::mode::Vrrp;
use ap_core::plan::Cause;
use serde::{Deserialize, Serialize};

use super::clients::{AT_ONCE, Clients};
use super::clock::Clock;
use super::faults::FAULTS;
use super::phases::heard;
use super::stats::{greatest, least, median};
use super::store::{Case, build};
use super::{Bench, calm, copy};
use crate::evidence;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{PAIR, ap_mode, start, wait_protected};
use crate::runner::Runner;
use crate::wait::{equals, wait_for};
use crate::{checker, http, sql};

/// Whether clients write while the node returns, and how the case is called.
const CASES: [(bool, &str); 2] = [(false, "idle"), (true, "busy")];
/// What breaks the node before it returns: the quickest.
const FAULT: &str = "database-crash";
/// Writing before the fault.
const BEFORE: Duration = Duration::from_millis(500);
/// Writing by a busy peer that the node misses.
const MISSED: Duration = Duration::from_secs(2);
/// Writing after the return.
const AFTER: Duration = Duration::from_millis(500);
/// Until the standby must serve.
const TAKEOVER: Duration = Duration::from_secs(20);
/// Until the node that returned must have applied all.
const APPLIED: Duration = Duration::from_secs(30);

/// One return.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Back {
    load: f64,
    pressure: f64,
    /// Seconds from `set ap` on the failed node until its keepalived said BACKUP.
    backup_s: Option<f64>,
    /// Until that command was done.
    rejoined_s: f64,
    /// Until the operator's second command, on the survivor, was done, and both said that they are protected.
    protected_s: f64,
    /// Longest time without an acknowledged write meanwhile.
    pause_ms: Option<f64>,
    acknowledged: usize,
    missing: usize,
}

/// Measures what is missing, prints all that is kept.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let chosen: Vec<_> = CASES.into_iter().filter(|(_, name)| bench.options.chosen(name)).collect();
    if !bench.options.report {
        let lab = (bench.new_lab)("")?;
        let build = build(&lab)?;
        let mut runner = Runner::new(lab, &bench.store.path("evidence"));
        for (busy, name) in &chosen {
            measure_case(bench, &mut runner, *busy, name, &build)?;
        }
        copy::measure(bench, &mut runner, &build)?;
    }
    let mut cases = Vec::new();
    for (_, name) in chosen {
        cases.extend(bench.store.kept::<Back>(name)?.map(|case| (name, case)));
    }
    let copies = copy::kept(bench)?;
    let text = table(&cases) + &copy::table(copies.as_ref());
    bench.store.write("table.txt", &text)?;
    writeln!(bench.out, "{text}")?;
    let rounds = cases.iter().flat_map(|(_, case)| &case.rounds);
    let lost: usize = rounds.map(|round| round.missing).sum();
    let failed: usize = cases.iter().map(|(_, case)| case.errors.len()).sum();
    let failed = failed + copies.map_or(0, |case| case.errors.len());
    if lost + failed > 0 {
        writeln!(bench.out, "FAILED: {lost} acknowledged writes lost, {failed} rounds not finished")?;
    }
    Ok(lost + failed == 0)
}

fn measure_case(bench: &mut Bench<'_>, runner: &mut Runner, busy: bool, name: &str, build: &str) -> Result<()> {
    let mut case: Case<Back> = bench.store.resume(name, runner.lab(), build, bench.options.again)?;
    let mut pair: Option<Arc<Pair>> = None;
    while case.rounds.len() < bench.options.rounds && case.errors.is_empty() {
        let running = match pair.take() {
            Some(pair) => pair,
            None => {
                let pair = runner.boot(&PAIR)?;
                start(&pair)?;
                Arc::new(pair)
            }
        };
        calm::wait(Duration::from_secs(bench.options.calm));
        let (load, pressure) = (calm::load(), calm::pressure());
        match round(&running, busy) {
            Ok(round) => {
                let round = Back { load, pressure, ..round };
                writeln!(
                    bench.out,
                    "{name:<18} {:>2}/{}  rejoined {:>6.2} s  protected {:>6.2} s  acked {:>6}  missing {}  load {load:.1}",
                    case.rounds.len() + 1,
                    bench.options.rounds,
                    round.rejoined_s,
                    round.protected_s,
                    round.acknowledged,
                    round.missing
                )?;
                case.rounds.push(round);
                pair = Some(running);
            }
            Err(error) => {
                evidence::save(&running, &bench.store.path("evidence").join(name))?;
                writeln!(bench.out, "{name}: {error:#}")?;
                case.errors.push(format!("{error:#}"));
            }
        }
        bench.out.flush()?;
        bench.store.keep(name, &case)?;
    }
    Ok(())
}

/// From a protected pair to a protected pair; only the way back is timed.
fn round(pair: &Pair, busy: bool) -> Result<Back> {
    let (failed, survivor) = roles(pair)?;
    expect(pair, failed, Is::Active)?;
    expect(pair, survivor, Is::Standby)?;
    failed.sql(&format!("TRUNCATE {}; TRUNCATE {}", sql::TABLE, http::TABLE))?;
    let mut clients = Some(Clients::start(pair, AT_ONCE)?);
    std::thread::sleep(BEFORE);
    let fault = Instant::now();
    let strike = FAULTS.iter().find(|fault| fault.name == FAULT).context("no such fault")?.strike;
    strike(failed)?;
    if let Some(clients) = &clients {
        clients.wait_served(Some(survivor), fault, TAKEOVER).context("the standby does not serve")?;
    }
    expect(pair, survivor, Is::Alone)?;
    expect(pair, failed, Is::Resting)?;
    std::thread::sleep(MISSED);
    let before = if busy { None } else { clients.take() };
    let mut saw = before.map(Clients::stop).transpose()?;

    let clock = Clock::new()?;
    let begun = Instant::now();
    ap_mode(failed, "set ap")?;
    let rejoined_s = begun.elapsed().as_secs_f64();
    ap_mode(survivor, "set ap")?;
    wait_protected(survivor)?;
    wait_protected(failed)?;
    let protected_s = begun.elapsed().as_secs_f64();

    let mut back = Back { rejoined_s, protected_s, ..Back::default() };
    if let Some(clients) = clients {
        std::thread::sleep(AFTER);
        let busy = clients.stop()?;
        back.pause_ms = Some(busy.all().outage(begun).length.as_secs_f64() * 1000.0);
        saw = Some(busy);
    }
    expect(pair, survivor, Is::Active)?;
    expect(pair, failed, Is::Standby)?;
    let began_ms = clock.boot_ms(begun);
    back.backup_s = heard(failed, &Cause::Vrrp(Vrrp::Backup), began_ms)?.map(|at| (at - began_ms) / 1000.0);
    let saw = saw.context("no clients")?;
    applied(survivor, failed)?;
    for (table, history) in [(http::TABLE, &saw.http), (sql::TABLE, &saw.sql)] {
        let verdict = checker::check(survivor, table, history)?;
        back.acknowledged += verdict.acknowledged;
        back.missing += verdict.missing.len();
        checker::same(survivor, failed, table)?;
    }
    Ok(back)
}

/// The standby has all that the active has.
pub fn applied(active: &Node, standby: &Node) -> Result<()> {
    wait_for("the standby to have applied all", APPLIED, || {
        let position = active.sql("SELECT @@gtid_binlog_pos")?;
        Ok(equals(standby.sql("SELECT @@gtid_slave_pos")?, &position))
    })
    .map(drop)
}

fn table(cases: &[(&str, Case<Back>)]) -> String {
    let mut text = String::new();
    if let Some((_, case)) = cases.first() {
        let _ = writeln!(text, "return: {}\n{}\n", case.build, case.machine);
    }
    text.push_str(
        "Seconds from `ap-mode set ap` on the failed node: median (least - greatest). Rejoined: that command is done,\n\
         the node receives; protected: so is `ap-mode set ap` on its peer, and each write is on both. With that the\n\
         node may be promoted, and its keepalived says BACKUP. Pause: longest time without an acknowledged write\n\
         meanwhile, milliseconds.\n\n",
    );
    let _ = writeln!(
        text,
        "{:<8}{:>7}{:>24}{:>24}{:>24}{:>20}{:>9}{:>6}{:>8}{:>10}",
        "peer", "rounds", "BACKUP", "rejoined", "protected", "pause ms", "acked", "lost", "load", "pressure"
    );
    let shown = |figures: &[f64], places: usize| match figures {
        [] => "-".to_owned(),
        _ => format!("{:.places$} ({:.places$} - {:.places$})", median(figures), least(figures), greatest(figures)),
    };
    for (name, case) in cases {
        let some = |figure: fn(&Back) -> Option<f64>| case.rounds.iter().filter_map(figure).collect::<Vec<_>>();
        let range = |figure: fn(&Back) -> f64| {
            format!("{:.0}-{:.0}", least(&case.figures(figure)), greatest(&case.figures(figure)))
        };
        let _ = writeln!(
            text,
            "{name:<8}{:>7}{:>24}{:>24}{:>24}{:>20}{:>9}{:>6}{:>8}{:>10}",
            case.rounds.len(),
            shown(&some(|round| round.backup_s), 2),
            shown(&case.figures(|round| round.rejoined_s), 2),
            shown(&case.figures(|round| round.protected_s), 2),
            shown(&some(|round| round.pause_ms), 0),
            case.rounds.iter().map(|round| round.acknowledged).sum::<usize>(),
            case.rounds.iter().map(|round| round.missing).sum::<usize>(),
            range(|round| round.load),
            range(|round| round.pressure),
        );
        for error in &case.errors {
            let _ = writeln!(text, "  not finished: {error}");
        }
    }
    text
}
