//! After each single failure somebody serves (F1 to F6), for good: nothing is
//! mended, and nobody helps.

use stateright::Checker;

use super::bounds::Bounds;
use super::explore::explore;
use super::faults::Fault;

/// So many ticks without service are too many: T + D, a question, and VRRP.
pub const SOON: u8 = 10;

#[track_caller]
fn serves(name: &str, fault: Fault) {
    let checker = explore(name, Bounds::new(1, &[fault]).brisk().counting());
    for property in ["served", "G1", "G2", "G3"] {
        if let Some(path) = checker.discovery(property) {
            super::story::print(property, &path);
            panic!("{property} does not hold after {name}");
        }
    }
}

#[test]
fn f1_power_off() {
    serves("F1: power off", Fault::PowerOff(0));
}

#[test]
fn f2_nic() {
    serves("F2: isolated", Fault::Isolate(0));
}

#[test]
fn f3_f4_keepalived_or_api() {
    serves("F3, F4: keepalived or API", Fault::Service(0));
}

#[test]
fn f5_database() {
    serves("F5: database", Fault::Database(0));
}

#[test]
fn f6_standby() {
    serves("F6: power", Fault::PowerOff(1));
    serves("F6: network", Fault::Isolate(1));
    serves("F6: ap-notify", Fault::Notify(1));
    serves("F6: database", Fault::Database(1));
    serves("F6: SQL thread", Fault::Applier(1));
    serves("F6: replication restarted", Fault::Replication(1));
    serves("F6: replication stalls", Fault::Stall);
    serves("F6: frozen", Fault::Freeze(1));
}

#[test]
fn f18_frozen() {
    serves("F18: frozen", Fault::Freeze(0));
}
