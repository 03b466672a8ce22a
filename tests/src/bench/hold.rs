//! Holds the appliers of a standby back, and keeps what they then had to apply.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::node::Node;

/// Relay logs, kept for the way by hand.
pub const ASIDE: &str = "/root/relay";

/// A session on the standby that locks the table, and with it all that is committed later.
pub struct Hold<'a> {
    /// The standby.
    pub node: &'a Node,
}

impl Hold<'_> {
    /// From here on into a new relay log.
    pub fn begin(&self) -> Result<()> {
        let hold = "touch /run/bench-hold; (printf 'LOCK TABLES lab.drain READ;\\n'; \
             printf 'SELECT 1;\\n'; while [ -e /run/bench-hold ]; do sleep 0.02; done) \
             | mariadb -N -B --unbuffered >/run/bench-held 2>&1 & \
             while ! grep -q 1 /run/bench-held; do sleep 0.05; done; \
             mariadb -e 'FLUSH LOCAL RELAY LOGS'; tail -n 1 /var/lib/mysql/mariadb-relay-bin.index >/run/bench-first";
        self.node.run(hold).map(drop)
    }

    /// Has the standby note when it has applied all that the active has by now.
    pub fn watch(&self, active: &Node, longest: Duration) -> Result<()> {
        let position = active.sql("SELECT @@gtid_binlog_pos")?;
        let wait = format!("SELECT MASTER_GTID_WAIT('{position}', {})", 2 * longest.as_secs());
        self.node
            .run(&format!("(mariadb -N -B -e \"{wait}\" && date +%s%N) </dev/null >/run/bench-applied 2>&1 &"))
            .map(drop)
    }

    /// Links what was received since, before it is applied and removed; its size in MiB.
    pub fn set_aside(&self) -> Result<f64> {
        let link = format!(
            "mkdir {ASIDE} && cd /var/lib/mysql && first=$(basename $(cat /run/bench-first)) && \
             for f in mariadb-relay-bin.[0-9]*; do [[ $f < $first ]] || ln $f {ASIDE}/; done; \
             du --apparent-size -sb {ASIDE} | cut -f1"
        );
        let bytes: f64 = self.node.run(&link)?.parse().context("no size")?;
        Ok(bytes / 1_048_576.0)
    }

    /// Lets the appliers go on.
    pub fn end(&self) -> Result<()> {
        self.node.run("date +%s%N >/run/bench-released; rm /run/bench-hold").map(drop)
    }

    /// From its end until the rows were applied, in seconds.
    pub fn applied(&self) -> Result<f64> {
        let said = self.node.run("cat /run/bench-released /run/bench-applied")?;
        let words: Vec<i64> = said.lines().map(str::parse).collect::<Result<_, _>>().with_context(|| said.clone())?;
        let [released, 0, applied] = words[..] else { bail!("nothing was applied: {said}") };
        Ok((applied - released) as f64 / 1e9)
    }
}
