//! Fixed seeds: every promise is kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ap_core::mode::Service;
use ap_sim::{Happening, Story, What};

/// Worlds of each test.
const WORLDS: u64 = 60;

#[test]
fn every_promise_is_kept() {
    let next = AtomicU64::new(1);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let mut broken = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > WORLDS {
                    return broken;
                }
                let found = Story::new(seed).run(false).broken.filter(|it| it.known.is_none());
                broken.extend(found.map(|it| format!("seed {seed}: {it}")));
            }
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The longest time without an acknowledgement.
fn pause(what: What) -> Duration {
    let happening = Happening { at: Duration::from_secs(3), lasts: Duration::from_secs(60), what, known: None };
    let end = Story { seed: 1, happenings: vec![happening], twist: None }.run(false);
    assert!(end.broken.is_none(), "{:?}", end.broken);
    end.figures.longest_pause
}

#[test]
fn the_five_failure_points_of_the_active() {
    let kill = |service| What::Kill(0, service);
    for what in
        [What::PowerOff(0), What::Nic(0), kill(Service::Keepalived), kill(Service::Api), kill(Service::Database)]
    {
        let pause = pause(what.clone());
        assert!(pause < Duration::from_secs(2), "{what:?}: {pause:?}");
    }
}

/// A single fault, whatever it is and however long it lasts, keeps no client waiting for
/// longer than a lease, and needs no operator for that.
#[test]
fn a_single_fault() {
    let of = |n: usize| {
        let services = [Service::Database, Service::Api, Service::Keepalived];
        let hangs = [What::Hang(n, Service::Database), What::Hang(n, Service::Api)];
        let all = [What::PowerOff(n), What::Freeze(n), What::PauseNotify(n), What::Nic(n), What::Isolate(n)];
        let more = [What::Adverts(n), What::Lag(n), What::Gateway, What::KillNotify(n, 7)];
        let ends = services.into_iter().flat_map(move |it| [What::Kill(n, it), What::Stop(n, it)]);
        all.into_iter().chain(more).chain(hangs).chain(ends).collect::<Vec<_>>()
    };
    let late: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(of)
        .map(|what| (pause(what.clone()), what))
        .filter(|(pause, _)| *pause > Duration::from_millis(5500))
        .collect();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_seed_is_a_story() {
    let story = Story::new(7);
    assert_eq!(story.run(true).lines, story.run(true).lines);
}
