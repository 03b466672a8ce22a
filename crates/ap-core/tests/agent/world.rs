//! One node: the real agent, and the machine, the peer and the network as its
//! effects see them. Nothing here decides anything; `rules.rs` asserts what no
//! effect may ever do.
//!
//! What happens has its moment in one queue; time is a number that jumps to the next.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ap_core::agent::{Act, Agent, Effect, Input, Kept, Lease, Site, Ticket};
use ap_core::answer::Answer;
use ap_core::config::parse;
use ap_core::event::{Brief, Event};
use ap_core::message::{Message, Reply, Request, Verb};
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::state::{Intention, State};

use crate::keepalived::{ROUND, UnitFile};
use crate::mariadb::{Around, Server};

/// A small file, a local question.
pub const MOMENT: Duration = Duration::from_millis(1);
/// systemd starts this program again.
const RESTART: Duration = Duration::from_millis(100);
/// Nothing to do for this long is rest: longer than any lease, and than a refusal is
/// remembered.
const QUIET: Duration = Duration::from_secs(8);
/// Longer than all waits of a plan together.
const LONGEST: Duration = Duration::from_secs(400);
/// A password that must show nowhere.
pub const PASSWORD: &str = "s3cret-of-replication";

static SITE: LazyLock<Arc<Site>> = LazyLock::new(|| {
    let config = parse(include_str!("../../../../ap.toml.example"), "ap.toml.example").unwrap();
    let [own, peer] = [0, 1].map(|it: usize| config.host[it].clone());
    Arc::new(Site { config, own, peer, replication_user: "repl".into(), replication_password: PASSWORD.into() })
});

/// What comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

/// Something that is due.
#[derive(Debug, Clone)]
pub enum Due {
    /// The agent is told; unless it has died since.
    Input(u32, Input),
    /// A line of the FIFO, which outlives the agent.
    Line(Message),
    /// keepalived and the peer.
    Round,
    /// The program starts.
    Start,
}

/// Acts of one kind.
type Which = fn(&Act) -> bool;

/// What an act meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It does not happen, and is reported as failed.
    Fails,
    /// It happens, and is reported as failed.
    HappensAndFails,
    /// It neither happens nor ends.
    Hangs,
}

/// The program is killed before or right after the effect that so many others precede.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    pub left: usize,
    pub after: bool,
    /// The kill is the machine's.
    pub power_off: bool,
}

/// What the agent was told at a moment, and what it ordered.
#[derive(Debug, Clone)]
pub struct Batch {
    pub at: Duration,
    pub input: Input,
    pub effects: Vec<Effect>,
}

#[derive(Clone)]
pub struct World {
    pub now: Duration,
    pub agent: Option<Agent>,
    pub site: Arc<Site>,
    queue: BTreeMap<(Duration, u64), Due>,
    queued: u64,
    life: u32,

    // Survives a power failure.
    pub state: State,
    pub unit_files: [UnitFile; 4],
    pub data: &'static str,
    pub event: Option<Brief>,

    // Survives a kill of the program: the run directory and the FIFO.
    pub started: bool,
    pub faults: Vec<Fault>,
    pub word: Option<Vrrp>,
    pub lease: Option<Lease>,
    pub same_boot: bool,
    pub fifo: VecDeque<Message>,

    // The machine.
    pub db: Server,
    pub api: bool,
    pub keepalived: bool,
    pub said: Option<Vrrp>,
    pub keepalived_ended: Duration,
    pub vip: bool,
    pub nic: bool,
    pub unreachable: bool,
    pub truncates: bool,
    pub shutting_down: bool,

    // What is around.
    pub peer: Option<Answer>,
    pub ambitious: bool,
    pub link: bool,
    pub forked: bool,
    pub peer_tells_protected: bool,
    pub gateway: bool,
    /// The peer's adverts do not arrive.
    pub adverts_blocked: bool,
    /// The next answer of the peer takes so long.
    pub slow: Option<Duration>,
    pub grant_ended: Option<Duration>,

    // What the agent has said and ordered.
    pub told: Option<Answer>,
    pub heard: Option<Answer>,
    pub under_way: BTreeMap<Ticket, Act>,
    pub busy: Duration,
    ticks: (Duration, u32),

