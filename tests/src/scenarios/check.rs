//! `ap-mode check` of a running pair: nothing is found on either node; then the
//! configuration of keepalived, the settings and accounts of MariaDB, and the way
//! between the nodes are broken, and mended by what check prints.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::checkup::{Break, break_and_mend, check, codes, finds, standing};
use crate::expect::{Is, expect};
use crate::failover::{roles, way_back};
use crate::faults::Direction;
use crate::pair::Pair;
use crate::product::{ap_mode, wait_protected};
use crate::scenario::{Counts, Scenario, protected};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("op", "check-of-a-pair", healthy).matrix(),
    protected("op", "check-keepalived", keepalived).matrix(),
    protected("op", "check-database", database),
    protected("op", "check-the-way", way).long(),
];

/// OK on both nodes, in every form. Where MariaDB cannot take back what was never
/// acknowledged, as that of Debian 11, a warning says so, and nothing else is found.
fn healthy(pair: &Pair) -> Result<Counts> {
    let mut longest = Duration::ZERO;
    for node in pair.nodes() {
        let (code, word) = if standing(node).is_empty() { (0, "OK") } else { (1, "WARNING") };
        let begun = std::time::Instant::now();
        finds(node, &[])?;
        longest = longest.max(begun.elapsed());
        let output = node.sh("ap-mode check", Duration::from_secs(20))?;
        ensure!(output.code == code && output.stdout.starts_with(&format!("{word}: {}: ", node.name())), "{output:?}");
        ensure!(output.stderr.is_empty(), "{output:?}");
        let agent =
            node.sh("setpriv --reuid=65534 --regid=65534 --clear-groups ap-mode check", Duration::from_secs(20))?;
        ensure!(agent.code == 3 && agent.stdout.starts_with("UNKNOWN: must run as root"), "{agent:?}");
        ensure!(
            node.run("ap-mode check --list")?.lines().filter(|line| line.starts_with("| AP")).count() > 80,
            "few codes"
        );
    }
    Ok(Counts { note: format!("{:.1} s", longest.as_secs_f64()), ..Counts::default() })
}

const CONF: &str = "/etc/keepalived/keepalived.conf";
const INSTALL: &str = "ap-mode install --force; systemctl reload keepalived";

/// What keepalived would make of an edited configuration. It is never reloaded
/// before it is mended, so the pair stays protected.
fn keepalived(pair: &Pair) -> Result<Counts> {
    let (_, standby) = roles(pair)?;
    let all = [
        "/script .*nic/a weight -20",
        "/enable_script_security/d",
        "s#/32 dev#/24 dev#",
        "/nopreempt$/d",
        "s#notify_fifo /run/ap#notify_fifo /run/other#",
        "/^    track_file {/,/}/{/fault_role/d}",
        "/^        track_api$/d",
        "s/timeout 1/timeout 2/",
    ];
    let edits: Vec<String> = all.iter().map(|edit| format!("-e '{edit}'")).collect();
    let found = ["AP004", "AP022", "AP023", "AP025", "AP027", "AP028", "AP029", "AP030", "AP032", "AP033"];
    let mut count = found.len();
    standby.run(&format!("sed -i {} {CONF}", edits.join(" ")))?;
    // A second later it is also known that keepalived has not read it.
    finds(standby, &[&found[..], &["AP034"]].concat())?;
    standby.run(INSTALL)?;
    finds(standby, &[])?;
    for (edit, more) in [
        ("s/script_user root/script_user nobody/", "AP026"),
        ("s/script_user root/vrrp_strict/", "AP031"),
        ("s#/usr/bin/ap-track-db#/usr/bin/ap-track-dc#", "AP024"),
    ] {
        standby.run(&format!("sed -i '{edit}' {CONF}"))?;
        let seen = codes(&check(standby)?);
        ensure!(seen.contains(more) && seen.contains("AP004"), "{edit}: {seen:?}");
        standby.run(INSTALL)?;
        finds(standby, &[])?;
        count += 1;
    }
    wait_protected(standby)?;
    Ok(Counts { note: format!("{count} codes"), ..Counts::default() })
}

const FILE: &str = "/etc/mysql/mariadb.conf.d/99-own.cnf";

/// Settings, option files and accounts, on the active.
fn database(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let options = "[mariadbd]\\nread-only=OFF\\nskip_slave_start=OFF\\nrpl_semi_sync_slave_enabled=ON\\n\
                   bind-address=127.0.0.1\\nbinlog-ignore-db=x\\n";
    active.run(&format!("printf '{options}' >{FILE}"))?;
    finds(active, &["AP042", "AP048", "AP051", "AP059", "AP060"])?;
    active.run(&format!("rm {FILE}"))?;
    let found = break_and_mend(active, &[], DATABASE)?;
    // Replicated: made on the active, seen on both.
    active.sql("CREATE TABLE demo.heap (a INT) ENGINE=MyISAM")?;
    for node in pair.nodes() {
        finds(node, &["AP057", "AP058"])?;
    }
    active.sql("DROP TABLE demo.heap")?;
    standby.run("mariadb -e 'SET GLOBAL sync_binlog=0'")?;
    finds(standby, &["AP045"])?;
    standby.run("mariadb -e 'SET GLOBAL sync_binlog=1'")?;
    for node in pair.nodes() {
        finds(node, &[])?;
    }
    Ok(Counts { note: format!("{} codes", found + 7), ..Counts::default() })
}

