//! Facts about commits that wait for a replica.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::servers::{Server, Servers, UNIT};
use super::third::Third;
use super::{Row, WHILE, lasts, row, stays};
use crate::pair::Pair;
use crate::sql::USER;

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("semi-sync-commit-waits", commit_waits),
    row("semi-sync-wait-sessions-counts-one", wait_sessions_counts_one),
    row("semi-sync-wait-no-slave", wait_no_slave),
    row("semi-sync-wait-no-slave-off", wait_no_slave_off),
    row("semi-sync-timeout-falls-back", timeout_falls_back),
    row("semi-sync-comes-back", comes_back),
    row("semi-sync-reconnect-acknowledges-nothing", reconnect_acknowledges_nothing),
    row("semi-sync-off-releases", off_releases),
    row("semi-sync-holds-read-only", holds_read_only),
    row("semi-sync-kill-connection-commits", kill_connection),
    row("semi-sync-kill-query-says-ok", kill_query),
    row("semi-sync-shutdown-commits", shutdown),
    row("semi-sync-second-replica-releases", second_replica_releases),
    row("semi-sync-clients-count", clients_count),
    row("semi-sync-on-while-behind", on_while_behind),
    row("semi-sync-appliers-wait", appliers_wait),
    row("semi-sync-replica-from-io-start", replica_from_io_start),
    row("semi-sync-timer-runs-through-freeze", timer_runs_through_freeze),
    row("semi-sync-ignores-statement-time", ignores_statement_time),
    row("semi-sync-timeout-of-a-century", timeout_of_a_century),
    row("semi-sync-counters-fall", counters_fall),
];

/// A timeout that ends, for facts about it.
const TIMEOUT: Duration = Duration::from_millis(400);
/// What is told "at once", on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(250);

fn commit_waits(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    let commit = servers.master.waiting(2)?;
    servers.master.until("Rpl_semi_sync_master_wait_sessions", "1")?;
    commit.waits()?;
    ensure!(!servers.master.has(2)?, "others see its row");
    servers.heal()?;
    commit.is_told_ok()?;
    servers.master.until("Rpl_semi_sync_master_wait_sessions", "0")?;
    Ok("one session, row unseen, OK once the packets got through".into())
}

fn wait_sessions_counts_one(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let first = servers.master.waiting(2)?;
    let second = servers.master.commit(3)?;
    servers.master.until_state(&second, "Commit")?;
    servers.master.until("Rpl_semi_sync_master_wait_sessions", "1")?;
    servers.replica.sql("START SLAVE IO_THREAD")?;
    first.is_told_ok()?;
    second.is_told_ok()?;
    Ok("two waited, one counted".into())
}

fn wait_no_slave(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let commit = servers.master.waiting(2)?;
    commit.waits()?;
    servers.master.until("Rpl_semi_sync_master_status", "ON")?;
    servers.replica.sql("START SLAVE IO_THREAD")?;
    commit.is_told_ok()?;
    Ok("waited with no client, status ON".into())
}

fn wait_no_slave_off(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.sql("SET GLOBAL rpl_semi_sync_master_wait_no_slave=OFF")?;
    servers.replica.sql("STOP SLAVE IO_THREAD")?;
    servers.master.until("Rpl_semi_sync_master_clients", "0")?;
    let took = servers.master.commit(2)?.is_told_ok()?;
    servers.master.until("Rpl_semi_sync_master_no_tx", "1")?;
    let status = servers.master.status("Rpl_semi_sync_master_status")?;
    servers.master.alone_has(2, &servers.replica)?;
    Ok(format!("OK after {took:.0?}, status {status}"))
}

/// A commit that the timer ended.
fn fallen_back(pair: &Pair) -> Result<(Servers<'_>, Duration)> {
    let servers = Servers::fresh(pair)?;
    servers.master.sql(&format!("SET GLOBAL rpl_semi_sync_master_timeout={}", TIMEOUT.as_millis()))?;
    servers.cut()?;
    let took = servers.master.commit(2)?.is_told_ok()?;
    Ok((servers, took))
}