    // What a test does to it, and remembers.
    pub kill: Option<Kill>,
    pub killed_before_save: bool,
    pub trap: Option<(Which, How)>,
    pub fail_at: Option<(usize, How)>,
    /// systemd does not answer; nor does anybody tell what came of a question.
    pub deaf: bool,
    pub mute: bool,
    pub lease_file_fails: bool,
    /// Effects that are points of a kill, so far and at the last one of a plan.
    pub counted: usize,
    pub counted_busy: usize,
    pub saves: usize,
    /// When somebody switched semi-sync by hand.
    pub by_hand: Duration,
    pub must_rest: bool,
    pub last: Option<(Verb, Outcome)>,
    pub asked: Option<(String, Verb)>,
    pub replies: Vec<(String, Reply)>,
    pub events: Vec<Event>,
    pub alerts: Vec<(&'static str, String)>,
    pub record: bool,
    pub batches: Vec<Batch>,
    /// What lay on disk when the recorded agent began, and when that was.
    pub began: Option<(Kept, Duration)>,
}

impl World {
    /// A machine on which the toolkit was just installed, an hour after its boot.
    pub fn fresh() -> Self {
        let mut world = Self {
            now: Duration::from_secs(3600),
            agent: None,
            site: SITE.clone(),
            queue: BTreeMap::new(),
            queued: 0,
            life: 0,
            state: State::fresh(),
            unit_files: [UnitFile::default(); 4],
            data: "",
            event: None,
            started: false,
            faults: vec![Fault::Db, Fault::Api, Fault::Role],
            word: None,
            lease: None,
            same_boot: false,
            fifo: VecDeque::new(),
            db: Server::new(),
            api: false,
            keepalived: false,
            said: None,
            keepalived_ended: Duration::ZERO,
            vip: false,
            nic: true,
            unreachable: false,
            truncates: false,
            shutting_down: false,
            peer: None,
            ambitious: false,
            link: true,
            forked: false,
            peer_tells_protected: true,
            gateway: true,
            adverts_blocked: false,
            slow: None,
            grant_ended: None,
            told: None,
            heard: None,
            under_way: BTreeMap::new(),
            busy: Duration::ZERO,
            ticks: (Duration::ZERO, 0),
            kill: None,
            killed_before_save: false,
            trap: None,
            fail_at: None,
            deaf: false,
            mute: false,
            lease_file_fails: false,
            counted: 0,
            counted_busy: 0,
            saves: 0,
            by_hand: Duration::ZERO,
            must_rest: false,
            last: None,
            asked: None,
            replies: Vec::new(),
            events: Vec::new(),
            alerts: Vec::new(),
            record: false,
            batches: Vec::new(),
            began: None,
        };
        world.later(Duration::ZERO, Due::Start);
        world.later(ROUND, Due::Round);
        world
    }

