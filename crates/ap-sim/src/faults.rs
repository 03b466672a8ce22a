//! What goes wrong and what is typed, and what becomes of it.

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role, Service};
use ap_core::observed::Gateway;
use ap_core::state::Intention;

use crate::disk::Disk;
use crate::mariadb::{Content, Holds, Session};
use crate::node::{Node, Power};
use crate::schedule::Happening;
use crate::units::file;
use crate::world::{Due, World, ms};

/// Something that goes wrong, or is typed.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The machine has no power.
    PowerOff(usize),
    /// The whole machine stands still, its clock runs.
    Freeze(usize),
    /// The whole machine stands still, its clock too: a virtual machine that is suspended.
    Stun(usize),
    /// The machine loses its power at the end, and its data directory is put back to what
    /// it is now: a snapshot. `true`: `state.toml` as well.
    PutBack(usize, bool),
    /// Everything on the machine takes ten to a hundred times as long.
    Starve(usize),
    /// The machine is shut down in order, and has no power for so long.
    Reboot(usize),
    /// `ap-notify` is killed after so many more effects.
    KillNotify(usize, u32),
    /// The same, and what server and systemd have begun for it goes on, as late as it would.
    Orphan(usize, u32),
    /// `ap-notify` is stopped.
    PauseNotify(usize),
    /// `ap-notify` is stopped, and its FIFO is full meanwhile.
    Deluge(usize),
    /// keepalived's child is killed, which speaks VRRP; its parent starts it again.
    KillChild(usize),
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
    /// One in three packets from this host to the other is lost, and many are slow.
    Lossy(usize),
    /// Adverts of this host are dropped, and nothing else.
    Adverts(usize),
    /// The other host cannot make anything of what this one answers: a line that is cut
    /// off, a field that it does not know.
    Unusable(usize),
    /// The gateway does not answer.
    Gateway,
    /// The gateway does not answer this host.
    GatewayOf(usize),
    /// Its disk goes wrong.
    Disk(usize, Disk),
    /// There is no room in the run directory.
    RunFull(usize),
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
    /// Somebody types this in two shells at once.
    Twice(usize, Verb),
    /// Somebody types this with `--force`.
    Forced(usize, Verb),
    /// Somebody sends the database a statement.
    Sql(usize, &'static str),
    /// The database is told to shut down, past systemd: `SHUTDOWN`, `mariadb-admin`.
    Shutdown(usize),
}

