//! Section `checks`: what one run of a check costs, against what one would write
//! in shell and against a program that does nothing.
//!
//! Run inside the active node of a running pair, in turns, so that what disturbs
//! one disturbs all. Times are those of bash's `time` over many runs, its fork
//! included for all alike. Instructions are counted by callgrind outside the
//! node, through the node's network and files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stats::{least, median};
use super::store::{Case, build};
use super::{Bench, calm, table};
use crate::command::run as run_command;
use crate::failover::roles;
use crate::node::Node;
use crate::product::{PAIR, start};
use crate::runner::Runner;

/// Runs of a program at a time.
const RUNS: u32 = 50;
/// As one would see in a shell script: name, command.
const SHELL: [(&str, &str); 3] = [
    ("nic", "sh -c 'ip -o -4 address show dev host0 up | grep -q 10.77.0.'"),
    ("api", "curl -sf -m 1 -o /dev/null http://127.0.0.1:8080/healthz"),
    ("db", "mysqladmin --connect-timeout=1 ping"),
];
const EMPTY: &str = "fn main() {}\n";
/// Where the empty program lies in the node.
const EMPTY_IN_NODE: &str = "/root/empty";

/// One turn of all programs, by name: `empty`, `nic`, `shell nic`, ...
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Turn {
    /// Load average of the machine at its start.
    pub load: f64,
    /// Percent of the ten seconds before it in which something waited for a processor.
    pub pressure: f64,
    /// What each cost.
    pub costs: BTreeMap<String, Cost>,
}

/// What one run cost.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cost {
    /// Milliseconds from start to end.
    pub wall_ms: f64,
    /// Milliseconds of processor time.
    pub cpu_ms: f64,
    /// Peak resident memory, KiB.
    pub peak_kib: Option<f64>,
    /// Instructions, of programs that callgrind can run.
    pub instructions: Option<f64>,
}

/// Measures what is missing, prints what is kept.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    if !bench.options.report {
        measure(bench)?;
    }
    let kept: Option<Case<Turn>> = bench.store.kept("cost")?;
    let Some(case) = kept else { return Ok(true) };
    let text = table::checks(&case);
    bench.store.write("table.txt", &text)?;
    writeln!(bench.out, "{text}")?;
    Ok(true)
}

fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let lab = (bench.new_lab)("")?;
    let build = build(&lab)?;
    let mut case: Case<Turn> = bench.store.resume("cost", &lab, &build, bench.options.again)?;
    if case.rounds.len() >= bench.options.rounds {
        return Ok(());
    }
    let mut runner = Runner::new(lab, &bench.store.path("evidence"));
    let pair = Arc::new(runner.boot(&PAIR)?);
    start(&pair)?;
    let (active, _) = roles(&pair)?;
    let empty = empty(&bench.store.path("empty"))?;
    active.push(&empty, EMPTY_IN_NODE, "0755")?;
    while case.rounds.len() < bench.options.rounds {
        calm::wait(Duration::from_secs(bench.options.calm));
        let turn = turn(active, &bench.store.path(""), &empty, case.rounds.is_empty())?;
        writeln!(
            bench.out,
            "checks {}/{}  load {:.1}, pressure {:.0} %",
            case.rounds.len() + 1,
            bench.options.rounds,
            turn.load,
            turn.pressure
        )?;
        bench.out.flush()?;
        case.rounds.push(turn);
        bench.store.keep("cost", &case)?;
    }
    Ok(())
}

/// Built as the trackers are.
fn empty(directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let (source, program) = (directory.join("empty.rs"), directory.join("empty"));
    std::fs::write(&source, EMPTY)?;
    let options = ["-O", "-C", "target-feature=+crt-static", "-C", "panic=abort", "-C", "strip=symbols", "-o"];
    run_command(Command::new("rustc").args(options).arg(&program).arg(&source), b"", Duration::from_secs(120))?
        .success()
        .context("failed to build the empty program")?;
    Ok(program)
}

fn turn(node: &Node, scratch: &Path, empty: &Path, first: bool) -> Result<Turn> {
    let mut turn = Turn { load: calm::load(), pressure: calm::pressure(), costs: BTreeMap::new() };
    let mut programs = vec![("empty".to_owned(), EMPTY_IN_NODE.to_owned())];
    for (name, shell) in SHELL {
        programs.push((name.to_owned(), format!("ap-track-{name}")));
        programs.push((format!("shell {name}"), shell.to_owned()));
    }
    for (name, command) in programs {
        let mut cost = timed(node, &command).with_context(|| command.clone())?;
        // These do not change from one run to the next.
        if first {
            cost.peak_kib = peak(node, &command).ok();
            if !name.starts_with("shell") {
                cost.instructions = instructions(node, &command, scratch, empty).ok();
            }
        }
        turn.costs.insert(name, cost);
    }
    Ok(turn)
}

