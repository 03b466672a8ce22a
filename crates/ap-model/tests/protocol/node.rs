//! One node: its machine, what survives of it, and the agent that ships.

use std::collections::BTreeSet;
use std::time::Duration;

use ap_core::agent::{Act, Agent, Input, Kept, Lease, Ticket};
use ap_core::answer::Answer;
use ap_core::message::Message;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::observed::{UnitState, Units};
use ap_core::state::{Intention, State};

use super::clock::{NOW, TICK, site};
use super::database::Db;
use super::twist::Twist;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    Off,
    On,
    /// Its time passes and nothing in it runs.
    Frozen,
}

/// Something goes wrong amid what an agent has ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// `ap-notify` is killed right after the act.
    Kill,
    /// The machine loses its power right after it.
    PowerOff,
    /// The machine freezes right after it.
    Freeze,
    /// The act does not happen, and is reported as failed.
    Fails,
    /// The act happens, and is reported as failed.
    HappensAndFails,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub power: Power,
    /// Its clock stands still as well: a virtual machine that was paused.
    pub paused: bool,

    // The disk.
    pub state: State,
    /// Unit files as for this mode.
    pub files: Mode,
    pub db: Db,

    // The run directory: gone with the power.
    pub same_boot: bool,
    pub started: bool,
    pub faults: BTreeSet<Fault>,
    pub word: Option<Vrrp>,
    pub lease: Option<Lease>,
    pub fifo: Vec<Message>,

    // The machine.
    pub api: bool,
    /// What keepalived said last; `None`: it does not run.
    pub keepalived: Option<Vrrp>,
    pub vip: bool,
    /// keepalived has a reason for FAULT that is none of its track files.
    pub ill: bool,
    /// Ticks without an advert of the other one, up to two.
    pub deaf: u8,
    /// The peer was made unreachable.
    pub unreachable: bool,
    /// Questions of its plans are answered too late.
    pub hasty: bool,

    // The program.
    pub agent: Option<Agent>,
    /// What the peer is told.
    pub told: Option<Box<Answer>>,
    /// It has heard that the peer promotes itself, or was promoted.
    pub knows: bool,
    /// An act that takes its time.
    pub lingers: Option<(Ticket, Act)>,
    /// What came while the machine stood still.
    pub held: Vec<Input>,
    /// After so many more acts something goes wrong.
    pub mishap: Option<(u8, Mishap)>,
}

impl Node {
    /// Half of a pair, started, epoch 1: an active alone, or its standby.
    pub fn new(role: Role) -> Self {
        let active = role == Role::Active;
        let state = State { mode: Mode::Ap, role, epoch: 1, solo: active, who: "operator".into(), ..State::fresh() };
        let vrrp = if active { Vrrp::Master } else { Vrrp::Fault };
        Self {
            power: Power::On,
            paused: false,
            state,
            files: Mode::Ap,
            db: Db::new(!active),
            same_boot: true,
            started: true,
            // Without a lease a standby may not take the VIP.
            faults: (!active).then_some(Fault::Role).into_iter().collect(),
            word: Some(vrrp),
            lease: None,
            fifo: Vec::new(),
            api: true,
            keepalived: Some(vrrp),
            vip: active,
            ill: false,
            deaf: 0,
            unreachable: false,
            hasty: false,
            agent: None,
            told: None,
            knows: false,
            lingers: None,
            held: Vec::new(),
            mishap: None,
        }
    }

    pub fn runs(&self) -> bool {
        self.power == Power::On && self.agent.is_some()
    }

    pub fn advertises(&self) -> bool {
        self.power == Power::On && self.keepalived == Some(Vrrp::Master)
    }

    pub fn promotes(&self) -> bool {
        matches!(self.state.intention, Some(Intention::Promote { .. }))
    }

    /// `ap-notify` is killed.
    pub fn forget(&mut self) {
        (self.agent, self.told, self.lingers) = (None, None, None);
        self.held.clear();
        self.knows = false;
    }

    /// `ap-notify` starts.
    pub fn remember(&mut self, n: usize, twist: Option<Twist>) {
        self.unreachable = false;
        let kept = Kept {
            state: self.state.clone(),
            same_boot: self.same_boot,
            vrrp: self.word,
            started: self.started,
            lease: self.lease.clone(),
            event: None,
        };
        self.agent = Some(Agent::new(site(n, twist), kept, NOW));
    }

    /// What `state.toml` holds from here on.
    pub fn saves(&mut self, state: &State) {
        self.same_boot |= state.intention.is_some();
        self.state = state.clone();
        self.state.why.clear();
        if let Some(Intention::Leave { why }) = &mut self.state.intention {
            why.clear();
        }
    }

    /// The power goes, and with it what lay in memory and under /run.
    pub fn lose_power(&mut self) {
        self.forget();
        self.db.crash();
        self.power = Power::Off;
        (self.same_boot, self.started, self.word, self.lease) = (false, false, None, None);
        self.faults = [Fault::Db, Fault::Api, Fault::Role].into();
        self.fifo.clear();
        (self.api, self.keepalived, self.vip, self.unreachable, self.deaf) = (false, None, false, false, 0);
    }

    /// Whether commits here wait for the standby, as the hooks of the unit see it.
    pub fn in_session(&self) -> bool {
        let s = &self.state;
        s.mode == Mode::Ap && s.role == Role::Active && !s.solo && !s.fenced
    }

    /// What systemd says.
    pub fn units(&self) -> Units {
        let file = |start: bool| match (self.files, start) {
            (Mode::M, _) => "masked",
            (Mode::S, true) => "enabled",
            _ => "disabled",
        };
        let unit = |active: bool, start: bool| UnitState {
            active: if active { "active" } else { "inactive" }.into(),
            file: file(start).into(),
        };
        Units {
            start: unit(false, true),
            database: unit(self.db.up, false),
            api: unit(self.api, false),
            keepalived: unit(self.keepalived.is_some(), false),
        }
    }

    pub fn up(&self, service: Service) -> bool {
        match service {
            Service::Database => self.db.up,
            Service::Api => self.api,
            Service::Keepalived => self.keepalived.is_some(),
        }
    }

    /// A tick passes by its clock.
    pub fn age(&mut self) {
        self.agent.iter_mut().for_each(|agent| agent.age(TICK));
        self.held.iter_mut().for_each(earlier);
        self.lease.iter_mut().for_each(|(until, _)| older(until));
    }
}

fn older(moment: &mut Duration) {
    *moment = moment.saturating_sub(TICK);
}

/// What was seen and heard a tick ago.
fn earlier(input: &mut Input) {
    match input {
        Input::Heard { asked: moment, .. }
        | Input::Seen { at: moment, .. }
        | Input::LeaseKept(Ok(Some((moment, _)))) => older(moment),
        _ => {}
    }
}
