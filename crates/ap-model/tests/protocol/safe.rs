//! G1, G2 and G3 hold in every reachable state.

use super::bounds::Bounds;
use super::explore::holds;
use super::faults::Fault;

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
    Fault::Orders(0, 0),
    Fault::Orders(0, 1),
    Fault::Orders(0, 2),
    Fault::Database(0),
    Fault::Database(1),
    Fault::Replication(1),
    Fault::Stall,
    Fault::Applier(1),
    Fault::Service(0),
    Fault::Adverts(1),
    Fault::Backup(0),
];

#[test]
fn no_fault() {
    holds("no fault", Bounds::new(0, ALL));
    holds("no fault, alone", Bounds::new(0, ALL).alone());
}

/// At any moment, in any order of what happens meanwhile.
#[test]
fn one_fault() {
    for fault in ALL {
        let bounds = Bounds::new(1, &[*fault]).prompt().stay();
        // With two ways to notice it on both sides, that one has the most orders.
        let bounds = if matches!(fault, Fault::Isolate(0)) { bounds.brisk() } else { bounds };
        holds(&format!("{fault:?}"), bounds);
    }
}

/// The session opens meanwhile.
#[test]
fn one_fault_alone() {
    for fault in ALL {
        holds(&format!("{fault:?}, alone"), Bounds::new(1, &[*fault]).brisk().stay().alone());
    }
}

/// One of the clocks is late by half of D.
#[test]
fn one_fault_and_a_slow_clock() {
    for fault in ALL {
        holds(&format!("{fault:?}, slow clock"), Bounds { lag: 1, ..Bounds::new(1, &[*fault]).brisk().stay() });
    }
}