impl World {
    /// Whether it may happen now: it is possible, and no documented limit.
    fn may_happen(&self, what: &What) -> bool {
        match what {
            What::PowerOff(n) => self.nodes[*n].power != Power::Off && self.may_fall_silent(*n),
            What::Freeze(n) | What::PauseNotify(n) | What::Deluge(n) | What::Stun(n) | What::Reboot(n) => {
                self.nodes[*n].listens() && self.may_fall_silent(*n)
            }
            What::Nic(n) | What::Isolate(n) => self.nodes[*n].nic && self.nodes[*n].port && self.may_fall_silent(*n),
            What::Starve(n) => self.nodes[*n].runs() && !self.nodes[*n].starved,
            What::PutBack(n, _) => self.nodes[*n].snapshot.is_none(),
            What::Unusable(n) => !self.nodes[*n].unusable,
            What::KillNotify(n, _) | What::Orphan(n, _) => self.nodes[*n].listens(),
            What::Kill(n, service) | What::Stop(n, service) | What::Restart(n, service) | What::Hang(n, service) => {
                self.nodes[*n].runs() && self.nodes[*n].up(*service)
            }
            // A cut that prolongs another silence is as good as a long one.
            What::Cut | What::CutFrom(_) => {
                self.cut == [false; 2]
                    && self.nodes.iter().all(|node| node.listens() && node.port && node.nic)
                    && self.have_heard()
            }
            What::KillChild(n) => self.nodes[*n].runs() && self.nodes[*n].keepalived.up,
            What::Gateway => self.gateway == [true; 2],
            What::GatewayOf(n) => self.gateway[*n],
            What::Lossy(n) => !self.nodes[*n].lossy,
            What::Adverts(n) => !self.nodes[*n].muted,
            What::Disk(n, _) => self.nodes[*n].disk == Disk::Well,
            What::RunFull(n) => !self.nodes[*n].run_full,
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
            What::Command(n, verb) | What::Twice(n, verb) => self.may_be_typed(*n, verb),
            What::Forced(n, _) => self.nodes[*n].listens() && self.may_be_forced(*n),
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

    /// Whether nobody hears of a host from here on, and no documented limit.
    pub fn may_fall_silent(&self, n: usize) -> bool {
        !self.is_unheard_of(n) && !self.has_left_a_stunned_standby(n)
    }

    /// The documented limit (docs/limits.md): the active of a standby that was paused with
    /// its clock goes on alone, and dies before the pause ends.
    fn has_left_a_stunned_standby(&self, n: usize) -> bool {
        self.nodes[n].state.solo && self.nodes[1 - n].power == Power::Stunned
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
        // Frozen for longer than a gap it will suspect by itself that the other was promoted;
        // not if its clock stands still as well.
        let suspects = self.now.saturating_sub(other.still) > other.site.config.pair.gap.get();
        let runs_on = match other.power {
            Power::On | Power::Stunned => true,
            Power::Frozen => !suspects,
            Power::Off => false,
        };
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
            What::Command(..) | What::Blindly(..) | What::Forced(..) => self.figures.commands += 1,
            What::Twice(..) => self.figures.commands += 2,
            _ => self.figures.faults += 1,
        }
        self.in_force += 1;
        self.disturbed = self.now;
        self.outside(lasts, Due::Mend(at));
        match what {
            What::PowerOff(n) => self.loses_power(n),
            What::Freeze(n) => (self.nodes[n].power, self.nodes[n].still) = (Power::Frozen, self.now),
            What::Stun(n) => self.stuns(n, lasts),
            What::Starve(n) => self.starves(n),
            What::Reboot(n) => self.goes_down(n),
            What::PutBack(n, _) => self.keeps_a_snapshot(n),
            What::KillNotify(n, left) => self.nodes[n].kill_in = Some(left),
            What::Orphan(n, left) => (self.nodes[n].kill_in, self.nodes[n].orphans) = (Some(left), true),
            What::PauseNotify(n) | What::Deluge(n) => {
                (self.nodes[n].paused, self.nodes[n].full) = (true, matches!(what, What::Deluge(_)));
                self.later(n, lasts, Due::Resume);
            }
            What::KillChild(n) => self.child_is_killed(n),
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
            What::Unusable(n) => self.nodes[n].unusable = true,
            What::Gateway => self.gateway = [false; 2],
            What::GatewayOf(n) => self.gateway[n] = false,
            What::Lossy(n) => self.nodes[n].lossy = true,
            What::Adverts(n) => self.nodes[n].muted = true,
            What::Disk(n, disk) => self.disk_goes_wrong(n, disk),
            What::RunFull(n) => self.nodes[n].run_full = true,
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
            What::Twice(n, verb) => {
                for who in ["operator root", "operator dba"] {
                    self.command(n, who, verb.clone(), false);
                }
            }
            What::Forced(n, verb) => drop(self.command(n, "operator root", verb, true)),
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
        if matches!(what, What::Reboot(n) if self.nodes[n].going_down) {
            return self.outside(ms(500), Due::Mend(at));
        }
        self.in_force -= 1;
        self.disturbed = self.now;
        match what {
            What::PowerOff(n) | What::Reboot(n) => self.powers_on(n),
            What::Starve(n) => self.nodes[n].starved = false,
            What::Freeze(n) | What::Stun(n) => self.thaws(n),
            What::PutBack(n, with_state) => self.puts_back(n, with_state),
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
            What::Unusable(n) => self.nodes[n].unusable = false,
            What::Gateway => self.gateway = [true; 2],
            What::GatewayOf(n) => self.gateway[n] = true,
            What::Lossy(n) => self.nodes[n].lossy = false,
            What::Adverts(n) => self.nodes[n].muted = false,
            What::Disk(n, _) => self.nodes[n].disk = Disk::Well,
            What::RunFull(n) => self.nodes[n].run_full = false,
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

    fn continues(&mut self, n: usize) {
        self.nodes[n].db.hangs = false;
        if self.nodes[n].db.sql() {
            self.kick(n);
        }
    }
}
