//! What is explored: how many faults, which ones, and what may be late.

use stateright::{Model, Property};

use super::actions::Action;
use super::faults::Fault;
use super::twist::Twist;
use super::world::{Rules, World};

/// What is explored.
pub struct Bounds {
    pub faults: u8,
    pub writes: u8,
    /// Ticks that one clock may miss.
    pub lag: u8,
    /// Answers that may come a tick late.
    pub late: u8,
    /// Which faults can happen: any of these each time, or these in order.
    pub kinds: Vec<Fault>,
    pub in_order: bool,
    /// Begin with an active that goes on alone, the standby close behind, and not
    /// with a whole session.
    pub alone: bool,
    /// Faults may end at any time by themselves.
    pub mend: bool,
    /// `World::down` counts.
    pub counts: bool,
    /// What only passes on what is there happens before anything else but a fault:
    /// fewer orders of the same things.
    pub brisk: bool,
    pub rules: Rules,
}

impl Bounds {
    pub fn new(faults: u8, kinds: &[Fault]) -> Self {
        Self {
            faults,
            writes: 1,
            lag: 0,
            late: 0,
            kinds: kinds.to_vec(),
            in_order: false,
            alone: false,
            mend: true,
            counts: false,
            brisk: false,
            rules: Rules::default(),
        }
    }

    /// These faults and their ends one after the other, at any time.
    pub fn story(kinds: &[Fault]) -> Self {
        let faults = u8::try_from(kinds.len()).unwrap_or(u8::MAX);
        Self { in_order: true, mend: false, ..Self::new(faults, kinds).brisk() }
    }

    pub fn without(mut self, twist: Twist) -> Self {
        self.rules.twist = Some(twist);
        self
    }

    pub fn slow(mut self) -> Self {
        self.rules.slow = true;
        self
    }

    pub fn limits(mut self) -> Self {
        self.rules.limits = true;
        self
    }

    /// Nothing is mended, and it counts for how long nobody serves. Answers take no
    /// time: that the questions of both cross each time is left to chance.
    pub fn counting(mut self) -> Self {
        self.rules.talk = true;
        Self { counts: true, mend: false, ..self }
    }

    pub fn late(self, late: u8) -> Self {
        Self { late, ..self }
    }

    pub fn brisk(self) -> Self {
        Self { brisk: true, ..self }
    }

    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
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
        if self.brisk
            && let Some(first) = actions.iter().position(|action| action.passes(self.rules.talk))
        {
            actions.swap(0, first);
            actions.truncate(1);
        } else {
            if w.may_tick() {
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
        if self.counts && matches!(action, Action::Tick(_)) {
            next.down = if next.serves() { 0 } else { (next.down + 1).min(super::live::SOON) };
        }
        next.act(&action);
        next.forget();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties::all()
    }
}
