//! Mirrors what the agent looks at before it plans (`ap_core::agent`, `looks.rs`), and
//! plans with the real planner.

use ap_core::message::{Request, Verb};
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::{DbStatus, Gateway, Observed, Replica, UnitState, Units};
use ap_core::plan::{Cause, Plan, plan};
use ap_core::state::Intention;
use ap_core::step::Step;

use super::clock::NOW;
use super::database::position;
use super::node::Node;
use super::said::name;
use super::world::{Without, World};

fn unit(up: bool) -> UnitState {
    UnitState { active: if up { "active" } else { "failed" }.into(), file: "disabled".into() }
}

impl Node {
    /// Whether the look of every second could find anything to do: a cheap guess
    /// that never says no wrongly.
    pub fn wants_look(&self) -> bool {
        let state = &self.state;
        if state.intention.is_some() {
            return true;
        }
        let newer = self.heard.as_ref().is_some_and(|said| said.epoch > state.epoch);
        let master = self.vrrp == Some(Vrrp::Master);
        match (state.mode, state.role) {
            (Mode::M, _) => self.db.up || self.vip,
            (Mode::Ap, Role::Standby) => {
                let follows = self.db.replica.is_some_and(|replica| replica.io) && self.db.read_only;
                self.started && (master || newer || (self.db.up && !follows))
            }
            _ => {
                let db = &self.db;
                let ill = !db.up || db.read_only || db.replica.is_some() || db.semi == state.alone();
                newer || (self.started && (!master || ill))
            }
        }
    }
}

impl World {
    /// Name of the relay log of `n`, 0 for none.
    pub fn relay_log(&self, n: usize) -> u8 {
        if self.without == Without::Relay { 1 } else { self.nodes[n].db.relay_log() }
    }

    /// Mirrors the regular look at the database, and `Agent::check_lease`. The file that
    /// keeps the lease is gone in the same moment.
    pub fn see(&mut self, n: usize) {
        let relay = self.relay_log(n);
        let node = &mut self.nodes[n];
        node.relay = relay;
        if node.standby.lost(&name(relay)) {
            node.give_up();
        }
    }

    /// A look of a plan's own. The agent knows another relay log by its name from here on;
    /// here that name comes with the next regular look, and until then there is none.
    pub fn look_at_db(&mut self, n: usize) {
        if self.relay_log(n) != self.nodes[n].relay {
            self.nodes[n].relay = 0;
        }
    }

    /// Mirrors `Agent::observed`, after the looks that come before it. The claim, which is
    /// a promotion's first step and made in the same moment, is made here.
    fn observe(&mut self, n: usize, cause: &Cause, cut_off: bool) -> Observed {
        let node = &self.nodes[n];
        let promoting = node.state.mode == Mode::Ap
            && node.state.role == Role::Standby
            && (*cause == Cause::Vrrp(Vrrp::Master)
                || (*cause == Cause::Look && node.vrrp == Some(Vrrp::Master))
                || node.promotes());
        if promoting || matches!(cause, Cause::Request(_)) {
            self.look_at_peer(n);
            self.look_at_db(n);
        }
        if promoting && self.nodes[n].heard.is_none() && self.without != Without::FreshGateway {
            self.probe(n);
        }
        let claim = promoting && self.without != Without::Claim;
        let node = &mut self.nodes[n];
        let relay = name(node.relay);
        let lease = if claim { node.standby.begin(NOW, &relay) } else { node.standby.lease(NOW, &relay) };
        Observed {
            state: node.state.clone(),
            vrrp: node.vrrp,
            vip: node.vip,
            units: Ok(Units {
                start: unit(false),
                database: unit(node.db.up),
                api: unit(node.started),
                keepalived: unit(node.started),
            }),
            db: if node.db.up { Ok(status(node)) } else { Err(String::new()) },
            api: Ok(()),
            peer: node.heard.as_ref().map(|said| said.answer()).ok_or_else(String::new),
            gateway: node.gateway,
            shutting_down: false,
            lease,
            relay,
            started: node.started,
            refused_lately: false,
            vrrp_blocked: false,
            cut_off,
            faults: Vec::new(),
        }
    }

    /// Whether `n` finds itself cut off; for how long is left open.
    pub fn cut_off(&self, n: usize) -> bool {
        let node = &self.nodes[n];
        let silent = |at: usize| self.gateway[at] == Gateway::Silent;
        node.gateway == Gateway::Silent && silent(n) && (node.heard.is_none() || !silent(1 - n))
    }

    /// Plans for a cause and queues the steps that matter.
    pub fn handle(&mut self, n: usize, cause: &Cause, cut_off: bool) {
        let observed = self.observe(n, cause, cut_off);
        match plan(cause, &observed) {
            Plan::Act { steps, .. } => self.queue(n, steps),
            Plan::Refuse(refusal) => {
                let node = &mut self.nodes[n];
                if *cause == Cause::Vrrp(Vrrp::Master) || node.promotes() {
                    // `fault/role`: keepalived gives the VIP away, for a while.
                    (node.vrrp, node.vip) = (Some(Vrrp::Backup), false);
                }
                self.queue(n, refusal.steps);
            }
            Plan::Nothing(_) => {}
        }
        self.end_plan(n);
    }

    pub fn queue(&mut self, n: usize, steps: Vec<Step>) {
        let matters =
            |step: &Step| !matches!(step, Step::Alert(_) | Step::UnitFiles(_) | Step::Fault(..) | Step::RestoreVip);
        self.nodes[n].steps = steps.into_iter().filter(matters).map(without_words).collect();
    }

    /// Mirrors `Agent::ended_for_good`.
    pub fn end_plan(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        if node.steps.is_empty() && !node.promotes() {
            node.standby.release();
        }
    }
}

impl super::database::Db {
    pub fn applies(&self) -> bool {
        self.up && self.replica.is_some_and(|replica| replica.sql)
    }
}

fn without_words(step: Step) -> Step {
    match step {
        Step::Intend(Intention::Leave { .. }) => Step::Intend(Intention::Leave { why: String::new() }),
        step => step,
    }
}

fn status(node: &Node) -> DbStatus {
    let db = &node.db;
    DbStatus {
        read_only: db.read_only,
        log_bin: true,
        binlog_pos: position(db.log),
        slave_pos: position(db.log),
        semi_sync: db.semi,
        sql_thread: db.relay_log().into(),
        replica: db.replica.map(|replica| Replica {
            io: if replica.io { "Yes" } else { "No" }.into(),
            sql: replica.sql,
            io_pos: position(db.received()),
            ..Replica::default()
        }),
        ..DbStatus::default()
    }
}

/// What an operator asks for.
pub fn request(verb: Verb) -> Cause {
    Cause::Request(Request {
        id: String::new(),
        who: "operator".into(),
        why: String::new(),
        verb,
        force: false,
        dry_run: false,
    })
}
