//! G1, G2 and G3 hold in every reachable state.

use super::bounds::Bounds;
use super::explore::holds;
use super::faults::Fault;
use super::node::Mishap;
use super::repair::Repair;

/// Everything that can go wrong and is not a documented limit.
pub const ALL: &[Fault] = &[
    Fault::PowerOff(0),
    Fault::PowerOff(1),
    Fault::Freeze(0),
    Fault::Freeze(1),
    Fault::Isolate(0),
    Fault::Isolate(1),
    Fault::Gateway,
    Fault::Notify(0),
    Fault::Notify(1),
    Fault::Lost(0),
    Fault::Lost(1),
    Fault::Database(0),
    Fault::Database(1),
    Fault::Replication(1),
    Fault::Stall,
    Fault::Applier(1),
    Fault::Service(0),
    Fault::Service(1),
    Fault::Adverts(1),
    Fault::Usurped,
    Fault::Backup(0),
];

#[test]
fn no_fault() {
    holds("no fault", Bounds::new(0, ALL).late(2));
    holds("no fault, alone", Bounds::new(0, ALL).late(1).alone());
}

/// At any moment, in any order of what happens meanwhile.
#[test]
fn one_fault() {
    for fault in ALL {
        holds(&format!("{fault:?}"), Bounds::new(1, &[*fault]).brisk().late(1));
    }
}

/// The session opens meanwhile.
#[test]
fn one_fault_alone() {
    for fault in ALL {
        holds(&format!("{fault:?}, alone"), Bounds::new(1, &[*fault]).brisk().alone());
    }
}

/// One of the clocks is late by half of D.
#[test]
fn one_fault_and_a_slow_clock() {
    for fault in ALL {
        holds(&format!("{fault:?}, slow clock"), Bounds { lag: 1, ..Bounds::new(1, &[*fault]).brisk() });
    }
}

/// Acts of a promotion, and of a leaving.
const ACTS: u8 = 13;

/// Something happens amid what a node orders, and ends at any time later.
fn amid(cause: &[Fault], n: usize) {
    let ends = [
        (Mishap::Kill, Some(Repair::Notify(n))),
        (Mishap::PowerOff, Some(Repair::Power(n))),
        (Mishap::Freeze, Some(Repair::Thaw(n))),
        (Mishap::Fails, None),
        (Mishap::HappensAndFails, None),
    ];
    for (mishap, end) in ends {
        for after in 0..ACTS {
            let mut kinds = vec![Fault::Amid(n, after, mishap)];
            kinds.extend(cause);
            kinds.extend(end.map(Fault::Mend));
            holds(&format!("{mishap:?} of node {n} after {after} acts, {cause:?}"), Bounds::story(&kinds));
        }
    }
}

#[test]
fn amid_a_promotion() {
    amid(&[Fault::PowerOff(0)], 1);
}

#[test]
fn amid_a_leaving() {
    amid(&[Fault::Service(0)], 0);
}

/// What keeps a pair busy for longest.
const GRAVE: &[Fault] = &[
    Fault::PowerOff(0),
    Fault::PowerOff(1),
    Fault::Freeze(0),
    Fault::Freeze(1),
    Fault::Isolate(0),
    Fault::Notify(0),
    Fault::Notify(1),
    Fault::Replication(1),
    Fault::Stall,
    Fault::Service(0),
    Fault::Usurped,
];

/// Two of them, at any two moments, that do not end.
#[test]
fn two_faults() {
    for (place, one) in GRAVE.iter().enumerate() {
        for other in &GRAVE[place..] {
            let bounds = Bounds { mend: false, ..Bounds::new(2, &[*one, *other]).brisk() };
            holds(&format!("{one:?} and {other:?}"), bounds);
        }
    }
}
