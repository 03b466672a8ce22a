//! F8: both machines off, then on, in any order.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ap_core::mode::Role;

use crate::clients::Clients;
use crate::expect::{Is, expect};
use crate::failover::roles;
use crate::node::Node;
use crate::pair::Pair;
use crate::product::{ap_mode, ap_mode_ends, show, wait_protected};
use crate::scenario::{Counts, Scenario, protected};
use crate::wait::{equals, wait_for};

/// Scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    protected("F8", "both-off-active-first", |pair| both_off(pair, First::Active)),
    protected("F8", "both-off-standby-first", |pair| both_off(pair, First::Standby)),
    protected("F8", "both-off-on-together", |pair| both_off(pair, First::Together)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Active,
    Standby,
    Together,
}

/// Power fails for both while clients write. When it comes back nothing starts by
/// itself; `ap-mode start` on both brings back the pair with the roles it had.
fn both_off(pair: &Pair, first: First) -> Result<Counts> {
    let (active, standby) = roles(pair)?;
    let clients = Clients::start(pair)?;
    let broken = Instant::now();
    pair.both(Node::power_off)?;
    match first {
        First::Active => {
            active.power_on()?;
            // Alone it cannot know whether the other one was promoted meanwhile.
            let said = ap_mode_ends(active, "start", 1)?;
            ensure!(said.contains("--force"), "the refusal does not name the way forward: {said}");
            expect(pair, active, Is::Stopped(Role::Active))?;
            standby.power_on()?;
        }
        First::Standby => {
            standby.power_on()?;
            ap_mode(standby, "start")?;
            stays_read_only(pair, standby)?;
            active.power_on()?;
        }
        First::Together => {
            pair.both(Node::power_on)?;
            expect(pair, standby, Is::Stopped(Role::Standby))?;
        }
    }
    wait_answers(pair)?;
    expect(pair, active, Is::Stopped(Role::Active))?;
    let started = Instant::now();
    if first == First::Together {
        pair.both(|node| ap_mode(node, "start"))?;
    } else {
        ap_mode(active, "start")?;
        ap_mode(standby, "start")?;
    }
    wait_protected(active)?;
    wait_protected(standby)?;
    let took = started.elapsed().as_secs_f64();
    expect(pair, active, Is::Active)?;
    expect(pair, standby, Is::Standby)?;
    clients.wait_served_by(active, Instant::now(), Duration::from_secs(5))?;
    let counts = clients.finish(pair, active, broken)?;
    Ok(Counts { note: format!("protected {took:.1} s after `start`"), ..counts })
}

/// Started alone, a standby has no lease: keepalived gets no VIP from it, and
/// the database stays read-only, for longer than any timer here.
fn stays_read_only(pair: &Pair, node: &Node) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let answer = show(node)?;
        ensure!(answer.writable != Some(true) && !answer.vip, "a standby alone became {answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let vip = node.run(&format!("ip -o -4 address show to {}", pair.options.vip))?;
    ensure!(vip.is_empty(), "a standby alone holds the VIP");
    Ok(())
}

/// `start` asks the peer, so both must be able to answer.
fn wait_answers(pair: &Pair) -> Result<()> {
    wait_for("both nodes to answer", Duration::from_secs(10), || {
        let roles = [show(&pair.a)?.host, show(&pair.b)?.host];
        Ok(equals(roles, &["a".to_owned(), "b".to_owned()]))
    })
    .map(drop)
}
