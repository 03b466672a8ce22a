//! Runs the steps of plans. What decides is real; what is done to MariaDB, systemd
//! and keepalived is the model's.

use ap_core::mode::{Mode, Role, Service, Vrrp};
use ap_core::state::State;
use ap_core::step::Step;

use super::clock::NOW;
use super::node::Power;
use super::said::name;
use super::world::{Without, World};

impl World {
    /// Whether the next step can end now.
    pub fn can_run(&self, n: usize) -> bool {
        let node = &self.nodes[n];
        match node.steps.first() {
            None => false,
            Some(Step::Drain) => {
                node.db.relay == 0
                    || !node.db.applies()
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

    /// Mirrors `Agent::clean_up`, and the steps it leaves to be done, as one.
    fn abandon(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.steps.clear();
        if node.state.mode != Mode::S {
            node.give_up();
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
                    node.give_up();
                }
            }
            Step::FenceDatabase if self.without != Without::Fence => db.crash(),
            Step::FenceDatabase | Step::Stop(Service::Database) => {
                // An ordinary stop commits what waits, and may say so
                // (docs/FACTS.md#semi-sync-shutdown-commits).
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
        self.look_at_db(n);
        let node = &mut self.nodes[n];
        let peer = node.heard.as_ref().map(|said| said.answer());
        let relay = name(node.relay);
        let epoch = if self.without == Without::Followed { node.state.epoch.max(1) } else { node.state.epoch };
        node.standby.confirm(NOW, &relay, epoch, peer.as_ref(), node.gateway).is_ok()
    }

    /// Semi-sync replicas that MariaDB believes to be connected: one that vanished
    /// is not missed before a packet is.
    pub fn clients(&self, n: usize) -> u32 {
        let standby = &self.nodes[1 - n];
        let connected = if standby.power == Power::Off { standby.db.replica.is_some() } else { standby.db.receives() };
        u32::from(connected)
    }
}
