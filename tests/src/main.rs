//! `lab`: runs scenarios, or brings up a pair to look at.

use std::fs;
use std::io::{Write, stdout};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ap_lab::leftovers::Owner;
use ap_lab::runner::Runner;
use ap_lab::{Lab, Options, Pair, Scenario, bench, evidence, leftovers, machine, matrix, product, scenarios, soak};
use clap::{Args, Parser, Subcommand};

/// Where scripts/package puts them.
const PACKAGES: &str = "target/debian";

/// Where evidence of failures goes.
const EVIDENCE: &str = "target/lab";

/// This program, as one types it.
const LAB: &str = "target/debug/lab";

/// Two whole machines on one host, to break and to look at.
#[derive(Parser)]
#[command(name = "lab")]
struct Cli {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run scenarios and say which passed.
    Test(Test),
    /// Run the scenarios marked for it on each of these releases of Debian.
    Matrix(Matrix),
    /// Set up a pair, break it five ways, and show what clients saw.
    Demo(Demo),
    /// Measure what failovers and checks cost.
    Bench(Bench),
    /// Break one running pair again and again, at random.
    Soak(Soak),
    /// Bring up a pair and leave it running.
    Up(Up),
    /// Take down all pairs that were left running.
    Down,
    /// Run a command, or a shell, on a node of the pair left running.
    Shell {
        /// Node: a or b.
        node: String,
        /// What to run instead of a shell.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

#[derive(Args)]
struct Source {
    /// Directory of the packages to install, as scripts/package makes them.
    #[arg(long, default_value = PACKAGES)]
    packages: PathBuf,
    /// Debian release of the nodes, as scripts/prepare built it.
    #[arg(long, default_value = "bookworm")]
    suite: String,
}

#[derive(Args)]
struct Test {
    #[command(flatten)]
    source: Source,
    /// Run the long ones as well.
    #[arg(long)]
    full: bool,
    /// Only say what would run.
    #[arg(long)]
    list: bool,
    /// Where evidence of failures goes.
    #[arg(long, default_value = EVIDENCE)]
    evidence: PathBuf,
    /// Run all that often, one round after the other: what is right once may be luck.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Parts of names, or faults such as F3; naming one runs it without --full.
    filter: Vec<String>,
}

#[derive(Args)]
struct Matrix {
    /// Directory of the packages to install, as scripts/package makes them.
    #[arg(long, default_value = PACKAGES)]
    packages: PathBuf,
    /// Debian releases of the nodes, as scripts/prepare built them.
    #[arg(required = true)]
    suites: Vec<String>,
}

#[derive(Args)]
struct Demo {
    #[command(flatten)]
    source: Source,
    /// Leave the pair running in the end.
    #[arg(long)]
    keep: bool,
}

#[derive(Args)]
struct Bench {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    options: bench::Options,
}

#[derive(Args)]
struct Soak {
    #[command(flatten)]
    source: Source,
    /// What everything random follows from.
    seed: u64,
    /// How many faults.
    count: usize,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    source: Source,
    /// Start from the setup of this scenario.
    #[arg(long, default_value = "lab-boot")]
    like: String,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> Result<bool> {
    match action {
        Action::Test(test) => run_test(&test),
        Action::Matrix(matrix) => run_matrix(matrix),
        Action::Demo(demo) => run_demo(&demo),
        Action::Bench(bench) => {
            bench::run(&bench.options, &|variant| variant_of(&bench.source, variant), &mut stdout())
        }
        Action::Soak(soak) => run_soak(&soak),
        Action::Up(up) => bring_up(&up),
        Action::Down => {
            for (id, owner) in leftovers::labs()? {
                if owner != Owner::Alive {
                    leftovers::take_down(&id)?;
                }
            }
            Ok(true)
        }
        Action::Shell { node, command } => shell(&node, &command),
    }
}

fn run_test(test: &Test) -> Result<bool> {
    let chosen = scenarios::all()
        .into_iter()
        .filter(|s| s.matches(&test.filter) && (s.default || test.full || !test.filter.is_empty()))
        .collect();
    let chosen = scenarios::in_order(chosen);
    let mut out = stdout();
    if chosen.is_empty() {
        bail!("no scenario matches {}", test.filter.join(" "));
    }
    if test.list {
        for scenario in chosen {
            writeln!(out, "{:<5} {}", scenario.fault, scenario.name)?;
        }
        return Ok(true);
    }
    let chosen = chosen.repeat(test.repeat);
    let done = Runner::new(lab(&test.source)?, &test.evidence).run(&chosen, &mut out)?;
    Ok(done.iter().all(|done| done.result.is_ok()))
}

fn run_matrix(matrix: Matrix) -> Result<bool> {
    let Matrix { packages, suites } = matrix;
    let run = |suite: &str, chosen: &[Scenario], out: &mut dyn Write| {
        let source = Source { packages: packages.clone(), suite: suite.to_owned() };
        Runner::new(lab(&source)?, &Path::new(EVIDENCE).join(suite)).run(chosen, out)
    };
    matrix::run(&suites, root_of, run, &mut stdout())
}

fn bring_up(up: &Up) -> Result<bool> {
    let all = scenarios::all();
    let like = all.iter().find(|s| s.name == up.like);
    let like = like.with_context(|| format!("no scenario {}", up.like))?;
    let mut runner = Runner::new(lab(&up.source)?, Path::new(EVIDENCE));
    let pair = runner.boot(like.setup)?;
    leave_running(&pair)?;
    Ok(true)
}

fn run_demo(demo: &Demo) -> Result<bool> {
    let lab = Arc::new(lab(&demo.source)?);
    let pair = Pair::fresh(&lab, Options::default())?;
    if let Err(error) = ap_lab::demo::run(&pair, &mut stdout()) {
        let evidence_in = Path::new(EVIDENCE).join("demo");
        evidence::save(&pair, &evidence_in)?;
        return Err(error.context(format!("evidence in {}", evidence_in.display())));
    }
    if demo.keep {
        leave_running(&pair)?;
    }
    Ok(true)
}

fn run_soak(soak: &Soak) -> Result<bool> {
    let lab = lab(&soak.source)?;
    writeln!(stdout(), "{}", machine::describe(lab.base()))?;
    let pair = Runner::new(lab, Path::new(EVIDENCE)).boot(&product::PAIR)?;
    product::start(&pair)?;
    if let Err(error) = soak::run(&pair, soak.seed, soak.count, &mut stdout()) {
        let evidence_in = Path::new(EVIDENCE).join("soak");
        evidence::save(&pair, &evidence_in)?;
        return Err(error.context(format!("evidence in {}", evidence_in.display())));
    }
    Ok(true)
}

/// Leaves a pair running and says how to look inside.
fn leave_running(pair: &Pair) -> Result<()> {
    pair.lab.keep()?;
    let mut out = stdout();
    writeln!(out)?;
    for node in pair.nodes() {
        writeln!(out, "look inside {0} ({1}): {LAB} shell {0}", node.name(), node.address())?;
    }
    let namespace = pair.lab.namespace();
    writeln!(out, "be a client of {}: ip netns exec {namespace} COMMAND", pair.options.vip)?;
    writeln!(out, "take it down: {LAB} down")?;
    Ok(())
}

fn shell(node: &str, command: &[String]) -> Result<bool> {
    let leader = leader(node)?.with_context(|| format!("no node {node} is up: lab up"))?;
    let mut enter = Command::new("nsenter");
    enter.args(["-t", &leader, "-m", "-u", "-i", "-n", "-p", "-C", "--"]);
    if command.is_empty() {
        enter.args(["/bin/bash", "-l"]);
    } else {
        enter.args(command);
    }
    Err(enter.exec()).context("failed to enter the node")
}

/// First process of a node of a lab that was left running.
fn leader(node: &str) -> Result<Option<String>> {
    for (id, _) in leftovers::labs()?.into_iter().filter(|(_, owner)| *owner == Owner::Kept) {
        for entry in fs::read_dir(leftovers::directory(&id))? {
            let file = entry?.path().join(node).join("leader");
            if let Ok(leader) = fs::read_to_string(file) {
                return Ok(Some(leader));
            }
        }
    }
    Ok(None)
}

fn lab(source: &Source) -> Result<Lab> {
    variant_of(source, "")
}

/// A lab whose nodes have more installed than usual.
fn variant_of(source: &Source, variant: &str) -> Result<Lab> {
    Lab::new(&root_of(&format!("{}{variant}", source.suite)), source.packages.clone())
}

/// The root file system of a release, where scripts/prepare built it.
fn root_of(suite: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("AP_LAB_CACHE").unwrap_or_else(|| "/var/cache/ap-lab".into())).join(suite)
}
