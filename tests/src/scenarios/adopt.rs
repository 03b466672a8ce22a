//! A MariaDB that has been there for years, with data and settings of its own, as
//! the first step; and what the package leaves behind.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clients::{Clients, same_data};
use crate::expect::{Is, expect};
use crate::failover::failover;
use crate::node::Node;
use crate::options::Options;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, config, show, wait_protected};
use crate::scenario::{Begin, Counts, Scenario, Setup, booted};
use crate::sql::SCHEMA;
use crate::untouched::untouched;
use crate::wait::{Seen, holds, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { setup: &OLD, begin: Begin::Booted, ..booted("adopt", "adopt-a-database", adopt) },
    booted("adopt", "package-comes-and-goes", package),
];

const ROWS: &str = "4000";
const OWN: &[u8] = b"[mariadbd]\nserver_id = 7\nlog_bin = /var/lib/mysql/old-bin\nmax_connections = 77\n\
    innodb_buffer_pool_size = 32M\nsql_mode = ANSI_QUOTES,STRICT_TRANS_TABLES\n";

/// The first host has a database that nobody made for a pair: rows older than its
/// binary log, rows in it, accounts of its own.
const OLD: Setup = Setup {
    name: "old-database",
    options: Options::default,
    install: |pair| {
        let a = &pair.a;
        let fill = |first: &str| {
            format!("USE shop; INSERT INTO shop.goods SELECT seq + {first}, CONCAT('good ', seq) FROM seq_1_to_{ROWS}")
        };
        a.sql("CREATE DATABASE shop; CREATE TABLE shop.goods (id INT PRIMARY KEY, name VARCHAR(99)) ENGINE=InnoDB")?;
        a.sql(&fill("0"))?;
        a.write("/etc/mysql/mariadb.conf.d/70-own.cnf", OWN, "0644")?;
        a.run("systemctl restart mariadb")?;
        a.sql(&fill("100000"))?;
        a.sql("CREATE USER clerk@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO clerk@'%'")?;
        a.sql(SCHEMA).map(drop)
    },
};

/// Appends what it is told, as JSON lines.
const ALERT: &str = "#!/bin/sh\ncat >>/root/alerts\necho >>/root/alerts\n";

fn put(pair: &Pair, node: &Node) -> Result<()> {
    for (number, deb) in pair.lab.debs()?.iter().enumerate() {
        node.push(deb, &format!("/root/{number}.deb"), "0644")?;
    }
    node.sh("dpkg -i /root/*.deb", Duration::from_secs(60))?.success()?;
    node.write("/root/alert", ALERT.as_bytes(), "0755")?;
    let text = format!("{}\n[alert]\ncommand = [\"/root/alert\"]\n", config(pair));
    node.write("/etc/ap/ap.toml", text.as_bytes(), "0644")
}

fn adopt(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    pair.both(|node| put(pair, node))?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/init-model");
    a.push(script.as_ref(), "/root/init-model", "0755")?;
    a.run("/root/init-model")?;
    let state = |node: &Node| node.sql("SELECT @@gtid_binlog_state");
    let before = state(a)?;
    ap_mode(a, "install")?;
    ensure!(state(a)? == before, "install has written to the binary log: {before} became {}", state(a)?);
    untouched(pair, "install again", || ap_mode(a, "install"))?;
    // What somebody edited is theirs.
    a.run("cp -p /etc/keepalived/keepalived.conf /root/ours; echo '# mine' >>/etc/keepalived/keepalived.conf")?;
    let said = untouched(pair, "install over an edited file", || ap_mode_ends(a, "install", 1))?;
    ensure!(said.contains("refused: /etc/keepalived/keepalived.conf was edited"), "{said}");
    ap_mode(a, "install --force")?;
    a.run("cmp /root/ours /etc/keepalived/keepalived.conf && grep -q mine /var/lib/ap/replaced/etc/keepalived/keepalived.conf")?;
    for file in ["/etc/ap/credentials.toml", "/etc/ap/demo-password"] {
        let text = a.run(&format!("cat {file}"))?;
        b.write(file, format!("{text}\n").as_bytes(), "0600")?;
    }
    ap_mode(b, "install")?;
    ap_mode(a, "set ap --role active")?;
    expect(pair, a, Is::Active)?;
    ensure!(a.sql("SELECT @@max_connections")? == "77", "its own settings are gone");
    ensure!(a.sql("SELECT @@log_bin_basename")? == "/var/lib/mysql/old-bin", "a new binary log was begun");
    let clients = Clients::start(pair)?;
    let begun = Instant::now();

    // Without --reseed the other one would begin in the middle.
    ap_mode_ends(b, "set ap", 1)?;
    interrupted(pair, b)?;
    ap_mode(b, "set ap --reseed")?;
    wait_protected(a)?;
    wait_protected(b)?;
    expect(pair, b, Is::Standby)?;
    let counts = clients.stop()?.count(a, begun, Instant::now())?;
    wait_for("both nodes to have the same data", Duration::from_secs(20), || same_data(pair).map(Seen::Done))?;
    for query in
        ["SELECT COUNT(*), SUM(CRC32(name)) FROM shop.goods", "SET SESSION sql_mode=''; SHOW GRANTS FOR clerk@'%'"]
    {
        ensure!(a.sql(query)? == b.sql(query)?, "{query}: {} / {}", a.sql(query)?, b.sql(query)?);
    }
    let story = failover(pair, |node| node.run("systemctl kill -s KILL mariadb").map(drop), |_| Ok(()))?;
    // Which of the two lost its standby matters not: it is told.
    ap_mode(a, "stop")?;
    alerted(pair)?;
    Ok(Counts { acknowledged: counts.acknowledged + story.acknowledged, ..story })
}

