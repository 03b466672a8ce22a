//! One node: its machine, its `ap-notify` and what that keeps, its database.

use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::mode::{Mode, Role, Vrrp};
use ap_core::observed::Gateway;
use ap_core::protection::{Active, DbView, Standby, View};
use ap_core::state::{Intention, State};
use ap_core::step::Step;

use super::clock::{NOW, TICK, timing};
use super::database::{Db, Replica, position};
use super::said::{Said, number};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    Off,
    On,
    /// Its time passes and nothing in it runs.
    Frozen,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub power: Power,
    /// Its clock stands still as well: a virtual machine that was paused.
    pub paused: bool,
    pub db: Db,

    // Kept on disk, and under /run.
    pub state: State,
    pub started: bool,
    pub vrrp: Option<Vrrp>,
    pub kept: Option<(Duration, String)>,

    // The network interface, and what waits in the FIFO.
    pub vip: bool,
    pub event: Option<Vrrp>,
    /// Ticks without an advert of the other one, up to two.
    pub deaf: u8,

    // In the memory of ap-notify.
    pub notify: bool,
    pub active: Option<Active>,
    pub standby: Standby,
    pub asked: Duration,
    pub heard: Option<Said>,
    pub grant: u8,
    /// Name of the own relay log when last looked at.
    pub relay: u8,
    pub gateway: Gateway,
    /// Ticks for which `gateway` has been wrong, up to two.
    pub gateway_stale: u8,
    pub steps: Vec<Step>,
    /// Ticks since the active's half was last stepped.
    pub stepped: u8,
}

impl Node {
    /// Half of a pair, started, epoch 1.
    pub fn new(role: Role) -> Self {
        let active = role == Role::Active;
        let state = State { mode: Mode::Ap, role, epoch: 1, who: String::new(), why: String::new(), ..State::fresh() };
        Self {
            power: Power::On,
            paused: false,
            db: Db {
                up: true,
                read_only: !active,
                semi: false,
                log: 0,
                waiting: 0,
                tail: 0,
                acknowledged: 0,
                replica: (!active).then_some(Replica { io: true, sql: true }),
                relay: 0,
                number: u8::from(!active),
                numbers: u8::from(!active),
                acks: 0,
            },
            state,
            started: true,
            vrrp: Some(if active { Vrrp::Master } else { Vrrp::Backup }),
            kept: None,
            vip: active,
            event: None,
            deaf: 0,
            notify: true,
            active: None,
            standby: Standby::new(timing()),
            asked: Duration::ZERO,
            heard: None,
            grant: 0,
            relay: u8::from(!active),
            gateway: Gateway::Answers,
            gateway_stale: 0,
            steps: Vec::new(),
            stepped: 0,
        }
    }

    pub fn runs(&self) -> bool {
        self.power == Power::On && self.notify
    }

    pub fn idle(&self) -> bool {
        self.runs() && self.steps.is_empty()
    }

    /// Whether this node's adverts go out.
    pub fn advertises(&self) -> bool {
        self.power == Power::On && self.vrrp == Some(Vrrp::Master)
    }

    /// The promised intention is to promote.
    pub fn promotes(&self) -> bool {
        matches!(self.state.intention, Some(Intention::Promote { .. }))
    }

    /// Mirrors `Agent::answer`, as far as anything is decided by it.
    pub fn says(&self) -> Said {
        let replica = self.db.up.then_some(self.db.replica).flatten();
        let state = &self.state;
        Said {
            mode: state.mode,
            role: state.role,
            epoch: state.epoch,
            solo: state.solo,
            fenced: state.fenced,
            promoting: self.promotes() || self.standby.promoting(),
            grant: if state.fenced { state.granted.as_deref().map_or(0, number) } else { self.grant },
            lease: self.standby.claims(NOW),
            relay: self.relay,
            // A MASTER without its VIP is left alone out of care for its clients; what
            // is proven here does not lean on that, and meets a promotion all the same.
            vrrp: self.vrrp.filter(|vrrp| self.vip || *vrrp != Vrrp::Master),
            vip: self.vip,
            gateway: self.gateway,
            writable: self.db.up.then_some(!self.db.read_only),
            log: self.db.log,
            // A look from before the relay log was lost still shows what was in it.
            received: if replica.is_some() { self.db.received() } else { 0 },
            replicating: replica.is_some_and(|replica| replica.io && replica.sql),
        }
    }

    /// One look at the protection at `now`, with what was heard.
    pub fn step(
        &mut self,
        now: Duration,
        clients: u32,
        heard: Option<&Answer>,
        gateway: Gateway,
    ) -> Vec<ap_core::protection::Order> {
        let view = View {
            db: (self.db.up && !self.db.read_only).then(|| DbView {
                at: now,
                semi_sync: self.db.semi,
                clients,
                waiting: self.db.waiting.count_ones(),
                acknowledged: self.db.acknowledged.into(),
                binlog_pos: position(self.db.log),
            }),
            asked: self.asked,
            peer: heard,
            gateway,
            epoch: self.state.epoch,
            fence_missing: false,
        };
        self.active.as_mut().map_or_else(Vec::new, |active| active.step(now, &view))
    }

    /// The lease is given up, off the disk first.
    pub fn give_up(&mut self) {
        self.kept = None;
        self.standby.void("");
        self.standby.forgotten();
    }

    /// `ap-notify` is killed.
    pub fn forget(&mut self) {
        self.notify = false;
        self.active = None;
        self.standby = Standby::new(timing());
        (self.asked, self.heard, self.grant) = (Duration::ZERO, None, 0);
        self.steps.clear();
        self.stepped = 0;
        (self.gateway, self.gateway_stale) = (Gateway::Silent, 0);
    }

    /// `ap-notify` starts.
    pub fn remember(&mut self) {
        self.notify = true;
        self.relay = 0;
        if let Some((until, relay)) = &self.kept {
            self.standby.resume(*until, relay.clone());
        }
    }

    /// A tick passes.
    pub fn age(&mut self) {
        self.active.iter_mut().for_each(|active| active.age(TICK, NOW));
        self.standby.age(TICK, NOW);
        self.asked = self.asked.saturating_sub(TICK);
        if let Some((until, _)) = &mut self.kept {
            *until = until.saturating_sub(TICK);
            // An end that is past is as good as none.
            if *until <= NOW {
                self.kept = None;
            }
        }
    }
}
