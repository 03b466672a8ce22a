//! The event table.

use super::node::node;
use super::{BACKUP, Cause, FAULT, GONE, MASTER, STOP, check};
use crate::mode::Mode::{Ap, M, S};
use crate::mode::Role::{Active, Standby};
use crate::mode::{Fault, Service};
use crate::state::State;

const PROMOTE: &str =
    "claim intend-promote(2) StopReceiving Drain Confirm s(active,2) EndReplication semi-sync-off Writable files-s";

#[test]
fn the_event_table() {
    let active = || node(Ap, Active, false);
    let standby = || node(Ap, Standby, false);
    let solo = || node(Ap, Active, true);
    let s = || node(S, Active, false);
    let m = || node(M, Standby, false);
    check(vec![
        ("active", active(), MASTER, "semi-sync-on Writable"),
        ("active", active(), BACKUP, "nothing"),
        ("active", active(), FAULT, "leave"),
        ("active", active(), STOP, "leave"),
        ("active", active(), GONE, "leave"),
        ("active", active(), Cause::Gone(Service::Api), "leave"),
        ("active", active(), Cause::Gone(Service::Database), "leave"),
        ("standby", standby().peer(|peer| peer.vip = false), MASTER, PROMOTE),
        ("standby", standby(), BACKUP, "nothing"),
        ("standby", standby(), FAULT, "nothing"),
        ("standby", standby(), STOP, "nothing"),
        ("standby", standby(), GONE, "nothing"),
        ("solo", solo(), MASTER, "semi-sync-off Writable"),
        ("solo", solo(), BACKUP, "nothing"),
        ("solo", solo(), FAULT, "nothing"),
        ("solo", solo(), STOP, "nothing"),
        ("s", s(), MASTER, "semi-sync-off Writable"),
        ("s", s(), BACKUP, "nothing"),
        ("s", s(), FAULT, "nothing"),
        ("m", m(), MASTER, "nothing"),
        ("m", m(), FAULT, "nothing"),
    ]);
}

#[test]
fn master_ends_a_replication_left_over() {
    let s = node(S, Active, false).db(|db| db.replica = Some(crate::observed::Replica::default()));
    check(vec![("s", s, MASTER, "EndReplication semi-sync-off Writable")]);
}

#[test]
fn backup_makes_a_standby_follow() {
    let standby = || node(Ap, Standby, false);
    let both_stopped = || standby().replica(|replica| (replica.io, replica.sql) = ("No".into(), false));
    check(vec![
        ("writable", standby().db(|db| db.read_only = false), BACKUP, "ReadOnly"),
        ("no replication", standby().db(|db| db.replica = None), BACKUP, "Follow"),
        ("IO stopped", standby().replica(|replica| replica.io = "No".into()), BACKUP, "ResumeReplication"),
        ("SQL stopped", standby().replica(|replica| replica.sql = false), BACKUP, "ResumeReplication"),
        ("both stopped", both_stopped(), BACKUP, "ResumeReplication"),
        // Starting from both stopped deletes the relay log; nobody is there to send it again.
        ("both stopped, active dead", both_stopped().alone(), BACKUP, "nothing"),
        (
            "SQL error",
            standby().replica(|r| (r.sql, r.sql_error) = (false, "1062 duplicate".into())),
            BACKUP,
            "nothing",
        ),
        ("purged", standby().replica(|r| (r.io, r.io_error) = ("No".into(), "1236 purged".into())), BACKUP, "nothing"),
        // What the dead active left behind when the IO thread was stopped is no such error.
        ("IO", standby().replica(|r| (r.io, r.io_error) = ("No".into(), "2003".into())), BACKUP, "ResumeReplication"),
        ("database down", standby().but(|o| o.db = Err("down".into())), BACKUP, "nothing"),
    ]);
}

