//! The agent of one node, as a value: it is told what happened, and says what is
//! to be done.
//!
//! ```text
//! input --> Agent::on(now, input) --> effects --> adapters carry them out --> inputs again
//! ```
//!
//! It owns everything that changes: `state.toml`, what waits ([`inbox`]), what was
//! seen ([`known`]), both halves of the protocol between the two nodes
//! ([`session`]), and the plan under way ([`run`]). So there is one order of events,
//! and no fact that two threads share. It has no clock and does no I/O: a simulated
//! world runs the very agent that ships.
//!
//! - `input.rs`, `effect.rs`: the two vocabularies.
//! - `inbox.rs`: what waits to be dealt with, the most urgent first.
//! - `known.rs`: what was seen, and how old that is.
//! - `looks.rs`: what must be looked at before a plan can be made, and the plan.
//! - `run.rs`, `acts.rs`, `drain.rs`: goes through a plan's steps, one action after the other.
//! - `conclude.rs`: the beginning and the end of a plan.
//! - `disk.rs`: that `state.toml` holds what is so, also after a write that failed.
//! - `waits.rs`: what a plan waits for.
//! - `session.rs`: the lease, grants, going on alone.
//! - `answer.rs`: what the peer is told.
//! - `site.rs`: what does not change: the configuration, and which host this is.
//! - `age.rs`: makes everything known older, for tests and searches; no rule lies there.

mod acts;
mod age;
mod answer;
mod conclude;
mod disk;
mod drain;
pub mod effect;
mod inbox;
mod input;
mod known;
mod looks;
mod run;
mod session;
mod site;
mod waits;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use effect::{Act, Effect, Failure, FileChange, Lease, Look, Part, Tail, Ticket};
pub use input::{Input, Kept, Seen};
pub use site::Site;

use crate::answer::Answer;
use crate::event::{Brief, Event};
use crate::mode::{Mode, Role, Vrrp};
use crate::plan::Cause;
use crate::protection::{Active, Standby};
use crate::state::{Intention, State};
use disk::Disk;
use inbox::{Inbox, Next};
use known::Known;
use looks::Looking;
use run::Run;
use session::{Fence, LeaseFile, Orders, Question};

/// How often the protection is looked at, at least.
const TICK: Duration = Duration::from_millis(100);
/// How often what is gets compared with what should be.
const RECONCILE: Duration = Duration::from_secs(1);
/// How often the database is looked at, while it answers or is meant to.
const DATABASE_EVERY: Duration = Duration::from_millis(100);
/// How often, while it is down on purpose.
const DATABASE_AT_REST: Duration = Duration::from_secs(1);
/// How often the gateway is probed.
const GATEWAY_EVERY: Duration = Duration::from_millis(500);
/// How often the verdicts of keepalived's checks are read.
const CHECKS_EVERY: Duration = Duration::from_secs(1);
/// What fails again and again is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// This many things that fail are told apart.
const FAILING: usize = 8;
/// A node is cut off when its gateway has been silent for this long, and the peer is
/// silent as well or still reaches the gateway.
const CUT_OFF: Duration = Duration::from_secs(2);

/// The agent of one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Agent {
    site: Arc<Site>,
    /// Fingerprint of the configuration.
    config: String,
    /// `state.toml` as last written.
    state: State,
    /// The services are meant to run.
    started: bool,
    inbox: Inbox,
    known: Known,
    /// Questions to the peer that are under way.
    questions: Vec<Question>,

    /// The active's half of the session, while this node is active in a pair.
    active: Option<Active>,
    /// Relay log for which a lease is granted now.
    grant: Option<String>,
    /// The active's orders that are being obeyed.
    orders: Option<Orders>,
    fence: Fence,
    /// The standby's half.
    standby: Standby,
    lease_file: LeaseFile,
    /// Each acknowledged write is on both nodes; why; since when (time since boot).
    protected: bool,
    protection: String,
    protected_since: Duration,

    /// Looks that must end before a plan can be made.
    looking: Option<Looking>,
    /// The plan under way.
    run: Option<Run>,
    /// Acts under way, those left behind included.
    tickets: BTreeSet<Ticket>,
    /// What `state.toml` holds may not be the state of above.
    disk: Disk,
    /// The peer was made unreachable from here, or may have been.
    unreachable: bool,
    /// The act under way that undoes that, and when it is tried again (time since boot).
    undo: (Option<Ticket>, Duration),
    /// When the last step ended (time since boot).
    acted: Duration,
    /// When what is was last compared with what should be; `None`: do it now.
    reconciled: Option<Duration>,
    /// What calls for a comparison when it changes.
    noticed: Noticed,
    /// When the agent was last told anything (time since boot).
    ticked: Duration,
    /// When each regular question and look is due (time since boot).
    due: Due,
    /// When a promotion was last refused (time since boot).
    refused: Option<Duration>,
    /// When it was refused because VRRP does not get through.
    blocked: Option<Duration>,
    /// Since when this node has been cut off.
    cut_off: Option<Duration>,
    /// What was said to have failed lately, and when (time since boot).
    failing: VecDeque<(String, Duration)>,
    /// What happened last.
    event: Option<Brief>,
    /// What the peer is told, and since when (time since boot).
    published: Option<(Box<Answer>, Duration)>,
}

