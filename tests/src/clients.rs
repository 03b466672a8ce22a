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
    patient: Vec<(&'static str, Writer)>,
}

/// What they saw.
pub struct Seen {
    /// Over HTTP.
    pub http: History,
    /// Over SQL.
    pub sql: History,
    /// Of patient clients, each with its table.
    pub patient: Vec<(&'static str, History)>,
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
            patient: Vec::new(),
        };
        let now = Instant::now();
        for writer in clients.writers() {
            writer.wait_acknowledged(now, Duration::from_secs(5))?;
        }
        Ok(clients)
    }

    /// Some more, which keep their connection, and wait for an answer for that long,
    /// to a node that was cut off or frozen with their commit in flight: what it
    /// tells them in the end counts as well.
    pub fn add_patient(&mut self, pair: &Pair, answer: Duration) -> Result<()> {
        let o = &pair.options;
        for _ in 0..3 {
            let sql = SqlTarget::new(o.vip, sql::USER, sql::PASSWORD).on_port(o.database_port).answer_within(answer);
            let http = HttpTarget::new(o.vip, o.api_port).answer_within(answer);
            self.patient.push((sql::TABLE, Writer::start(&pair.lab, sql, PACE)?));
            self.patient.push((http::TABLE, Writer::start(&pair.lab, http, PACE)?));
        }
        let now = Instant::now();
        for (_, writer) in &self.patient {
            writer.wait_acknowledged(now, Duration::from_secs(5))?;
        }
        Ok(())
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

    /// Who has acknowledged something sent after `since`.
    pub fn served_since(&self, since: Instant) -> Vec<String> {
        let patient = self.patient.iter().map(|(_, writer)| writer);
        let histories: Vec<History> = self.writers().into_iter().chain(patient).map(Writer::so_far).collect();
        let all = History::merge(histories);
        let mut nodes: Vec<String> = all
            .acknowledged()
            .filter(|write| write.sent >= since)
            .filter_map(|write| write.node())
            .map(str::to_owned)
            .collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    /// What they saw until now.
    pub fn so_far(&self) -> Seen {
        let patient = self.patient.iter().map(|(table, writer)| (*table, writer.so_far())).collect();
        Seen { http: self.http.so_far(), sql: self.sql.so_far(), patient }
    }

    /// Stops all.
    pub fn stop(self) -> Result<Seen> {
        let patient =
            self.patient.into_iter().map(|(table, writer)| Ok((table, writer.stop()?))).collect::<Result<_>>()?;
        Ok(Seen { http: self.http.stop()?, sql: self.sql.stop()?, patient })
    }
}

impl Seen {
    /// Everything acknowledged is on `survivor`, or is counted as missing. Both
    /// nodes acknowledging at the same time is an error; the span from `from` to
    /// `to` must hold one handover at most.
    pub fn count(&self, survivor: &Node, from: Instant, to: Instant) -> Result<Counts> {
        let patient = self.patient.iter().map(|(_, history)| history.clone());
        let all = History::merge([self.http.clone(), self.sql.clone()].into_iter().chain(patient));
        if let Some(overlap) = all.overlap(from, to) {
            anyhow::bail!("both nodes acknowledged for {overlap:?}");
        }
        let mut counts = Counts::default();
        let patient = self.patient.iter().map(|(table, history)| (*table, history));
        for (table, history) in [(http::TABLE, &self.http), (sql::TABLE, &self.sql)].into_iter().chain(patient) {
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