/// Mean of many runs.
fn timed(node: &Node, command: &str) -> Result<Cost> {
    let script = format!(
        "{command} >/dev/null || exit 1; TIMEFORMAT='%R %U %S'; \
         time for i in $(seq {RUNS}); do {command} >/dev/null 2>&1; done"
    );
    let output = node.sh(&script, Duration::from_secs(120))?;
    let said = output.stderr.clone();
    output.success()?;
    let figures: Vec<f64> =
        said.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [wall, user, system] = figures[..] else { anyhow::bail!("no times: {said}") };
    let each = 1000.0 / f64::from(RUNS);
    Ok(Cost { wall_ms: wall * each, cpu_ms: (user + system) * each, ..Cost::default() })
}

/// Of the biggest process: strace holds each at its exit, and the kernel tells.
fn peak(node: &Node, command: &str) -> Result<f64> {
    let script = format!(
        "strace -f -qq -o /dev/null -e trace=exit_group -e inject=exit_group:delay_enter=400000 {command} >/dev/null & \
         for i in 1 2 3 4 5 6 7 8; do sleep 0.05; \
         for p in $(pgrep -f -- '^(/.*/)?{}'); do cat /proc/$p/status 2>/dev/null; done; done | \
         awk '/^VmHWM/ {{ if ($2 > most) most = $2 }} END {{ print most }}'; wait",
        command.split(' ').next().unwrap_or_default()
    );
    node.run(&script)?.lines().last().unwrap_or_default().parse().context("no peak memory seen")
}

/// Instructions of one run, counted outside: the node has no valgrind.
fn instructions(node: &Node, command: &str, scratch: &Path, empty: &Path) -> Result<f64> {
    let root = format!("/proc/{}/root", node.leader()?);
    let program =
        if command == EMPTY_IN_NODE { empty.to_owned() } else { PathBuf::from(format!("{root}/usr/bin/{command}")) };
    let out = scratch.join("callgrind.out");
    let leader = node.leader()?.to_string();
    let mut valgrind = Command::new("nsenter");
    valgrind.args(["-t", &leader, "-n", "valgrind", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    if command != EMPTY_IN_NODE {
        let config = scratch.join("ap.toml");
        std::fs::write(&config, outside(&node.run("cat /etc/ap/ap.toml")?, &root))?;
        valgrind.arg("--config").arg(&config);
    }
    let output = run_command(&mut valgrind, b"", Duration::from_secs(60))?;
    let said = output.stderr.clone();
    output.success()?;
    let refs = said.lines().find_map(|line| line.split_once("Collected :")).context("callgrind counted nothing")?;
    refs.1.trim().parse().with_context(|| format!("no number: {}", refs.1))
}

/// The node's configuration, for a program that sees the node's files below `root`.
/// The slow machine inside callgrind needs longer than a check may take.
fn outside(config: &str, root: &str) -> String {
    format!(
        "{config}\n[database]\nsocket = \"{root}/run/mysqld/mysqld.sock\"\ncredentials = \"{root}/etc/ap/credentials.toml\"\n\
         [check]\ninterval = \"20s\"\ntimeout = \"15s\"\n[pair]\nlease = \"30s\"\n\
         [paths]\nstate = \"{root}/var/lib/ap\"\nrun = \"{root}/run/ap\"\n"
    )
}

/// The middle of a figure of one program.
pub fn middle(case: &Case<Turn>, name: &str, figure: impl Fn(&Cost) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = case.rounds.iter().filter_map(|turn| turn.costs.get(name).and_then(&figure)).collect();
    (!figures.is_empty()).then(|| median(&figures))
}

/// The least of a figure: what it costs when nothing else disturbs.
pub fn best(case: &Case<Turn>, name: &str, figure: impl Fn(&Cost) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = case.rounds.iter().filter_map(|turn| turn.costs.get(name).and_then(&figure)).collect();
    (!figures.is_empty()).then(|| least(&figures))
}

/// The checks.
pub fn names() -> [&'static str; 3] {
    SHELL.map(|(name, _)| name)
}
