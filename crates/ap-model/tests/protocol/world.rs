//! The pair as a whole: what can happen, and what it does.

use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::plan::Cause;
use ap_core::protection::Active;
use stateright::{Model, Property};

use super::clock::{NOW, TICK};
use super::database::Writes;
use super::faults::Fault;
use super::network::Flight;
use super::node::{Node, Power};

/// The safeguard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Without {
    Nothing,
    /// A grant waits for the session to be whole.
    Whole,
    /// *No lease* is a promise: a question under way counts, too.
    Promise,
    /// *Promoting*: the active stalls.
    Promoting,
    /// Going on alone waits for the end of any lease.
    Silence,
    /// A gap in the active's own running begins the silence anew.
    Gap,
    /// Another relay log voids the lease.
    Relay,
    /// A promotion waits until all that was received is applied.
    Drain,
    /// SIGKILL for the database of an active that leaves.
    Fence,
    /// The older epoch leaves.
    Epoch,
    /// The lease is looked at and claimed in one.
    Claim,
    /// A gap during the promotion needs a lease at its end.
    Pulse,
    /// The gateway is probed after the peer was found silent.
    FreshGateway,
    /// Silence after *promoting* says nothing.
    HeardPromoting,
    /// Silence after having been cut off from the gateway says nothing.
    Isolation,
    /// Silence after a gap as long as VRRP's own says nothing.
    Blink,
    /// Silence after a restart says nothing.
    Restart,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub nodes: [Node; 2],
    pub flights: [Flight; 2],
    /// The link between the two is cut.
    pub cut: bool,
    /// The replica does not receive although it is connected.
    pub stalled: bool,
    /// Each node's way out.
    pub gateway: [Gateway; 2],
    /// What clients were told succeeded.
    pub acknowledged: Writes,
    /// Writes made so far.
    pub writes: u8,
    /// Faults to come, and ticks that one clock may still miss.
    pub faults: u8,
    pub lag: u8,
    /// Faults may strike at the moments that are documented as limits.
    pub limits: bool,
    /// Ticks for which nobody could write, while that is counted.
    pub down: u8,
    /// A node was made writable without all that was acknowledged.
    pub stale_writable: bool,
    pub without: Without,
}

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
    Master(usize),
    Write(usize),
    Receive(usize),
    Acknowledge(usize),
    Apply(usize),
    Repair(Repair),
    Fault(Fault),
}

/// The end of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Repair {
    Thaw(usize),
    Heal,
    Flow,
    Power(usize),
    Notify(usize),
    Database(usize),
}

/// What is explored.
pub struct Bounds {
    pub faults: u8,
    pub writes: u8,
    pub lag: u8,
    /// Which faults can happen: any of these each time, or these in order.
    pub kinds: Vec<Fault>,
    pub in_order: bool,
    /// Begin with an active that goes on alone, the standby close behind, and not
    /// with a whole session.
    pub alone: bool,
    /// See [`World::limits`].
    pub limits: bool,
    /// An active that became BACKUP may become MASTER again.
    pub back: bool,
    /// Whatever can be done is done before time passes; only answers and
    /// probes may be late.
    pub prompt: bool,
    /// Nothing is mended, and `World::down` counts.
    pub left: bool,
    /// Steps of plans may take any time, not only draining.
    pub slow: bool,
    pub without: Without,
}

impl Bounds {
    pub fn new(faults: u8, kinds: &[Fault]) -> Self {
        Self {
            faults,
            writes: 1,
            lag: 0,
            kinds: kinds.to_vec(),
            in_order: false,
            alone: false,
            limits: false,
            back: true,
            prompt: false,
            left: false,
            slow: false,
            without: Without::Nothing,
        }
    }

    /// These faults one after the other, at any time, and whatever can be done is
    /// done before time passes.
    pub fn story(kinds: &[Fault]) -> Self {
        Self { in_order: true, prompt: true, ..Self::new(u8::try_from(kinds.len()).unwrap_or(u8::MAX), kinds) }
    }

