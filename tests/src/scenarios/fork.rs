//! A real fork: both nodes were made to serve by an operator's word while they could
//! not see each other, and each acknowledged writes that the other lacks. Nothing can
//! join that. What matters is that nobody is left in doubt about what is given up.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::checker::keys;
use crate::clients::same_data;
use crate::expect::{Is, expect};
use crate::failover::{ready, way_back};
use crate::history::{History, Write};
use crate::http::{self, HttpTarget};
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::sql::{self, SqlTarget};
use crate::tail::{Range, Tail};
use crate::wait::{Seen, wait_for};
use crate::writer::{PACE, Writer};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("fork", "fork-forced-on-both", fork).matrix(),
    protected("fork", "fork-forced-both-ways", both_ways).long(),
];

/// How long a node gets to do what is expected of it.
const SOON: Duration = Duration::from_secs(15);

/// Twice: the node that gives its writes up was once the active, once the standby.
fn both_ways(pair: &Pair) -> Result<Counts> {
    let first = fork(pair).context("the first time")?;
    let (active, standby) = ready(pair)?;
    ap_mode(active, "set m")?;
    way_back(pair, standby)?;
    let second = fork(pair).context("with the roles swapped")?;
    Ok(Counts {
        acknowledged: first.acknowledged + second.acknowledged,
        note: format!("{}; {}", first.note, second.note),
        ..Counts::default()
    })
}

/// Both off; cut off from each other, on again, and both forced.
///
/// Meant to fail when the tail begins at the last transaction of this server that the peer
/// has, whoever wrote what follows: it then holds rows that nobody gives up.
fn fork(pair: &Pair) -> Result<Counts> {
    ready(pair)?;
    pair.both(Node::power_off)?;
    pair.partition()?;
    pair.both(Node::power_on)?;
    for node in pair.nodes() {
        let said = ap_mode_ends(node, "set s --force", 0)?;
        ensure!(said.contains("is given up"), "it does not say what may be lost: {said}");
    }
    for node in pair.nodes() {
        expect(pair, node, Is::Alone)?;
    }
    let [on_a, on_b] = [write_to(pair, &pair.a)?, write_to(pair, &pair.b)?];
    let [rows_a, rows_b] = [rows(&pair.a)?, rows(&pair.b)?];
    ensure!(rows_a != rows_b, "no fork");
    // They meet: the same epoch, and one VIP. Who loses that leaves.
    pair.heal()?;
    let loses = || pair.nodes().into_iter().find(|node| show(node).is_ok_and(|answer| answer.mode.as_str() == "m"));
    let what = "one of both to leave";
    let (loser, _) = wait_for(what, SOON, || Ok(loses().map_or_else(|| Seen::Not("neither".into()), Seen::Done)))?;
    let winner = pair.peer(loser);
    expect(pair, loser, Is::RestingActive)?;
    expect(pair, winner, Is::Alone)?;
    let (mine, theirs, told) = match loser.name() {
        "a" => (rows_a, rows_b, on_a),
        _ => (rows_b, rows_a, on_b),
    };
    let given_up: HashSet<i64> = mine.difference(&theirs).copied().collect();
    ensure!(!given_up.is_empty(), "{} has nothing of its own", loser.name());
    // Refused, with the transactions, and where they are kept.
    let said = ap_mode_ends(loser, "set ap", 1)?;
    ensure!(said.contains("forked") && said.contains("--reseed"), "set ap said: {said}");
    foretold(&said, &Tail::named_in(&said, loser)?, &given_up)?;
    ap_mode(loser, "set ap --reseed")?;
    ap_mode(winner, "set ap")?;
    wait_protected(winner)?;
    wait_protected(loser)?;
    expect(pair, winner, Is::Active)?;
    expect(pair, loser, Is::Standby)?;
    same_data(pair)?;
    // What clients of the loser were told is missing, and nothing else.
    let survived = rows(winner)?;
    let missing: HashSet<i64> = told.difference(&survived).copied().collect();
    ensure!(missing == given_up, "{} rows are missing, {} were foretold", missing.len(), given_up.len());
    let lost: Vec<i64> = theirs.difference(&survived).copied().collect();
    ensure!(lost.is_empty(), "{} rows of {} are missing as well", lost.len(), winner.name());
    let note = format!("{} given up by {}, as foretold", missing.len(), loser.name());
    Ok(Counts { acknowledged: told.len(), note, ..Counts::default() })
}

/// The rows in the saved tail, and the transactions that the refusal lists, are
/// what is given up, and nothing else.
fn foretold(said: &str, tail: &Tail, given_up: &HashSet<i64>) -> Result<()> {
    let kept = tail.all_keys();
    ensure!(
        kept == *given_up,
        "{} rows are given up, {} are in the saved tail, {} in both ({said})",
        given_up.len(),
        kept.len(),
        kept.intersection(given_up).count()
    );
    let (listed, names) = (Range::all(said), tail.gtids());
    ensure!(!listed.is_empty(), "no transactions are listed: {said}");
    // One row is one transaction here.
    ensure!(names.len() == given_up.len(), "{} transactions for {} rows", names.len(), given_up.len());
    let unnamed = names.iter().find(|name| !listed.iter().any(|range| range.names(**name)));
    ensure!(unnamed.is_none(), "{unnamed:?} is in the tail and not listed: {said}");
    for range in &listed {
        let last = (range.domain, range.server, range.to);
        ensure!(names.contains(&last), "{last:?} is listed and not in the tail: {said}");
    }
    Ok(())
}

/// Clients of that node's own address, for a second; what they were told is done.
fn write_to(pair: &Pair, node: &Node) -> Result<HashSet<i64>> {
    let (address, o) = (node.address(), &pair.options);
    let sql = SqlTarget::new(address, sql::USER, sql::PASSWORD).on_port(o.database_port);
    let writers =
        [Writer::start(&pair.lab, sql, PACE)?, Writer::start(&pair.lab, HttpTarget::new(address, o.api_port), PACE)?];
    let begun = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    for writer in &writers {
        writer.wait_acknowledged_by(node.name(), begun, SOON)?;
    }
    let [sql, http] = writers.map(Writer::stop);
    let all: History = History::merge([sql?, http?]);
    let unsure = all.writes().iter().filter(|write| write.node().is_none()).count();
    ensure!(unsure == 0, "{unsure} writes to {} failed", node.name());
    Ok(all.acknowledged().map(|write: &Write| write.key).collect())
}

/// Keys of both tables.
fn rows(node: &Node) -> Result<HashSet<i64>> {
    let mut all = keys(node, sql::TABLE)?;
    all.extend(keys(node, http::TABLE)?);
    Ok(all)
}
