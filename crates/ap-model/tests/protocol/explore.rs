//! Explores, says how much, and tells the story of what it finds.

use stateright::{Checker, HasDiscoveries, Model};

use super::bounds::Bounds;

/// Explores and prints what was seen.
pub fn explore(name: &str, bounds: Bounds) -> impl Checker<Bounds> {
    let begun = std::time::Instant::now();
    let checker = bounds.checker().finish_when(HasDiscoveries::AnyFailures).threads(1).spawn_bfs().join();
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
pub fn holds(name: &str, bounds: Bounds) {
    let checker = explore(name, bounds);
    for property in ["G1", "G2", "G3"] {
        if let Some(path) = checker.discovery(property) {
            super::story::print(property, &path);
            panic!("{name}: {property} does not hold");
        }
    }
}

/// A counterexample exists.
#[track_caller]
pub fn breaks(name: &str, bounds: Bounds) {
    let checker = explore(name, bounds);
    let broken: Vec<_> =
        ["G1", "G2", "G3"].into_iter().filter_map(|name| Some((name, checker.discovery(name)?))).collect();
    let Some((property, path)) = broken.first() else { panic!("{name}: no counterexample") };
    super::story::print(property, path);
}
