//! What goes wrong and what is typed, when, and for how long.

use std::fmt;
use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service};
use ap_core::observed::Gateway;
use ap_core::state::Intention;

use crate::node::{Node, Power, file};
use crate::operator::set;
use crate::twist::Twist;
use crate::world::{Due, World, ms};

/// Longest cut of the link between the two while both reach their gateway. A longer
/// one is a documented limit (docs/limits.md): after `lease` and `gap`, 4 s, of silence
/// the active goes on alone, and the standby may have been promoted.
const LONGEST_CUT: u64 = 3000;

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When, since the pair was whole.
    pub at: Duration,
    /// For how long, where it has an end.
    pub lasts: Duration,
    /// What.
    pub what: What,
}

/// Something that goes wrong, or is typed.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The machine has no power.
    PowerOff(usize),
    /// The whole machine stands still, its clock runs.
    Freeze(usize),
    /// `ap-notify` is killed after so many more effects.
    KillNotify(usize, u32),
    /// `ap-notify` is stopped.
    PauseNotify(usize),
    /// A service is killed, keepalived's VIP stays.
    Kill(usize, Service),
    /// A service is stopped by hand.
    Stop(usize, Service),
    /// A service is stopped by hand, and started again after that time.
    Restart(usize, Service),
    /// A service hangs: the database or the API.
    Hang(usize, Service),
    /// The network interface is down.
    Nic(usize),
    /// The cable: cut off from the other, the gateway and the clients.
    Isolate(usize),
    /// Packets from this host to the other are dropped.
    CutFrom(usize),
    /// Both ways.
    Cut,
    /// Adverts of this host are dropped, and nothing else.
    Adverts(usize),
    /// The gateway does not answer.
    Gateway,
    /// Effects fail, take long, or happen and are reported as failed.
    Trouble(usize),
    /// systemd does not answer.
    Deaf(usize),
    /// `STOP SLAVE; START SLAVE` by hand.
    Replication(usize),
    /// Somebody writes on the standby, past `read_only`: a fork, and a copy mends it.
    Errant(usize),
    /// The SQL thread is held up.
    Lag(usize),
    /// Somebody types this.
    Command(usize, Verb),
    /// The same, by somebody who has not looked at the other host.
    Blindly(usize, Verb),
    /// Somebody sends the database a statement.
    Sql(usize, &'static str),
    /// The database is told to shut down, past systemd: `SHUTDOWN`, `mariadb-admin`.
    Shutdown(usize),
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:?} for {:?}: {:?}", self.at, self.lasts, self.what)
    }
}

/// A schedule: so many faults and commands, a half of them close to another.
pub fn schedule(seed: u64) -> Vec<Happening> {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let count = rng.usize(2..=14);
    let mut at = 0;
    let mut all = Vec::new();
    for _ in 0..count {
        // Within a takeover, a lease, a way back; or long after all of it.
        at += [rng.u64(0..400), rng.u64(0..4000), rng.u64(3000..12_000), rng.u64(8000..25_000)][rng.usize(0..4)];
        let what = what(&mut rng);
        let lasts = match what {
            What::Cut | What::CutFrom(_) => rng.u64(50..LONGEST_CUT),
            What::PowerOff(_) => rng.u64(1000..30_000),
            // As long as a hiccup, a freeze that VRRP sees, or one that outlasts any lease.
            _ => [rng.u64(10..400), rng.u64(300..2500), rng.u64(2000..10_000)][rng.usize(0..3)],
        };
        all.push(Happening { at: ms(at), lasts: ms(lasts), what });
    }
    all
}

fn what(rng: &mut fastrand::Rng) -> What {
    let n = rng.usize(0..2);
    let service = [Service::Database, Service::Api, Service::Keepalived][rng.usize(0..3)];
    match rng.u32(0..26) {
        0 | 1 => What::PowerOff(n),
        2 | 3 => What::Freeze(n),
        4..=6 => What::KillNotify(n, rng.u32(0..60)),
        7 | 8 => What::PauseNotify(n),
        9 | 10 => What::Kill(n, service),
        11 => [What::Stop(n, service), What::Restart(n, service)][rng.usize(0..2)].clone(),
        12 => What::Hang(n, [Service::Database, Service::Api][rng.usize(0..2)]),
        13 => What::Nic(n),
        14 => What::Isolate(n),
        15 => What::CutFrom(n),
        16 => What::Cut,
        17 => [What::Gateway, What::Adverts(n)][rng.usize(0..2)].clone(),
        18 => What::Trouble(n),
        19 => What::Lag(n),
        20 => [What::Deaf(n), What::Replication(n), What::Errant(n)][rng.usize(0..3)].clone(),
        _ => What::Command(n, verb(rng)),
    }
}

