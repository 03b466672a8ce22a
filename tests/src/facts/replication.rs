//! Facts about relay logs, positions and threads of replication.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mysql::prelude::Queryable;

use super::servers::{OPERATOR, SOON, Server, Servers, UNIT};
use super::{Row, WHILE, lasts, row, stays};
use crate::options::CLIENT;
use crate::pair::Pair;
use crate::wait::{Seen, equals, wait_for};

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("relay-log-deleted-by-start", deleted_by_start),
    row("relay-log-deleted-by-restart", deleted_by_restart),
    row("relay-log-deleted-by-change-master", deleted_by_change_master),
    row("relay-log-kept-by-io-stop", kept_by_io_stop),
    row("sql-thread-starts-while-io-runs", sql_thread_starts_while_io_runs),
    row("own-transaction-stops-sql-thread", own_transaction),
    row("io-acknowledges-without-sql", io_acknowledges_without_sql),
    row("master-lacks-position", master_lacks_position),
    row("old-active-joins-by-current-pos", old_active_joins),
    row("current-pos", current_pos),
    row("own-numbers-count-on", own_numbers_count_on),
    row("binlog-state", binlog_state),
    row("stale-data-counts-on", stale_data_counts_on),
    row("stop-io-dials-a-vanished-master", stop_io_dials),
    row("stop-io-with-unreachable-route", stop_io_with_unreachable_route),
    row("dump-thread-outlives-its-replica", dump_thread_outlives),
    row("dump-thread-notices-late", dump_thread_notices_late),
    row("large-transaction-keeps-the-position", large_transaction),
    row("maintenance-is-logged", maintenance_is_logged),
    row("memory-table-truncates-itself", memory_table),
    row("locks-hold-the-sql-thread", locks_hold),
    row("open-transactions-outlive-the-vip", open_transactions_outlive),
    row("vanished-peer-is-noticed-late", vanished_peer),
    row("killed-process-closes-its-connections", killed_process),
    row("io-thread-dials-each-second", io_dials_each_second),
];

/// Position of the last transaction in the binary log.
const BINLOG_POS: &str = "SELECT @@GLOBAL.gtid_binlog_pos";

fn deleted_by_start(pair: &Pair) -> Result<String> {
    let servers = Servers::received_only(pair, 2)?;
    servers.replica.sql("STOP SLAVE IO_THREAD")?;
    servers.replica.until_slave("Gtid_IO_Pos", "0-1-2")?;
    servers.replica.sql("START SLAVE SQL_THREAD")?;
    is_lost(&servers)
}

/// Row 2, which the replica had received, is not there and will not be.
fn is_lost(servers: &Servers<'_>) -> Result<String> {
    servers.replica.until_slave("Gtid_IO_Pos", "0-1-1")?;
    stays("row 2 is gone", || Ok(!servers.replica.has(2)?))?;
    servers.replica.says("SELECT @@GLOBAL.gtid_slave_pos", "0-1-1")?;
    Ok("received 0-1-2, then 0-1-1, which is applied".into())
}

fn deleted_by_restart(pair: &Pair) -> Result<String> {
    let servers = Servers::received_only(pair, 2)?;
    servers.replica.crash("")?;
    servers.replica.sql("START SLAVE SQL_THREAD")?;
    is_lost(&servers)
}

fn deleted_by_change_master(pair: &Pair) -> Result<String> {
    let received = "mariadb-binlog /var/lib/mysql/mariadb-relay-bin.0* | grep -c 'GTID 0-1-2' || true";
    let servers = Servers::received_only(pair, 2)?;
    servers.replica.sql("STOP SLAVE IO_THREAD")?;
    let before = servers.replica.node.run(received)?;
    servers.replica.sql("CHANGE MASTER TO MASTER_CONNECT_RETRY=2")?;
    let after = servers.replica.node.run(received)?;
    ensure!((before.as_str(), after.as_str()) == ("1", "0"), "0-1-2 is in the relay log {before}, then {after} times");
    let position = servers.replica.slave("Gtid_IO_Pos")?;
    Ok(format!("0-1-2 is no longer in it, Gtid_IO_Pos says {position}"))
}

