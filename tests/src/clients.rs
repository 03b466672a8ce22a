//! Clients of the pair: one over HTTP, one over SQL, both through the VIP.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::checker;
use crate::history::{History, Outage};
use crate::http::{self, HttpTarget};
use crate::node::Node;
use crate::pair::Pair;
use crate::scenario::Counts;
use crate::sql::{self, SqlTarget};
use crate::wait;
use crate::writer::{PACE, Writer};

/// Clients at work.
pub struct Clients {
    http: Writer,
    sql: Writer,
}

/// What they saw.
pub struct Seen {
    /// Over HTTP.
    pub http: History,
    /// Over SQL.
    pub sql: History,
}

impl Clients {
    /// Starts both and waits until each was told that a write is done.
    pub fn start(pair: &Pair) -> Result<Self> {
        let o = &pair.options;
        let clients = Self {
            http: Writer::start(&pair.lab, HttpTarget::new(o.vip, o.api_port), PACE)?,
            sql: Writer::start(
                &pair.lab,
                SqlTarget::new(o.vip, sql::USER, sql::PASSWORD).on_port(o.database_port),
                PACE,
            )?,
        };
        let now = Instant::now();
        for writer in clients.writers() {
            writer.wait_acknowledged(now, Duration::from_secs(5))?;
        }
        Ok(clients)
    }

    fn writers(&self) -> [&Writer; 2] {
        [&self.http, &self.sql]
    }

    /// Waits until `node` has acknowledged to both something sent after `since`.
    pub fn wait_served_by(&self, node: &Node, since: Instant, deadline: Duration) -> Result<()> {
        self.writers().into_iter().try_for_each(|writer| writer.wait_acknowledged_by(node.name(), since, deadline))
    }

    /// The longer of both outages so far.
    pub fn outage(&self, since: Instant) -> Outage {
        let [http, sql] = self.writers().map(|writer| writer.so_far().outage(since));
        if http.length > sql.length { http } else { sql }
    }

    /// Stops both, compares what they were told since `broken` with what the
    /// survivor has, and the survivor's data with the other node's.
    pub fn finish(self, pair: &Pair, survivor: &Node, broken: Instant) -> Result<Counts> {
        let counts = self.stop()?.count(survivor, broken, Instant::now())?;
        let same = || same_data(pair).map(wait::Seen::Done);
        wait::wait_for("both nodes to have the same data", Duration::from_secs(10), same)?;
        Ok(counts)
    }

    /// Stops both.
    pub fn stop(self) -> Result<Seen> {
        Ok(Seen { http: self.http.stop()?, sql: self.sql.stop()? })
    }
}

impl Seen {
    /// Everything acknowledged is on `survivor`, or is counted as missing. Both
    /// nodes acknowledging at the same time is an error; the span from `from` to
    /// `to` must hold one handover at most.
    pub fn count(&self, survivor: &Node, from: Instant, to: Instant) -> Result<Counts> {
        let all = History::merge([self.http.clone(), self.sql.clone()]);
        if let Some(overlap) = all.overlap(from, to) {
            anyhow::bail!("both nodes acknowledged for {overlap:?}");
        }
        let mut counts = Counts::default();
        for (table, history) in [(http::TABLE, &self.http), (sql::TABLE, &self.sql)] {
            let verdict = checker::check(survivor, table, history)?;
            counts.acknowledged += verdict.acknowledged;
            counts.missing += verdict.missing.len();
        }
        Ok(counts)
    }
}

/// An error unless both nodes have the same rows in both tables.
pub fn same_data(pair: &Pair) -> Result<()> {
    [http::TABLE, sql::TABLE].into_iter().try_for_each(|table| checker::same(&pair.a, &pair.b, table))
}