#[test]
fn alone_a_failed_unit_is_started_again() {
    for alone in [node(S, Active, false), node(Ap, Active, true)] {
        let down = |name: &str| {
            let name = name.to_owned();
            alone.clone().units(move |units| {
                let unit = match name.as_str() {
                    "database" => &mut units.database,
                    "api" => &mut units.api,
                    _ => &mut units.keepalived,
                };
                unit.active = "failed".into();
            })
        };
        check(vec![
            ("database", down("database"), FAULT, "start-database -db"),
            ("api", down("api"), Cause::Gone(Service::Api), "start-api -api"),
            ("keepalived", down("keepalived"), STOP, "start-keepalived"),
            ("going down", down("database").but(|o| o.shutting_down = true), STOP, "nothing"),
            ("no systemd", alone.clone().but(|o| o.units = Err("no bus".into())), FAULT, "nothing"),
        ]);
    }
}

#[test]
fn what_was_stopped_on_purpose_stays_stopped() {
    // keepalived's last word, STOP, comes after `ap-mode stop` has stopped it.
    for (mode, role, solo) in [(S, Active, false), (Ap, Active, true), (Ap, Active, false), (Ap, Standby, false)] {
        let node = node(mode, role, solo).stopped();
        check(vec![("stopped", node.clone(), STOP, "nothing"), ("stopped", node.clone(), FAULT, "nothing")]);
        check(vec![("stopped", node.clone(), GONE, "nothing"), ("stopped", node, MASTER, "nothing")]);
    }
}

#[test]
fn a_node_that_was_not_started_gives_the_vip_away() {
    for (mode, role, solo) in [(S, Active, false), (Ap, Active, true), (Ap, Active, false), (Ap, Standby, false)] {
        let node = node(mode, role, solo).stopped().units(|units| units.keepalived.active = "active".into());
        check(vec![("by hand", node.clone(), MASTER, "refuse +role"), ("by hand", node, BACKUP, "refuse +role")]);
    }
}

#[test]
fn whoever_was_superseded_leaves_whatever_is_said() {
    for (mode, solo) in [(Ap, false), (Ap, true), (S, false)] {
        let old = node(mode, Active, solo);
        let table = [
            ("promoted", old.clone().peer(|peer| (peer.mode, peer.role, peer.epoch) = (S, Active, 2))),
            // F10, F18: the promoted one has died or left meanwhile.
            ("promoted, in m", old.clone().peer(|peer| (peer.mode, peer.epoch) = (M, 2))),
            ("twin", old.clone().peer(|p| (p.mode, p.role, p.vip) = (S, Active, true)).but(|o| o.vip = false)),
        ];
        for (name, node) in table {
            check(vec![(name, node.clone(), MASTER, "leave"), (name, node.clone(), BACKUP, "leave")]);
            check(vec![(name, node.clone(), FAULT, "leave"), (name, node, Cause::Look, "leave")]);
        }
    }
    let given = node(Ap, Active, false).but(|o| o.state.fenced = true);
    check(vec![("word given", given.clone(), MASTER, "leave"), ("word given", given, Cause::Look, "leave")]);
}

#[test]
fn a_node_in_m_rests_whatever_is_said() {
    let m = || node(M, Active, false);
    let runs = || m().units(|units| units.keepalived.active = "active".into());
    let fresh = runs().but(|o| o.state = State::fresh());
    check(vec![
        ("keepalived runs", runs(), BACKUP, "leave"),
        ("keepalived runs", runs(), MASTER, "leave"),
        ("VIP here", m().but(|o| o.vip = true), FAULT, "leave"),
        ("an old word", m(), MASTER, "nothing"),
        ("never set up", fresh, MASTER, "nothing"),
    ]);
}

#[test]
fn fault_files_of_services_do_not_hide_behind_others() {
    let node = node(S, Active, false).but(|o| o.faults = vec![Fault::Db, Fault::Api, Fault::Role]);
    check(vec![("all set, all well", node.clone(), Cause::Look, "-db -api -role")]);
    let sick = node.but(|o| (o.db, o.api) = (Err("down".into()), Err("500".into())));
    check(vec![("all set, sick", sick, Cause::Look, "-role")]);
}
