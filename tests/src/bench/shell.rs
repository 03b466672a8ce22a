//! Section `shell`: the pair one writes by hand. keepalived with adverts each
//! second and checks every two, a notify script with `mariadb -e`, asynchronous
//! replication. The same machines, clients and faults as ours.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::faults::{FAULTS, Fault};
use super::others::{Other, replicated, wait_replicating};
use super::round::Terms;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::scenario::Setup;
use crate::sql::SCHEMA;
use crate::wait::{holds, wait_for};

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
    let shell = Other {
        variant: "",
        packages: &[],
        setup: &SHELL,
        start,
        terms: Terms::within(TAKEOVER),
        faults: |bench| {
            let rounds = bench.options.rounds;
            let often = |fault: &Fault| if ANCHORS.contains(&fault.name) { rounds } else { rounds.min(FEW) };
            let mut faults: Vec<_> = FAULTS.iter().map(|fault| (*fault, often(fault))).collect();
            faults.sort_by_key(|(fault, _)| !ANCHORS.contains(&fault.name));
            faults
        },
    };
    shell.run(bench)
}

fn install(pair: &Pair) -> Result<()> {
    seeded(pair, &FILES)?;
    pair.both(|node| node.write("/root/shell/mode", b"ap\n", "0644")).map(drop)
}

/// Two nodes with the API and these files, node b replicating from node a; nothing
/// is enabled.
pub fn seeded(pair: &Pair, files: &[(&str, &str, &str)]) -> Result<()> {
    let debs = pair.lab.debs()?;
    let api = debs.iter().find(|deb| deb.to_string_lossy().contains("demo-api")).context("no package of the API")?;
    pair.both(|node| {
        node.push(api, "/root/api.deb", "0644")?;
        node.sh("dpkg -i /root/api.deb", Duration::from_secs(60))?.success()?;
        for (path, text, mode) in files {
            node.write(path, filled(text, pair, node).as_bytes(), mode)?;
        }
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

fn start(pair: &Pair) -> Result<()> {
    pair.both(|node| node.run("systemctl start mariadb demo-api"))?;
    pair.a.run("systemctl start keepalived")?;
    wait_for("node a to serve", Duration::from_secs(20), || {
        let vip = pair.a.run("ip -o -4 address")?.contains(&format!(" {}/32 ", pair.options.vip));
        Ok(holds(vip && pair.a.sql("SELECT @@read_only")? == "0"))
    })?;
    pair.b.run("systemctl start keepalived")?;
    wait_replicating(pair)?;
    replicated(pair)?;
    ensure!(pair.b.sql("SELECT @@read_only")? == "1", "the standby is writable");
    Ok(())
}
