//! Saves what explains a failure, before the nodes are gone.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;

use crate::node::Node;
use crate::pair::Pair;

const STATE: &str = "date +%T.%N; ip address; ip route; ip neighbour; systemctl --no-pager --failed; \
    systemctl --no-pager status --lines=0 'ap*' keepalived mariadb; \
    mariadb -e 'SHOW SLAVE STATUS\\G SHOW MASTER STATUS\\G SELECT @@read_only, @@gtid_slave_pos, @@gtid_binlog_state\\G SHOW PROCESSLIST'; \
    cat /etc/keepalived/keepalived.conf; \
    for f in /var/lib/ap/* /run/ap/* /run/ap/fault/*; do [ -f \"$f\" ] && { echo \"== $f\"; tail -n 200 \"$f\"; }; done; ps axf -o pid,stat,args";

/// Writes journals, consoles and state of both nodes into `directory`. Goes on
/// past failures: half of the evidence is better than none.
pub fn save(pair: &Pair, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    // journalctl reads local time; the seconds since the epoch have no zone.
    let since = pair.since.duration_since(UNIX_EPOCH)?.as_secs();
    pair.both(|node| {
        save_node(node, directory, since);
        Ok(())
    })?;
    Ok(())
}

fn save_node(node: &Node, directory: &Path, since: u64) {
    let file = |kind: &str| directory.join(format!("{}.{kind}", node.name()));
    let journal = node.journal(&format!("@{since}"));
    let _ = fs::write(file("journal"), text(journal));
    let _ = fs::copy(node.console(), file("console"));
    let state = node.sh(STATE, Duration::from_secs(10));
    let state = state.map(|output| format!("{}\n{}", output.stdout, output.stderr));
    let _ = fs::write(file("state"), text(state));
}

fn text(result: Result<String>) -> String {
    result.unwrap_or_else(|error| format!("{error:#}\n"))
}
