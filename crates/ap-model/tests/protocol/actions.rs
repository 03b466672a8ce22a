//! What can happen next, and what becomes of it.

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;

use super::bounds::Bounds;
use super::faults::Fault;
use super::network::Flight;
use super::node::Power;
use super::repair::Repair;
use super::world::World;

/// What can happen. All that follows at once belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Time passes; one clock may be late.
    Tick(Option<usize>),
    /// The agent's own tick: it looks, asks and goes on.
    Wake(usize),
    /// What waits in the FIFO is read.
    Read(usize),
    /// The regular question of this node is answered.
    Reply(usize),
    Hear(usize),
    Silence(usize),
    /// keepalived takes the VIP.
    Master(usize),
    Write(usize),
    Receive(usize),
    Acknowledge(usize),
    /// What takes its time comes to its end.
    End(usize),
    Repair(Repair),
    Fault(Fault),
}

impl Action {
    /// Whether it only passes on what is there.
    pub fn passes(&self, talk: bool) -> bool {
        let heard = talk && matches!(self, Self::Hear(_));
        heard || matches!(self, Self::Receive(_) | Self::Acknowledge(_) | Self::Reply(_))
    }
}

impl World {
    pub fn actions_of(&self, n: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
        let node = &self.nodes[n];
        if node.power != Power::On {
            return;
        }
        if node.db.up && !node.db.read_only && self.writes < bounds.writes {
            actions.push(Action::Write(n));
        }
        if self.next_for(n) != 0 {
            actions.push(Action::Receive(n));
        }
        if self.acknowledges(n) {
            actions.push(Action::Acknowledge(n));
        }
        if self.may_be_master(n) {
            actions.push(Action::Master(n));
        }
        if !node.runs() {
            return;
        }
        if !self.woken[n] {
            actions.push(Action::Wake(n));
        }
        if !node.fifo.is_empty() {
            actions.push(Action::Read(n));
        }
        if node.lingers.is_some() {
            actions.push(Action::End(n));
        }
        match &self.flights[n] {
            Flight::Idle => {}
            _ if !self.answered(n) => actions.push(Action::Silence(n)),
            Flight::Out { .. } => actions.push(Action::Reply(n)),
            Flight::Back { .. } => actions.push(Action::Hear(n)),
        }
    }

    /// What could be mended now.
    pub fn repairs(&self, repairs: &mut Vec<Repair>) {
        let mut add = |repair| repairs.push(repair);
        if self.cut || self.gateway != [Gateway::Answers; 2] || self.nodes.iter().any(|node| node.hasty) {
            add(Repair::Heal);
        }
        if self.stalled {
            add(Repair::Flow);
        }
        for n in 0..2 {
            let node = &self.nodes[n];
            match node.power {
                Power::Frozen => add(Repair::Thaw(n)),
                Power::Off => add(Repair::Power(n)),
                Power::On if node.agent.is_none() => add(Repair::Notify(n)),
                Power::On => {}
            }
            let standby = node.state.mode == Mode::Ap && node.state.role == Role::Standby;
            if node.power == Power::On && node.started && standby && !node.db.up {
                add(Repair::Database(n));
            }
            if node.power == Power::On && node.ill && node.keepalived == Some(Vrrp::Fault) {
                add(Repair::Service(n));
            }
        }
    }

    pub fn act(&mut self, action: &Action) {
        match *action {
            Action::Tick(late) => self.tick(late),
            Action::Wake(n) => self.wake(n),
            Action::Read(n) => self.read(n),
            Action::Reply(n) => self.reply(n),
            Action::Hear(n) => self.hear(n),
            Action::Silence(n) => self.silence(n),
            Action::Master(n) => self.speaks(n, Vrrp::Master),
            Action::Write(n) => self.write(n),
            Action::Receive(n) => self.receive(n),
            Action::Acknowledge(n) => self.acknowledge(n),
            Action::End(n) => self.end(n),
            Action::Repair(repair) => self.repair(repair),
            Action::Fault(fault) => {
                self.faults -= 1;
                fault.strike(self);
            }
        }
    }
}
