//! Mirrors the executor of `ap-notify`: observe, plan with the real planner, run
//! the steps. What decides is real; what is done to MariaDB, systemd and
//! keepalived is the model's.

use ap_core::message::{Request, Verb};
use ap_core::mode::{Mode, Role, Service, Vrrp};
use ap_core::observed::{DbStatus, Gateway, Observed, Replica, UnitState, Units};
use ap_core::plan::{Cause, Plan, leave, plan};
use ap_core::protection::{Active, Order, Phase};
use ap_core::state::{Intention, State};
use ap_core::step::Step;

use super::clock::{NOW, TICK, timing};
use super::database::position;
use super::node::{Node, Power, name, number};
use super::world::{Without, World};

fn unit(up: bool) -> UnitState {
    UnitState { active: if up { "active" } else { "failed" }.into(), file: "disabled".into(), main_pid: 0 }
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
            _ => newer || (self.started && (!master || !self.db.up || self.db.read_only || self.db.replica.is_some())),
        }
    }
}

impl World {
    /// Mirrors `Node::observe`.
    fn observe(&mut self, n: usize, cause: &Cause, cut_off: bool) -> Observed {
        let node = &self.nodes[n];
        let promoting = node.state.mode == Mode::Ap
            && node.state.role == Role::Standby
            && (*cause == Cause::Vrrp(Vrrp::Master)
                || (*cause == Cause::Look && node.vrrp == Some(Vrrp::Master))
                || node.promotes());
        if promoting || matches!(cause, Cause::Request(_)) {
            self.look_at_peer(n);
            let node = &mut self.nodes[n];
            node.relay = node.db.relay_log();
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
            been_master: true,
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

    fn queue(&mut self, n: usize, steps: Vec<Step>) {
        let matters =
            |step: &Step| !matches!(step, Step::Alert(_) | Step::UnitFiles(_) | Step::Fault(..) | Step::RestoreVip);
        self.nodes[n].steps = steps.into_iter().filter(matters).map(without_words).collect();
    }

    /// Mirrors the end of `carry_out`.
    fn end_plan(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        if node.steps.is_empty() && !node.promotes() {
            node.standby.release();
        }
    }

    /// Mirrors `Node::protect`: one look, and the orders up to a number of them.
    pub fn protect(&mut self, n: usize, orders: usize) {
        let clients = self.clients(n);
        let node = &mut self.nodes[n];
        let leaving = node.state.fenced || matches!(node.state.intention, Some(Intention::Leave { .. }));
        if node.state.mode != Mode::Ap || node.state.role != Role::Active || leaving || !node.started {
            node.grant = 0;
            return;
        }
        let heard = self.shown(n);
        let node = &mut self.nodes[n];
        if self.without == Without::Gap {
            for ticks in (1..u32::from(node.stepped)).rev() {
                node.step(NOW - TICK * ticks, clients, heard.as_ref(), node.gateway);
            }
        }
        let mut gateway = node.gateway;
        if self.without == Without::Isolation && gateway == Gateway::Silent {
            // Silent counts at the end only.
            let mut blind = node.clone();
            let orders = blind.step(NOW, clients, heard.as_ref(), Gateway::Answers);
            if !orders.contains(&Order::Solo(true)) {
                gateway = Gateway::Answers;
            }
        }
        let wanted = node.step(NOW, clients, heard.as_ref(), gateway);
        node.stepped = 0;
        let granted = node.active.as_ref().and_then(Active::grant).map_or(0, number);
        if granted == 0 || granted != node.grant {
            node.grant = 0;
        }
        for order in wanted.into_iter().take(orders) {
            self.obey(n, &order);
        }
        let node = &mut self.nodes[n];
        node.grant = match node.active.as_ref().map(Active::phase) {
            Some(Phase::Opening { relay, .. }) if self.without == Without::Whole => number(relay),
            _ => node.active.as_ref().and_then(Active::grant).map_or(0, number),
        };
    }

    fn obey(&mut self, n: usize, order: &Order) {
        let node = &mut self.nodes[n];
        match order {
            Order::Solo(solo) => node.state.solo = *solo,
            Order::Granted(relay) => node.state.granted.clone_from(relay),
            Order::SemiSync(on) => self.semi_sync(n, *on),
            Order::Leave(_) => {
                let Plan::Act { steps, .. } = leave(&node.state, "") else { return };
                self.queue(n, steps);
            }
            Order::Say(_) => {}
        }
    }

    /// Replication from both threads stopped: the relay log is deleted.
    pub fn begin_replication(&mut self, n: usize) {
        let db = &mut self.nodes[n].db;
        db.begin_replication();
        if self.without == Without::Relay {
            db.number = 1;
        }
        db.acks = if self.cut { 0 } else { db.received() };
    }

    /// What the active is shown of the peer's last answer.
    fn shown(&self, n: usize) -> Option<ap_core::answer::Answer> {
        let mut said = self.nodes[n].heard.clone()?;
        if self.without == Without::HeardPromoting && said.promoting {
            (said.promoting, said.lease) = (false, true);
        }
        Some(said.answer())
    }

    /// The protection's half of an active that begins now.
    pub fn new_active(&self, solo: bool) -> Active {
        let mut timing = timing();
        match self.without {
            Without::Silence => timing.lease = std::time::Duration::ZERO,
            Without::Blink => timing.takeover = timing.lease,
            _ => {}
        }
        Active::new(timing, NOW, solo)
    }

    fn semi_sync(&mut self, n: usize, on: bool) {
        let db = &mut self.nodes[n].db;
        db.semi = on;
        if !on {
            self.acknowledged |= db.waiting;
            db.waiting = 0;
        }
    }

    /// Whether the next step can end now.
    pub fn can_run(&self, n: usize) -> bool {
        let node = &self.nodes[n];
        match node.steps.first() {
            None => false,
            Some(Step::Drain) => {
                node.db.relay == 0
                    || !node.db.receives_or_applies()
                    || node.event.is_some_and(|word| word != Vrrp::Master)
                    || self.without == Without::Drain
            }
            Some(Step::ReadOnly) => node.db.waiting == 0,
            Some(_) => true,
        }
    }

    /// Runs the next step, and the minor ones that follow it.
    pub fn run(&mut self, n: usize) {
        let minor = |step: &Step| {
            let rest = matches!(step, Step::Become { mode: Mode::M, .. });
            rest || matches!(
                step,
                Step::Started(_) | Step::Stop(_) | Step::RemoveVip | Step::Finish | Step::SemiSync(false)
            )
        };
        loop {
            let step = self.nodes[n].steps.remove(0);
            if !self.step(n, &step) {
                self.abandon(n);
            }
            if !self.nodes[n].steps.first().is_some_and(minor) {
                break;
            }
        }
        self.end_plan(n);
    }

    /// Mirrors `abandon_promotion`, with the file of the lease left behind.
    fn abandon(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.steps.clear();
        if node.state.mode != Mode::S {
            node.standby.void("");
            node.state.intention = None;
            (node.vrrp, node.vip) = (Some(Vrrp::Backup), false);
        }
    }

    fn step(&mut self, n: usize, step: &Step) -> bool {
        if *step == Step::Confirm {
            return self.confirm(n);
        }
        let lost = self.acknowledged & !self.nodes[n].db.log;
        let node = &mut self.nodes[n];
        let db = &mut node.db;
        match step {
            Step::Intend(intention) => {
                node.state.intention = Some(intention.clone());
                if self.without == Without::Claim && node.promotes() {
                    let relay = name(node.relay);
                    let _ = node.standby.begin(NOW, &relay);
                }
            }
            Step::Become { mode, role, epoch, solo } => self.become_(n, *mode, *role, *epoch, *solo),
            Step::RecordFenced => {
                if node.state.solo {
                    node.state.granted = None;
                }
                node.state.fenced = node.state.granted.is_some();
            }
            Step::Finish => node.state.intention = None,
            Step::Started(on) => {
                node.started = *on;
                if !on {
                    node.active = None;
                }
            }
            Step::FenceDatabase if self.without != Without::Fence => db.crash(),
            Step::FenceDatabase | Step::Stop(Service::Database) => {
                // An ordinary stop commits what waits, and may say so (facts).
                self.acknowledged |= db.waiting;
                db.waiting = 0;
                db.crash();
            }
            Step::Stop(Service::Keepalived) => (node.vrrp, node.vip) = (Some(Vrrp::Stop), false),
            Step::RemoveVip => node.vip = false,
            Step::Start(Service::Database) => db.start(),
            Step::Start(Service::Keepalived) => node.vrrp = Some(Vrrp::Backup),
            Step::StartTruncating => {
                db.log &= !db.tail;
                db.tail = 0;
                db.start();
            }
            Step::StopReceiving => {
                if !db.up {
                    return false;
                }
                db.replica.iter_mut().for_each(|replica| replica.io = false);
            }
            Step::Drain => {
                let applies = db.up && db.replica.is_some_and(|replica| replica.sql);
                let moved_on = node.event.is_some_and(|word| word != Vrrp::Master);
                return applies && !moved_on;
            }
            Step::EndReplication => {
                db.lose_relay_log();
                db.replica = None;
                node.relay = 0;
            }
            Step::SemiSync(on) => self.semi_sync(n, *on),
            Step::Writable => {
                if !db.up {
                    return false;
                }
                db.read_only = false;
                self.stale_writable |= lost != 0;
            }
            Step::ReadOnly => db.read_only = true,
            Step::Follow => self.begin_replication(n),
            Step::ResumeReplication => match &mut db.replica {
                Some(replica) if replica.sql => {
                    replica.io = true;
                    db.acks = if self.cut { 0 } else { db.received() };
                }
                _ => self.begin_replication(n),
            },
            _ => {}
        }
        true
    }

    fn become_(&mut self, n: usize, mode: Mode, role: Role, epoch: u64, solo: bool) {
        let new = self.new_active(solo);
        let node = &mut self.nodes[n];
        let before: State = node.state.clone();
        (node.state.mode, node.state.role, node.state.epoch, node.state.solo) = (mode, role, epoch, solo);
        if mode != Mode::M {
            node.state.fenced = false;
            node.state.granted = None;
        }
        if mode != Mode::Ap || role != Role::Active {
            node.active = None;
        } else if node.active.is_none() || before.mode != mode || before.role != role {
            node.active = Some(new);
        }
    }

    fn confirm(&mut self, n: usize) -> bool {
        self.look_at_peer(n);
        if self.without != Without::FreshGateway {
            self.probe(n);
        }
        let node = &mut self.nodes[n];
        if self.without == Without::Relay {
            node.relay = 1;
        } else {
            node.relay = node.db.relay_log();
        }
        let peer = node.heard.as_ref().map(|said| said.answer());
        let relay = name(node.relay);
        node.standby.confirm(NOW, &relay, node.state.epoch, peer.as_ref(), node.gateway).is_ok()
    }

    /// Semi-sync replicas that MariaDB believes to be connected: one that vanished
    /// is not missed before a packet is.
    pub fn clients(&self, n: usize) -> u32 {
        let standby = &self.nodes[1 - n];
        let connected = if standby.power == Power::Off { standby.db.replica.is_some() } else { standby.db.receives() };
        u32::from(connected)
    }
}

impl super::database::Db {
    fn receives_or_applies(&self) -> bool {
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

/// What an operator, or the boot, asks for.
pub fn request(who: &str, verb: Verb) -> Cause {
    Cause::Request(Request { id: String::new(), who: who.into(), why: String::new(), verb, force: false })
}