    /// Puts something into the queue.
    pub fn later(&mut self, after: Duration, due: Due) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), due);
    }

    /// Tells the agent something after a while.
    pub fn tell(&mut self, after: Duration, input: Input) {
        self.later(after, Due::Input(self.life, input));
    }

    /// What a restart of the program finds.
    pub fn kept(&self) -> Kept {
        Kept {
            state: self.state.clone(),
            same_boot: self.same_boot,
            vrrp: self.word,
            started: self.started,
            lease: self.lease.clone(),
            event: self.event.clone(),
        }
    }

    fn start(&mut self) {
        // A peer that was made unreachable is reachable again before the program runs.
        self.unreachable = false;
        let kept = self.kept();
        self.agent = Some(Agent::new(self.site.clone(), kept.clone(), self.now));
        if self.record {
            self.began = Some((kept, self.now));
            self.batches.clear();
        }
        self.busy = self.now;
        while let Some(line) = self.fifo.pop_front() {
            self.later(MOMENT, Due::Line(line));
        }
    }

    /// The agent is told, and what it orders is carried out.
    pub fn give(&mut self, input: Input) {
        let Some(mut agent) = self.agent.take() else { return };
        let effects = agent.on(self.now, input.clone());
        let answer = agent.answer(self.now);
        self.agent = Some(agent);
        self.rule_of_batches(&effects);
        if self.record {
            self.batches.push(Batch { at: self.now, input, effects: effects.clone() });
        }
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            self.carry_out(effect);
            if self.agent.is_none() {
                // Whoever reads the FIFO keeps keepalived's word before it hands the line on.
                effects.into_iter().for_each(|effect| self.keep_word(effect));
                return;
            }
        }
        self.rule_of_promises(&answer);
    }

    fn keep_word(&mut self, effect: Effect) {
        if let Effect::KeepVrrp(word) = effect {
            self.word = Some(word);
        }
    }

    /// The program ends here and now: what it had read and remembered is gone.
    pub fn dies(&mut self) {
        self.agent = None;
        self.life += 1;
        self.under_way.clear();
        self.must_rest &= matches!(self.state.intention, Some(Intention::Leave { .. }));
        if self.peer_leased() && self.told.as_ref().is_some_and(|told| told.grant.is_some()) {
            self.grant_ends();
        }
        (self.told, self.heard) = (None, None);
        self.queue.retain(|_, due| !matches!(due, Due::Start));
        self.later(RESTART, Due::Start);
    }

    /// The program ends, and with it goes what it had read of the FIFO.
    pub fn dies_reading(&mut self) {
        self.dies();
        self.queue.retain(|_, due| !matches!(due, Due::Line(_)));
    }

    /// Power off and on; the boot may start the node.
    pub fn reboot(&mut self) {
        self.dies();
        self.queue.retain(|_, due| matches!(due, Due::Round | Due::Start));
        self.fifo.clear();
        (self.api, self.keepalived, self.said, self.vip) = (false, false, None, false);
        (self.word, self.started, self.lease, self.same_boot) = (None, false, None, false);
        self.faults = vec![Fault::Db, Fault::Api, Fault::Role];
        self.db.run(false);
        self.must_rest &= matches!(self.state.intention, Some(Intention::Leave { .. }));
        if self.unit_files[0].enabled && !self.unit_files[0].masked {
            self.asks("boot", Verb::Start, false);
        }
    }

    /// Somebody asks, through the FIFO.
    pub fn asks(&mut self, who: &str, verb: Verb, force: bool) {
        let id = format!("r{}", self.queued);
        if self.state.mode == Mode::M {
            self.must_rest = false;
        }
        self.last = None;
        self.asked = Some((id.clone(), verb.clone()));
        self.line(Message::Request(request(&id, who, &verb, force, false)));
    }

    /// `--dry-run`.
    pub fn asks_dryly(&mut self, verb: &Verb) {
        self.line(Message::Request(request("dry", "operator root", verb, false, true)));
    }

    pub fn replied(&mut self, id: String, reply: Reply) {
        if let (Reply::Done { exit, .. }, Some((asked, verb))) = (&reply, &self.asked)
            && *asked == id
        {
            let outcome = match exit {
                0 => Outcome::Done,
                1 => Outcome::Refused,
                _ => Outcome::Failed,
            };
            self.last = Some((verb.clone(), outcome));
        }
        self.replies.push((id, reply));
    }

    /// Everything that is due before `until` happens.
    pub fn run_until(&mut self, until: Duration) {
        while self.next_at().is_some_and(|at| at <= until) {
            self.next();
        }
        self.now = until;
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    fn wake(&self) -> Option<Duration> {
        self.agent.as_ref().map(|agent| agent.wake().max(self.now))
    }

    fn next_at(&self) -> Option<Duration> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        [queued, self.wake()].into_iter().flatten().min()
    }

    fn next(&mut self) {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        if let Some(wake) = self.wake()
            && queued.is_none_or(|at| wake < at)
        {
            self.now = wake;
            self.ticks = if self.ticks.0 == wake { (wake, self.ticks.1 + 1) } else { (wake, 0) };
            assert!(self.ticks.1 < 50, "wants a tick without end: {self:?}");
            return self.give(Input::Tick);
        }
        let Some(((at, _), due)) = self.queue.pop_first() else { return };
        self.now = self.now.max(at);
        match due {
            Due::Input(life, input) if life == self.life => self.arrives(input),
            Due::Input(..) => {}
            Due::Line(line) if self.agent.is_none() => self.fifo.push_back(line),
            Due::Line(line) => self.reads(line),
            Due::Round => {
                self.round();
                self.later(ROUND, Due::Round);
            }
            Due::Start => self.start(),
        }
    }

    /// The program reads the FIFO: this line, and what has come with it.
    fn reads(&mut self, line: Message) {
        let mut lines = vec![line];
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now)
            && matches!(entry.get(), Due::Line(_))
            && let Due::Line(line) = entry.remove()
        {
            lines.push(line);
        }
        self.note_loss(&lines);
        self.give(Input::Lines(lines));
    }

    fn arrives(&mut self, input: Input) {
        match &input {
            Input::Ended { ticket, .. } => drop(self.under_way.remove(ticket)),
            Input::Heard { answer, .. } => self.heard = answer.as_ref().ok().map(|answer| (**answer).clone()),
            _ => {}
        }
        self.give(input);
    }

    /// The active of a whole pair that hears FAULT or STOP must end in `m`. A keepalived
    /// that has ended and runs again by the time that is read is none.
    fn note_loss(&mut self, lines: &[Message]) {
        let lost = |line: &Message| matches!(line.vrrp(), Some(Vrrp::Fault | Vrrp::Stop));
        let from = lines.iter().rposition(|line| *line == Message::Started(Service::Keepalived)).unwrap_or(0);
        let said = lines.iter().any(|line| matches!(line, Message::Vrrp(Vrrp::Fault | Vrrp::Stop)));
        let lost = said || lines[from..].iter().any(lost);
        if lost && self.protected() && self.under_way.is_empty() && !self.state.switching_over() {
            self.must_rest = true;
        }
    }

    pub fn protected(&self) -> bool {
        let s = &self.state;
        s.mode == Mode::Ap && s.role == Role::Active && !s.solo && self.started
    }

    /// Runs until nothing is left to do. Returns whether that came about.
    pub fn settles(&mut self) -> bool {
        let begun = self.now;
        self.busy = self.now;
        while self.now < begun + LONGEST {
            self.run_for(Duration::from_millis(500));
            let idle = self.told.as_ref().is_some_and(|told| told.doing.is_empty());
            if !idle || !self.under_way.is_empty() {
                self.busy = self.now;
            }
            if self.now >= self.busy + QUIET {
                return true;
            }
        }
        false
    }

    /// What the database cannot know.
    pub fn around(&self) -> Around {
        let forced = matches!(&self.state.intention, Some(Intention::Request { request }) if request.force);
        let serves = |peer: &Option<Answer>| peer.as_ref().is_some_and(Answer::serves);
        let master = serves(&self.peer) && self.link && !self.unreachable;
        Around {
            sent_again: serves(&self.heard) || serves(&self.peer),
            may_lose: self.state.mode == Mode::M || forced,
            master,
            clients: self.vip,
        }
    }

    /// A service by the name of its unit; none for the start unit.
    pub fn service(&self, unit: &str) -> Option<Service> {
        let all = [Service::Database, Service::Api, Service::Keepalived];
        all.into_iter().find(|service| self.site.config.unit(*service) == unit)
    }
}

