//! Section `lag`: from power loss of the active node to a writable standby, when
//! the standby has received everything but applied nothing of it yet; and the same
//! data by hand, through `mariadb-binlog | mariadb`.
//!
//! A lock on the standby holds its appliers back while rows are written, and is
//! let go at the moment of the power loss. The relay logs are linked aside before,
//! and applied by hand to the same server once the failover is over.

use std::cell::Cell;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::hold::{ASIDE, Hold};
use super::phases::Phases;
use super::round::{Terms, measure};
use super::stats::{greatest, least, median};
use super::store::{Case, build};
use super::{Bench, LARGE, calm};
use crate::evidence;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::start;
use crate::runner::Runner;
use crate::wait::{equals, wait_for};

/// Rows to drain, and how the case is called.
const LOADS: [(u64, &str); 4] =
    [(0, "rows-none"), (10_000, "rows-10k"), (100_000, "rows-100k"), (1_000_000, "rows-1m")];
/// Rows of one transaction, each inserted by a statement of its own: a row event each.
const BATCH: u64 = 100;
/// Rounds of each at most: the largest takes minutes.
const FEW: usize = 3;
/// Until the standby must serve, and longest writing or applying by hand.
const LONG: Duration = Duration::from_secs(400);
/// Clients that tried again at once would take the processors from the appliers.
const RETRY: Duration = Duration::from_millis(200);

/// One power loss.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Drain {
    load: f64,
    pressure: f64,
    /// Rows that the standby had received and not applied.
    rows: u64,
    /// Their relay logs.
    relay_mib: f64,
    /// Longest time without an acknowledged write.
    outage_ms: f64,
    /// From when the appliers could go on until they had applied the rows.
    applied_s: f64,
    phases: Phases,
    /// Writing it took that long, with the acknowledgements of the standby.
    written_s: f64,
    /// Applying the same by hand took that long.
    hand_s: f64,
    /// What clients and the writer of the rows were told is done.
    acknowledged: u64,
    missing: u64,
}

impl Drain {
    fn writable_s(&self) -> f64 {
        self.phases.writable.map_or(f64::NAN, |ms| ms / 1000.0)
    }
}

/// Measures what is missing, prints all that is kept.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let chosen: Vec<_> = LOADS.into_iter().filter(|(_, name)| bench.options.chosen(name)).collect();
    if !bench.options.report {
        let lab = (bench.new_lab)("")?;
        let build = build(&lab)?;
        let mut runner = Runner::new(lab, &bench.store.path("evidence"));
        for (rows, name) in &chosen {
            measure_case(bench, &mut runner, *rows, name, &build)?;
        }
    }
    let mut cases = Vec::new();
    for (_, name) in chosen {
        cases.extend(bench.store.kept::<Drain>(name)?);
    }
    let text = table(&cases);
    bench.store.write("table.txt", &text)?;
    writeln!(bench.out, "{text}")?;
    let lost: u64 = cases.iter().flat_map(|case| &case.rounds).map(|round| round.missing).sum();
    let failed: usize = cases.iter().map(|case| case.errors.len()).sum();
    if lost > 0 || failed > 0 {
        writeln!(bench.out, "FAILED: {lost} acknowledged writes lost, {failed} rounds not finished")?;
    }
    Ok(lost == 0 && failed == 0)
}