fn verb(rng: &mut fastrand::Rng) -> Verb {
    match rng.u32(0..10) {
        0 | 1 => set(Mode::M),
        2 => set(Mode::S),
        3 => set(Mode::Ap),
        4 => Verb::Start,
        5 => Verb::Stop,
        6 => Verb::Restart,
        _ => Verb::Switchover,
    }
}

impl World {
    /// Whether it may happen now: it is possible, and no documented limit.
    fn may_happen(&self, what: &What) -> bool {
        match what {
            What::PowerOff(n) => self.nodes[*n].power != Power::Off && !self.is_unheard_of(*n),
            What::Freeze(n) | What::PauseNotify(n) => self.nodes[*n].listens() && !self.is_unheard_of(*n),
            What::Nic(n) | What::Isolate(n) => self.nodes[*n].nic && self.nodes[*n].port && !self.is_unheard_of(*n),
            What::KillNotify(n, _) => self.nodes[*n].listens(),
            What::Kill(n, service) | What::Stop(n, service) | What::Restart(n, service) | What::Hang(n, service) => {
                self.nodes[*n].runs() && self.nodes[*n].up(*service)
            }
            // A cut that prolongs another silence is as good as a long one.
            What::Cut | What::CutFrom(_) => {
                self.cut == [false; 2]
                    && self.nodes.iter().all(|node| node.listens() && node.port && node.nic)
                    && self.have_heard()
            }
            What::Gateway => self.gateway,
            What::Adverts(n) => !self.nodes[*n].muted,
            What::Trouble(n) => !self.nodes[*n].trouble,
            What::Lag(n) => !self.nodes[*n].lags,
            What::Deaf(n) => !self.nodes[*n].deaf,
            What::Replication(n) | What::Errant(n) => {
                self.nodes[*n].runs() && self.nodes[*n].db.answers() && self.nodes[*n].db.replica
            }
            What::Command(n, verb) => self.may_be_typed(*n, verb),
            What::Blindly(n, _) => self.nodes[*n].listens(),
            What::Sql(n, _) | What::Shutdown(n) => self.nodes[*n].runs() && self.nodes[*n].db.answers(),
        }
    }

    /// Each has heard of the other at its last question.
    fn have_heard(&self) -> bool {
        self.nodes.iter().all(|node| node.heard.is_some())
    }

    /// The documented limits (docs/limits.md): a promoted standby that is frozen, or dies,
    /// before its old active has heard of it and while that one runs on.
    fn is_unheard_of(&self, n: usize) -> bool {
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let begun = matches!(node.state.intention, Some(Intention::Promote { .. }))
            || node.published.as_ref().is_some_and(|told| told.promoting);
        let promoted = begun || node.state.epoch > other.state.epoch;
        let knows =
            |other: &Node| other.heard.as_ref().is_some_and(|said| said.promoting || said.epoch > other.state.epoch);
        let s = &other.state;
        let active = s.mode == Mode::Ap && s.role == Role::Active && !s.fenced;
        // Frozen for longer than a gap it will suspect by itself that the other was promoted.
        let frozen = self.now.saturating_sub(other.frozen) > other.site.config.pair.gap.get();
        let runs_on = other.power == Power::On || (other.power == Power::Frozen && !frozen);
        promoted && active && runs_on && !knows(other) && self.gateway_of(1 - n) == Gateway::Answers
    }

    /// `set s` on the active of a pair is the operator's word that the other was not
    /// promoted unseen: nobody types it who has not looked there.
    fn may_be_typed(&self, n: usize, verb: &Verb) -> bool {
        let other = &self.nodes[1 - n];
        let looked = other.listens()
            && other.state.mode != Mode::S
            && other.state.epoch <= self.nodes[n].state.epoch
            && other.published.as_ref().is_some_and(|told| !told.promoting);
        self.nodes[n].listens() && (!verb.is_set(Mode::S) || looked)
    }

