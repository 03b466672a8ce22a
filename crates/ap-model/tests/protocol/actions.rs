//! What can happen next.

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;

use super::bounds::Bounds;
use super::database::Writes;
use super::faults::Fault;
use super::network::Flight;
use super::node::Power;
use super::repair::Repair;
use super::world::World;

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Time passes; one clock may be late.
    Tick(Option<usize>),
    Ask(usize),
    Reply(usize),
    Hear(usize),
    Silence(usize),
    /// The active's half looks.
    Protect(usize),
    /// keepalived's word is handled.
    Handle(usize),
    /// The look of every second; the flag: cut off for long enough.
    Look(usize, bool),
    /// The next step of a plan.
    Run(usize),
    Probe(usize),
    /// The own relay log has another name.
    See(usize),
    Master(usize),
    Write(usize),
    Receive(usize),
    Acknowledge(usize),
    Apply(usize),
    Repair(Repair),
    Fault(Fault),
}

impl World {
    pub fn actions_of(&self, n: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
        let node = &self.nodes[n];
        if node.power != Power::On {
            return;
        }
        let (db, other) = (&node.db, &self.nodes[1 - n]);
        if db.up && !db.read_only && self.writes < bounds.writes {
            actions.push(Action::Write(n));
        }
        if self.next_for(n) != 0 {
            actions.push(Action::Receive(n));
        }
        if self.acknowledges(n) {
            actions.push(Action::Acknowledge(n));
        }
        if node.started
            && node.state.mode != Mode::M
            && node.vrrp == Some(Vrrp::Backup)
            && (bounds.back || n == 1)
            && (node.deaf == 2 || (!other.advertises() && other.power == Power::On))
        {
            actions.push(Action::Master(n));
        }
        if !node.notify {
            return;
        }
        if matches!(node.steps.first(), Some(ap_core::step::Step::Drain)) && db.up && db.relay != 0 {
            actions.push(Action::Apply(n));
        }
        match &self.flights[n] {
            Flight::Idle if self.curious(n) => actions.push(Action::Ask(n)),
            Flight::Idle => {}
            Flight::Done => {}
            flight => {
                if self.answered(n) && matches!(flight, Flight::Out { .. }) {
                    actions.push(Action::Reply(n));
                }
                if matches!(flight, Flight::Back { .. }) {
                    actions.push(Action::Hear(n));
                }
                if !self.answered(n) {
                    actions.push(Action::Silence(n));
                }
            }
        }
        if node.gateway != self.gateway[n] {
            actions.push(Action::Probe(n));
        }
        if node.relay != self.relay_log(n) {
            actions.push(Action::See(n));
        }
        if self.can_run(n) {
            actions.push(Action::Run(n));
        }
        if node.idle() {
            if node.event.is_some() {
                actions.push(Action::Handle(n));
            } else {
                if node.active.is_some() {
                    actions.push(Action::Protect(n));
                }
                if node.wants_look() {
                    actions.push(Action::Look(n, false));
                }
                if self.cut_off(n) {
                    actions.push(Action::Look(n, true));
                }
            }
        }
    }

    /// Whether an answer could make a difference to `n`.
    pub fn curious(&self, n: usize) -> bool {
        let (state, other) = (&self.nodes[n].state, &self.nodes[1 - n].state);
        match state.mode {
            Mode::M => false,
            Mode::S => other.epoch > state.epoch,
            Mode::Ap => true,
        }
    }

    /// The next write that replica `n` would receive, 0 for none.
    pub fn next_for(&self, n: usize) -> Writes {
        let (own, source) = (&self.nodes[n], &self.nodes[1 - n]);
        let forked = own.db.received() & !source.db.log != 0;
        if own.power != Power::On
            || !own.db.receives()
            || self.stalled
            || forked
            || !self.linked()
            || source.power != Power::On
            || !source.db.up
            || source.db.replica.is_some()
        {
            return 0;
        }
        let missing = source.db.log & !own.db.received();
        missing & missing.wrapping_neg()
    }

    /// Whether an acknowledgement reaches `n` and is waited for.
    pub fn acknowledges(&self, n: usize) -> bool {
        let (own, other) = (&self.nodes[n], &self.nodes[1 - n]);
        own.power == Power::On && own.db.up && own.db.waiting & other.db.acks != 0 && self.linked()
    }

    /// What could be mended now.
    pub fn repairs(&self, repairs: &mut Vec<Repair>) {
        let mut add = |repair| repairs.push(repair);
        if self.cut || self.gateway != [Gateway::Answers; 2] {
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
                Power::On if !node.notify => add(Repair::Notify(n)),
                Power::On => {}
            }
            let standby = node.state.mode == Mode::Ap && node.state.role == Role::Standby;
            if node.power == Power::On && node.started && standby && !node.db.up {
                add(Repair::Database(n));
            }
            if node.power == Power::On && node.started && standby && node.db.up && node.vrrp == Some(Vrrp::Fault) {
                add(Repair::Service(n));
            }
        }
    }
}
