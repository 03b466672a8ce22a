//! `lab bench`: what a failover costs its clients, and which phase takes the time.
//!
//! Each section keeps its results under `target/bench`, round by round, and a
//! run that was cut short goes on where it stopped.

mod against;
mod back;
pub mod calm;
mod checks;
mod clients;
mod clock;
mod compare;
mod copy;
mod failover;
mod faults;
mod hold;
mod interval;
mod lag;
mod others;
mod pacemaker;
mod phases;
mod round;
mod shell;
pub mod stats;
mod store;
mod svg;
mod table;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::lab::Lab;
use crate::options::Options as LabOptions;
use crate::product::PAIR;
use crate::scenario::Setup;
use round::Round;
use store::Store;

/// Sections, and how many rounds they have; faults and what they mean are in `faults.rs`.
#[derive(Args)]
pub struct Options {
    /// Rounds of each fault; three at most of what takes minutes.
    #[arg(long, default_value_t = 10)]
    pub rounds: usize,
    /// Forget the results kept and measure again.
    #[arg(long)]
    pub again: bool,
    /// Measure nothing, print what is kept.
    #[arg(long)]
    pub report: bool,
    /// Wait up to so many seconds for a calm machine before each round.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub calm: u64,
    /// Only these faults (part of a name).
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Where results are kept.
    #[arg(long, default_value = "target/bench", value_name = "DIRECTORY")]
    pub results: PathBuf,
    /// Compare with what is kept there of another build; none of our medians may be worse.
    #[arg(long, value_name = "DIRECTORY")]
    pub against: Option<PathBuf>,
    /// Sections: failover, checks, lag, return, interval, shell, pacemaker. Default: all.
    pub sections: Vec<String>,
}

impl Options {
    fn chosen(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }
}

/// One section.
struct Section {
    name: &'static str,
    /// Measures what is missing, and prints.
    run: fn(&mut Bench<'_>) -> Result<bool>,
}

const SECTIONS: &[Section] = &[
    Section { name: "failover", run: failover::run },
    Section { name: "checks", run: checks::run },
    Section { name: "lag", run: lag::run },
    Section { name: "return", run: back::run },
    Section { name: "interval", run: interval::run },
    Section { name: "shell", run: shell::run },
    Section { name: "pacemaker", run: pacemaker::run },
];

/// The usual pair, with room for much data and a copy of it.
const LARGE: Setup =
    Setup { name: "large", options: || LabOptions { disk: "6g", ..LabOptions::default() }, install: PAIR.install };

/// Makes a lab; what is added to the name of the root file system says which.
pub type NewLab<'a> = &'a dyn Fn(&str) -> Result<Lab>;

/// What the sections share.
struct Bench<'a> {
    options: &'a Options,
    /// A lab whose nodes boot from the usual root file system, or from a variant of it.
    new_lab: NewLab<'a>,
    store: Store,
    out: &'a mut dyn Write,
}

impl Bench<'_> {
    /// One line for each round, so that one sees that it goes on.
    fn said(&mut self, fault: &str, number: usize, of: usize, round: &Round) -> Result<()> {
        writeln!(
            self.out,
            "{fault:<18} {number:>2}/{of}  http {:>7.0} ms  sql {:>7.0} ms  acked {:>6}  missing {}  load {:.1}, pressure {:.0} %",
            round.http_ms, round.sql_ms, round.acknowledged, round.missing, round.load, round.pressure
        )?;
        Ok(self.out.flush()?)
    }
}

/// Runs the sections chosen; whether all went as it must.
///
/// # Errors
/// A section is not known, or cannot be run at all.
pub fn run(options: &Options, new_lab: NewLab<'_>, out: &mut dyn Write) -> Result<bool> {
    if let Some(unknown) = options.sections.iter().find(|name| SECTIONS.iter().all(|s| s.name != name.as_str())) {
        let names: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
        bail!("no section {unknown}; there are {}", names.join(", "));
    }
    let mut well = true;
    for section in SECTIONS {
        if options.sections.is_empty() || options.sections.iter().any(|name| name == section.name) {
            let store = Store::new(&options.results, section.name)?;
            let mut bench = Bench { options, new_lab, store, out };
            // What one section cannot do is no reason to leave out the others.
            well &= (section.run)(&mut bench).or_else(|error| {
                writeln!(bench.out, "FAILED: section {}: {error:#}", section.name)?;
                anyhow::Ok(false)
            })?;
        }
    }
    if options.report || options.sections.is_empty() {
        writeln!(out, "{}", compare::table(&options.results)?)?;
    }
    if let Some(other) = &options.against {
        let (text, not_worse) = against::table(&options.results, other)?;
        writeln!(out, "{text}")?;
        well &= not_worse;
    }
    Ok(well)
}