/// ap-notify killed in the middle of a copy, and the machine switched off in the
/// middle of the next: half a copy is never taken for a database.
fn interrupted(pair: &Pair, node: &Node) -> Result<()> {
    let copying = || {
        // Room to strike: a copy of so little is over in a moment.
        node.run("systemd-run --quiet --unit=reseed ap-mode set ap --reseed")?;
        let marked =
            || Ok(holds(node.sh("test -e /var/lib/mysql/ap-reseed-unfinished", Duration::from_secs(5))?.code == 0));
        wait_for("a copy to begin", Duration::from_secs(20), marked)
    };
    copying()?;
    node.signal_unit("ap-notify.service", nix::sys::signal::Signal::SIGKILL)?;
    // Goes on by itself from what was written down.
    wait_for("the copy to be finished by the next ap-notify", Duration::from_secs(60), || {
        Ok(holds(show(node)?.replicating))
    })?;
    expect(pair, node, Is::Standby)?;
    ap_mode(node, "set m")?;
    node.run("systemctl reset-failed reseed 2>/dev/null || true")?;
    copying()?;
    node.power_off()?;
    node.power_on()?;
    expect(pair, node, Is::Resting)?;
    let said = ap_mode_ends(node, "set ap", 1).context("half a copy was taken for a database")?;
    ensure!(said.contains("interrupted"), "{said}");
    Ok(())
}

/// The command heard of the failover, of a refusal, and of the protection.
fn alerted(pair: &Pair) -> Result<()> {
    let words =
        ["\"kind\":\"change\"", "promoted", "entered m", "\"kind\":\"refusal\"", "UNPROTECTED", "\"host\":\"a\""];
    wait_for("the alerts", Duration::from_secs(10), || {
        let told = pair.both(|node| node.run("cat /root/alerts"))?.join("\n");
        let missing: Vec<&str> = words.into_iter().filter(|word| !told.contains(word)).collect();
        Ok(if missing.is_empty() {
            Seen::Done(())
        } else {
            Seen::Not(format!("nobody was told of {missing:?}: {told}"))
        })
    })?;
    Ok(())
}

fn package(pair: &Pair) -> Result<Counts> {
    let (a, b) = (&pair.a, &pair.b);
    crate::product::start(pair)?;
    let clients = Clients::start(pair)?;
    let begun = Instant::now();
    // The same package once more, on the active: no failover, nobody notices.
    let before = show(a)?;
    for node in [a, b] {
        node.sh("dpkg -i /root/ap-pair*.deb", Duration::from_secs(60))?.success()?;
    }
    expect(pair, a, Is::Active)?;
    expect(pair, b, Is::Standby)?;
    wait_protected(a)?;
    wait_protected(b)?;
    ensure!(show(a)?.since == before.since, "the mode was entered anew");
    let pause = clients.outage(begun).length;
    ensure!(pause < Duration::from_secs(1), "a reinstallation took {pause:?}");
    let counts = clients.stop()?.count(a, begun, Instant::now())?;
    // A node at work is not taken apart: keepalived would go on without its checks.
    let refused = untouched(pair, "dpkg --remove", || a.sh("dpkg --remove ap-pair", Duration::from_secs(60)))?;
    ensure!(refused.code != 0 && refused.stderr.contains("Type: ap-mode set m"), "{refused:?}");
    // Removed from a node in m: programs and services gone, configuration and state kept.
    ap_mode(b, "set m")?;
    b.sh("dpkg --remove ap-pair", Duration::from_secs(60))?.success()?;
    let gone = b.run("ls /usr/bin/ap-mode /usr/bin/ap-notify 2>/dev/null || true; systemctl is-active ap-notify.service ap-notify.socket ap-peer.socket || true")?;
    ensure!(gone == "inactive\ninactive\ninactive", "left after the removal: {gone}");
    b.run("test -e /etc/ap/ap.toml && test -e /var/lib/ap/state.toml && test -e /etc/keepalived/keepalived.conf")?;
    // Purged: what install wrote is gone, and the database is an ordinary one again.
    b.sh("dpkg --purge ap-pair", Duration::from_secs(60))?.success()?;
    let left = b.run(
        "ls -d /var/lib/ap/state.toml /etc/mysql/mariadb.conf.d/90-ap.cnf /etc/tmpfiles.d/ap.conf \
         /etc/systemd/system/mariadb.service.d/50-ap.conf /usr/local/lib/systemd/system/ap-notify.service 2>/dev/null || true",
    )?;
    ensure!(left.is_empty(), "left after the purge: {left}");
    b.run("test -e /etc/ap/ap.toml && systemctl start mariadb && mariadb -e 'SELECT COUNT(*) FROM demo.users'")?;
    expect(pair, a, Is::Active)?;
    Ok(Counts { outage: Some(pause), ..counts })
}
