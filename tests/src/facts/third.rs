//! A third server, beside the master on its node, which receives and acknowledges.

use anyhow::Result;

use super::servers::{REPLICATION, SOON, Server};
use crate::node::Node;
use crate::sql::PASSWORD;
use crate::wait::{Seen, wait_for};

/// Where it keeps its data, and nothing of what the other servers are told.
const OPTIONS: &str = "--no-defaults --user=mysql --datadir=/var/lib/third";

/// Makes its data directory.
pub fn install(node: &Node) -> Result<()> {
    node.run(&format!("mariadb-install-db {OPTIONS} --skip-test-db")).map(drop)
}

/// It runs until dropped.
pub struct Third<'a> {
    node: &'a Node,
}

impl<'a> Third<'a> {
    /// Starts it as a replica of `master`.
    pub fn follow(master: &Server<'a>) -> Result<Self> {
        let third = Self { node: master.node };
        third.node.run(&format!(
            "systemd-run --quiet --unit=facts-third mariadbd {OPTIONS} --socket=/var/lib/third/socket \
             --port=3307 --pid-file=/var/lib/third/pid --server-id=3 --skip-slave-start"
        ))?;
        let follow = format!(
            "SET GLOBAL rpl_semi_sync_slave_enabled=ON; CHANGE MASTER TO MASTER_HOST='{}', \
             MASTER_USER='{REPLICATION}', MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos; \
             START SLAVE IO_THREAD",
            third.node.address()
        );
        let ask = format!("mariadb --socket=/var/lib/third/socket -e \"{follow}\"");
        wait_for("the third server", SOON, || Ok(Seen::Done(third.node.run(&ask)?)))?;
        Ok(third)
    }
}

impl Drop for Third<'_> {
    fn drop(&mut self) {
        // Thrown away with the node, if not now.
        let _ = self.node.run("systemctl kill -s KILL facts-third; systemctl reset-failed");
    }
}
