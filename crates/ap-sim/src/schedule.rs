//! What happens when, and for how long: drawn from a seed.

use std::fmt;
use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service};
use fastrand::Rng;

use crate::disk::Disk;
use crate::faults::What;
use crate::mariadb::{Content, Holds};
use crate::operator::set;
use crate::world::ms;

/// Longest cut of the link between the two while both reach their gateway. A longer
/// one is a documented limit (docs/limits.md): after `lease` and `gap`, 4 s, of silence
/// the active goes on alone, and the standby may have been promoted.
const LONGEST_CUT: u64 = 3000;
/// One world in so many meets what is known to end badly.
const STRAINED: u64 = 8;

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When, since the pair was whole.
    pub at: Duration,
    /// For how long, where it has an end.
    pub lasts: Duration,
    /// What.
    pub what: What,
    /// The story in tests/known whose end a world may come to from here on.
    pub known: Option<&'static str>,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:?} for {:?}: {:?}", self.at, self.lasts, self.what)
    }
}

/// How often something is drawn beside the others, and how, on one of the two hosts.
struct Kind(u32, fn(&mut Rng, usize) -> What);

/// What every world may meet.
const KINDS: &[Kind] = &[
    Kind(8, |_, n| What::PowerOff(n)),
    Kind(8, |_, n| What::Freeze(n)),
    Kind(12, |rng, n| What::KillNotify(n, rng.u32(0..60))),
    Kind(8, |_, n| What::PauseNotify(n)),
    Kind(8, |rng, n| What::Kill(n, service(rng))),
    Kind(2, |rng, n| What::Stop(n, service(rng))),
    Kind(2, |rng, n| What::Restart(n, service(rng))),
    Kind(2, |_, n| What::Hang(n, Service::Database)),
    Kind(2, |_, n| What::Hang(n, Service::Api)),
    Kind(4, |_, n| What::Nic(n)),
    Kind(4, |_, n| What::Isolate(n)),
    Kind(4, |_, n| What::CutFrom(n)),
    Kind(4, |_, _| What::Cut),
    Kind(2, |_, _| What::Gateway),
    Kind(2, |_, n| What::GatewayOf(n)),
    Kind(2, |_, n| What::Lossy(n)),
    Kind(2, |_, n| What::KillChild(n)),
    Kind(2, |_, n| What::Adverts(n)),
    Kind(4, |_, n| What::Trouble(n)),
    Kind(4, |_, n| What::Starve(n)),
    Kind(4, |_, n| What::Reboot(n)),
    Kind(4, |_, n| What::Lag(n)),
    Kind(4, |rng, n| What::Disk(n, disk(rng))),
    Kind(1, |_, n| What::RunFull(n)),
    Kind(2, |_, n| What::Deaf(n)),
    Kind(2, |_, n| What::Replication(n)),
    Kind(2, |rng, n| What::Errant(n, 0, errant(rng))),
    Kind(4, |_, n| What::Stall(n)),
    Kind(2, |_, n| What::Session(n, Holds::Rows)),
    Kind(2, |_, n| What::Session(n, Holds::ReadLock)),
    Kind(2, |_, _| What::Writes(Content::Large)),
    Kind(2, |_, _| What::Writes(Content::Unsafe)),
    Kind(1, |_, n| What::Sql(n, "SET GLOBAL rpl_semi_sync_master_wait_point=AFTER_COMMIT")),
    Kind(20, |rng, n| What::Command(n, verb(rng))),
    Kind(3, |rng, n| What::Twice(n, verb(rng))),
    Kind(2, |rng, n| What::Forced(n, verb(rng))),
];

