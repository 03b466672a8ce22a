//! One round: clients write, the active node is broken, the standby serves;
//! what clients were told is compared with what the standby has.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::calm;
use super::clients::{AT_ONCE, Clients, Saw};
use super::clock::{Clock, ms};
use super::phases::Phases;
use crate::checker;
use crate::node::Node;
use crate::pair::Pair;
use crate::{http, sql};

/// Writing before the fault, so that there is something to lose.
const BEFORE: Duration = Duration::from_millis(800);
/// Writing after it.
const AFTER: Duration = Duration::from_millis(500);
/// Of that, how much is kept for the picture, each side.
const MARGIN_MS: f64 = 200.0;
/// After that, a write that is acknowledged was sent to a node that was mended.
const BROKEN: Duration = Duration::from_millis(100);
/// Width of a bar of the picture.
pub const BAR_MS: f64 = 10.0;

/// What came out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Round {
    /// Load average of the machine at its start.
    pub load: f64,
    /// Percent of the ten seconds before it in which something waited for a processor.
    pub pressure: f64,
    /// Longest time without an acknowledged write over HTTP.
    pub http_ms: f64,
    /// The same over SQL.
    pub sql_ms: f64,
    /// Longest time that one client had to try until its write was done.
    pub slowest_ms: f64,
    /// Writes that clients were told are done.
    pub acknowledged: usize,
    /// Those that the survivor does not have.
    pub missing: usize,
    /// Time for which both nodes acknowledged.
    pub overlap_ms: f64,
    /// What happened when.
    pub phases: Phases,
    /// For the picture.
    pub bars: Bars,
}

impl Round {
    /// The longer of both: how long the pair was not fully there.
    pub fn outage_ms(&self) -> f64 {
        self.http_ms.max(self.sql_ms)
    }
}

/// Writes per 10 ms; the first bar begins `from_ms` after the fault.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bars {
    /// Begin of the first, negative.
    pub from_ms: f64,
    /// Acknowledged by the node that was active.
    pub before: Vec<u32>,
    /// Acknowledged by its peer.
    pub after: Vec<u32>,
    /// Attempts that failed or got no answer, by when that was known.
    pub failed: Vec<u32>,
}

/// A round, and what is needed to find its phases.
pub struct Measured {
    /// What clients saw.
    pub round: Round,
    /// When it was broken, milliseconds since boot.
    pub fault_ms: f64,
}

/// What is expected of a pair, and of its clients.
#[derive(Clone, Copy)]
pub struct Terms {
    /// Until somebody serves again.
    pub deadline: Duration,
    /// Between two attempts of one client.
    pub retry: Duration,
    /// The broken node may serve again itself.
    pub either: bool,
}

impl Terms {
    /// The standby has to serve by then, and clients try again at once.
    pub const fn within(deadline: Duration) -> Self {
        Self { deadline, retry: AT_ONCE, either: false }
    }
}

/// Breaks the active node of a pair while clients write; somebody serves after that.
pub fn measure(pair: &Pair, active: &Node, strike: impl FnOnce(&Node) -> Result<()>, terms: Terms) -> Result<Measured> {
    let standby = pair.peer(active);
    // What earlier rounds wrote was checked; a full scan of all would take longer each time.
    active.sql(&format!("TRUNCATE {}; TRUNCATE {}", sql::TABLE, http::TABLE))?;
    let (load, pressure) = (calm::load(), calm::pressure());
    let clients = Clients::start(pair, terms.retry)?;
    std::thread::sleep(BEFORE);
    let clock = Clock::new()?;
    let fault = Instant::now();
    strike(active).context("failed to break the active node")?;
    if terms.either {
        std::thread::sleep(BROKEN);
        clients.wait_served(None, Instant::now(), terms.deadline).context("nobody serves")?;
    } else {
        clients.wait_served(Some(standby), fault, terms.deadline).context("the standby does not serve")?;
    }
    std::thread::sleep(AFTER);
    let saw = clients.stop()?;
    let server = if saw.server() == Some(active.name()) { active } else { standby };
    let mut round = seen(&saw, active, server, fault)?;
    (round.load, round.pressure) = (load, pressure);
    Ok(Measured { round, fault_ms: clock.boot_ms(fault) })
}

/// `server` is who serves now.
fn seen(saw: &Saw, active: &Node, server: &Node, fault: Instant) -> Result<Round> {
    let mut round = Round {
        http_ms: saw.http.outage(fault).length.as_secs_f64() * 1000.0,
        sql_ms: saw.sql.outage(fault).length.as_secs_f64() * 1000.0,
        slowest_ms: saw.slowest(fault).as_secs_f64() * 1000.0,
        ..Round::default()
    };
    let all = saw.all();
    round.overlap_ms = all.overlap(fault, Instant::now()).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    for (table, history) in [(http::TABLE, &saw.http), (sql::TABLE, &saw.sql)] {
        let verdict = checker::check(server, table, history)?;
        round.acknowledged += verdict.acknowledged;
        round.missing += verdict.missing.len();
    }
    let first = |history: &crate::History| {
        let mut after = history.acknowledged().filter(|write| write.sent >= fault);
        after.find(|write| write.node() == Some(server.name())).map(|write| ms(fault, write.done))
    };
    round.phases.first_http = first(&saw.http);
    round.phases.first_sql = first(&saw.sql);
    round.bars = bars(&all, active, fault, round.outage_ms());
    Ok(round)
}

fn bars(all: &crate::History, active: &Node, fault: Instant, outage_ms: f64) -> Bars {
    let count = ((2.0 * MARGIN_MS + outage_ms) / BAR_MS).ceil();
    // Bounded: an outage is seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let empty = vec![0; count.clamp(0.0, 1e6) as usize];
    let mut bars = Bars { from_ms: -MARGIN_MS, before: empty.clone(), after: empty.clone(), failed: empty };
    for write in all.writes() {
        let at = ((ms(fault, write.done) + MARGIN_MS) / BAR_MS).floor();
        if at < 0.0 || at >= count {
            continue;
        }
        let row = match write.node() {
            Some(node) if node == active.name() => &mut bars.before,
            Some(_) => &mut bars.after,
            None => &mut bars.failed,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at above")]
        let bar = row.get_mut(at as usize);
        if let Some(bar) = bar {
            *bar += 1;
        }
    }
    bars
}
