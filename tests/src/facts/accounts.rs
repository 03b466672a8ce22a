//! Facts about accounts.

use anyhow::{Result, ensure};

use super::servers::Servers;
use super::{Row, row};
use crate::pair::Pair;
use crate::sql::{PASSWORD, USER};

/// In the order of the document.
pub const ROWS: &[Row] =
    &[row("read-only-binds-no-super", read_only_binds_no_super), row("root-by-socket", root_by_socket)];

fn read_only_binds_no_super(pair: &Pair) -> Result<String> {
    let replica = Servers::fresh(pair)?.replica;
    let by_client = replica.commit(2)?.fails()?;
    ensure!(by_client.contains("1290"), "a client is told {by_client}");
    let right = if replica.release()? < 101_100 { "SUPER" } else { "READ_ONLY ADMIN" };
    replica.sql(&format!(
        "SET sql_log_bin=0; CREATE OR REPLACE USER {USER}2 IDENTIFIED BY '{PASSWORD}'; \
         GRANT INSERT ON lab.* TO {USER}2; GRANT {right} ON *.* TO {USER}2"
    ))?;
    replica.begin(&format!("{USER}2"), "INSERT INTO lab.writes VALUES (3, 1)")?.is_told_ok()?;
    replica.sql(&format!("SET sql_log_bin=0; GRANT SUPER ON *.* TO {USER}2"))?;
    Ok(format!("refused without, done with {right}"))
}

fn root_by_socket(pair: &Pair) -> Result<String> {
    let replica = Servers::fresh(pair)?.replica;
    replica.says("SELECT CURRENT_USER()", "root@localhost")?;
    let by_network = replica.begin("root", "DO 1").err();
    ensure!(by_network.is_some(), "root gets in by network");
    Ok("root@localhost without a password, nobody over the network".into())
}