fn measure_case(bench: &mut Bench<'_>, runner: &mut Runner, rows: u64, name: &str, build: &str) -> Result<()> {
    let rounds = bench.options.rounds.min(FEW);
    let mut case: Case<Drain> = bench.store.resume(name, runner.lab(), build, bench.options.again)?;
    while case.rounds.len() < rounds && case.errors.is_empty() {
        // What is applied by hand forks the history: each round has machines of its own.
        let pair = runner.boot(&LARGE)?;
        calm::wait(Duration::from_secs(bench.options.calm));
        let (load, pressure) = (calm::load(), calm::pressure());
        match start(&pair).and_then(|()| round(&pair, rows)) {
            Ok(round) => {
                let round = Drain { load, pressure, ..round };
                writeln!(
                    bench.out,
                    "{name:<18} {:>2}/{rounds}  writable {:>7.2} s  applied {:>7.2} s  by hand {:>7.2} s  acked {:>8}  missing {}  load {load:.1}",
                    case.rounds.len() + 1,
                    round.writable_s(),
                    round.applied_s,
                    round.hand_s,
                    round.acknowledged,
                    round.missing
                )?;
                case.rounds.push(round);
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

fn round(pair: &Pair, rows: u64) -> Result<Drain> {
    let (active, standby) = roles(pair)?;
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    active.sql("CREATE TABLE lab.drain (k INT PRIMARY KEY, x VARCHAR(100) NOT NULL) ENGINE=InnoDB")?;
    wait_for("the standby to have the table", Duration::from_secs(20), || {
        let position = active.sql("SELECT @@gtid_binlog_pos")?;
        Ok(equals(standby.sql("SELECT @@gtid_slave_pos")?, &position))
    })?;
    let hold = Hold { node: standby };
    hold.begin()?;
    let written = Instant::now();
    fill(active, rows)?;
    let mut drain = Drain { rows, written_s: written.elapsed().as_secs_f64(), ..Drain::default() };
    hold.watch(active, LONG)?;
    let aside = Cell::new(0.0);
    let strike = |node: &Node| {
        node.power_off()?;
        aside.set(hold.set_aside()?);
        hold.end()
    };
    let measured = measure(pair, active, strike, Terms { retry: RETRY, ..Terms::within(LONG) })?;
    drain.relay_mib = aside.get();
    drain.outage_ms = measured.round.outage_ms();
    drain.phases = measured.round.phases;
    drain.phases.read(None, standby, measured.fault_ms)?;
    expect(pair, standby, Is::Alone)?;
    let present: u64 = standby.sql("SELECT COUNT(*) FROM lab.drain")?.parse().context("no count")?;
    drain.acknowledged = rows + measured.round.acknowledged as u64;
    drain.missing = rows.saturating_sub(present) + measured.round.missing as u64;
    // Meant to count here without `Step::Drain` in the promotion.
    if drain.missing == 0 {
        drain.applied_s = hold.applied()?;
        drain.hand_s = by_hand(standby, rows)?;
    }
    Ok(drain)
}

/// Acknowledged by the standby transaction by transaction.
fn fill(node: &Node, rows: u64) -> Result<()> {
    let block = format!(
        "DELIMITER //\nBEGIN NOT ATOMIC\nDECLARE i INT DEFAULT 0;\nWHILE i < {rows} DO\nSTART TRANSACTION;\n\
         FOR j IN 1..{BATCH} DO INSERT INTO lab.drain VALUES (i + j, REPEAT('x', 60)); END FOR;\n\
         COMMIT;\nSET i = i + {BATCH};\nEND WHILE;\nEND//\n"
    );
    node.sh_with_input("mariadb", block.as_bytes(), LONG)?.success().map(drop).context("failed to write the rows")
}

/// What an operator would do with the relay logs of a standby, in seconds.
fn by_hand(node: &Node, rows: u64) -> Result<f64> {
    // The same transactions a second time are against the order of a strict server.
    node.sql("SET GLOBAL gtid_strict_mode=OFF; TRUNCATE lab.drain")?;
    let begun = Instant::now();
    node.sh(&format!("set -o pipefail; mariadb-binlog {ASIDE}/* | mariadb"), LONG)?.success().context("by hand")?;
    let took = begun.elapsed().as_secs_f64();
    let present: u64 = node.sql("SELECT COUNT(*) FROM lab.drain")?.parse().context("no count")?;
    ensure!(present == rows, "{present} of {rows} rows by hand");
    Ok(took)
}

fn table(cases: &[Case<Drain>]) -> String {
    let mut text = String::new();
    if let Some(case) = cases.first() {
        let _ = writeln!(text, "lag: {}\n{}\n", case.build, case.machine);
    }
    let _ = writeln!(
        text,
        "Power loss of the active while the standby has so many rows to apply ({BATCH} rows to a transaction); seconds,\n\
         median (least - greatest). Applied: from the power loss, until which the appliers were held back, to the last row.\n"
    );
    let _ = writeln!(
        text,
        "{:>9}{:>8}{:>7}{:>24}{:>10}{:>10}{:>9}{:>10}{:>9}{:>7}{:>9}{:>6}{:>9}{:>10}",
        "rows",
        "MiB",
        "rounds",
        "writable",
        "outage",
        "applied",
        "rows/s",
        "by hand",
        "rows/s",
        "ratio",
        "acked",
        "lost",
        "load",
        "pressure"
    );
    for case in cases {
        let middle = |figure: fn(&Drain) -> f64| median(&case.figures(figure));
        let writable = case.figures(Drain::writable_s);
        let rows = middle(|round| round.rows as f64);
        let (applied, hand) = (middle(|round| round.applied_s), middle(|round| round.hand_s));
        let range = |figure: fn(&Drain) -> f64| {
            format!("{:.0}-{:.0}", least(&case.figures(figure)), greatest(&case.figures(figure)))
        };
        // Without rows there are those of the clients only.
        let if_rows = |shown: String| if rows > 0.0 { shown } else { "-".to_owned() };
        let rate = |seconds: f64| if_rows(format!("{:.0}", rows / seconds));
        let _ = writeln!(
            text,
            "{rows:>9.0}{:>8.1}{:>7}{:>24}{:>10.2}{:>10}{:>9}{:>10}{:>9}{:>7}{:>9}{:>6}{:>9}{:>10}",
            middle(|round| round.relay_mib),
            case.rounds.len(),
            format!("{:.2} ({:.2} - {:.2})", median(&writable), least(&writable), greatest(&writable)),
            middle(|round| round.outage_ms / 1000.0),
            if_rows(format!("{applied:.2}")),
            rate(applied),
            if_rows(format!("{hand:.2}")),
            rate(hand),
            if_rows(format!("{:.1}", hand / applied)),
            case.rounds.iter().map(|round| round.acknowledged).sum::<u64>(),
            case.rounds.iter().map(|round| round.missing).sum::<u64>(),
            range(|round| round.load),
            range(|round| round.pressure),
        );
        for error in &case.errors {
            let _ = writeln!(text, "  not finished: {error}");
        }
    }
    text.push_str("\nRatio: how many times faster than by hand.\n");
    text
}
