//! The facts of `docs/FACTS.md` that can be run: each is one row, run against the real
//! program on the nodes of a pair. A row that fails is a fact that is no longer so.
//!
//! - `document.rs`: what `docs/FACTS.md` says, and what holds between it, this table and
//!   the code that cites it.
//! - `servers.rs`, `third.rs`: a master, its semi-sync replica and one more; the rows
//!   about MariaDB are in `semi_sync.rs`, `recovery.rs`, `replication.rs`, `accounts.rs`.
//! - `vrrp.rs`: a pair of keepalived; its rows are in `keepalived.rs`.
//! - `systemd.rs`, `network.rs`: rows about what is around them.

mod accounts;
mod document;
mod keepalived;
mod network;
mod recovery;
mod replication;
mod semi_sync;
mod servers;
mod systemd;
mod third;
mod vrrp;

use std::io::{Write, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::options::Options;
use crate::pair::Pair;
use crate::scenario::{Begin, Counts, Scenario, Setup};

/// Scenarios of these tables. The last is short enough for every run.
pub const SCENARIOS: &[Scenario] = &[
    scenario("facts-semi-sync", |pair| run(pair, SEMI_SYNC)).long(),
    scenario("facts-replication", |pair| run(pair, REPLICATION)).long(),
    scenario("facts-keepalived", |pair| run(pair, KEEPALIVED)).long(),
    scenario("facts-systemd", |pair| run(pair, SYSTEMD)),
];

const SEMI_SYNC: &[&[Row]] = &[semi_sync::ROWS, recovery::ROWS];
const REPLICATION: &[&[Row]] = &[replication::ROWS, accounts::ROWS];
const KEEPALIVED: &[&[Row]] = &[keepalived::ROWS];
const SYSTEMD: &[&[Row]] = &[systemd::ROWS, network::ROWS];

/// Two servers with the product's settings, and nothing else of it.
const SETUP: Setup = Setup { name: "facts", options: Options::default, install: servers::install };

/// Something that must not happen has not happened for that long.
pub const WHILE: Duration = Duration::from_millis(300);

/// One fact, and how to see it.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its heading in `docs/FACTS.md`.
    pub anchor: &'static str,
    /// Fails if it is not so; returns what was seen.
    pub run: fn(&Pair) -> Result<String>,
}

/// A row.
const fn row(anchor: &'static str, run: fn(&Pair) -> Result<String>) -> Row {
    Row { anchor, run }
}

const fn scenario(name: &'static str, run: fn(&Pair) -> Result<Counts>) -> Scenario {
    Scenario {
        name,
        fault: "facts",
        default: true,
        matrix: true,
        timeout: Duration::from_secs(300),
        setup: &SETUP,
        begin: Begin::Booted,
        run,
    }
}

/// Runs all of these rows and says of each what was seen.
fn run(pair: &Pair, tables: &[&[Row]]) -> Result<Counts> {
    let mut out = stdout();
    let mut failed = Vec::new();
    let rows = tables.concat();
    for Row { anchor, run } in &rows {
        let begun = Instant::now();
        let seen = run(pair);
        let (word, text) = match &seen {
            Ok(text) => ("ok", text.clone()),
            Err(error) => ("FALSE", format!("{error:#}; docs/FACTS.md: {}", document::statement(anchor))),
        };
        writeln!(out, "       {word:<5} {anchor:<40} {:>5.1} s  {text}", begun.elapsed().as_secs_f64())?;
        out.flush()?;
        if seen.is_err() {
            failed.push(*anchor);
        }
    }
    ensure!(failed.is_empty(), "{} of {} facts are not so: {}", failed.len(), rows.len(), failed.join(", "));
    Ok(Counts { note: format!("{} facts", rows.len()), ..Counts::default() })
}

/// Looks again and again for a while: it holds all the time.
fn stays(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < WHILE {
        if !holds()? {
            bail!("{what} no longer holds after {:?}", begun.elapsed());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A time that a fact names, with what a busy machine adds.
fn lasts(what: &str, took: Duration, from: Duration, to: Duration) -> Result<()> {
    ensure!(took >= from && took <= to, "{what} took {took:?}, not {from:?} to {to:?}");
    Ok(())
}
