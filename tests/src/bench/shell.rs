//! Section `shell`: the pair one writes by hand. keepalived with adverts each
//! second and checks every two, a notify script with `mariadb -e`, asynchronous
//! replication. The same machines, clients and faults as ours.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::faults::{FAULTS, Fault};
use super::round::{Round, measure};
use super::store::{Case, Store, build};
use super::{Bench, calm, table};
use crate::evidence;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::runner::Runner;
use crate::scenario::Setup;
use crate::sql::SCHEMA;
use crate::wait::{equals, holds, wait_for};

/// Until the standby must serve.
const TAKEOVER: Duration = Duration::from_secs(30);
/// Of the faults that are not the anchors, as many rounds at most.
const FEW: usize = 3;
const ANCHORS: [&str; 2] = ["database-crash", "power-off"];

/// Everything is on disk, nothing of ours is installed.
const SHELL: Setup = Setup { name: "shell", options: Options::default, install };

/// What is written to each node: path, contents, mode.
const FILES: [(&str, &str, &str); 6] = [
    ("/etc/keepalived/keepalived.conf", include_str!("shell/keepalived.conf"), "0644"),
    ("/etc/mysql/mariadb.conf.d/99-shell.cnf", include_str!("shell/mariadb.cnf"), "0644"),
    ("/root/shell/check-nic", include_str!("shell/check-nic"), "0755"),
    ("/root/shell/check-api", include_str!("shell/check-api"), "0755"),
    ("/root/shell/check-db", include_str!("shell/check-db"), "0755"),
    ("/root/shell/notify", include_str!("shell/notify"), "0755"),
];

/// Measures what is missing, prints all that is kept beside ours.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let mut cases: Vec<Fault> = FAULTS.iter().copied().filter(|fault| bench.options.chosen(fault.name)).collect();
    cases.sort_by_key(|fault| !ANCHORS.contains(&fault.name));
    if !bench.options.report {
        let lab = (bench.new_lab)()?;
        let build = build(&lab)?;
        let mut runner = Runner::new(lab, &bench.store.path("evidence"));
        for fault in &cases {
            measure_case(bench, &mut runner, fault, &build)?;
        }
    }
    let ours = Store::new(&bench.options.results, "failover")?;
    let text = table::compared(bench.store.section(), &bench.store.all(&cases)?, &ours.all(&cases)?);
    bench.store.write("table.txt", &text)?;
    writeln!(bench.out, "{text}")?;
    Ok(true)
}

fn measure_case(bench: &mut Bench<'_>, runner: &mut Runner, fault: &Fault, build: &str) -> Result<()> {
    let rounds = if ANCHORS.contains(&fault.name) { bench.options.rounds } else { bench.options.rounds.min(FEW) };
    let mut case: Case<Round> = bench.store.resume(fault.name, runner.lab(), build, bench.options.again)?;
    while case.rounds.len() + case.errors.len() < rounds {
        // There is no way back in the scripts: each round has machines of its own.
        let pair = runner.boot(&SHELL)?;
        start(&pair).inspect_err(|_| drop(evidence::save(&pair, &bench.store.path("evidence"))))?;
        calm::wait(Duration::from_secs(bench.options.calm));
        match measure(&pair, &pair.a, &pair.b, fault.strike, TAKEOVER) {
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

fn install(pair: &Pair) -> Result<()> {
    let debs = pair.lab.debs()?;
    let api = debs.iter().find(|deb| deb.to_string_lossy().contains("demo-api")).context("no package of the API")?;
    pair.both(|node| {
        node.push(api, "/root/api.deb", "0644")?;
        node.sh("dpkg -i /root/api.deb", Duration::from_secs(60))?.success()?;
        for (path, text, mode) in FILES {
            node.write(path, filled(text, pair, node).as_bytes(), mode)?;
        }
        node.write("/root/shell/mode", b"ap\n", "0644")?;
        node.run("systemctl disable keepalived demo-api; systemctl restart mariadb")?;
        node.sql("RESET MASTER")
    })?;
    let (a, b) = (&pair.a, &pair.b);
    a.sql(
        "SET GLOBAL read_only=0; CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'",
    )?;
    b.sql(&format!(
        "CHANGE MASTER TO MASTER_HOST='{}', MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE",
        a.address()
    ))?;
    let init = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/init-model");
    a.push(init.as_ref(), "/root/init-model", "0755")?;
    a.run("/root/init-model")?;
    a.sql(SCHEMA)?;
    let password = a.run("cat /etc/ap/demo-password")?;
    b.write("/etc/ap/demo-password", format!("{password}\n").as_bytes(), "0600")?;
    replicated(pair)
}

fn filled(text: &str, pair: &Pair, node: &Node) -> String {
    let first = node.name() == pair.a.name();
    text.replace("{nic}", node.nic())
        .replace("{vip}", &pair.options.vip.to_string())
        .replace("{address}", &node.address().to_string())
        .replace("{priority}", if first { "100" } else { "90" })
        .replace("{id}", if first { "1" } else { "2" })
}

/// The standby has what the active has.
fn replicated(pair: &Pair) -> Result<()> {
    wait_for("replication", Duration::from_secs(20), || {
        let position = pair.a.sql("SELECT @@gtid_binlog_pos")?;
        Ok(equals(pair.b.sql("SELECT @@gtid_slave_pos")?, &position))
    })
    .map(drop)
}

fn start(pair: &Pair) -> Result<()> {
    pair.both(|node| node.run("systemctl start mariadb demo-api"))?;
    pair.a.run("systemctl start keepalived")?;
    wait_for("node a to serve", Duration::from_secs(20), || {
        let vip = pair.a.run("ip -o -4 address")?.contains(&format!(" {}/32 ", pair.options.vip));
        Ok(holds(vip && pair.a.sql("SELECT @@read_only")? == "0"))
    })?;
    pair.b.run("systemctl start keepalived")?;
    wait_for("replication to run", Duration::from_secs(20), || {
        let status = pair.b.sql("SHOW ALL SLAVES STATUS")?;
        Ok(equals(status.split('\t').filter(|word| *word == "Yes").count(), &2))
    })?;
    replicated(pair)?;
    ensure!(pair.b.sql("SELECT @@read_only")? == "1", "the standby is writable");
    Ok(())
}
