//! One machine: what survives a power failure, what survives a kill of the program,
//! and what does not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ap_core::agent::{Agent, Kept, Lease, Site};
use ap_core::answer::Answer;
use ap_core::event::Brief;
use ap_core::message::Message;
use ap_core::mode::{Fault, Mode, Role, Vrrp};
use ap_core::state::State;

use crate::disk::Disk;
use crate::keepalived::Keepalived;
use crate::mariadb::Server;
use crate::units::UnitFile;
use crate::world::Due;

/// What the clock shows when `ap-notify` may first run.
const BOOTED: Duration = Duration::from_secs(10);
/// Parts in a million.
const MILLION: u128 = 1_000_000;

/// The machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    On,
    /// Everything stands still but its clock.
    Frozen,
    /// Its clock stands still as well (docs/FACTS.md#stun-stops-the-clock).
    Stunned,
    /// It has none.
    Off,
}

/// A machine.
pub struct Node {
    /// The configuration, as this host.
    pub site: Arc<Site>,
    /// Power.
    pub power: Power,
    /// Since when it stands still, or last did.
    pub still: Duration,
    /// systemd is shutting it down.
    pub going_down: bool,
    /// The request of a hand-over that the shutdown waits for.
    pub handing_over: Option<String>,
    /// Whatever runs on it gets the processor late, and seldom.
    pub starved: bool,
    /// Boots so far.
    pub boots: u32,
    /// When it booted (the world's time), and by how much its clock is fast.
    booted: Duration,
    ppm: u32,

    /// `state.toml`.
    pub state: State,
    /// What it held at the boot.
    pub state_at_boot: State,
    /// The start unit's, then the services'.
    pub unit_files: [UnitFile; 4],
    /// The data directory.
    pub db: Server,
    /// What it lies on.
    pub disk: Disk,
    /// It was kept once, with `state.toml`, to be put back.
    pub snapshot: Option<Box<(Server, State)>>,
    event: Option<Brief>,

    /// The run directory: gone with the power.
    pub started: bool,
    /// It has no room: nothing new can be kept there, what is there stays.
    pub run_full: bool,
    /// Track files that are set.
    pub faults: Vec<Fault>,
    /// keepalived's word, kept for a restart.
    pub word: Option<Vrrp>,
    /// The lease, kept for a restart.
    pub lease: Option<Lease>,
    /// An intention was written since the boot.
    pub same_boot: bool,
    /// Lines nobody has read.
    pub fifo: VecDeque<Message>,
    /// When the last line gets there.
    pub written: Duration,
    /// There is no room for another: it is dropped (docs/FACTS.md#fifo-is-kept).
    pub full: bool,
    /// The next start of the database truncates.
    pub truncates: bool,

    /// `ap-notify`; none when it does not run.
    pub agent: Option<Agent>,
    /// Its starts so far.
    pub life: u32,
    /// It is stopped (SIGSTOP).
    pub paused: bool,
    /// It is killed after so many more effects.
    pub kill_in: Option<u32>,
    /// What was handed over goes on without it.
    pub orphans: bool,
    /// What it tells the peer.
    pub published: Option<Answer>,
    /// What it last heard.
    pub heard: Option<Answer>,
    /// What came while it or its machine stood still.
    pub held: Vec<Due>,
    /// When each lane of adapters is free again.
    pub lanes: BTreeMap<u8, Duration>,
    /// Effects go wrong.
    pub trouble: bool,
    /// systemd does not answer.
    pub deaf: bool,
    /// How many ticks it wanted at one moment.
    pub ticks: (Duration, u32),

    /// The API runs, and hangs.
    pub api: (bool, bool),
    /// keepalived.
    pub keepalived: Keepalived,
    /// The VIP is on the interface.
    pub vip: bool,
    /// The interface is up.
    pub nic: bool,
    /// Its cable is in the switch.
    pub port: bool,
    /// Many of its packets are lost.
    pub lossy: bool,
    /// Its adverts are dropped on their way.
    pub muted: bool,
    /// The other host cannot make anything of its answers.
    pub unusable: bool,
    /// The peer was made unreachable.
    pub unreachable: bool,
    /// The SQL thread is held up.
    pub lags: bool,
    /// What its database sends to the other host is dropped.
    pub stalled: bool,
}