/// What counts when a story has gone wrong; the rest would fill pages.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {:?}: {:?}", self.now, self.state)?;
        let (files, runs) = (self.files(), self.runs());
        writeln!(f, "files {files:?}, runs {runs:?}, started {}, faults {:?}", self.started, self.faults)?;
        writeln!(f, "heard {:?}, said {:?}, vip {}, nic {}", self.word, self.said, self.vip, self.nic)?;
        writeln!(f, "lease {:?}, lost {}, last {:?}, {:?}", self.lease, self.must_rest, self.last, self.db)?;
        writeln!(f, "under way {:?}, busy {:?}, fails {:?}", self.under_way, self.busy, self.fail_at)?;
        writeln!(f, "told {}", serde_json::to_string(&self.told).unwrap_or_default())?;
        writeln!(f, "peer {}", serde_json::to_string(&self.peer).unwrap_or_default())?;
        self.events
            .iter()
            .rev()
            .take(8)
            .rev()
            .try_for_each(|it| writeln!(f, "{} {}: {}: {}", it.cause, it.evidence, it.outcome, it.text))?;
        self.batches.iter().try_for_each(|batch| {
            let regular = |it: &&Effect| {
                !matches!(it, Effect::Publish(_) | Effect::Look { .. } | Effect::Ask { .. } | Effect::KeepPeer(_))
            };
            let effects: Vec<&Effect> = batch.effects.iter().filter(regular).collect();
            let input = match &batch.input {
                Input::Heard { asked, answer } => format!("heard {:?}, asked {asked:?}", answer.is_ok()),
                Input::Seen { at, what } => format!("seen {:.60?}, looked {at:?}", format!("{what:?}")),
                other => format!("{other:?}"),
            };
            if effects.is_empty() { Ok(()) } else { writeln!(f, "  {:?} {input} -> {effects:?}", batch.at) }
        })
    }
}

/// A request as it stands in the FIFO.
fn request(id: &str, who: &str, verb: &Verb, force: bool, dry_run: bool) -> Request {
    let mut json = serde_json::json!({"id": id, "who": who, "verb": verb, "force": force});
    if dry_run {
        json["dry-run"] = true.into();
    }
    serde_json::from_value(json).unwrap()
}