/// What calls for a comparison of what is with what should be, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Noticed {
    /// The database: read-only, or not answering.
    read_only: Option<bool>,
    /// There is a lease to promote on.
    lease: bool,
    /// VRRP does not get through, and the peer holds on.
    blocked: bool,
}

/// When a regular question or look is due (time since boot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Due {
    ask: Duration,
    database: Duration,
    gateway: Duration,
    checks: Duration,
}

impl Agent {
    /// At the start of the program. Of what was begun before the machine went down,
    /// only a leaving is finished: on its own a node starts nothing at boot (F1, F8).
    pub fn new(site: Arc<Site>, kept: Kept, now: Duration) -> Self {
        let timing = site.timing();
        let mut state = kept.state;
        let unsaved = match &state.intention {
            Some(intention) if !kept.same_boot && !matches!(intention, Intention::Leave { .. }) => {
                let dropped = format!("the machine went down while {intention}: dropped");
                state.intention = None;
                Some(dropped)
            }
            _ => None,
        };
        let mut standby = Standby::new(timing);
        if let Some((until, relay)) = kept.lease.clone() {
            standby.resume(until, relay);
        }
        let active = state.mode == Mode::Ap && state.role == Role::Active;
        Self {
            inbox: Inbox::new(site.config.pair.restart_grace.get(), kept.vrrp),
            active: active.then(|| Active::new(timing, now, state.solo)),
            state,
            config: site.config.fingerprint(),
            started: kept.started,
            known: Known::new(),
            questions: Vec::new(),
            grant: None,
            orders: None,
            fence: Fence::default(),
            standby,
            lease_file: LeaseFile::new(kept.lease),
            protected: false,
            protection: "UNPROTECTED: just started".into(),
            protected_since: now,
            looking: None,
            run: None,
            tickets: BTreeSet::new(),
            disk: Disk::new(unsaved, now),
            unreachable: false,
            undo: (None, now),
            acted: now,
            reconciled: None,
            noticed: Noticed::default(),
            ticked: now,
            due: Due { ask: now, database: now, gateway: now, checks: now },
            refused: None,
            blocked: None,
            cut_off: None,
            failing: VecDeque::new(),
            event: kept.event,
            published: None,
            site,
        }
    }

    /// Takes in what happened at `now` (time since boot), and says what is to be
    /// done, in order. `now` never goes back.
    pub fn on(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.ticked = now;
        self.take_in(now, input, &mut out);
        self.go_on(now, &mut out);
        self.publish(now, &mut out);
        // Nothing urgent waits behind what is only told; the order within each kind stays.
        out.sort_by_key(Effect::rank);
        out
    }

    /// The latest moment at which the agent must be given a tick (time since boot).
    pub fn wake(&self) -> Duration {
        // A promotion tells by it that this program ran, several times within D/2.
        let mut wake = self.ticked + TICK.min(self.site.config.pair.gap.get() / 8);
        let mut by = |moment: Duration| wake = wake.min(moment);
        if !self.questions.iter().any(|question| question.regular) {
            by(self.due.ask);
        }
        for (look, due) in self.regular_looks() {
            if !self.known.looking.contains_key(&look) {
                by(due);
            }
        }
        // While orders are obeyed, neither plans nor looks for one go on.
        if self.orders.is_none() {
            self.looking.as_ref().and_then(|looking| looking.again).into_iter().for_each(&mut by);
            self.run.as_ref().and_then(Run::next_look).into_iter().for_each(&mut by);
        }
        wake
    }

    /// `state.toml` as last written.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether a plan is under way, or being made.
    pub fn is_busy(&self) -> bool {
        self.run.is_some() || self.orders.is_some() || self.looking.is_some()
    }

