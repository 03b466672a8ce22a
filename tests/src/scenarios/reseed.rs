//! Copying all data of the peer: how much memory it takes, and how fast it is.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ap_core::mode::Vrrp;

use crate::checker;
use crate::clients::Clients;
use crate::command::run;
use crate::expect::{Is, expect};
use crate::failover::{failover, ready, way_back};
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::product::{PAIR, ap_mode, ap_mode_ends, show, start, wait_protected};
use crate::scenario::{Counts, Scenario, Setup, booted, protected};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { setup: &LARGE, ..booted("F9", "reseed-1-gib", large).long().within(Duration::from_secs(600)) },
    protected("F9", "reseed-from-a-backup", backup).long(),
    protected("F9", "reseed-then-active", then_active).long(),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// The usual pair with room for the data, its copy and the directory kept aside.
const LARGE: Setup =
    Setup { name: "large", options: || Options { disk: "6g", ..Options::default() }, install: PAIR.install };

/// A copy serves, and the node it was copied from follows it. Both have written before,
/// last the one with the lower server id, and nobody since the copy was made: nothing
/// but what the copy was told says what came last.
///
/// Red when it is told so sorted by server id instead of in MariaDB's order: it takes
/// the other one's transaction for the last, and refuses who asks for what follows the
/// real one (1236; tests/broken/history-sorted.patch).
fn then_active(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    let server = |node: &Node| node.sql("SELECT @@server_id").map(|id| id.parse::<u32>());
    ensure!(server(a)?? < server(b)??, "the server ids are in another order");
    if ready(pair)?.0.name() == "a" {
        ap_mode(a, "switchover")?;
    }
    let (begun, clients) = (Instant::now(), Clients::start(pair)?);
    clients.wait_served_by(b, begun, SOON)?;
    wait_for("the standby to be in BACKUP", SOON, || Ok(equals(show(a)?.vrrp, &Some(Vrrp::Backup))))?;
    ap_mode(b, "switchover")?;
    clients.wait_served_by(a, Instant::now(), SOON)?;
    let first = clients.stop()?;
    ap_mode(b, "set m")?;
    ap_mode(b, "set ap --reseed")?;
    wait_protected(a)?;
    ap_mode(a, "set m")?;
    let (handed, clients) = (Instant::now(), Clients::start(pair)?);
    clients.wait_served_by(b, handed, SOON)?;
    way_back(pair, b)?;
    pair.both(|node| node.run("rm -rf /var/lib/mysql.before-reseed-*"))?;
    let first = first.count(b, begun, handed)?;
    let second = clients.finish(pair, b, handed)?;
    Ok(Counts {
        acknowledged: first.acknowledged + second.acknowledged,
        missing: first.missing + second.missing,
        ..second
    })
}

/// As the runbook has it: made on the active under writes, carried over, prepared.
/// One that is not prepared is refused, and the node rests as before.
fn backup(pair: &Pair) -> Result<Counts> {
    let (active, standby) = ready(pair)?;
    ap_mode(standby, "set m")?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    clients.wait_served_by(active, begun, Duration::from_secs(10))?;
    let make = "mariadb-backup --backup --target-dir=/var/lib/mysql.backup";
    active.sh(make, Duration::from_secs(60))?.success()?;
    carry(active, standby)?;
    let said = ap_mode_ends(standby, "set ap --reseed", 1)?;
    ensure!(said.contains("no prepared backup"), "{said}");
    expect(pair, standby, Is::Resting)?;
    let prepare = "mariadb-backup --prepare --target-dir=/var/lib/mysql.backup";
    standby.sh(prepare, Duration::from_secs(60))?.success()?;
    let said = ap_mode_ends(standby, "set ap --reseed", 0)?;
    ensure!(said.contains("copying /var/lib/mysql.backup") && said.contains("MiB/s"), "{said}");
    wait_protected(active)?;
    wait_protected(standby)?;
    let mode = standby.run("stat -c '%U:%G %a' /var/lib/mysql")?;
    ensure!(mode == active.run("stat -c '%U:%G %a' /var/lib/mysql")?, "the data directory became {mode}");
    pair.both(|node| node.run("rm -rf /var/lib/mysql.backup /var/lib/mysql.before-reseed-*"))?;
    let counts = clients.finish(pair, active, begun)?;
    // It takes over as any other standby.
    let story = failover(pair, Node::link_down, Node::link_up)?;
    Ok(Counts { acknowledged: counts.acknowledged + story.acknowledged, ..story })
}