    pub fn without(self, without: Without) -> Self {
        Self { without, ..self }
    }

    pub fn stay(self) -> Self {
        Self { back: false, ..self }
    }

    pub fn prompt(self) -> Self {
        Self { prompt: true, ..self }
    }

    pub fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    fn start(&self) -> World {
        let mut pair = World {
            nodes: [Node::new(Role::Active), Node::new(Role::Standby)],
            flights: [Flight::Idle, Flight::Idle],
            cut: false,
            stalled: false,
            gateway: [Gateway::Answers; 2],
            acknowledged: 0,
            writes: 0,
            faults: self.faults,
            lag: self.lag,
            limits: self.limits,
            down: 0,
            stale_writable: false,
            without: self.without,
        };
        pair.nodes[0].active = Some(pair.new_active(true));
        pair.nodes[0].state.solo = true;
        while !self.alone && !pair.nodes[0].active.as_ref().is_some_and(Active::protected) {
            pair.settle();
        }
        if !self.alone {
            pair.settle();
        }
        pair.normal();
        pair
    }
}

impl World {
    /// A tick in which nothing goes wrong.
    fn settle(&mut self) {
        for n in [0, 1] {
            self.ask(n);
            self.reply(n);
            self.hear(n);
        }
        self.protect(0, usize::MAX);
        self.tick(None);
        self.protect(0, usize::MAX);
    }

    pub fn tick(&mut self, late: Option<usize>) {
        for n in [0, 1] {
            let advert = self.nodes[1 - n].advertises() && self.linked();
            let truth = self.gateway[n];
            let node = &mut self.nodes[n];
            node.deaf = if advert { 0 } else { (node.deaf + 1).min(2) };
            node.gateway_stale = if node.gateway == truth { 0 } else { (node.gateway_stale + 1).min(2) };
            if node.runs() || self.without == Without::Pulse {
                node.standby.pulse(NOW);
            }
            if node.paused {
                continue;
            }
            if late == Some(n) {
                // Its clock stands still; what is counted in true time does not.
                if self.flights[n] == Flight::Done {
                    self.flights[n] = Flight::Idle;
                }
                continue;
            }
            node.age();
            if node.active.is_some() {
                node.stepped = (node.stepped + 1).min(8);
            }
            self.flights[n].age(TICK);
        }
        if late.is_some() {
            self.lag -= 1;
        }
    }

    /// What must happen within a tick has happened.
    fn may_tick(&self, slow: bool) -> bool {
        if (0..2).any(|n| self.next_for(n) != 0 || self.acknowledges(n)) {
            return false;
        }
        (0..2).filter(|n| self.nodes[*n].runs()).all(|n| {
            let node = &self.nodes[n];
            let waits = matches!(node.steps.first(), Some(ap_core::step::Step::Drain)) && !self.can_run(n);
            let busy = !node.steps.is_empty();
            (self.flights[n].may_tick() || (self.flights[n] == Flight::Idle && !self.curious(n)))
                && node.gateway_stale < 2
                && (!busy || slow || waits)
                && (busy || (node.event.is_none() && (node.active.is_none() || node.stepped == 0)))
        })
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start()]
    }

    fn actions(&self, w: &World, actions: &mut Vec<Action>) {
        if w.violated() {
            return;
        }
        for n in 0..2 {
            w.actions_of(n, self, actions);
        }
        let can_wait = |action: &Action| {
            let slow = self.slow && matches!(action, Action::Run(_));
            slow || matches!(action, Action::Write(_) | Action::Hear(_) | Action::Probe(_))
        };
        let urgent = self.prompt
            && actions.iter().any(|action| !can_wait(action) && self.next_state(w, action.clone()).is_some());
        if w.may_tick(self.slow) && !urgent {
            actions.push(Action::Tick(None));
            if w.lag > 0 {
                actions.extend([Action::Tick(Some(0)), Action::Tick(Some(1))]);
            }
        }
        if !self.left {
            w.repairs(actions);
        }
        if w.faults > 0 {
            let left = usize::from(w.faults);
            let kinds = if self.in_order { &self.kinds[self.kinds.len() - left..][..1] } else { &self.kinds[..] };
            actions.extend(kinds.iter().filter(|fault| fault.possible(w)).map(|fault| Action::Fault(*fault)));
        }
    }

    fn next_state(&self, w: &World, action: Action) -> Option<World> {
        let mut next = w.clone();
        if self.left && matches!(action, Action::Tick(_)) {
            next.down = if next.serves() { 0 } else { (next.down + 1).min(super::live::SOON) };
        }
        next.act(&action);
        next.normal();
        (next != *w).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties::all()
    }
}

