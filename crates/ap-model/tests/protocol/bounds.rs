//! What is explored: how many faults, which ones, and what may be late.

use stateright::{Model, Property};

use super::actions::Action;
use super::faults::Fault;
use super::world::{Without, World};

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
    /// The active was given a new epoch, its standby has not written it down, and
    /// looks may come late.
    pub raised: bool,
    /// See [`World::limits`].
    pub limits: bool,
    /// An active that became BACKUP may become MASTER again.
    pub back: bool,
    /// Whatever can be done is done before time passes; only answers and
    /// probes may be late.
    pub prompt: bool,
    /// Faults may end at any time by themselves.
    pub mend: bool,
    /// `World::down` counts. Answers take no time: that the
    /// questions of both cross each time is left to chance, and with a T of four
    /// ticks the inequality that holds for a configuration has no room for late ones.
    pub left: bool,
    /// Between the look at a lease and the first step of a promotion any time may
    /// pass, and while it drains.
    pub slow: bool,
    /// What only passes on what is there happens before anything else but a fault:
    /// fewer orders of the same things.
    pub brisk: bool,
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
            raised: false,
            limits: false,
            back: true,
            prompt: false,
            mend: true,
            left: false,
            slow: false,
            brisk: false,
            without: Without::Nothing,
        }
    }

    /// These faults and their ends one after the other, at any time; whatever can be
    /// done is done before time passes.
    pub fn story(kinds: &[Fault]) -> Self {
        Self { in_order: true, mend: false, ..Self::new(u8::try_from(kinds.len()).unwrap_or(u8::MAX), kinds).brisk() }
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

    pub fn brisk(self) -> Self {
        Self { brisk: true, prompt: true, ..self }
    }

    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

impl Bounds {
    /// Whether something is to be done that does not wait for time to pass.
    fn urgent(&self, w: &World, actions: &[Action]) -> bool {
        // These may find nothing to do; the others surely do something.
        let idle = |action: &Action| matches!(action, Action::Protect(_) | Action::Look(..));
        let waits = |action: &Action| {
            let slow = match action {
                Action::Run(n) => self.slow && w.lingers(*n),
                Action::Apply(_) => self.slow,
                Action::Look(..) => self.raised,
                _ => false,
            };
            slow || matches!(action, Action::Write(_) | Action::Hear(_) | Action::Probe(_))
        };
        actions.iter().any(|action| !waits(action) && !idle(action))
            || actions
                .iter()
                .any(|action| idle(action) && !waits(action) && self.next_state(w, action.clone()).is_some())
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
        let passes = |action: &Action| {
            let talk = self.left && matches!(action, Action::Hear(_));
            talk || matches!(action, Action::Receive(_) | Action::Acknowledge(_) | Action::See(_) | Action::Reply(_))
        };
        if self.brisk
            && let Some(first) = actions.iter().position(passes)
        {
            actions.swap(0, first);
            actions.truncate(1);
        } else {
            if w.may_tick(self.slow) && !(self.prompt && self.urgent(w, actions)) {
                actions.push(Action::Tick(None));
                if w.lag > 0 {
                    actions.extend([Action::Tick(Some(0)), Action::Tick(Some(1))]);
                }
            }
            if self.mend {
                let mut repairs = Vec::new();
                w.repairs(&mut repairs);
                actions.extend(repairs.into_iter().map(Action::Repair));
            }
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
