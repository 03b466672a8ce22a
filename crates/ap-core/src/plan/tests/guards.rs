//! Each refusal names its evidence and the way forward.

use super::node::{RELAY, node};
use super::{MASTER, ask, first, plan, refusal, set};
use crate::message::Verb;
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::observed::{Gateway, Observed};
use crate::plan::{Cause, Plan, Vrrp};

fn refused(table: Vec<(Cause, Observed, &str, &str)>) {
    for (cause, observed, evidence, way) in table {
        let found = refusal(&cause, &observed);
        assert!(found.0.contains(evidence), "{cause}: evidence '{}' lacks '{evidence}'", found.0);
        assert!(found.1.contains(way), "{cause}: way '{}' lacks '{way}'", found.1);
    }
}

#[test]
fn a_standby_that_may_not_promote_says_why_and_gives_the_vip_away() {
    let standby = || node(Ap, Standby, false).peer(|peer| peer.vip = false);
    let no_lease = || standby().but(|o| o.lease = Err("the last one ended 4 s ago".into()));
    refused(vec![
        (MASTER, no_lease(), "no lease: the last one ended 4 s ago", "set s --force"),
        (MASTER, no_lease().alone(), "no lease", "set s --force"),
        (MASTER, standby().replica(|r| (r.sql, r.sql_error) = (false, "1062".into())), "1062", "set s --force"),
        (MASTER, standby().but(|o| o.db = Err("gone".into())), "database does not answer: gone", "restart"),
        (MASTER, standby().db(|db| db.replica = None), "replication is not configured", "set ap"),
        (MASTER, standby().peer(|peer| peer.epoch = 2), "b has epoch 2, this node 1", "set ap"),
        (MASTER, standby().peer(|peer| peer.solo = true), "b acknowledges alone", "PROTECTED"),
        // F19
        (MASTER, standby().peer(|peer| peer.vip = true), "adverts do not arrive", "protocol 112"),
        (MASTER, standby().peer(|peer| peer.vrrp = Some(Vrrp::Backup)), "adverts do not arrive", "protocol 112"),
        (MASTER, standby().peer(|peer| peer.vrrp = Some(Vrrp::Master)), "adverts do not arrive", "protocol 112"),
        // F7
        (MASTER, standby().alone().but(|o| o.gateway = Gateway::Silent), "cut off", "mend the network"),
        (MASTER, standby().but(|o| o.cut_off = true), "cut off", "mend the network"),
        (MASTER, standby().stopped().units(|u| u.keepalived.active = "active".into()), "not started", "ap-mode start"),
    ]);
    let Plan::Refuse(refusal) = plan(&MASTER, &no_lease()) else { panic!() };
    assert_eq!(refusal.steps.iter().map(super::word).collect::<Vec<_>>(), ["+role"]);
}

#[test]
fn a_standby_promotes_on_a_lease_or_the_word_of_a_fenced_active() {
    let no_lease = |o: &mut Observed| o.lease = Err("none".into());
    let standby = || node(Ap, Standby, false);
    let word = |relay: &str| {
        let relay = relay.to_owned();
        standby().but(no_lease).peer(move |peer| (peer.fenced, peer.vip, peer.grant) = (true, false, Some(relay)))
    };
    let may = |o: Observed| super::line(&plan(&MASTER, &o)).starts_with("claim intend-promote(2)");
    assert!(may(standby().alone()), "a lease, and silence");
    assert!(may(standby().alone().but(|o| o.gateway = Gateway::None)), "a lease, and no witness to ask");
    assert!(may(standby().peer(|peer| peer.vip = false)), "a lease, and an active that lost the VIP");
    assert!(may(word(RELAY)), "the word");
    assert!(!may(word("another")), "a word for a relay log that was lost");
    assert!(!may(word("").but(|o| o.relay.clear())), "no relay log at all");
    // F20: the gateway is off for both.
    let both = standby().peer(|peer| (peer.vip, peer.gateway) = (false, Gateway::Silent));
    assert!(may(both.but(|o| o.gateway = Gateway::Silent)), "a lease, and no gateway for anybody");
}

#[test]
fn an_operator_is_told_why_not() {
    let m = || node(M, Active, false);
    let serving = |o: Observed| o.peer(|p| (p.mode, p.role, p.vip, p.writable) = (S, Active, true, Some(true)));
    let ap = || serving(node(M, Standby, false));
    let at_boot = {
        let mut request = super::request(Verb::Start, false);
        request.who = "boot".into();
        Cause::Request(request)
    };
    refused(vec![
        (ask(set(S)), m().alone(), "does not say what it is", "--force"),
        (ask(set(S)), m().peer(|peer| peer.promoting = true), "b is promoting itself", "wait"),
        (ask(set(S)), m().peer(|peer| peer.epoch = 7), "higher epoch: 7 against 1", "set ap"),
        (ask(set(S)), serving(m()), "b serves (mode s, role active)", "set m"),
        (ask(set(S)), node(M, Standby, false), "nothing proves", "on the host that was active; or --force"),
        (ask(first()), node(M, Standby, false), "nothing proves", "--force"),
        (ask(set(S)), node(Ap, Standby, false), "b serves", "set m"),
        (ask(set(Ap)), m().alone(), "does not say what it is", "--role active"),
        (ask(set(Ap)), m(), "b does not serve (mode m", "set s"),
        (ask(set(Ap)), ap().but(|o| o.state.epoch = 2), "this node has the higher epoch", "set s` here"),
        (ask(set(Ap)), ap().peer(|peer| peer.writable = None), "database of b does not answer", "mend"),
        (ask(set(Ap)), ap().but(|o| o.state.epoch = 0).peer(|p| p.user_tables = 3), "3 tables", "--reseed"),
        (ask(set(Ap)), node(S, Active, false).alone(), "no standby to pair with", "set ap` on the other host"),
        (ask(set(Ap)), node(S, Active, false).stopped(), "stopped", "ap-mode start"),
        (ask(Verb::Start), m(), "mode m", "set ap"),
        (at_boot, node(Ap, Active, false).stopped(), "only by an operator's word", "ap-mode start"),
        (ask(Verb::Start), node(S, Active, false).peer(|p| p.epoch = 2).stopped(), "b was promoted: epoch 2", "set ap"),
    ]);
}