/// What is known to end badly until it is mended, with the story in tests/known that
/// shows how: only some worlds meet it, so that the others stay sharp.
const STRAINS: &[(&str, Kind)] = &[
    ("set_s_on_a_thawed_active_whose_standby_was_promoted_and_died", Kind(2, |_, n| What::Blindly(n, set(Mode::S)))),
    ("a_standby_hears_of_going_alone_after_its_clock_stood_still", Kind(2, |_, n| What::Stun(n))),
    ("a_data_directory_is_put_back_while_both_are_off", Kind(2, |rng, n| What::PutBack(n, rng.bool()))),
    ("keepalived_is_not_heard_because_the_fifo_is_full", Kind(2, |_, n| What::Deluge(n))),
    ("a_statement_of_a_killed_program_lands_late", Kind(2, |rng, n| What::Orphan(n, rng.u32(0..60)))),
    ("the_answers_of_a_promoted_standby_cannot_be_used", Kind(2, |_, n| What::Unusable(n))),
    ("semi_sync_is_switched_off_by_hand", Kind(2, |_, n| What::Sql(n, "SET GLOBAL rpl_semi_sync_master_enabled=OFF"))),
    (
        "semi_sync_gives_up_after_a_timeout_set_by_hand",
        Kind(2, |_, n| What::Sql(n, "SET GLOBAL rpl_semi_sync_master_timeout=1000")),
    ),
    (
        "commits_do_not_wait_for_a_standby_that_is_gone",
        Kind(2, |_, n| What::Sql(n, "SET GLOBAL rpl_semi_sync_master_wait_no_slave=OFF")),
    ),
    ("a_second_semi_sync_replica_acknowledges", Kind(2, |_, n| What::Stranger(n))),
    ("an_own_transaction_of_another_domain", Kind(1, |rng, n| What::Errant(n, 7, errant(rng)))),
    ("a_waiting_commit_is_killed", Kind(1, |_, n| What::Sql(n, "KILL QUERY"))),
    ("a_waiting_commit_is_killed", Kind(1, |_, n| What::Sql(n, "KILL CONNECTION"))),
    ("the_database_of_the_active_is_shut_down_while_commits_wait", Kind(1, |_, n| What::Shutdown(n))),
];

/// A schedule: so many faults and commands, a half of them close to another.
pub fn schedule(seed: u64) -> Vec<Happening> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let count = rng.usize(2..=14);
    let mut at = 0;
    let mut all = Vec::new();
    for _ in 0..count {
        // Within a takeover, a lease, a way back; or long after all of it.
        at += [rng.u64(0..400), rng.u64(0..4000), rng.u64(3000..12_000), rng.u64(8000..25_000)][rng.usize(0..4)];
        let (what, known) = what(&mut rng, seed.is_multiple_of(STRAINED));
        let lasts = match what {
            What::Cut | What::CutFrom(_) => rng.u64(50..LONGEST_CUT),
            What::PowerOff(_) => rng.u64(1000..30_000),
            // As long as a hiccup, a freeze that VRRP sees, or one that outlasts any lease.
            _ => [rng.u64(10..400), rng.u64(300..2500), rng.u64(2000..10_000)][rng.usize(0..3)],
        };
        all.push(Happening { at: ms(at), lasts: ms(lasts), what, known });
    }
    all
}

fn what(rng: &mut Rng, strained: bool) -> (What, Option<&'static str>) {
    let n = rng.usize(0..2);
    if strained && !STRAINS.is_empty() && rng.u32(0..4) == 0 {
        let all: u32 = STRAINS.iter().map(|(_, kind)| kind.0).sum();
        let mut left = rng.u32(0..all);
        for (known, kind) in STRAINS {
            match left.checked_sub(kind.0) {
                Some(rest) => left = rest,
                None => return (kind.1(rng, n), Some(known)),
            }
        }
    }
    let mut left = rng.u32(0..KINDS.iter().map(|kind| kind.0).sum());
    for kind in KINDS {
        match left.checked_sub(kind.0) {
            Some(rest) => left = rest,
            None => return (kind.1(rng, n), None),
        }
    }
    (What::Cut, None)
}

/// What somebody commits on a standby.
fn errant(rng: &mut Rng) -> Content {
    if rng.bool() { Content::Rows } else { Content::Maintenance }
}

fn service(rng: &mut Rng) -> Service {
    [Service::Database, Service::Api, Service::Keepalived][rng.usize(0..3)]
}

fn disk(rng: &mut Rng) -> Disk {
    [Disk::Slow, Disk::Full, Disk::ReadOnly, Disk::Hangs][rng.usize(0..4)]
}

fn verb(rng: &mut Rng) -> Verb {
    match rng.u32(0..12) {
        0 | 1 => set(Mode::M),
        2 => set(Mode::S),
        3 => set(Mode::Ap),
        10 => Verb::Set { mode: Mode::Ap, role: None, reseed: true },
        11 => Verb::Set { mode: Mode::Ap, role: Some([Role::Active, Role::Standby][rng.usize(0..2)]), reseed: false },
        4 => Verb::Start,
        5 => Verb::Stop,
        6 => Verb::Restart,
        _ => Verb::Switchover,
    }
}
