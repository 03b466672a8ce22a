//! The mode table: `set m`, `set s`, `set ap` from everything, start, stop, restart.

use super::node::node;
use super::{ask, check, first, force, leaves, plan, request, reseed, set};
use crate::message::Verb;
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::mode::Vrrp;
use crate::observed::Observed;
use crate::plan::Cause;
use crate::state::State;

const DOWN: &str = "stopped stop-keepalived RemoveVip stop-api stop-database";
const UP: &str = "-db start-api -api -role started start-keepalived";

fn stop(rest: &str) -> String {
    format!("{DOWN} {rest}").trim().to_owned()
}

fn fresh() -> Observed {
    node(M, Standby, false).but(|o| o.state = State::fresh()).peer(|peer| peer.epoch = 0)
}

#[test]
fn set_m() {
    let m = |role| stop(&format!("m({role},1) files-m"));
    let unready = node(Ap, Active, false).peer(|peer| peer.replicating = false);
    let fresh_m = stop("m(standby,0) files-m");
    let unmasked = node(M, Standby, false).units(|units| units.api.file = "disabled".into());
    // systemd stops the services then, and a stop of ours would wait for it.
    let down = |o: Observed| o.but(|o| o.shutting_down = true);
    let given = "AwaitProtection ReadOnly RecordFenced +role AwaitPeerServes";
    let hand_over = stop("m(standby,1) files-m");
    let hand_over = format!("{given} {hand_over}");
    let given_down = format!("{given} stopped m(standby,1)");
    check(vec![
        ("active", node(Ap, Active, false), ask(set(M)), &hand_over),
        ("active, standby silent", node(Ap, Active, false).alone(), ask(set(M)), "leave"),
        ("active, standby unready", unready, ask(set(M)), "leave"),
        ("active, stopped", node(Ap, Active, false).stopped(), ask(set(M)), &m("active")),
        ("solo", node(Ap, Active, true), ask(set(M)), &m("active")),
        ("standby", node(Ap, Standby, false), ask(set(M)), &m("standby")),
        ("s", node(S, Active, false), ask(set(M)), &m("active")),
        ("m", node(M, Standby, false), ask(set(M)), "nothing"),
        ("m, was active", node(M, Active, false), ask(set(M)), "nothing"),
        ("m, a file is not", unmasked, ask(set(M)), &m("standby")),
        ("active, going down", down(node(Ap, Active, false)), ask(set(M)), &given_down),
        ("active, going down, standby silent", down(node(Ap, Active, false).alone()), ask(set(M)), "refuse"),
        ("fresh", fresh(), ask(set(M)), &fresh_m),
    ]);
}

#[test]
fn set_s() {
    let from_m = format!("files-s start-database EndReplication semi-sync-off BeginHistory s(active,2) {UP}");
    let forced = from_m.replace("s(active,2)", "s(active,1001)");
    let end = format!("s(active,2) EndReplication semi-sync-off files-s {UP}");
    let from_standby = format!("start-database claim StopReceiving Drain Confirm {end}");
    let forced_standby = format!("start-database StopReceiving Drain {end}");
    let first_fresh =
        format!("{DOWN} files-s start-database EndReplication semi-sync-off BeginHistory s(active,1) {UP}");
    let handed_over = node(Ap, Standby, false).peer(|peer| (peer.mode, peer.vip, peer.writable) = (M, false, None));
    let word = |mut o: Observed| {
        (o.state.fenced, o.state.granted) = (true, Some("relay".into()));
        o
    };
    let taken_back = format!("TakeWordBack AwaitNoClaim {{ epoch: 2 }} {from_m}");
    let taken_back_unheard = format!("TakeWordBack {forced}");
    let start = format!("start-database semi-sync-off {UP}");
    let disabled = node(S, Active, false).units(|units| units.start.file = "disabled".into());
    check(vec![
        ("s", node(S, Active, false), ask(set(S)), "nothing"),
        ("s, a file is not", disabled, ask(set(S)), "files-s"),
        ("s, stopped", node(S, Active, false).stopped(), ask(set(S)), &start),
        ("active", node(Ap, Active, false), ask(set(S)), "GoSolo s(active,2) files-s"),
        ("solo", node(Ap, Active, true), ask(set(S)), "GoSolo s(active,2) files-s"),
        ("active, stopped", node(Ap, Active, false).stopped(), ask(set(S)), &from_m),
        ("standby", node(Ap, Standby, false), ask(set(S)), "refuse"),
        ("standby, active in m", handed_over, ask(set(S)), &from_standby),
        ("standby", node(Ap, Standby, false), force(set(S)), &forced_standby),
        ("m, was active", node(M, Active, false), ask(set(S)), &from_m),
        ("m, peer older", node(M, Active, false).peer(|peer| peer.epoch = 0), ask(set(S)), &from_m),
        ("m, was active, silence", node(M, Active, false).alone(), ask(set(S)), "refuse"),
        ("m, gave its word", word(node(M, Active, false)), ask(set(S)), &taken_back),
        ("m, gave its word, silence", word(node(M, Active, false).alone()), force(set(S)), &taken_back_unheard),
        // A tie with a peer that was promoted unseen would let both serve.
        ("m, was active, silence", node(M, Active, false).alone(), force(set(S)), &forced),
        ("m, was standby", node(M, Standby, false), ask(set(S)), "refuse"),
        ("m, was standby", node(M, Standby, false), force(set(S)), &from_m),
        ("fresh", fresh(), ask(set(S)), &first_fresh),
    ]);
}

