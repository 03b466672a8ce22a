//! Section `failover`: ours, a protected pair with the packaged defaults.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::faults::{FAULTS, Fault};
use super::round::{Round, Terms, measure};
use super::store::{Case, build};
use super::{Bench, calm, svg, table};
use crate::evidence;
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::pair::Pair;
use crate::product::{PAIR, ap_mode, ask, start, wait_protected};
use crate::runner::Runner;

/// How often keepalived runs its checks, as packaged.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Until a standby must serve, whatever broke.
const TAKEOVER: Duration = Duration::from_secs(20);
/// Rounds of one fault that may fail before the next fault has its turn.
const PATIENCE: usize = 3;

/// What an operator does on purpose.
const PLANNED: [Fault; 2] = [
    Fault { name: "set-m", target_ms: 100.0, strike: |node| ap_mode(node, "set m").map(drop), mend: |_| Ok(()) },
    Fault {
        name: SWITCHOVER,
        target_ms: 100.0,
        strike: |node| ap_mode(node, "switchover").map(drop),
        mend: |_| Ok(()),
    },
];
const SWITCHOVER: &str = "switchover";

/// All that is measured.
pub fn cases() -> Vec<Fault> {
    FAULTS.iter().chain(&PLANNED).copied().collect()
}

/// Measures what is missing, prints all that is kept.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let cases: Vec<Fault> = cases().into_iter().filter(|fault| bench.options.chosen(fault.name)).collect();
    if !bench.options.report {
        let lab = (bench.new_lab)("")?;
        let build = build(&lab)?;
        let evidence = bench.store.path("evidence");
        let mut ours = Ours { runner: Runner::new(lab, &evidence), pair: None, evidence };
        for fault in &cases {
            measure_case(bench, &mut ours, fault, &build).with_context(|| fault.name.to_owned())?;
        }
    }
    report(bench, &cases)
}

fn report(bench: &mut Bench<'_>, cases: &[Fault]) -> Result<bool> {
    let kept = bench.store.all(cases)?;
    let text = table::failover(bench.store.section(), &kept);
    bench.store.write("table.txt", &text)?;
    bench.store.write("timeline.svg", &svg::timeline("ap", &kept))?;
    writeln!(bench.out, "{text}\npicture: {}", bench.store.path("timeline.svg").display())?;
    let lost: usize = kept.iter().flat_map(|(_, case)| &case.rounds).map(|round| round.missing).sum();
    let overlaps = kept.iter().flat_map(|(_, case)| &case.rounds).filter(|round| round.overlap_ms > 0.0).count();
    let failed: usize = kept.iter().map(|(_, case)| case.errors.len()).sum();
    if lost + failed + overlaps > 0 {
        writeln!(
            bench.out,
            "FAILED: {lost} acknowledged writes lost, {overlaps} rounds with two nodes acknowledging, {failed} rounds not finished"
        )?;
    }
    Ok(lost + failed + overlaps == 0)
}

/// The pair that is broken again and again.
struct Ours {
    runner: Runner,
    pair: Option<Arc<Pair>>,
    evidence: PathBuf,
}

fn measure_case(bench: &mut Bench<'_>, ours: &mut Ours, fault: &Fault, build: &str) -> Result<()> {
    let mut case: Case<Round> = bench.store.resume(fault.name, ours.runner.lab(), build, bench.options.again)?;
    while case.rounds.len() < bench.options.rounds && case.errors.len() < PATIENCE {
        let pair = ours.pair()?;
        calm::wait(Duration::from_secs(bench.options.calm));
        thread::sleep(phase(case.rounds.len()));
        if fault.name == SWITCHOVER && ask(&pair.a, "switchover --help")?.code != 0 {
            writeln!(bench.out, "{SWITCHOVER}: ap-mode does not know it yet")?;
            break;
        }
        match round(&pair, fault) {
            Ok(round) => {
                bench.said(fault.name, case.rounds.len() + 1, bench.options.rounds, &round)?;
                if round.missing > 0 {
                    ours.give_up(&pair, fault.name)?;
                }
                case.rounds.push(round);
            }
            Err(error) => {
                writeln!(bench.out, "{}: {error:#}", fault.name)?;
                case.errors.push(format!("{error:#}"));
                ours.give_up(&pair, fault.name)?;
            }
        }
        bench.out.flush()?;
        bench.store.keep(fault.name, &case)?;
    }
    Ok(())
}

/// Rounds follow one another at a pace of their own, and keepalived's checks run at
/// theirs: without this, a hung service is always met at about the same time before a
/// check, and whose way back takes a moment longer seems to be slower by a second.
fn phase(round: usize) -> Duration {
    /// Multiples of it are spread evenly over an interval, however many there are.
    const GOLDEN: f64 = 0.618_033_988_75;
    CHECK_INTERVAL.mul_f64((round as f64 * GOLDEN).fract())
}

impl Ours {
    fn pair(&mut self) -> Result<Arc<Pair>> {
        if let Some(pair) = &self.pair {
            return Ok(Arc::clone(pair));
        }
        let pair = self.runner.boot(&PAIR)?;
        start(&pair)?;
        Ok(Arc::clone(self.pair.insert(Arc::new(pair))))
    }

    /// Keeps what explains it and begins with a new pair.
    fn give_up(&mut self, pair: &Pair, name: &str) -> Result<()> {
        evidence::save(pair, &self.evidence.join(name))?;
        self.pair = None;
        Ok(())
    }
}

/// A failover and the way back, from a protected pair to a protected pair.
fn round(pair: &Pair, fault: &Fault) -> Result<Round> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    let measured = measure(pair, active, fault.strike, Terms::within(TAKEOVER))?;
    let mut round = measured.round;
    if fault.name == SWITCHOVER {
        wait_protected(standby)?;
        wait_protected(active)?;
        expect(pair, standby, Is::Active)?;
        expect(pair, active, Is::Standby)?;
        round.phases.read(Some(active), standby, measured.fault_ms)?;
        return Ok(round);
    }
    expect(pair, standby, Is::Alone)?;
    let powered = active.leader().is_ok();
    (fault.mend)(active).context("failed to mend the node")?;
    expect(pair, active, Is::Resting)?;
    round.phases.read(powered.then_some(active), standby, measured.fault_ms)?;
    way_back(pair, standby)?;
    Ok(round)
}
