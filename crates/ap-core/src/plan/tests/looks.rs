//! What is, against what should be.

use super::node::node;
use super::{LOOK, check, plan};
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::mode::{Fault, Vrrp};
use crate::state::State;

#[test]
fn a_healthy_node_is_left_alone() {
    for (mode, role, solo) in
        [(Ap, Active, false), (Ap, Active, true), (Ap, Standby, false), (S, Active, false), (M, Standby, false)]
    {
        check(vec![("healthy", node(mode, role, solo), LOOK, "nothing")]);
        check(vec![("stopped", node(mode, role, solo).stopped(), LOOK, "nothing")]);
    }
    check(vec![("fresh", node(M, Standby, false).but(|o| o.state = State::fresh()), LOOK, "nothing")]);
}

#[test]
fn level_triggered_repairs_of_whoever_serves() {
    let active = || node(Ap, Active, false);
    let s = || node(S, Active, false);
    let backup = |o: &mut crate::observed::Observed| (o.vrrp, o.vip) = (Some(Vrrp::Backup), false);
    check(vec![
        ("VIP here, read-only", active().db(|db| db.read_only = true), LOOK, "semi-sync-on Writable"),
        ("VIP here, read-only", s().db(|db| db.read_only = true), LOOK, "semi-sync-off Writable"),
        ("writable, no VIP", active().but(backup), LOOK, "ReadOnly"),
        ("writable, no VIP", s().but(backup), LOOK, "ReadOnly"),
        ("read-only, no VIP", s().but(backup).db(|db| db.read_only = true), LOOK, "nothing"),
        ("VIP lost", active().but(|o| o.vip = false), LOOK, "RestoreVip"),
        ("VIP lost", s().but(|o| o.vip = false), LOOK, "RestoreVip"),
        ("acknowledges alone by accident", active().db(|db| db.semi_sync = false), LOOK, "semi-sync-on"),
        ("alone, and commits wait", s().db(|db| db.semi_sync = true), LOOK, "semi-sync-off"),
        ("role stale", active().but(|o| o.faults = vec![Fault::Role]), LOOK, "-role"),
        ("FAULT, VIP left", s().but(|o| o.vrrp = Some(Vrrp::Fault)), LOOK, "RemoveVip"),
    ]);
}

#[test]
fn the_active_of_a_pair_leaves_for_what_it_did_not_hear() {
    let active = || node(Ap, Active, false);
    let solo = || node(Ap, Active, true);
    let gone = |o: crate::observed::Observed| o.units(|units| units.keepalived.active = "failed".into());
    check(vec![
        ("FAULT", active().but(|o| o.vrrp = Some(Vrrp::Fault)), LOOK, "leave"),
        ("STOP", active().but(|o| o.vrrp = Some(Vrrp::Stop)), LOOK, "leave"),
        ("keepalived gone", gone(active()), LOOK, "leave"),
        ("cut off", active().but(|o| o.cut_off = true), LOOK, "leave"),
        // Nobody else can serve: it waits for its network and is not fenced.
        ("solo, cut off", solo().but(|o| o.cut_off = true), LOOK, "nothing"),
        ("solo, keepalived gone", gone(solo()), LOOK, "RemoveVip start-keepalived"),
        ("solo, VIP lost with keepalived", gone(solo()).but(|o| o.vip = false), LOOK, "ReadOnly start-keepalived"),
    ]);
}

