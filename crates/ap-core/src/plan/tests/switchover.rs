//! The planned swap of roles: pre-flight, the swap, and where it was cut short.

use super::node::node;
use super::{FAULT, LOOK, ask, check, force, refusal, request};
use crate::answer::Answer;
use crate::message::Verb;
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::mode::Vrrp;
use crate::observed::{Gateway, Observed};
use crate::state::Intention;

const SWITCH: Verb = Verb::Switchover;
const GIVE: &str = "AwaitProtection ReadOnly RecordFenced";
const FOLLOW: &str =
    "+role AwaitPeerServes CompareHistories semi-sync-off Follow AwaitReplication ap(standby,2) AwaitLease";

/// The active of a whole pair.
fn active() -> Observed {
    node(Ap, Active, false).peer(|peer| (peer.vrrp, peer.protected) = (Some(Vrrp::Backup), true))
}

fn under_way(o: Observed) -> Observed {
    o.amid(Intention::Request { request: request(SWITCH, false) })
}

#[test]
fn there_and_cut_short() {
    let whole = format!("{GIVE} {FOLLOW}");
    let given = under_way(active()).but(|o| o.state.fenced = true);
    let taken = given.clone().peer(|peer| (peer.mode, peer.role, peer.epoch) = (S, Active, 2));
    let read_only = under_way(active()).db(|db| db.read_only = true);
    check(vec![
        ("whole", active(), ask(SWITCH), &whole),
        ("killed before the word", read_only, LOOK, &format!("semi-sync-on Writable {whole}")),
        ("killed after the word", given.clone(), LOOK, FOLLOW),
        ("the VIP goes meanwhile", given, FAULT, FOLLOW),
        ("killed after the takeover", taken, LOOK, FOLLOW),
        ("killed at the end", under_way(node(Ap, Standby, false)), LOOK, "AwaitLease"),
    ]);
}

/// Each refusal names what is wrong, and the way forward.
#[test]
fn pre_flight() {
    let peer = |change: fn(&mut Answer)| active().peer(change);
    let behind = |peer: &mut Answer| peer.io_pos = "0-1-500".parse().unwrap();
    for (evidence, o) in [
        ("this node is in m", node(M, Standby, false)),
        ("this node serves alone", node(S, Active, false)),
        ("this node is the standby", node(Ap, Standby, false)),
        ("this node is not started", active().stopped()),
        ("this node acknowledges alone", node(Ap, Active, true)),
        ("does not hold the VIP", active().but(|o| o.vip = false)),
        ("the peer does not answer", active().alone()),
        ("b is in mode m", peer(|peer| peer.mode = M)),
        ("b does not replicate", peer(|peer| peer.replicating = false)),
        ("b has epoch 0", peer(|peer| peer.epoch = 0)),
        ("b may not take over", peer(|peer| peer.protected = false)),
        ("keepalived says FAULT", peer(|peer| peer.vrrp = Some(Vrrp::Fault))),
        ("does not reach its gateway", peer(|peer| peer.gateway = Gateway::Silent)),
        ("500 transactions to apply", active().peer(behind)),
    ] {
        let (said, way) = refusal(&ask(SWITCH), &o);
        assert!(said.contains(evidence) && !way.is_empty(), "{evidence}: {said}; {way}");
    }
    check(vec![("a backlog, forced", active().peer(behind), force(SWITCH), &format!("{GIVE} {FOLLOW}"))]);
}

/// Only with a standby that was asked to be one, and follows this very promotion.
#[test]
fn the_promoted_half_pairs_again() {
    let promoted = |change: fn(&mut Answer)| node(S, Active, false).peer(|peer| peer.switchover = true).peer(change);
    check(vec![
        ("meant", promoted(|_| ()), LOOK, "ap(active,1,solo) files-ap"),
        ("not meant", promoted(|peer| peer.switchover = false), LOOK, "nothing"),
        ("not yet", promoted(|peer| (peer.role, peer.vip, peer.fenced) = (Active, false, true)), LOOK, "nothing"),
        ("not receiving", promoted(|peer| peer.replicating = false), LOOK, "nothing"),
        ("of another epoch", promoted(|peer| peer.epoch = 0), LOOK, "nothing"),
    ]);
}
