//! Of section `return`: `ap-mode set ap --reseed` against what an operator would
//! type, `mariadb-dump | mariadb`, with the same rows on the same two nodes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::phases::copied;
use super::stats::{greatest, least, median};
use super::store::Case;
use super::{Bench, LARGE, calm};
use crate::evidence;
use crate::expect::{Is, expect};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, start, wait_protected};
use crate::runner::Runner;
use crate::{checker, sql};

/// Name of the case.
const NAME: &str = "reseed";
/// Rows of a KiB each.
const ROWS: u64 = 512 * 1024;
/// Rounds at most: each takes most of a minute.
const FEW: usize = 3;
/// Longest copy.
const LONG: Duration = Duration::from_secs(170);

/// The same rows, copied twice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Copied {
    load: f64,
    pressure: f64,
    /// What the dump of the rows is long, MiB.
    mib: f64,
    /// The plain pipe, seconds.
    raw_s: f64,
    /// Of the reseed, making the data directory anew and copying, seconds.
    copy_s: f64,
    /// All of the command, up to a standby that receives, seconds.
    command_s: f64,
}

/// Measures what is missing.
pub fn measure(bench: &mut Bench<'_>, runner: &mut Runner, build: &str) -> Result<()> {
    if !bench.options.chosen(NAME) {
        return Ok(());
    }
    let rounds = bench.options.rounds.min(FEW);
    let mut case: Case<Copied> = bench.store.resume(NAME, runner.lab(), build, bench.options.again)?;
    if case.rounds.len() >= rounds {
        return Ok(());
    }
    let pair = runner.boot(&LARGE)?;
    let filled = start(&pair).and_then(|()| fill(&pair.a));
    filled.inspect_err(|_| drop(evidence::save(&pair, &bench.store.path("evidence").join(NAME))))?;
    while case.rounds.len() < rounds && case.errors.is_empty() {
        calm::wait(Duration::from_secs(bench.options.calm));
        let (load, pressure) = (calm::load(), calm::pressure());
        match round(&pair) {
            Ok(round) => {
                let round = Copied { load, pressure, ..round };
                writeln!(
                    bench.out,
                    "{NAME:<18} {:>2}/{rounds}  raw pipe {:>6.1} s  copy {:>6.1} s  command {:>6.1} s  load {load:.1}",
                    case.rounds.len() + 1,
                    round.raw_s,
                    round.copy_s,
                    round.command_s
                )?;
                case.rounds.push(round);
            }
            Err(error) => {
                evidence::save(&pair, &bench.store.path("evidence").join(NAME))?;
                writeln!(bench.out, "{NAME}: {error:#}")?;
                case.errors.push(format!("{error:#}"));
            }
        }
        bench.out.flush()?;
        bench.store.keep(NAME, &case)?;
    }
    Ok(())
}

/// Not into the binary log: only a copy can bring these rows to the other node.
fn fill(node: &Node) -> Result<()> {
    let rows = format!(
        "SET SESSION sql_log_bin=0; CREATE TABLE lab.bulk (id INT PRIMARY KEY, data VARCHAR(1200) NOT NULL) \
         ENGINE=InnoDB; INSERT INTO lab.bulk SELECT seq, REPEAT(CHAR(65 + seq % 26), 1000) FROM lab.seq_1_to_{ROWS}"
    );
    node.sh_with_input("mariadb", rows.as_bytes(), LONG)?.success().map(drop).context("failed to write the rows")
}

fn round(pair: &Pair) -> Result<Copied> {
    let (from, to) = (&pair.a, &pair.b);
    let raw_s = raw(from, to)?;
    let dump = "mariadb-dump --single-transaction lab bulk | wc -c";
    let bytes: f64 = from.sh(dump, LONG)?.success()?.parse().context("no size")?;
    ap_mode(to, "set m")?;
    let clock = Clock::new()?;
    let begun = Instant::now();
    ap_mode(to, "set ap --reseed")?;
    let command_s = begun.elapsed().as_secs_f64();
    wait_protected(from)?;
    wait_protected(to)?;
    expect(pair, from, Is::Active)?;
    expect(pair, to, Is::Standby)?;
    let rows = to.sql("SELECT COUNT(*) FROM lab.bulk")?;
    ensure!(rows == ROWS.to_string(), "{rows} of {ROWS} rows were copied");
    checker::same(from, to, "lab.bulk")?;
    let copy_s = copied(to, clock.boot_ms(begun))?.context("no copy in the history")? / 1000.0;
    to.run("rm -rf /var/lib/mysql.before-reseed-*")?;
    Ok(Copied { mib: bytes / 1_048_576.0, raw_s, copy_s, command_s, ..Copied::default() })
}

/// Through a plain pipe into a schema of its own, in seconds.
fn raw(from: &Node, to: &Node) -> Result<f64> {
    let quiet = "SET SESSION sql_log_bin=0";
    to.sql(&format!("{quiet}; CREATE SCHEMA raw"))?;
    let pipe = format!(
        "set -o pipefail; mariadb-dump --single-transaction --host={} --user={} --password={} lab bulk | \
         mariadb --init-command='{quiet}' raw",
        from.address(),
        sql::USER,
        sql::PASSWORD
    );
    let begun = Instant::now();
    to.sh(&pipe, LONG)?.success().context("the plain pipe")?;
    let took = begun.elapsed().as_secs_f64();
    to.sql(&format!("{quiet}; DROP SCHEMA raw"))?;
    Ok(took)
}

/// What is kept.
pub fn kept(bench: &Bench<'_>) -> Result<Option<Case<Copied>>> {
    if bench.options.chosen(NAME) { bench.store.kept(NAME) } else { Ok(None) }
}

/// As text; nothing if nothing is kept.
pub fn table(case: Option<&Case<Copied>>) -> String {
    let mut text = String::new();
    let Some(case) = case else { return text };
    let _ = writeln!(
        text,
        "\n`ap-mode set ap --reseed` against `mariadb-dump | mariadb`, {ROWS} rows of 1 KiB, {} rounds; seconds, median\n\
         (least - greatest). Copy: a new data directory and the data; command: all, up to a standby that receives.\n\
         Ratio: of the throughput of the plain pipe, aimed at 0.9.\n",
        case.rounds.len()
    );
    let _ = writeln!(text, "{:<12}{:>22}{:>10}{:>22}", "", "seconds", "MiB/s", "ratio");
    let mib = median(&case.figures(|round| round.mib));
    for (name, figure) in [
        ("plain pipe", (|round| round.raw_s) as fn(&Copied) -> f64),
        ("copy", |round| round.copy_s),
        ("command", |round| round.command_s),
    ] {
        let range = |figures: &[f64], places: usize| {
            format!("{:.places$} ({:.places$} - {:.places$})", median(figures), least(figures), greatest(figures))
        };
        let took = case.figures(figure);
        let ratios = case.figures(|round| round.raw_s / figure(round));
        let _ =
            writeln!(text, "{name:<12}{:>22}{:>10.1}{:>22}", range(&took, 1), mib / median(&took), range(&ratios, 2));
    }
    let loads = case.figures(|round| round.load);
    let pressure = case.figures(|round| round.pressure);
    let _ = writeln!(
        text,
        "load {:.0}-{:.0}, pressure {:.0}-{:.0} %",
        least(&loads),
        greatest(&loads),
        least(&pressure),
        greatest(&pressure)
    );
    for error in &case.errors {
        let _ = writeln!(text, "  not finished: {error}");
    }
    text
}
