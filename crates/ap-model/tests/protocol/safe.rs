//! G1, G2 and G3 hold in every reachable state.

use stateright::{Checker, HasDiscoveries, Model};

use super::faults::Fault;
use super::world::Bounds;

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

/// Explores and prints what was seen.
pub fn explore(name: &str, bounds: Bounds) -> impl Checker<Bounds> {
    let begun = std::time::Instant::now();
    let checker = bounds.checker().finish_when(HasDiscoveries::AnyFailures).threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} unique, depth {}, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    checker
}

#[track_caller]
fn holds(name: &str, bounds: Bounds) {
    let checker = explore(name, bounds);
    for property in ["G1", "G2", "G3"] {
        if let Some(path) = checker.discovery(property) {
            super::story::print(property, &path);
            panic!("{property} does not hold");
        }
    }
}

#[test]
fn no_fault() {
    holds("no fault", Bounds::new(0, ALL));
}

#[test]
fn one_fault() {
    for fault in ALL {
        holds(&format!("{fault:?}"), Bounds::new(1, &[*fault]));
    }
}

#[test]
fn no_fault_alone() {
    holds("no fault, alone", Bounds::new(0, ALL).alone());
}

#[test]
#[ignore = "a tool: FAULTS='Freeze(0);PowerOff(1)' N=2"]
fn chosen() {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let kinds: Vec<Fault> =
        ALL.iter().copied().filter(|fault| wanted.split(';').any(|w| w == format!("{fault:?}"))).collect();
    holds(
        &format!("{kinds:?}"),
        Bounds::new(std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(1), &kinds),
    );
}

/// Every two faults, with whatever can be done done before time passes.
#[test]
#[ignore = "never run yet"]
fn two_faults() {
    let mut pairs: Vec<_> = ALL.iter().flat_map(|one| ALL.iter().map(move |two| [*one, *two])).collect();
    pairs.retain(|[one, two]| format!("{one:?}") <= format!("{two:?}"));
    for pair in pairs {
        holds(&format!("{pair:?}"), Bounds::new(2, &pair).prompt().stay());
    }
}