fn timeout_falls_back(pair: &Pair) -> Result<String> {
    let (servers, took) = fallen_back(pair)?;
    lasts("the commit", took, TIMEOUT, TIMEOUT * 3)?;
    let master = &servers.master;
    master.until("Rpl_semi_sync_master_status", "OFF")?;
    master.says("SELECT @@GLOBAL.rpl_semi_sync_master_enabled", "1")?;
    let counts = (master.count("Rpl_semi_sync_master_no_times")?, master.count("Rpl_semi_sync_master_no_tx")?);
    ensure!(counts.0 > 0 && counts.1 > 0, "no_times and no_tx are {counts:?}");
    master.alone_has(2, &servers.replica)?;
    Ok(format!("OK after {took:.0?}, no_times {}, no_tx {}", counts.0, counts.1))
}

fn comes_back(pair: &Pair) -> Result<String> {
    let (servers, _) = fallen_back(pair)?;
    servers.master.until("Rpl_semi_sync_master_status", "OFF")?;
    servers.heal()?;
    servers.master.until("Rpl_semi_sync_master_status", "ON")?;
    servers.replica.gets(2)?;
    Ok("ON again without an order".into())
}

fn off_releases(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let commits = [servers.master.waiting(2)?, servers.master.commit(3)?];
    servers.master.until_state(&commits[1], "Commit")?;
    let begun = Instant::now();
    let off = servers.master.order("SET GLOBAL rpl_semi_sync_master_enabled=OFF")?;
    for commit in commits {
        commit.is_told_ok()?;
    }
    let released = begun.elapsed();
    lasts("the release", released, Duration::ZERO, AT_ONCE)?;
    servers.master.alone_has(3, &servers.replica)?;
    Ok(format!("two told OK after {released:.0?}, the order after {:.0?}", off.is_told_ok()?))
}

fn holds_read_only(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let commit = servers.master.waiting(2)?;
    let order = servers.master.order("SET GLOBAL read_only=ON")?;
    order.waits()?;
    servers.master.says("SELECT @@GLOBAL.read_only", "0")?;
    servers.replica.sql("START SLAVE IO_THREAD")?;
    commit.is_told_ok()?;
    let took = order.is_told_ok()?;
    Ok(format!("waited {took:.0?}, until the acknowledgement"))
}

fn kill_connection(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let commit = servers.master.waiting(2)?;
    servers.master.sql(&format!("KILL CONNECTION {}", commit.id))?;
    let error = commit.fails()?;
    servers.master.gets(2)?;
    servers.master.alone_has(2, &servers.replica)?;
    Ok(format!("row is there; {error}"))
}

fn kill_query(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let commit = servers.master.waiting(2)?;
    servers.master.sql(&format!("KILL QUERY {}", commit.id))?;
    commit.is_told_ok()?;
    servers.master.alone_has(2, &servers.replica)?;
    Ok("told OK, row on the master only".into())
}

fn shutdown(pair: &Pair) -> Result<String> {
    let by_sql = |master: &Server<'_>| master.sql("SHUTDOWN").map(drop);
    let by_signal = |master: &Server<'_>| master.node.signal_main(UNIT, Signal::SIGTERM);
    Ok(format!("SHUTDOWN: {}; SIGTERM: {}", ends_gracefully(pair, by_sql)?, ends_gracefully(pair, by_signal)?))
}