    fn take_in(&mut self, now: Duration, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Tick => {}
            Input::Lines(lines) => lines.into_iter().for_each(|line| self.line(now, line, out)),
            Input::Heard { asked, answer } => self.heard(asked, answer, out),
            Input::Seen { at, what } => {
                let database = matches!(what, Seen::Database { .. });
                if database {
                    let every = if what.answers() || self.started { DATABASE_EVERY } else { DATABASE_AT_REST };
                    self.due.database = now + every;
                }
                if self.known.see(at, what) && database {
                    self.check_lease();
                }
            }
            Input::Ended { ticket, result } => self.ended(now, ticket, result, out),
            Input::Progress(text) => self.progress(text, out),
            Input::LeaseKept(result) => self.lease_kept(now, result, out),
            Input::Recorded(brief) => self.event = Some(brief),
        }
    }

    /// A line of the FIFO. The history gets the moment at which it came: a plan may
    /// be under way for a second, and a failover is measured in milliseconds.
    fn line(&mut self, now: Duration, message: crate::message::Message, out: &mut Vec<Effect>) {
        if let Some(vrrp) = message.vrrp() {
            if self.inbox.vrrp() != Some(vrrp) {
                out.push(Effect::Log(format!("keepalived says {vrrp}")));
            }
            out.push(Effect::KeepVrrp(vrrp));
        }
        if let Some(cause) = message.told() {
            out.push(Effect::Record(Event { cause, outcome: "heard".into(), ..Event::default() }));
        }
        self.inbox.absorb(now, message);
    }

    /// Everything that follows from what is known now.
    fn go_on(&mut self, now: Duration, out: &mut Vec<Effect>) {
        self.standby.pulse(now);
        self.write_again(now, out);
        self.make_reachable(now, out);
        if self.known.give_up_looks(now, self.site.config.database.timeout.get()) {
            self.check_lease();
        }
        self.give_up_questions(now);
        self.note_cut_off(now);
        self.regular(now, out);
        self.keep_lease(now, out);
        self.protect(now, out);
        self.notice(now);
        self.advance(now, out);
        self.keep_lease(now, out);
    }

    /// A database that was started again is not left read-only for a second, nor is a
    /// standby that may now take over left unable to: a hand-over would wait.
    fn notice(&mut self, now: Duration) {
        let noticed = Noticed {
            read_only: self.known.db.as_ref().ok().map(|db| db.read_only),
            lease: self.standby.lease(now, &self.known.relay).is_ok(),
            blocked: self.blocked.is_some() && self.known.peer().is_some_and(Answer::holds_on),
        };
        if std::mem::replace(&mut self.noticed, noticed) != noticed {
            self.reconciled = None;
        }
    }

    fn note_cut_off(&mut self, now: Duration) {
        use crate::observed::Gateway;
        let cut_off = self.known.gateway == Gateway::Silent
            && self.known.seen_at(Look::Gateway) > Duration::ZERO
            && self.known.peer().is_none_or(|peer| peer.gateway == Gateway::Answers);
        self.cut_off = if cut_off { self.cut_off.or(Some(now)) } else { None };
    }

    fn regular_looks(&self) -> [(Look, Duration); 3] {
        [(Look::Database, self.due.database), (Look::Gateway, self.due.gateway), (Look::Checks, self.due.checks)]
    }

    /// Regular questions and looks.
    fn regular(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if now >= self.due.ask && !self.questions.iter().any(|question| question.regular) {
            self.due.ask = now + self.site.config.pair.ask_interval.get();
            self.ask_regularly(now, out);
        }
        for (look, due) in self.regular_looks() {
            if now >= due && !self.known.looking.contains_key(&look) {
                self.look(now, look, out);
            }
        }
    }

    /// Orders a look.
    fn look(&mut self, now: Duration, what: Look, out: &mut Vec<Effect>) {
        match what {
            // Again a while after its end.
            Look::Database => {}
            Look::Gateway => self.due.gateway = now + GATEWAY_EVERY,
            Look::Checks => self.due.checks = now + CHECKS_EVERY,
            Look::Units { .. } | Look::Vip | Look::Faults | Look::Api => {}
        }
        self.known.looking.insert(what, now);
        out.push(Effect::Look { at: now, what });
    }

    /// Whether this was looked at since; otherwise sees to it that it is.
    fn want(&mut self, now: Duration, what: Look, since: Duration, out: &mut Vec<Effect>) -> bool {
        if self.known.is_fresh(what, since) {
            return true;
        }
        // One that began earlier ends first; then this is called again.
        if !self.known.looking.contains_key(&what) {
            self.look(now, what, out);
        }
        false
    }

    /// Orders an act and returns its name.
    fn send(&mut self, act: Act, out: &mut Vec<Effect>) -> Ticket {
        let ticket = (0..).find(|ticket| !self.tickets.contains(ticket)).unwrap_or_default();
        self.tickets.insert(ticket);
        out.push(Effect::Act { ticket, act });
        ticket
    }

    /// How long an act may take.
    fn deadline(&self, act: &Act) -> Duration {
        match act {
            Act::Fence(_) => self.site.config.fence.timeout.get() + act.deadline(),
            Act::WaitApplied { .. } => self.site.config.database.timeout.get() + act.deadline(),
            _ => act.deadline(),
        }
    }

    fn ended(&mut self, now: Duration, ticket: Ticket, result: Result<String, Failure>, out: &mut Vec<Effect>) {
        if !self.tickets.remove(&ticket) {
            return;
        }
        if self.disk.ended(ticket, result.is_ok()) {
            if let Err(failure) = result {
                self.tell_news(now, &format!("failed to write state.toml: {failure}; tried again"), out);
            }
        } else if self.undo.0 == Some(ticket) {
            self.undo.0 = None;
            self.unreachable &= result.is_err();
        } else if self.fence.running.is_some_and(|(running, _)| running == ticket) {
            self.fence_ended(now, &result, out);
        } else if self.orders.as_ref().is_some_and(|orders| orders.waits_for(ticket)) {
            self.order_ended(now, result, out);
        } else if self.run.as_ref().is_some_and(|run| run.waits_for(ticket)) {
            self.act_ended(now, result, out);
        } else if let Err(failure) = result {
            out.push(Effect::Warn(failure.to_string()));
        }
    }

    /// Tells of a failure, unless that was done lately.
    fn tell_news(&mut self, now: Duration, text: &str, out: &mut Vec<Effect>) {
        if self.is_news(now, text) {
            self.tell("failure", text, out);
        }
    }

    /// Whether a failure is worth telling: what fails at each look is told once a minute,
    /// also if several things fail in turn.
    fn is_news(&mut self, now: Duration, text: &str) -> bool {
        self.failing.retain(|(_, at)| now.saturating_sub(*at) < TELL_AGAIN);
        let news = self.failing.iter().all(|(known, _)| known != text);
        if news {
            if self.failing.len() == FAILING {
                self.failing.pop_front();
            }
            self.failing.push_back((text.to_owned(), now));
        }
        news
    }

    /// Records something that is no plan's outcome, and alerts.
    fn tell(&self, kind: &'static str, text: &str, out: &mut Vec<Effect>) {
        out.push(Effect::Record(Event {
            cause: kind.into(),
            who: "ap-notify".into(),
            outcome: "alert".into(),
            text: text.into(),
            ..Event::default()
        }));
        out.push(Effect::Alert { kind, text: text.to_owned() });
    }

    /// Whether keepalived made this node MASTER.
    fn is_master(&self) -> bool {
        self.inbox.vrrp() == Some(Vrrp::Master)
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state.intention, Some(Intention::Leave { .. }))
    }

    /// Whether this node acknowledges as the active of a pair, so that a loss of its
    /// role must be dealt with before anything else.
    fn must_leave_if_lost(&self) -> bool {
        let s = &self.state;
        let leaving = self.is_leaving() || self.run.as_ref().is_some_and(Run::leaves);
        self.started && s.mode == Mode::Ap && s.role == Role::Active && !s.solo && !s.fenced && !leaving
    }

    /// What is next to be dealt with.
    fn next_cause(&mut self, now: Duration) -> Option<Next> {
        self.inbox.next(now).or_else(|| {
            let due = self.reconciled.is_none_or(|at| now.saturating_sub(at) >= RECONCILE);
            due.then_some(Next { cause: Cause::Look, doubtful: false })
        })
    }
}

impl Effect {
    /// What is urgent comes before what is only kept or told. A fault is behind nothing
    /// at all, not even the answer that tells of it: keepalived gives the VIP away by it.
    fn rank(&self) -> u8 {
        match self {
            Self::Act { act: Act::Fault(_, true), .. } => 0,
            Self::Publish(_) => 1,
            Self::KeepVrrp(_) => 2,
            Self::Begin(_) | Self::Act { .. } => 3,
            Self::Ask { .. } | Self::Look { .. } => 4,
            Self::KeepLease(_) | Self::KeepPeer(_) | Self::SaveRelayLogs(_) => 5,
            Self::Reply { .. } | Self::Record(_) | Self::Alert { .. } | Self::Log(_) | Self::Warn(_) => 6,
        }
    }
}

impl Seen {
    /// A database that answers.
    fn answers(&self) -> bool {
        matches!(self, Self::Database { status: Ok(_), .. })
    }
}
