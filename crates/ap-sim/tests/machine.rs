//! What goes wrong below the programs, one thing at a time: every promise is kept, and
//! clients wait for as long as is documented, and no longer.

use std::time::Duration;

use ap_sim::{Disk, Happening, Story, What};

/// Longer than anything waits for it.
const LASTS: Duration = Duration::from_secs(60);

/// The longest time without an acknowledgement, in some worlds.
fn pause(what: &What) -> Duration {
    let longest = (0..8).map(|seed| {
        let (at, lasts) = (Duration::from_secs(3), LASTS);
        let happenings = vec![Happening { at, lasts, what: what.clone(), known: None }];
        let end = Story { seed, happenings, twist: None }.run(false);
        assert!(end.broken.is_none(), "{what:?}: {:?}", end.broken);
        end.figures.longest_pause
    });
    longest.max().unwrap_or_default()
}

fn none_is_longer(than: Duration, all: &[What]) {
    let late: Vec<_> = all.iter().map(|what| (pause(what), what)).filter(|(pause, _)| *pause > than).collect();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn nobody_notices() {
    let of = |n| [What::RunFull(n), What::Deluge(n), What::Unusable(n), What::Disk(n, Disk::Slow)];
    let standby = [What::GatewayOf(1), What::KillChild(1), What::Lossy(1), What::Disk(1, Disk::ReadOnly)];
    none_is_longer(Duration::from_secs(1), &[of(0), of(1), standby].concat());
}

#[test]
fn the_standby_takes_over() {
    let all = [What::Stun(0), What::Reboot(0), What::GatewayOf(0), What::KillChild(0), What::Lossy(0)];
    none_is_longer(Duration::from_secs(2), &all);
    none_is_longer(Duration::from_secs(2), &[What::Disk(0, Disk::ReadOnly)]);
}

/// No longer than for a standby that has lost its power.
#[test]
fn the_active_goes_on_alone() {
    none_is_longer(Duration::from_millis(5500), &[What::Stun(1), What::Reboot(1), What::Starve(1)]);
}
