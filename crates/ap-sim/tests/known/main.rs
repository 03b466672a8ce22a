//! Stories that end badly, and why. Each is kept until what causes it is mended.

mod database;
mod machine;
mod operator;
mod program;

use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Service};
use ap_sim::{Disk, End, Happening, Story, What};

/// Longer than the documented wait for a standby that has vanished (docs/limits.md).
const WAIT: Duration = Duration::from_secs(8);

fn at(at: u64, lasts: u64, what: What) -> Happening {
    Happening { at: Duration::from_millis(at), lasts: Duration::from_millis(lasts), what, known: None }
}

fn set(mode: Mode) -> Verb {
    Verb::Set { mode, role: None, reseed: false }
}

fn ends(seed: u64, happenings: &[Happening]) -> End {
    Story { seed, happenings: happenings.to_vec(), twist: None }.run(true)
}

/// Nothing breaks in any of these.
fn all_kept(stories: impl Iterator<Item = Vec<Happening>>) {
    for (seed, happenings) in stories.enumerate() {
        let end = ends(seed as u64, &happenings);
        assert!(end.broken.is_none(), "{}{:?}", end.lines, end.broken);
    }
}

/// Nothing breaks, and clients never wait longer than is documented.
fn served(happenings: &[Happening]) {
    let end = ends(1, happenings);
    assert!(end.broken.is_none() && end.figures.longest_pause < WAIT, "{}{:?}", end.lines, end.figures);
}
