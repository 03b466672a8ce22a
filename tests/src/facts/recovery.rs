//! Facts about what a start after SIGKILL makes of commits that waited, and about disks.

use anyhow::{Context, Result, bail, ensure};
use ap_db::Release;

use super::servers::{SOON, Server, Servers};
use super::{Row, row};
use crate::pair::Pair;
use crate::wait::{equals, wait_for};

/// In the order of the document.
pub const ROWS: &[Row] = &[
    row("recovery-keeps-what-waited", keeps_what_waited),
    row("recovery-truncates", truncates),
    row("recovery-truncates-acknowledged", truncates_acknowledged),
    row("recovery-refuses-ddl", refuses_ddl),
    row("settings-end-with-the-process", settings_end),
    row("full-disk-stops-commits", full_disk),
];

/// What has recovery truncate.
const TRUNCATE: &str = "--init-rpl-role=SLAVE";

/// Row 2 waits on a master that was cut off.
fn cut_off(pair: &Pair) -> Result<Servers<'_>> {
    let servers = Servers::fresh(pair)?;
    servers.cut()?;
    servers.master.waiting(2)?;
    Ok(servers)
}

fn keeps_what_waited(pair: &Pair) -> Result<String> {
    let servers = cut_off(pair)?;
    servers.master.crash("")?;
    servers.master.alone_has(2, &servers.replica)?;
    servers.master.says("SELECT @@GLOBAL.gtid_binlog_pos", "0-1-2")?;
    Ok("row 2 is there, 0-1-2".into())
}

/// Whether this release can, as the product knows it.
fn can_truncate(server: &Server<'_>) -> Result<bool> {
    let release = Release::find(&server.sql("SELECT VERSION()")?).context("no release")?;
    Ok(release.takes_back())
}

fn truncates(pair: &Pair) -> Result<String> {
    let servers = cut_off(pair)?;
    if !can_truncate(&servers.master)? {
        servers.master.crash(TRUNCATE)?;
        ensure!(servers.master.has(2)?, "row 2 is gone");
        return Ok("an older release: keeps row 2".into());
    }
    servers.master.crash(TRUNCATE)?;
    ensure!(!servers.master.has(2)?, "row 2 is there");
    ensure!(servers.master.has(1)?, "row 1 is gone as well");
    let said = servers.master.node.run("journalctl -b -u mariadb | grep -o 'Successfully truncated.*'")?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

fn truncates_acknowledged(pair: &Pair) -> Result<String> {
    // InnoDB may just have written it.
    for tries in 1..=5 {
        let servers = Servers::fresh(pair)?;
        if !can_truncate(&servers.master)? {
            return Ok("an older release".into());
        }
        servers.insert(2)?;
        servers.replica.gets(2)?;
        servers.master.crash(TRUNCATE)?;
        if !servers.master.has(2)? {
            return Ok(format!("row 2 is on the replica only, at try {tries}"));
        }
    }
    bail!("what was acknowledged was there each time")
}

fn refuses_ddl(pair: &Pair) -> Result<String> {
    let servers = cut_off(pair)?;
    let master = &servers.master;
    if !can_truncate(master)? {
        return Ok("an older release".into());
    }
    master.order("CREATE TABLE lab.later (k INT)")?;
    wait_for("the statement in the binary log", SOON, || {
        Ok(equals(master.sql("SELECT @@GLOBAL.gtid_binlog_pos")?.as_str(), &"0-1-3"))
    })?;
    master.kill()?;
    ensure!(master.start(TRUNCATE).is_err(), "it starts");
    let said = master.node.run("journalctl -b -u mariadb | grep -o 'Cannot trun.*'")?;
    master.start("")?;
    master.alone_has(2, &servers.replica)?;
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

fn settings_end(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let settings = "SELECT CONCAT_WS(' ', IF(@@GLOBAL.read_only, 'ON', 'OFF'), \
                    IF(@@GLOBAL.rpl_semi_sync_master_enabled, 'ON', 'OFF'))";
    servers.master.says(settings, "OFF ON")?;
    servers.master.crash("")?;
    servers.master.says(settings, "ON OFF")?;
    servers.replica.crash("")?;
    servers.replica.until_slave("Slave_IO_Running", "No")?;
    Ok("read_only ON, semi-sync OFF, replication stopped".into())
}

fn full_disk(pair: &Pair) -> Result<String> {
    let servers = Servers::fresh(pair)?;
    let master = &servers.master;
    master.sql("INSERT INTO lab.writes SELECT seq, 1 FROM lab.seq_2_to_800")?;
    master.node.fill_disk()?;
    // More than a page that may have room, less than `binlog_cache_size`.
    let update = master.order("UPDATE lab.writes SET writer=2")?;
    let waits = update.waits();
    let said = master.node.run("journalctl -b -u mariadb | grep -o 'Disk is full.*'");
    master.node.free_disk()?;
    // It looks for room once a minute.
    master.crash("")?;
    waits?;
    Ok(said?.lines().last().unwrap_or_default().to_owned())
}