/// Through a pipe between the two machines, as ssh would.
fn carry(from: &Node, to: &Node) -> Result<()> {
    let enter = |node: &Node| Ok::<_, anyhow::Error>(format!("nsenter -t {} -m -n -p --", node.leader()?));
    let pipe = format!(
        "set -o pipefail; {} tar -C /var/lib -c mysql.backup | {} tar -C /var/lib -x",
        enter(from)?,
        enter(to)?
    );
    run(Command::new("bash").args(["-c", &pipe]), b"", Duration::from_secs(60))?.success().map(drop)
}

const MIB: u64 = 1024;
/// No process of the copy may grow with the data: a quarter of it at most. What
/// it takes depends on the longest statement (net_buffer_length, max_allowed_packet).
const MOST_MEMORY: u64 = 256 * 1024 * 1024;

fn large(pair: &Pair) -> Result<Counts> {
    start(pair)?;
    let (a, b) = (&pair.a, &pair.b);
    ap_mode(b, "set m")?;
    // Not in the binary log: only a copy can bring these rows to the other node.
    let fill = format!(
        "USE lab; SET SESSION sql_log_bin=0; CREATE TABLE lab.big (id INT PRIMARY KEY, data LONGBLOB) ENGINE=InnoDB; \
         INSERT INTO lab.big SELECT seq, REPEAT(CHAR(65 + seq % 26), 1048576) FROM seq_1_to_{MIB}"
    );
    a.sh_with_input("mariadb", fill.as_bytes(), Duration::from_secs(180))?.success()?;
    let begun = Instant::now();
    let (said, memory) = watch_memory(b, || ap_mode_ends(b, "set ap --reseed", 0))?;
    let took = begun.elapsed().as_secs_f64();
    ensure!(memory > 0 && memory < MOST_MEMORY, "a process of the copy took {memory} bytes");
    wait_protected(a)?;
    expect(pair, a, Is::Active)?;
    expect(pair, b, Is::Standby)?;
    checker::same(a, b, "lab.big")?;
    ensure!(said.contains("s left"), "no progress was told: {said}");
    let raw = raw_pipe(a, b)?;
    let note = format!("{MIB} MiB in {took:.1} s, raw pipe {raw:.1} s, at most {} MiB memory", memory / 1_048_576);
    Ok(Counts { note, ..Counts::default() })
}

/// What an operator would type: the same rows through a plain pipe, in seconds.
fn raw_pipe(from: &Node, to: &Node) -> Result<f64> {
    from.sql("SET SESSION sql_log_bin=0; GRANT SELECT ON lab.* TO lab@'%'")?;
    let begun = Instant::now();
    let pipe = format!(
        "set -o pipefail; mariadb -e 'SET SESSION sql_log_bin=0; CREATE SCHEMA raw' && \
         mariadb-dump --single-transaction --host={} --user=lab --password=lab lab big | \
         mariadb --init-command='SET SESSION sql_log_bin=0' raw",
        from.address()
    );
    to.sh(&pipe, Duration::from_secs(180))?.success()?;
    to.sql("SET SESSION sql_log_bin=0; DROP SCHEMA raw")?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Does `work` and returns with it the most memory that any process of
/// ap-notify's took meanwhile, in bytes.
fn watch_memory<T>(node: &Node, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                let processes = node.unit_processes("ap-notify.service");
                most = processes.into_iter().map(peak).fold(most, u64::max);
                std::thread::sleep(Duration::from_millis(50));
            }
            most
        });
        let result = work();
        ended.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))?;
        Ok((result?, most))
    })
}

/// Most memory a process has had so far, in bytes (proc(5), VmHWM).
fn peak(process: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0_u64) * 1024
}
