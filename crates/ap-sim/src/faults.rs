//! What goes wrong and what is typed, and what becomes of it.

use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service};
use ap_core::observed::Gateway;
use ap_core::state::Intention;

use crate::mariadb::{Content, Holds, Session};
use crate::node::{Node, Power, file};
use crate::schedule::Happening;
use crate::twist::Twist;
use crate::world::{Due, World, ms};

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
    /// Somebody commits this on the standby, in this domain and past `read_only`
    /// (docs/FACTS.md#read-only-binds-no-super): a fork, and a copy mends it.
    Errant(usize, u32, Content),
    /// The SQL thread is held up.
    Lag(usize),
    /// What the database of this host sends to its replica is dropped.
    Stall(usize),
    /// A stranger's semi-sync replica is connected to this host. One that is asynchronous
    /// acknowledges nothing and is counted by nobody: nothing comes of it.
    Stranger(usize),
    /// A session on the active of this host holds something.
    Session(usize, Holds),
    /// The first of the writers writes something else than a few rows.
    Writes(Content),
    /// Somebody types this.
    Command(usize, Verb),
    /// The same, by somebody who has not looked at the other host.
    Blindly(usize, Verb),
    /// Somebody sends the database a statement.
    Sql(usize, &'static str),
    /// The database is told to shut down, past systemd: `SHUTDOWN`, `mariadb-admin`.
    Shutdown(usize),
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
            What::Stall(n) => !self.nodes[*n].stalled,
            What::Stranger(n) => self.strangers[*n].is_none(),
            What::Session(n, Holds::Rows) => self.nodes[*n].runs() && self.nodes[*n].db.takes_commits(),
            What::Writes(_) => self.writes == Content::Rows,
            What::Replication(n) | What::Errant(n, ..) => {
                self.nodes[*n].runs() && self.nodes[*n].db.answers() && self.nodes[*n].db.replica
            }
            What::Command(n, verb) => self.may_be_typed(*n, verb),
            What::Blindly(n, _) => self.nodes[*n].listens(),
            What::Sql(n, _) | What::Shutdown(n) | What::Session(n, _) => {
                self.nodes[*n].runs() && self.nodes[*n].db.answers()
            }
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
        let Happening { what, lasts, known, .. } = self.schedule[at].clone();
        if !self.may_happen(&what) {
            return;
        }
        self.tell(0, || format!("== {what:?} for {lasts:?}"));
        self.strained = self.strained.or(known);
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
            What::Errant(n, domain, content) => {
                let now = self.now;
                self.nodes[n].db.commit(now, domain, content, None);
            }
            What::Stall(n) => self.nodes[n].stalled = true,
            What::Stranger(n) => {
                self.drifted = Some(self.now);
                self.stranger_comes(n);
            }
            What::Session(n, holds) => self.nodes[n].db.sessions.push(Session { id: at, holds }),
            What::Writes(content) => self.writes = content,
            What::Command(n, verb) | What::Blindly(n, verb) => drop(self.command(n, "operator root", verb, false)),
            What::Sql(n, text) => {
                self.drifted = Some(self.now);
                self.statement(n, text);
            }
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
            What::Stall(n) => self.nodes[n].stalled = false,
            What::Stranger(n) => self.stranger_goes(n),
            What::Session(n, _) => self.nodes[n].db.sessions.retain(|session| session.id != at),
            What::Writes(_) => self.writes = Content::Rows,
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