fn kept_by_io_stop(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let mut lock = servers.replica.client(OPERATOR)?;
    lock.query_drop("LOCK TABLES lab.writes WRITE")?;
    servers.insert(2)?;
    servers.replica.sql("STOP SLAVE IO_THREAD")?;
    servers.master.kill()?;
    lock.query_drop("UNLOCK TABLES")?;
    servers.replica.gets(2)?;
    Ok("row 2 was applied after the stop, with the master dead".into())
}

fn sql_thread_starts_while_io_runs(pair: &Pair) -> Result<String> {
    let servers = Servers::received_only(pair, 2)?;
    servers.master.kill()?;
    servers.replica.until_slave("Slave_IO_Running", "Connecting")?;
    servers.replica.sql("START SLAVE SQL_THREAD")?;
    servers.replica.gets(2)?;
    Ok("row 2 was applied with the master dead".into())
}

fn own_transaction(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("INSERT INTO lab.writes VALUES (99, 2)")?;
    servers.insert(2)?;
    servers.replica.until_slave("Slave_SQL_Running", "No")?;
    servers.replica.until_slave("Last_SQL_Errno", "1950")?;
    servers.replica.until_slave("Slave_IO_Running", "Yes")?;
    servers.insert(3)?;
    Ok("error 1950 at the next event, which IO went on acknowledging".into())
}

fn io_acknowledges_without_sql(pair: &Pair) -> Result<String> {
    let servers = Servers::received_only(pair, 2)?;
    servers.insert(3)?;
    servers.replica.until_slave("Gtid_IO_Pos", "0-1-3")?;
    ensure!(!servers.replica.has(2)?, "row 2 is applied");
    Ok("two rows acknowledged, none applied".into())
}

fn master_lacks_position(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("STOP SLAVE; INSERT INTO lab.writes VALUES (99, 2)")?;
    servers.replica.sql("SET GLOBAL gtid_slave_pos=@@GLOBAL.gtid_current_pos; START SLAVE")?;
    servers.replica.until_slave("Slave_IO_Running", "No")?;
    servers.replica.until_slave("Last_IO_Errno", "1236")?;
    Ok("asked for 0-2-2: error 1236".into())
}

/// The replica serves after a failover, with one row of its own.
fn failed_over(pair: &Pair) -> Result<Servers<'_>> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=OFF")?;
    servers.replica.commit(2)?.is_told_ok()?;
    Ok(servers)
}

fn old_active_joins(pair: &Pair) -> Result<String> {
    let servers = failed_over(pair)?;
    servers.master.sql("SET GLOBAL rpl_semi_sync_master_enabled=OFF")?;
    servers.master.follow_from_current_pos(&servers.replica)?;
    servers.master.gets(2)?;
    servers.master.until_slave("Slave_SQL_Running", "Yes")?;
    servers.master.says(BINLOG_POS, "0-2-2")?;
    Ok("the old active has 0-2-2".into())
}

fn current_pos(pair: &Pair) -> Result<String> {
    let positions = "SELECT CONCAT_WS(' ', @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_current_pos)";
    let servers = Servers::fresh(pair)?;
    servers.master.says(positions, " 0-1-1")?;
    servers.replica.says(positions, "0-1-1 0-1-1")?;
    servers.replica.sql("INSERT INTO lab.writes VALUES (2, 2)")?;
    servers.replica.says(positions, "0-1-1 0-2-2")?;
    servers.replica.sql("STOP SLAVE; SET sql_log_bin=0; RESET MASTER")?;
    servers.replica.says(positions, "0-1-1 0-1-1")?;
    Ok("own 0-1-1; applied 0-1-1; own 0-2-2 after applied 0-1-1".into())
}

fn own_numbers_count_on(pair: &Pair) -> Result<String> {
    let servers = failed_over(pair)?;
    servers.replica.says(BINLOG_POS, "0-2-2")?;
    servers.replica.sql("SET sql_log_bin=0; RESET MASTER; SET GLOBAL gtid_slave_pos='0-1-50'")?;
    servers.replica.commit(3)?.is_told_ok()?;
    let pos = servers.replica.sql(BINLOG_POS)?;
    Ok(format!("0-2-2 after 0-1-1; {pos} after an empty log and gtid_slave_pos 0-1-50"))
}

