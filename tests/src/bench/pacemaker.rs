//! Section `pacemaker`: the pair of Debian's own packages, Pacemaker, Corosync,
//! ocf:heartbeat:mariadb and IPaddr2 with the values their authors advise. The same
//! machines, clients and faults as ours; without a fencing device, as two machines
//! without one have it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Bench;
use super::faults::{FAULTS, Fault};
use super::others::{Other, replicated, wait_replicating};
use super::round::Terms;
use super::shell::seeded;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::scenario::Setup;
use crate::wait::{holds, wait_for};

/// Until somebody serves again.
const TAKEOVER: Duration = Duration::from_secs(120);
/// Until a cluster that was just started serves: the first election alone takes 20 s.
const STARTED: Duration = Duration::from_secs(120);
/// Rounds at most: each takes a minute.
const FEW: usize = 3;

/// How often the agent looks at a standby, and so notices that it is the last one.
const LOOKS: Duration = Duration::from_secs(20);
/// Starts so far.
static STARTS: AtomicU32 = AtomicU32::new(0);

/// Its nodes boot from a root file system of their own, which scripts/bench makes.
const PACEMAKER: Setup = Setup { name: "pacemaker", options: Options::default, install };

/// What is written to each node: path, contents, mode.
const FILES: [(&str, &str, &str); 3] = [
    ("/etc/corosync/corosync.conf", include_str!("pacemaker/corosync.conf"), "0644"),
    ("/etc/mysql/mariadb.conf.d/99-shell.cnf", include_str!("shell/mariadb.cnf"), "0644"),
    ("/root/cluster.crm", include_str!("pacemaker/cluster.crm"), "0644"),
];

/// Measures what is missing, prints all that is kept beside ours.
pub fn run(bench: &mut Bench<'_>) -> Result<bool> {
    let pacemaker = Other {
        variant: "-pacemaker",
        packages: &["pacemaker", "corosync", "resource-agents"],
        setup: &PACEMAKER,
        start,
        terms: Terms { either: true, ..Terms::within(TAKEOVER) },
        faults: |bench| {
            let shared = FAULTS.iter().filter(|fault| ["power-off", "nic-down"].contains(&fault.name)).copied();
            let crash = FAULTS.iter().filter(|fault| fault.name == "database-crash");
            let crash = crash.map(|fault| Fault { strike: crash_database, ..*fault });
            shared.chain(crash).map(|fault| (fault, bench.options.rounds.min(FEW))).collect()
        },
    };
    pacemaker.run(bench)
}

/// Not a unit's process: the agent starts it.
fn crash_database(node: &Node) -> Result<()> {
    node.run("kill -KILL $(cat /run/mysqld/mysqld.pid)").map(drop)
}

fn install(pair: &Pair) -> Result<()> {
    // Where the agent has the database log to, unless told otherwise.
    pair.both(|node| node.run("systemctl disable mariadb; install -d -o mysql -g adm /var/log/mysql"))?;
    seeded(pair, &FILES)?;
    // All that the agent does, it does as this account.
    pair.a.sql("GRANT ALL ON *.* TO repl@'%'; FLUSH PRIVILEGES")?;
    replicated(pair)?;
    pair.b.sql("STOP SLAVE; RESET SLAVE ALL")?;
    pair.both(|node| node.run("systemctl stop mariadb && systemctl start corosync pacemaker"))?;
    wait_for("both nodes to be in the cluster", STARTED, || {
        Ok(holds(pair.a.run("crm_mon -1")?.contains("Online: [ a b ]")))
    })?;
    pair.a.sh("crm -F configure load update /root/cluster.crm", STARTED)?.success()?;
    serves(pair)?;
    for node in [&pair.b, &pair.a] {
        node.sh("systemctl stop pacemaker && systemctl stop corosync", STARTED)?.success()?;
    }
    Ok(())
}

fn start(pair: &Pair) -> Result<()> {
    pair.both(|node| node.run("systemctl start corosync pacemaker"))?;
    serves(pair)?;
    // A fault comes at any moment between two looks, not always right after one.
    let part = STARTS.fetch_add(1, Ordering::Relaxed) % 3;
    std::thread::sleep(LOOKS * part / 3);
    Ok(())
}

/// Node a serves, node b replicates from it.
fn serves(pair: &Pair) -> Result<()> {
    wait_for("node a to serve", STARTED, || {
        let vip = pair.a.run("ip -o -4 address")?.contains(&format!(" {}/32 ", pair.options.vip));
        let writable = vip && pair.a.sql("SELECT @@read_only")? == "0";
        pair.both(|node| node.run("systemctl is-active demo-api"))?;
        Ok(holds(writable))
    })?;
    wait_replicating(pair)?;
    replicated(pair)?;
    ensure!(pair.b.sql("SELECT @@read_only")? == "1", "the standby is writable");
    Ok(())
}