#[test]
fn level_triggered_repairs_of_a_standby() {
    let standby = || node(Ap, Standby, false);
    let set = |o: &mut crate::observed::Observed| o.faults = vec![Fault::Role];
    let newer = standby().peer(|peer| peer.epoch = 4);
    let stale = standby().but(set).but(|o| o.vrrp = Some(Vrrp::Master));
    check(vec![
        ("IO stopped", standby().replica(|replica| replica.io = "No".into()), LOOK, "ResumeReplication"),
        ("no lease", standby().but(|o| o.lease = Err("none".into())), LOOK, "+role"),
        ("no lease, known", standby().but(|o| o.lease = Err("none".into())).but(set), LOOK, "nothing"),
        ("refused", standby().but(|o| o.refused_lately = true), LOOK, "+role"),
        ("refused, known", standby().but(|o| o.refused_lately = true).but(set), LOOK, "nothing"),
        ("refused long ago", standby().but(set), LOOK, "-role"),
        ("MASTER, before it was told to be no more", stale, LOOK, "-role"),
        ("VRRP blocked", standby().but(|o| o.vrrp_blocked = true), LOOK, "+role"),
        ("cut off", standby().but(|o| o.cut_off = true), LOOK, "+role"),
        // Before the VIP may come: a promotion counts on from the epoch it follows.
        ("epoch behind", newer.but(set), LOOK, "ap(standby,4) -role"),
        ("epoch behind, no lease", standby().peer(|p| p.epoch = 4).but(|o| o.lease = Err("x".into())), LOOK, "+role"),
        ("writable", standby().db(|db| db.read_only = false), LOOK, "ReadOnly"),
        (
            "VIP left behind",
            standby().but(|o| o.vip = true).units(|units| units.keepalived.active = "failed".into()),
            LOOK,
            "RemoveVip",
        ),
    ]);
}

#[test]
fn a_master_not_made_true_is_tried_again_or_gives_the_vip_away() {
    let master = || node(Ap, Standby, false).but(|o| o.vrrp = Some(Vrrp::Master)).peer(|peer| peer.vip = false);
    assert!(super::line(&plan(&LOOK, &master())).starts_with("claim intend-promote(2)"));
    check(vec![
        ("no lease", master().but(|o| o.lease = Err("none".into())), LOOK, "+role"),
        ("refused", master().but(|o| o.refused_lately = true), LOOK, "+role"),
        ("blocked", master().but(|o| o.vrrp_blocked = true), LOOK, "+role"),
    ]);
}

#[test]
fn what_is_not_started_serves_nobody() {
    let stopped = || node(S, Active, false).stopped();
    let by_hand = |o: &mut crate::observed::Observed| o.units.as_mut().unwrap().keepalived.active = "active".into();
    check(vec![
        ("VIP left", stopped().but(|o| o.vip = true), LOOK, "RemoveVip"),
        ("keepalived by hand", stopped().but(by_hand), LOOK, "+role"),
        ("keepalived by hand, known", stopped().but(by_hand).but(|o| o.faults = vec![Fault::Role]), LOOK, "nothing"),
        ("database by hand", stopped().but(|o| o.db = Ok(Default::default())), LOOK, "ReadOnly"),
    ]);
}

#[test]
fn unit_files_follow_the_mode_table() {
    let s = || node(S, Active, false);
    let active = || node(Ap, Active, false);
    let standby = || node(Ap, Standby, false);
    check(vec![
        ("start unit not enabled", s().units(|units| units.start.file = "disabled".into()), LOOK, "files-s"),
        ("stopped as well", s().stopped().units(|units| units.start.file = "disabled".into()), LOOK, "files-s"),
        ("start unit enabled", active().units(|units| units.start.file = "enabled".into()), LOOK, "files-ap"),
        ("an upgrade enabled it", standby().units(|units| units.database.file = "enabled".into()), LOOK, "files-ap"),
        ("masked", standby().units(|units| units.api.file = "masked".into()), LOOK, "files-ap"),
        ("no such unit", s().units(|units| units.start.file = String::new()), LOOK, "nothing"),
    ]);
}

#[test]
fn mode_m_rests() {
    let m = || node(M, Standby, false);
    let was_active = || node(M, Active, false);
    check(vec![
        ("database runs", m().units(|units| units.database.active = "active".into()), LOOK, "stop-database"),
        ("a unit unmasked", m().units(|units| units.start.file = "enabled".into()), LOOK, "files-m"),
        ("keepalived runs", m().units(|units| units.keepalived.active = "active".into()), LOOK, "leave"),
        ("VIP here, no systemd", m().but(|o| (o.vip, o.units) = (true, Err("no bus".into()))), LOOK, "leave"),
        ("no systemd", m().but(|o| o.units = Err("no bus".into())), LOOK, "nothing"),
        ("peer promoted", was_active().peer(|peer| peer.epoch = 2), LOOK, "m(standby,1)"),
        ("epoch 0, but set", m().but(|o| o.state.epoch = 0).units(|u| u.api.file = String::new()), LOOK, "files-m"),
    ]);
}