/// What a client whose commit waits is told when the server ends in that way.
fn ends_gracefully(pair: &Pair, end: impl Fn(&Server<'_>) -> Result<()>) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    let commit = servers.master.waiting(2)?;
    end(&servers.master)?;
    let told = commit.told()?.0;
    servers.master.is_gone()?;
    servers.master.start("")?;
    servers.master.alone_has(2, &servers.replica)?;
    Ok(told.err().unwrap_or_else(|| "OK".into()))
}

fn second_replica_releases(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let third = Third::follow(&servers.master)?;
    servers.master.until("Rpl_semi_sync_master_clients", "2")?;
    servers.cut()?;
    let took = servers.insert(2)?;
    stays("row 2 is not on the replica", || Ok(!servers.replica.has(2)?))?;
    servers.master.says_status("Rpl_semi_sync_master_clients", "2")?;
    drop(third);
    Ok(format!("OK after {took:.0?} with packets to the replica dropped, clients 2"))
}

fn clients_count(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    servers.replica.sql("START SLAVE IO_THREAD")?;
    servers.connected()?;
    servers.cut()?;
    stays("one client", || Ok(servers.master.status("Rpl_semi_sync_master_clients")? == "1"))?;
    Ok("0, then 1, which stays with packets dropped".into())
}

fn on_while_behind(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.sql("SET GLOBAL rpl_semi_sync_master_enabled=OFF")?;
    servers.cut()?;
    servers.insert(2)?;
    servers.master.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")?;
    servers.master.until("Rpl_semi_sync_master_status", "ON")?;
    let commit = servers.master.waiting(3)?;
    commit.waits()?;
    ensure!(!servers.replica.has(2)?, "the replica is not behind");
    servers.heal()?;
    commit.is_told_ok()?;
    servers.replica.gets(3)?;
    Ok("ON with the replica a row behind, the next commit waited".into())
}

fn appliers_wait(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("SET GLOBAL rpl_semi_sync_master_enabled=ON")?;
    servers.insert(2)?;
    servers.replica.until("Rpl_semi_sync_master_wait_sessions", "1")?;
    stays("row 2 is not applied", || Ok(!servers.replica.has(2)?))?;
    servers.replica.sql("SET GLOBAL rpl_semi_sync_master_enabled=OFF")?;
    servers.replica.gets(2)?;
    Ok("received, applied only once the replica's own master side was OFF".into())
}

fn reconnect_acknowledges_nothing(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.drop_acknowledgements()?;
    let commit = servers.master.waiting(2)?;
    servers.replica.gets(2)?;
    servers.master.kill_dump_threads()?;
    servers.heal()?;
    servers.connected()?;
    commit.waits()?;
    servers.insert(3)?;
    commit.is_told_ok()?;
    Ok("connected with all received, waited until the next commit".into())
}

fn replica_from_io_start(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.replica.sql("SET GLOBAL rpl_semi_sync_slave_enabled=OFF")?;
    servers.insert(2)?;
    servers.replica.sql("STOP SLAVE IO_THREAD; START SLAVE IO_THREAD")?;
    servers.master.until("Rpl_semi_sync_master_clients", "0")?;
    servers.replica.sql("SET GLOBAL rpl_semi_sync_slave_enabled=ON")?;
    let commit = servers.master.waiting(3)?;
    servers.replica.gets(3)?;
    commit.waits()?;
    Ok("OFF: acknowledged until a start of the IO thread; ON: not before".into())
}

fn timer_runs_through_freeze(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.sql(&format!("SET GLOBAL rpl_semi_sync_master_timeout={}", TIMEOUT.as_millis()))?;
    servers.cut()?;
    let commit = servers.master.waiting(2)?;
    servers.master.node.freeze()?;
    commit.waits()?;
    std::thread::sleep(TIMEOUT);
    servers.master.node.thaw()?;
    let took = commit.is_told_ok()?;
    lasts("the commit", took, TIMEOUT + WHILE, TIMEOUT + WHILE + AT_ONCE)?;
    servers.master.alone_has(2, &servers.replica)?;
    Ok(format!("OK after {took:.0?}, most of them frozen"))
}

fn ignores_statement_time(pair: &Pair) -> Result<String> {
    let servers = Servers::stalled(pair)?;
    let insert = "SET STATEMENT max_statement_time=0.1 FOR INSERT INTO lab.writes VALUES (2, 1)";
    let commit = servers.master.begin(USER, insert)?;
    servers.master.until_it_waits(&commit)?;
    commit.waits()?;
    Ok(format!("limit 100 ms, waited more than {WHILE:.0?}"))
}

fn timeout_of_a_century(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    servers.master.says("SELECT @@GLOBAL.rpl_semi_sync_master_timeout", "3153600000000")?;
    Ok("3153600000000 ms".into())
}

fn counters_fall(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let name = "Rpl_semi_sync_master_yes_tx";
    let before = servers.master.count(name)?;
    ensure!(before > 0, "nothing was counted");
    let flush = if servers.master.release()? < 110_500 { "FLUSH LOCAL STATUS" } else { "FLUSH LOCAL GLOBAL STATUS" };
    servers.master.sql(flush)?;
    servers.master.says_status(name, "0")?;
    let after = servers.master.sql("SELECT @@GLOBAL.gtid_binlog_pos")?;
    servers.master.sql(&flush.replace("LOCAL ", ""))?;
    servers.master.says("SELECT @@GLOBAL.gtid_binlog_pos", "0-1-2")?;
    Ok(format!("{flush}: {before} became 0, still {after}; without LOCAL 0-1-2"))
}