impl World {
    fn actions_of(&self, n: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
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
        if node.gateway != self.gateway[n] || node.relay != db.relay_log() {
            actions.push(Action::Probe(n));
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
    fn curious(&self, n: usize) -> bool {
        let (state, other) = (&self.nodes[n].state, &self.nodes[1 - n].state);
        match state.mode {
            Mode::M => false,
            Mode::S => other.epoch > state.epoch,
            Mode::Ap => true,
        }
    }

    /// The next write that replica `n` would receive, 0 for none.
    fn next_for(&self, n: usize) -> Writes {
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
    fn acknowledges(&self, n: usize) -> bool {
        let (own, other) = (&self.nodes[n], &self.nodes[1 - n]);
        own.power == Power::On && own.db.up && own.db.waiting & other.db.acks != 0 && self.linked()
    }

    fn repairs(&self, actions: &mut Vec<Action>) {
        let mut add = |repair| actions.push(Action::Repair(repair));
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
        }
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Tick(late) => self.tick(late),
            Action::Ask(n) => self.ask(n),
            Action::Reply(n) => self.reply(n),
            Action::Hear(n) => self.hear(n),
            Action::Silence(n) => self.silence(n),
            Action::Protect(n) => self.protect(n, usize::MAX),
            Action::Handle(n) => {
                if let Some(word) = self.nodes[n].event.take() {
                    self.handle(n, &Cause::Vrrp(word), false);
                }
            }
            Action::Look(n, cut_off) => self.handle(n, &Cause::Look, cut_off),
            Action::Run(n) => self.run(n),
            Action::Probe(n) => {
                self.probe(n);
                self.nodes[n].relay = self.nodes[n].db.relay_log();
            }
            Action::Master(n) => {
                let node = &mut self.nodes[n];
                (node.vrrp, node.event, node.vip) = (Some(Vrrp::Master), Some(Vrrp::Master), true);
                if !self.cut {
                    self.nodes[1 - n].deaf = 0;
                }
            }
            Action::Write(n) => self.write(n),
            Action::Receive(n) => {
                let next = self.next_for(n);
                let db = &mut self.nodes[n].db;
                db.relay |= next;
                db.acks |= next;
            }
            Action::Acknowledge(n) => {
                let acks = std::mem::take(&mut self.nodes[1 - n].db.acks);
                let db = &mut self.nodes[n].db;
                let done = db.waiting & acks;
                db.waiting &= !done;
                db.acknowledged |= done;
                self.acknowledged |= done;
            }
            Action::Apply(n) => self.nodes[n].db.apply(),
            Action::Repair(repair) => self.repair(repair),
            Action::Fault(fault) => {
                self.faults -= 1;
                fault.strike(self);
            }
        }
    }

    fn write(&mut self, n: usize) {
        let write = 1 << self.writes;
        self.writes += 1;
        let db = &mut self.nodes[n].db;
        db.log |= write;
        if db.semi {
            db.waiting |= write;
        } else {
            self.acknowledged |= write;
        }
    }
}