    /// Something of the schedule begins.
    pub fn strikes(&mut self, at: usize) {
        let Happening { what, lasts, .. } = self.schedule[at].clone();
        if !self.may_happen(&what) {
            return;
        }
        self.tell(0, || format!("== {what:?} for {lasts:?}"));
        match what {
            What::Command(..) | What::Blindly(..) => self.figures.commands += 1,
            _ => self.figures.faults += 1,
        }
        self.outside(lasts, Due::Mend(at));
        match what {
            What::PowerOff(n) => {
                let now = self.now;
                self.nodes[n].loses_power(now);
                if self.twisted(Twist::ForgetsState) {
                    self.nodes[n].state = self.nodes[n].state_at_boot.clone();
                }
                self.operator.gone(n);
                self.hangs_up(n);
            }
            What::Freeze(n) => (self.nodes[n].power, self.nodes[n].frozen) = (Power::Frozen, self.now),
            What::KillNotify(n, left) => self.nodes[n].kill_in = Some(left),
            What::PauseNotify(n) => {
                self.nodes[n].paused = true;
                self.later(n, lasts, Due::Resume);
            }
            What::Kill(n, service) => self.service_runs(n, service, false, false),
            What::Stop(n, service) | What::Restart(n, service) => self.stops(n, service),
            What::Hang(n, Service::Database) => self.nodes[n].db.hangs = true,
            What::Hang(n, _) => self.nodes[n].api.1 = true,
            What::Nic(n) => {
                self.nodes[n].nic = false;
                self.nodes[n].vip = false;
                self.later(n, ms(1), Due::Tracked);
            }
            What::Isolate(n) => {
                self.nodes[n].port = false;
                self.later(n, ms(1), Due::Tracked);
            }
            What::CutFrom(n) => self.cut[n] = true,
            What::Cut => self.cut = [true; 2],
            What::Gateway => self.gateway = false,
            What::Adverts(n) => self.nodes[n].muted = true,
            What::Trouble(n) => self.nodes[n].trouble = true,
            What::Lag(n) => self.nodes[n].lags = true,
            What::Deaf(n) => self.nodes[n].deaf = true,
            What::Replication(n) => ["STOP SLAVE", "START SLAVE"].into_iter().for_each(|text| self.statement(n, text)),
            What::Errant(n) => {
                let now = self.now;
                self.nodes[n].db.commit(now, None);
            }
            What::Command(n, verb) | What::Blindly(n, verb) => drop(self.command(n, "operator root", verb, false)),
            What::Sql(n, text) => self.statement(n, text),
            What::Shutdown(n) => self.service_runs(n, Service::Database, false, true),
        }
    }

    /// It ends.
    pub fn mends(&mut self, at: usize) {
        let what = self.schedule[at].what.clone();
        match what {
            What::PowerOff(n) => self.powers_on(n),
            What::Freeze(n) => self.thaws(n),
            What::Hang(n, Service::Database) => self.continues(n),
            What::Hang(n, _) => self.nodes[n].api.1 = false,
            What::Nic(n) => {
                self.nodes[n].nic = true;
                self.later(n, ms(1), Due::Tracked);
            }
            What::Isolate(n) => {
                self.nodes[n].port = true;
                self.later(n, ms(1), Due::Tracked);
            }
            What::Cut | What::CutFrom(_) => self.cut = [false; 2],
            What::Gateway => self.gateway = true,
            What::Adverts(n) => self.nodes[n].muted = false,
            What::Trouble(n) => self.nodes[n].trouble = false,
            What::Lag(n) => self.nodes[n].lags = false,
            What::Deaf(n) => self.nodes[n].deaf = false,
            What::Restart(n, service) => self.starts_by_hand(n, service),
            _ => return,
        }
        self.tell(0, || format!("== {what:?} is over"));
        [0, 1].into_iter().for_each(|n| self.ship(n));
    }

    fn starts_by_hand(&mut self, n: usize, service: Service) {
        if self.nodes[n].runs() && !self.nodes[n].unit_files[file(service)].masked {
            self.service_runs(n, service, true, true);
        }
    }

    fn powers_on(&mut self, n: usize) {
        if self.nodes[n].power != Power::Off {
            return;
        }
        let now = self.now;
        self.nodes[n].boots(now);
        for (from, to, due) in [(2000, 4000, Due::Start), (4000, 7000, Due::Boot), (10, 2000, Due::Check)] {
            let after = self.between(from, to);
            self.later(n, after, due);
        }
    }

    fn thaws(&mut self, n: usize) {
        if self.nodes[n].power != Power::Frozen {
            return;
        }
        self.nodes[n].power = Power::On;
        // Whichever of its processes runs first.
        let mut held = std::mem::take(&mut self.nodes[n].held);
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for due in held.drain(..) {
            let list =
                if matches!(due, Due::Input(..) | Due::Line(_) | Due::Question(..)) { &mut ours } else { &mut others };
            list.push(due);
        }
        let late = self.between(0, 3);
        for due in ours {
            self.later(n, late, due);
        }
        for due in others {
            self.later(n, Duration::from_micros(50), due);
        }
    }

    fn continues(&mut self, n: usize) {
        self.nodes[n].db.hangs = false;
        if self.nodes[n].db.sql() {
            self.kick(n);
        }
    }
}
