//! Other kinds of pairs, measured as ours is: the same machines, clients and faults.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::faults::Fault;
use super::round::{Round, Terms, measure};
use super::store::{Case, Store, build};
use super::{Bench, calm, table};
use crate::command::host;
use crate::evidence;
use crate::lab::Lab;
use crate::pair::Pair;
use crate::runner::Runner;
use crate::scenario::Setup;
use crate::wait::{equals, wait_for};

/// So often a pair may fail to start before that is the end of a fault.
const STARTS: usize = 3;

/// A kind of pair.
pub struct Other {
    /// Root file system its nodes boot from, as a variant of the usual one.
    pub variant: &'static str,
    /// Packages whose versions matter.
    pub packages: &'static [&'static str],
    /// What is on the disks.
    pub setup: &'static Setup,
    /// From two nodes just booted to a pair that serves, node a being the active one.
    pub start: fn(&Pair) -> Result<()>,
    /// What is expected of it.
    pub terms: Terms,
    /// What breaks it, and how often.
    pub faults: fn(&Bench<'_>) -> Vec<(Fault, usize)>,
}

impl Other {
    /// Measures what is missing, prints all that is kept beside ours. That they lose
    /// what they acknowledged fails nothing.
    pub fn run(&self, bench: &mut Bench<'_>) -> Result<bool> {
        let mut cases = (self.faults)(bench);
        cases.retain(|(fault, _)| bench.options.chosen(fault.name));
        if !bench.options.report {
            let lab = (bench.new_lab)(self.variant)?;
            let build = build(&lab)?;
            let mut runner = Runner::new(lab, &bench.store.path("evidence"));
            for (fault, rounds) in &cases {
                self.measure(bench, &mut runner, fault, *rounds, &build)?;
            }
        }
        let faults: Vec<Fault> = cases.into_iter().map(|(fault, _)| fault).collect();
        let ours = Store::new(&bench.options.results, "failover")?;
        let text = table::compared(bench.store.section(), &bench.store.all(&faults)?, &ours.all(&faults)?);
        bench.store.write("table.txt", &text)?;
        writeln!(bench.out, "{text}")?;
        Ok(true)
    }

    fn measure(
        &self,
        bench: &mut Bench<'_>,
        runner: &mut Runner,
        fault: &Fault,
        rounds: usize,
        build: &str,
    ) -> Result<()> {
        let mut case: Case<Round> = bench.store.resume(fault.name, runner.lab(), build, bench.options.again)?;
        if case.rounds.is_empty() && !self.packages.is_empty() {
            case.machine += &format!(", {}", versions(runner.lab(), self.packages)?);
        }
        let mut failed_starts = 0;
        while case.rounds.len() + case.errors.len() < rounds {
            // There is no way back by itself: each round has machines of its own.
            let pair = runner.boot(self.setup)?;
            if let Err(error) = (self.start)(&pair) {
                evidence::save(&pair, &bench.store.path("evidence").join("start"))?;
                writeln!(bench.out, "{}: not started: {error:#}", fault.name)?;
                failed_starts += 1;
                ensure!(failed_starts < STARTS, "the pair did not start {failed_starts} times");
                continue;
            }
            calm::wait(Duration::from_secs(bench.options.calm));
            let measured = measure(&pair, &pair.a, fault.strike, self.terms);
            // What they do meanwhile stands in their journals only.
            evidence::save(&pair, &bench.store.path("evidence").join(fault.name))?;
            match measured {
                Ok(measured) => {
                    bench.said(fault.name, case.rounds.len() + 1, rounds, &measured.round)?;
                    case.rounds.push(measured.round);
                }
                Err(error) => {
                    writeln!(bench.out, "{}: {error:#}", fault.name)?;
                    case.errors.push(format!("{error:#}"));
                }
            }
            bench.store.keep(fault.name, &case)?;
        }
        Ok(())
    }
}

/// What is installed on the nodes.
fn versions(lab: &Lab, packages: &[&str]) -> Result<String> {
    let status = format!("--admindir={}", lab.base().join("var/lib/dpkg").display());
    let mut arguments = vec![status.as_str(), "-W", "-f", "${Package} ${Version}, "];
    arguments.extend(packages);
    let said = host("dpkg-query", &arguments).context("failed to ask for versions")?;
    Ok(said.trim_end_matches([',', ' ']).to_owned())
}

/// The standby has what the active has.
pub fn replicated(pair: &Pair) -> Result<()> {
    wait_for("replication", Duration::from_secs(20), || {
        let position = pair.a.sql("SELECT @@gtid_binlog_pos")?;
        Ok(equals(pair.b.sql("SELECT @@gtid_slave_pos")?, &position))
    })
    .map(drop)
}

/// Waits until node b replicates, both threads.
pub fn wait_replicating(pair: &Pair) -> Result<()> {
    wait_for("replication to run", Duration::from_secs(30), || {
        let status = pair.b.sql("SHOW ALL SLAVES STATUS")?;
        Ok(equals(status.split('\t').filter(|word| *word == "Yes").count(), &2))
    })
    .map(drop)
}
