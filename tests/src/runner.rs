//! Runs scenarios one after the other and prints what came out.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::evidence;
use crate::lab::Lab;
use crate::machine;
use crate::node::Node;
use crate::pair::{Pair, Snapshot};
use crate::product::start;
use crate::scenario::{Begin, Counts, Scenario, Setup};

/// How long a scenario that was stopped gets to notice.
const GRACE: Duration = Duration::from_secs(60);

/// A lab with the snapshots made in it so far, and the pair that runs.
pub struct Runner {
    lab: Arc<Lab>,
    snapshots: BTreeMap<&'static str, Snapshot>,
    /// Where evidence of failures goes.
    evidence: PathBuf,
    /// Left protected by the last scenario, with the name of its setup.
    running: Option<(&'static str, Arc<Pair>)>,
}

/// A scenario that ran.
pub struct Done {
    /// Which.
    pub scenario: Scenario,
    /// How long it took, boot included.
    pub took: Duration,
    /// What it counted, or why it failed.
    pub result: Result<Counts>,
}

impl Runner {
    /// Without snapshots yet; saves evidence of failures below `evidence`.
    pub fn new(lab: Lab, evidence: &Path) -> Self {
        Self { lab: Arc::new(lab), snapshots: BTreeMap::new(), evidence: evidence.to_owned(), running: None }
    }

    /// The lab it runs in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Boots a pair from the snapshot of `setup`, making that first if needed.
    pub fn boot(&mut self, setup: &Setup) -> Result<Pair> {
        if !self.snapshots.contains_key(setup.name) {
            let pair = Pair::fresh(&self.lab, (setup.options)())?;
            (setup.install)(&pair).with_context(|| self.saved(&pair, setup.name))?;
            self.snapshots.insert(setup.name, pair.into_snapshot()?);
        }
        let snapshot = self.snapshots.get(setup.name).context("no snapshot")?;
        Pair::from_snapshot(&self.lab, snapshot)
    }

    /// Saves the evidence of a failure; where it is, as a context of the error.
    fn saved(&self, pair: &Pair, name: &str) -> String {
        let directory = self.evidence.join(name);
        match evidence::save(pair, &directory) {
            Ok(()) => format!("evidence in {}", directory.display()),
            Err(error) => format!("no evidence: {error:#}"),
        }
    }

    /// Runs all of `scenarios`. Returns what came out, one of each.
    pub fn run(&mut self, scenarios: &[Scenario], out: &mut dyn Write) -> Result<Vec<Done>> {
        let begun = Instant::now();
        let machine = machine::describe(self.lab.base());
        let mut results = Vec::new();
        for scenario in scenarios {
            let started = Instant::now();
            let result = self.run_one(scenario);
            let done = Done { scenario: *scenario, took: started.elapsed(), result };
            line(out, &done)?;
            if let Err(error) = &done.result {
                writeln!(out, "     {error:#}")?;
            }
            out.flush()?;
            results.push(done);
        }
        writeln!(out, "\n{machine}\n{HEADER}")?;
        for done in &results {
            line(out, done)?;
        }
        let failed = results.iter().filter(|done| done.result.is_err()).count();
        writeln!(out, "\ntook {:.0} s", begun.elapsed().as_secs_f64())?;
        writeln!(out, "{} passed, {failed} failed", results.len() - failed)?;
        Ok(results)
    }

    fn run_one(&mut self, scenario: &Scenario) -> Result<Counts> {
        let pair = self.pair(scenario)?;
        let (sender, result) = mpsc::channel();
        let run = scenario.run;
        let theirs = Arc::clone(&pair);
        let thread = std::thread::spawn(move || {
            let result = run(&theirs);
            drop(theirs);
            let _ = sender.send(result);
        });
        let outcome = match result.recv_timeout(scenario.timeout) {
            Ok(Ok(counts)) if counts.missing > 0 => {
                Err(anyhow!("{} of {} acknowledged writes are missing", counts.missing, counts.acknowledged))
            }
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(anyhow!("scenario panicked")),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(anyhow!("not finished after {:?}", scenario.timeout)),
        };
        if outcome.is_err() {
            let hint = self.saved(&pair, scenario.name);
            // With both nodes off, whatever a stuck scenario waits for ends.
            let _ = pair.both(Node::power_off);
            let deadline = Instant::now() + GRACE;
            while !thread.is_finished() {
                if Instant::now() > deadline {
                    bail!("scenario does not stop; {hint}");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            return outcome.context(hint);
        }
        if scenario.begin == Begin::Protected {
            self.running = Some((scenario.setup.name, pair));
        }
        outcome
    }

    /// What the scenario begins with: the pair the last one left, if that will do.
    fn pair(&mut self, scenario: &Scenario) -> Result<Arc<Pair>> {
        if let Some((setup, pair)) = self.running.take()
            && (setup, Begin::Protected) == (scenario.setup.name, scenario.begin)
        {
            return Ok(pair);
        }
        let pair = self.boot(scenario.setup)?;
        if scenario.begin == Begin::Protected {
            start(&pair).with_context(|| self.saved(&pair, scenario.name))?;
        }
        Ok(Arc::new(pair))
    }
}

const HEADER: &str = "result fault scenario                                 seconds   acked missing  outage";

fn line(out: &mut dyn Write, done: &Done) -> Result<()> {
    let Scenario { name, fault, .. } = done.scenario;
    let took = done.took.as_secs_f64();
    match &done.result {
        Ok(counts) => {
            let outage = counts.outage.map_or_else(|| "-".to_owned(), |o| format!("{:.3}", o.as_secs_f64()));
            writeln!(
                out,
                "ok     {fault:<5} {name:<40} {took:>7.1} {:>7} {:>7} {outage:>7} {}",
                counts.acknowledged, counts.missing, counts.note
            )?;
        }
        Err(_) => writeln!(out, "FAILED {fault:<5} {name:<40} {took:>7.1}")?,
    }
    Ok(())
}