impl Node {
    /// A machine that was just installed.
    pub fn new(site: Arc<Site>, id: u32, ppm: u32) -> Self {
        Self {
            site,
            power: Power::On,
            still: Duration::ZERO,
            going_down: false,
            handing_over: None,
            starved: false,
            boots: 0,
            booted: Duration::ZERO,
            ppm,
            state: State::fresh(),
            state_at_boot: State::fresh(),
            unit_files: [UnitFile::default(); 4],
            db: Server::new(id),
            disk: Disk::Well,
            snapshot: None,
            event: None,
            started: false,
            run_full: false,
            faults: vec![Fault::Db, Fault::Api, Fault::Role],
            word: None,
            lease: None,
            same_boot: false,
            fifo: VecDeque::new(),
            written: Duration::ZERO,
            full: false,
            truncates: false,
            agent: None,
            life: 0,
            paused: false,
            kill_in: None,
            orphans: false,
            published: None,
            heard: None,
            held: Vec::new(),
            lanes: BTreeMap::new(),
            trouble: false,
            deaf: false,
            ticks: (Duration::ZERO, 0),
            api: (false, false),
            keepalived: Keepalived::default(),
            vip: false,
            nic: true,
            port: true,
            lossy: false,
            muted: false,
            unusable: false,
            unreachable: false,
            lags: false,
            stalled: false,
        }
    }

    /// Time since boot.
    pub fn clock(&self, now: Duration) -> Duration {
        let run = now.saturating_sub(self.booted);
        BOOTED + run + nanos(run.as_nanos() * u128::from(self.ppm) / MILLION)
    }

    /// The world's time at which its clock has surely reached this.
    pub fn moment(&self, clock: Duration) -> Duration {
        let run = clock.saturating_sub(BOOTED).as_nanos();
        self.booted + nanos(run * MILLION / (MILLION + u128::from(self.ppm))) + Duration::from_nanos(100)
    }

    /// The power goes: what lay in memory and under /run is gone.
    pub fn loses_power(&mut self, now: Duration) {
        (self.power, self.going_down, self.handing_over) = (Power::Off, false, None);
        self.db.dies(now);
        self.boots += 1;
        self.dies();
        (self.paused, self.full) = (false, false);
        self.run_full = false;
        self.faults = vec![Fault::Db, Fault::Api, Fault::Role];
        (self.started, self.word, self.lease, self.same_boot) = (false, None, None, false);
        self.fifo.clear();
        self.held.clear();
        self.lanes.clear();
        (self.truncates, self.unreachable, self.vip) = (false, false, false);
        self.api = (false, false);
        self.keepalived = Keepalived::default();
    }

    /// The power is back.
    pub fn boots(&mut self, now: Duration) {
        self.power = Power::On;
        self.booted = now;
        self.state_at_boot = self.state.clone();
    }

    /// It goes on where it stood, and so does its clock, if that stood still as well.
    pub fn goes_on(&mut self, now: Duration) {
        if self.power == Power::Stunned {
            self.booted += now.saturating_sub(self.still);
        }
        self.power = Power::On;
    }

    /// Whether it has power and does nothing.
    pub fn stands_still(&self) -> bool {
        matches!(self.power, Power::Frozen | Power::Stunned)
    }

    /// `ap-notify` is gone, with all it knew.
    pub fn dies(&mut self) {
        self.agent = None;
        self.life += 1;
        (self.kill_in, self.orphans) = (None, false);
        (self.published, self.heard) = (None, None);
    }

    /// `ap-notify` starts.
    pub fn starts(&mut self, now: Duration) {
        // A peer that was made unreachable is reachable again before the program runs.
        self.unreachable = false;
        let kept = Kept {
            state: self.state.clone(),
            same_boot: self.same_boot,
            vrrp: self.word,
            started: self.started,
            lease: self.lease.clone(),
            event: self.event.clone(),
        };
        self.agent = Some(Agent::new(self.site.clone(), kept, self.clock(now)));
    }

    /// What `state.toml` holds from here on.
    pub fn saves(&mut self, state: &State) {
        self.same_boot |= state.intention.is_some();
        self.state = state.clone();
        if self.state.since.is_empty() {
            self.state.since = "2026-01-01T00:00:00Z".into();
        }
    }

    /// The history has another line.
    pub fn records(&mut self, brief: Brief) {
        self.event = Some(brief);
    }

    /// Whether it does anything.
    pub fn runs(&self) -> bool {
        self.power == Power::On
    }

    /// Whether `ap-notify` does anything.
    pub fn listens(&self) -> bool {
        self.runs() && self.agent.is_some() && !self.paused
    }

    /// Whether clients may reach it by the VIP.
    pub fn has_clients(&self) -> bool {
        self.vip && self.nic && self.port && self.power != Power::Off
    }

    /// Whether commits here wait for the standby, as the hooks of the unit see it.
    pub fn in_session(&self) -> bool {
        let s = &self.state;
        s.mode == Mode::Ap && s.role == Role::Active && !s.solo && !s.fenced
    }

    /// Whether a commit here is acknowledged without anybody else.
    pub fn acknowledges_alone(&self) -> bool {
        self.power != Power::Off && self.db.writable() && self.db.semi_sync.is_alone() && self.vip
    }

    /// Whether keepalived has a reason for FAULT.
    pub fn is_bad(&self) -> bool {
        !self.nic || !self.port || !self.faults.is_empty() || self.keepalived.checks.iter().any(|bad| *bad)
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