#[test]
fn set_ap() {
    let serving =
        |o: Observed| o.peer(|peer| (peer.mode, peer.role, peer.epoch, peer.writable) = (S, Active, 3, Some(true)));
    let join = |start: &str| {
        let end = UP.replace("-role", "+role");
        format!("files-ap {start} EndReplication CompareHistories ReadOnly Follow AwaitReplication ap(standby,3) {end}")
    };
    let copied = format!(
        "files-ap stop-database Reseed ReadOnly Follow AwaitReplication ap(standby,3) {}",
        UP.replace("-role", "+role")
    );
    let fenced = serving(node(M, Active, false)).but(|o| o.state.fenced = true);
    let reconnects = node(S, Active, false).peer(|peer| peer.replicating = false);
    let fresh_join = format!("{DOWN} {}", join("start-database"));
    let fresh_first =
        format!("{DOWN} files-ap start-database EndReplication semi-sync-off BeginHistory ap(active,1,solo) {UP}");
    check(vec![
        ("m", serving(node(M, Standby, false)), ask(set(Ap)), &join("start-database")),
        ("m, fenced", fenced.clone(), ask(set(Ap)), &join("StartTruncating")),
        // The peer was not promoted over it: nothing may be truncated.
        ("m, fenced", fenced.peer(|peer| peer.epoch = 1), ask(set(Ap)), &join("start-database").replace(",3)", ",1)")),
        ("m", serving(node(M, Standby, false)), ask(reseed()), &copied),
        ("m, peer at rest", node(M, Standby, false), ask(set(Ap)), "refuse"),
        ("fresh", serving(fresh()), ask(set(Ap)), &fresh_join),
        ("fresh, first", fresh(), ask(first()), &fresh_first),
        ("fresh, first, silence", fresh().alone(), ask(first()), &fresh_first),
        ("s", node(S, Active, false), ask(set(Ap)), "AwaitStandby ap(active,1,solo) files-ap AwaitProtection"),
        ("s, no standby", node(S, Active, false).alone(), ask(set(Ap)), "refuse"),
        (
            "s, the standby reconnects",
            reconnects,
            ask(set(Ap)),
            "AwaitStandby ap(active,1,solo) files-ap AwaitProtection",
        ),
        ("s, stopped", node(S, Active, false).stopped(), ask(set(Ap)), "refuse"),
        ("s", node(S, Active, false), ask(reseed()), "refuse"),
        ("active", node(Ap, Active, false), ask(set(Ap)), "nothing"),
        ("solo", node(Ap, Active, true), ask(set(Ap)), "files-ap AwaitProtection"),
        ("solo, no standby", node(Ap, Active, true).alone(), ask(set(Ap)), "nothing"),
        ("standby", node(Ap, Standby, false), ask(set(Ap)), "nothing"),
        ("standby", node(Ap, Standby, false), ask(first()), "refuse"),
        ("standby", node(Ap, Standby, false), ask(reseed()), "refuse"),
    ]);
}