fn binlog_state(pair: &Pair) -> Result<String> {
    let servers = failed_over(pair)?;
    servers.replica.sql("SET gtid_domain_id=7; INSERT INTO lab.writes VALUES (3, 2)")?;
    servers.replica.says("SELECT @@GLOBAL.gtid_binlog_state", "0-1-1,0-2-2,7-2-1")?;
    servers.replica.says(BINLOG_POS, "0-2-2,7-2-1")?;
    Ok("state 0-1-1,0-2-2,7-2-1; position 0-2-2,7-2-1".into())
}

fn stale_data_counts_on(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let (master, replica) = (&servers.master, &servers.replica);
    master.kill()?;
    master.node.run("rm -rf /var/lib/mysql.then; cp -a /var/lib/mysql /var/lib/mysql.then")?;
    master.start("")?;
    master.sql("SET GLOBAL read_only=OFF")?;
    servers.insert(2)?;
    replica.gets(2)?;
    // Asked for before it is given out again, 0-1-2 would be refused.
    replica.sql("STOP SLAVE IO_THREAD")?;
    master.kill()?;
    master.node.run("rm -rf /var/lib/mysql; mv /var/lib/mysql.then /var/lib/mysql")?;
    master.start("")?;
    master.sql("SET GLOBAL read_only=OFF")?;
    servers.insert(3)?;
    replica.sql("START SLAVE IO_THREAD")?;
    replica.until_slave("Slave_IO_Running", "Yes")?;
    for server in [master, replica] {
        server.says(BINLOG_POS, "0-1-2")?;
    }
    stays("row 3 is on the master only", || Ok(!replica.has(3)?))?;
    replica.until_slave("Slave_SQL_Running", "Yes")?;
    Ok("row 3 became 0-1-2 as row 2 had been; replica at 0-1-2, both threads Yes".into())
}

/// How long `STOP SLAVE IO_THREAD` takes, with packets to the master dropped.
fn stop_io(servers: &Servers<'_>) -> Result<Duration> {
    let began = Instant::now();
    servers.replica.sql("STOP SLAVE IO_THREAD")?;
    Ok(began.elapsed())
}

fn stop_io_dials(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    let took = stop_io(&servers)?;
    lasts("the stop", took, Duration::from_millis(900), Duration::from_millis(1600))?;
    Ok(format!("{took:.2?}"))
}

fn stop_io_with_unreachable_route(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    servers.replica.node.run(&format!("ip route add unreachable {}", servers.master.node.address()))?;
    let took = stop_io(&servers)?;
    lasts("the stop", took, Duration::ZERO, Duration::from_millis(500))?;
    Ok(format!("{took:.2?}"))
}

fn dump_thread_outlives(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    stop_io(&servers)?;
    stays("one client", || Ok(servers.master.status("Rpl_semi_sync_master_clients")? == "1"))?;
    servers.master.waiting(2)?.waits()?;
    Ok("still counted, and a commit waits".into())
}

fn dump_thread_notices_late(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let begun = Instant::now();
    servers.replica.kill()?;
    stays("one client", || Ok(servers.master.status("Rpl_semi_sync_master_clients")? == "1"))?;
    servers.master.until("Rpl_semi_sync_master_clients", "0")?;
    let took = begun.elapsed();
    lasts("noticing", took, Duration::from_millis(900), Duration::from_millis(3500))?;
    Ok(format!("heartbeat 1 s: counted for {took:.1?}"))
}

fn large_transaction(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let (master, replica) = (&servers.master, &servers.replica);
    master.sql("CREATE TABLE lab.large (x LONGBLOB)")?;
    servers.replica.until_slave("Gtid_IO_Pos", "0-1-2")?;
    let before = replica.slave("Read_Master_Log_Pos")?;
    let insert = master.order("INSERT INTO lab.large SELECT REPEAT('x', 1000000) FROM lab.seq_1_to_200")?;
    let (at, _) = wait_for("a part of it", SOON, || {
        let all = [replica.slave("Read_Master_Log_Pos")?, replica.slave("Gtid_IO_Pos")?];
        Ok(if all[0] != before { Seen::Done(all) } else { Seen::Not(all[0].clone()) })
    })?;
    ensure!(at[1] == "0-1-2", "received whole at once: {at:?}");
    insert.is_told_ok()?;
    replica.until_slave("Gtid_IO_Pos", "0-1-3")?;
    Ok(format!("0-1-2 while the position in the log went from {before} to {}", at[0]))
}