const DATABASE: &[Break] = &[
    Break {
        how: "mariadb -e 'SET GLOBAL gtid_strict_mode=OFF'",
        codes: &["AP043"],
        mend: "mariadb -e 'SET GLOBAL gtid_strict_mode=ON'",
    },
    Break {
        how: "mariadb -e 'SET GLOBAL sync_binlog=1000'",
        codes: &["AP045"],
        mend: "mariadb -e 'SET GLOBAL sync_binlog=1'",
    },
    Break {
        how: "mariadb -e 'SET GLOBAL binlog_format=MIXED'",
        codes: &["AP046"],
        mend: "mariadb -e 'SET GLOBAL binlog_format=ROW'",
    },
    Break {
        how: "mariadb -e 'SET GLOBAL rpl_semi_sync_master_timeout=10000'",
        codes: &["AP049"],
        mend: "mariadb -e 'SET GLOBAL rpl_semi_sync_master_timeout=3153600000000'",
    },
    Break {
        how: "mariadb -e 'SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_COMMIT'",
        codes: &["AP050"],
        mend: "mariadb -e 'SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_SYNC'",
    },
    Break {
        how: "mariadb -e 'SET SESSION sql_log_bin=0; REVOKE REFERENCES ON *.* FROM ap@localhost'",
        codes: &["AP053"],
        mend: "ap-mode install",
    },
    Break {
        how: "mariadb -e 'SET SESSION sql_log_bin=0; GRANT INSERT ON *.* TO ap@localhost'",
        codes: &["AP054"],
        mend: "mariadb -e \"SET SESSION sql_log_bin=0; REVOKE INSERT ON *.* FROM 'ap'@'localhost'\"",
    },
    Break {
        how: "mariadb -e 'SET SESSION sql_log_bin=0; CREATE USER boss; GRANT SUPER ON *.* TO boss'",
        codes: &["AP055"],
        mend: "#mariadb -e 'SET SESSION sql_log_bin=0; DROP USER boss'",
    },
    Break {
        how: "mariadb -e 'SET SESSION sql_log_bin=0; CREATE EVENT demo.slow ON SCHEDULE EVERY 1 DAY DISABLE DO KILL QUERY 1'",
        codes: &["AP056"],
        mend: "#mariadb -e 'SET SESSION sql_log_bin=0; DROP EVENT demo.slow'",
    },
];

/// The way between the nodes, and what a node sees of the other's troubles.
fn way(pair: &Pair) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    // A pair that never wrote anything has no history to compare on the way back.
    active.sql("REPLACE INTO demo.users (id, name) VALUES (1, 'one')")?;
    let drop = "-p tcp --dport 3306 --syn -j DROP";
    active.run(&format!("iptables -w -I INPUT {drop}"))?;
    finds(standby, &["AP094"])?;
    active.run(&format!("iptables -w -D INPUT {drop}"))?;
    finds(standby, &[])?;

    // Firewalls that forget VRRP: the standby asks, and refuses.
    standby.block_vrrp(Direction::In)?;
    let blocked = finds_all(standby, &["AP092"])?;
    finds_all(active, &["AP093"])?;
    standby.unblock_vrrp(Direction::In)?;
    ap_mode(standby, "restart")?;
    for node in pair.nodes() {
        finds(node, &[])?;
    }

    standby.run("systemctl stop demo-api")?;
    finds_all(standby, &["AP082"])?;
    standby.run("systemctl start demo-api")?;
    finds(standby, &[])?;
    standby.run("mariadb -e 'STOP SLAVE'")?;
    standby.run("mariadb -e 'START SLAVE'")?;
    for node in pair.nodes() {
        finds(node, &[])?;
    }

    // A failover: one serves alone, the other is out.
    active.power_off()?;
    expect(pair, standby, Is::Alone)?;
    finds(standby, &["AP090", "AP100"])?;
    active.power_on()?;
    expect(pair, active, Is::Resting)?;
    finds(standby, &["AP100"])?;
    finds(active, &["AP102"])?;
    way_back(pair, standby)?;
    for node in pair.nodes() {
        finds(node, &[])?;
    }
    Ok(Counts { note: format!("blocked: {blocked:?}"), ..Counts::default() })
}

/// Waits until these codes are among those found.
fn finds_all(node: &crate::node::Node, wanted: &[&str]) -> Result<Vec<String>> {
    let what = format!("ap-mode check on {} to find {wanted:?}", node.name());
    let found = crate::wait::wait_for(&what, Duration::from_secs(20), || {
        let found = codes(&check(node)?);
        let all = wanted.iter().all(|code| found.contains(*code));
        Ok(if all { crate::wait::Seen::Done(found) } else { crate::wait::Seen::Not(format!("{found:?}")) })
    });
    Ok(found?.0.into_iter().collect())
}