#[test]
fn start() {
    let standby = format!("start-database Follow {}", UP.replace("-role", "+role"));
    let active = format!("start-database semi-sync-on ap(active,1) {UP}");
    let forced = active.replace(",1)", ",1001)");
    let s = format!("start-database semi-sync-off {UP}");
    let boot = |who: &str| {
        let mut request = request(Verb::Start, false);
        request.who = who.into();
        Cause::Request(request)
    };
    let newer = |o: Observed| o.peer(|peer| (peer.mode, peer.epoch) = (M, 2));
    let stale =
        |o: Observed| o.peer(|peer| (peer.mode, peer.role, peer.epoch, peer.writable) = (Ap, Active, 0, Some(true)));
    let other = |o: Observed| o.peer(|peer| (peer.mode, peer.role, peer.writable) = (S, Active, Some(true)));
    check(vec![
        ("active", node(Ap, Active, false).stopped(), ask(Verb::Start), &active),
        ("active, silence", node(Ap, Active, false).stopped().alone(), ask(Verb::Start), "refuse"),
        ("active, silence", node(Ap, Active, false).stopped().alone(), force(Verb::Start), &forced),
        ("active, at boot", node(Ap, Active, false).stopped(), boot("boot"), "refuse"),
        ("standby", node(Ap, Standby, false).stopped(), ask(Verb::Start), &standby),
        ("standby, at boot", node(Ap, Standby, false).stopped(), boot("cron"), "refuse"),
        ("s, at boot", node(S, Active, false).stopped(), boot("boot"), &s),
        ("s, at boot, silence", node(S, Active, false).stopped().alone(), boot("at"), &s),
        ("s, peer serves", other(node(S, Active, false).stopped()), boot("boot"), "refuse"),
        ("s, peer promoted", newer(node(S, Active, false).stopped()), boot("boot"), "refuse, leave"),
        ("s, its stale twin is back first", stale(node(S, Active, false).stopped()), boot("boot"), &s),
        ("active, peer promoted", newer(node(Ap, Active, false).stopped()), ask(Verb::Start), "refuse, leave"),
        ("m", node(M, Standby, false), ask(Verb::Start), "refuse"),
        ("started", node(S, Active, false), ask(Verb::Start), "nothing"),
        ("started", node(Ap, Active, false), ask(Verb::Start), "nothing"),
    ]);
}

#[test]
fn stop_and_restart() {
    let again = format!("{DOWN} start-database semi-sync-off {UP}");
    let standby = format!("{DOWN} start-database Follow {}", UP.replace("-role", "+role"));
    let solo = format!("{DOWN} start-database semi-sync-off ap(active,1,solo) {UP}");
    check(vec![
        ("s", node(S, Active, false), ask(Verb::Stop), DOWN),
        ("solo", node(Ap, Active, true), ask(Verb::Stop), DOWN),
        ("standby", node(Ap, Standby, false), ask(Verb::Stop), DOWN),
        ("m", node(M, Standby, false), ask(Verb::Stop), "nothing"),
        ("s", node(S, Active, false), ask(Verb::Restart), &again),
        ("solo", node(Ap, Active, true), ask(Verb::Restart), &solo),
        ("standby", node(Ap, Standby, false), ask(Verb::Restart), &standby),
        ("m", node(M, Standby, false), ask(Verb::Restart), "refuse"),
    ]);
    // Stopping the active of a pair is giving the role away.
    for verb in [Verb::Stop, Verb::Restart] {
        let active = node(Ap, Active, false);
        assert_eq!(super::line(&plan(&ask(verb), &active)), super::line(&plan(&ask(set(M)), &active)));
    }
}

#[test]
fn a_hand_over_needs_the_vip_to_open_its_session_again() {
    let cut_short = node(Ap, Active, false).db(|db| db.read_only = true);
    let steps = super::line(&plan(&ask(set(M)), &cut_short));
    assert!(steps.starts_with("semi-sync-on Writable AwaitProtection ReadOnly"), "{steps}");
    let backup = cut_short.but(|o| (o.vrrp, o.vip) = (Some(Vrrp::Backup), false));
    let steps = super::line(&plan(&ask(set(M)), &backup));
    assert!(steps.starts_with("AwaitProtection"), "{steps}");
}

#[test]
fn every_request_begins_with_its_intention_and_is_finished() {
    for verb in [set(M), set(S), set(Ap), first(), reseed(), Verb::Start, Verb::Stop, Verb::Restart, Verb::Switchover] {
        for (mode, role, solo) in
            [(Ap, Active, false), (Ap, Active, true), (Ap, Standby, false), (S, Active, false), (M, Active, false)]
        {
            for node in [node(mode, role, solo), node(mode, role, solo).stopped()] {
                if let super::Plan::Act { steps, .. } = plan(&force(verb.clone()), &node) {
                    assert!(leaves(&steps) || super::word(&steps[0]) == "intend-request", "{verb}: {steps:?}");
                    assert_eq!(steps.last(), Some(&super::Step::Finish), "{verb}");
                }
            }
        }
    }
}