fn maintenance_is_logged(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("FLUSH TABLES")?;
    servers.replica.says(BINLOG_POS, "0-2-2")?;
    servers.replica.sql("ANALYZE TABLE lab.writes")?;
    let logged = servers.replica.release()? >= 100_600;
    servers.replica.says(BINLOG_POS, if logged { "0-2-3" } else { "0-2-2" })?;
    Ok(format!("FLUSH TABLES is 0-2-2, ANALYZE TABLE {}", if logged { "0-2-3" } else { "nothing (10.5)" }))
}

fn memory_table(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.sql("CREATE TABLE lab.memory (k INT) ENGINE=MEMORY; INSERT INTO lab.memory VALUES (1)")?;
    servers.insert(2)?;
    servers.replica.gets(2)?;
    servers.replica.crash("")?;
    servers.replica.says(BINLOG_POS, "0-1-4")?;
    servers.replica.says("SELECT COUNT(*) FROM lab.memory", "0")?;
    servers.replica.says(BINLOG_POS, "0-2-5")?;
    Ok("0-2-5 by a SELECT".into())
}

fn locks_hold(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let mut lock = servers.replica.client(OPERATOR)?;
    for (key, take, give) in [
        (2, "FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"),
        // The gap in which the next row comes to lie.
        (3, "BEGIN; SELECT * FROM lab.writes WHERE k > 2 FOR UPDATE", "ROLLBACK"),
    ] {
        take.split("; ").try_for_each(|statement| lock.query_drop(statement))?;
        servers.insert(key)?;
        stays("the row is not applied", || Ok(!servers.replica.has(key)?))?;
        lock.query_drop(give)?;
        servers.replica.gets(key)?;
    }
    Ok("a global lock and a row lock each held it".into())
}

fn open_transactions_outlive(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    // Of an account that may, on a server that is read-only by now.
    let mut client = servers.replica.client(OPERATOR)?;
    client.query_drop("BEGIN")?;
    client.query_drop("SELECT * FROM lab.writes WHERE k > 1 FOR UPDATE")?;
    servers.replica.node.run(&format!("iptables -w -I INPUT -s {CLIENT} -j DROP"))?;
    drop(client);
    servers.insert(2)?;
    stays("row 2 is not applied", || Ok(!servers.replica.has(2)?))?;
    servers.replica.sql(&format!("KILL USER {OPERATOR}"))?;
    servers.replica.gets(2)?;
    Ok("a client that nobody heard of again held the applier until it was ended".into())
}

fn vanished_peer(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    let is = |server: &Server<'_>| server.slave("Slave_IO_Running");
    let (_, took) =
        wait_for("the IO thread to notice", SOON, || Ok(equals(is(&servers.replica)?.as_str(), &"Connecting")))?;
    lasts("noticing", took, Duration::from_secs(3), Duration::from_secs(7))?;
    Ok(format!("slave_net_timeout 5 s: Yes for {took:.1?}"))
}

fn killed_process(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let begun = Instant::now();
    servers.master.node.signal_unit(UNIT, nix::sys::signal::Signal::SIGKILL)?;
    servers.replica.until_slave("Slave_IO_Running", "Connecting")?;
    lasts("noticing", begun.elapsed(), Duration::ZERO, WHILE)?;
    Ok(format!("{:.0?}", begun.elapsed()))
}

fn io_dials_each_second(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.kill()?;
    servers.replica.until_slave("Slave_IO_Running", "Connecting")?;
    servers.master.start("")?;
    let begun = Instant::now();
    servers.replica.until_slave("Slave_IO_Running", "Yes")?;
    lasts("dialling", begun.elapsed(), Duration::ZERO, Duration::from_millis(1500))?;
    Ok(format!("Yes {:.1?} after the master was back", begun.elapsed()))
}
