//! The world: its time, what is due, its chance, and the two agents in it.
//!
//! What happens has its moment in one queue; time is a number that jumps to the next.
//! Everything that is left to chance comes from one generator with a seed, so that a
//! seed is a story.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use ap_core::agent::{Act, Effect, Input, Lease, Look, Site, Ticket};
use ap_core::answer::Answer;
use ap_core::config::parse;
use ap_core::message::Message;

use crate::checks::{Broken, Ledger};
use crate::clients::Writer;
use crate::effects::is_handed_over;
use crate::mariadb::Content;
use crate::node::{Node, Power};
use crate::operator::Operator;
use crate::replication::{Conn, Dump};
use crate::schedule::Happening;
use crate::stranger::Stranger;
use crate::twist::Twist;
use crate::{Figures, Story};

/// That many milliseconds.
pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A machine and its boot; none: outside of both.
type Place = Option<(usize, u32)>;

/// Ticks that are wanted at one moment before the agent counts as mad.
const TICKS: u32 = 50;

/// Something that is due on a machine, or (where it names none) in the world.
#[derive(Debug, Clone)]
pub enum Due {
    /// The agent is told; unless it has died since.
    Input(u32, Box<Input>),
    /// Lines of the FIFO, which outlive the agent.
    Line(Message),
    /// `ap-notify` starts.
    Start,
    /// `ap-notify` goes on.
    Resume,
    /// `ap-notify` gets no processor for a while.
    Starve,
    /// systemd stops the units, once a hand-over has ended, or at this moment.
    GoDown(Duration),
    /// Everything has been stopped.
    Halt,
    /// The machine has booted far enough for the start unit.
    Boot,
    /// An act is carried out: of this life of the agent, since then, and how it goes.
    Act(u32, Ticket, Box<Act>, Duration, How),
    /// A look is taken.
    Look(u32, Duration, Look),
    /// The file that keeps the lease is written.
    Lease(u32, Option<Lease>),
    /// An answer is published late.
    Publish(u32, Box<Answer>),
    /// The peer's question of that moment has come, and is answered until then.
    Question(u32, Duration, Duration),
    /// An advert has come.
    Advert(u8),
    /// The next advert is to be sent.
    Adverts(u32),
    /// The master may be lost.
    MasterDown(u32),
    /// keepalived's checks run.
    Check,
    /// keepalived looks at its track files.
    Tracked,
    /// The hook of a killed keepalived takes the VIP off.
    RemoveVip,
    /// Part of the binary log has come, up to this place.
    Ship(u64, usize),
    /// The standby has everything up to this place.
    Ack(u64, usize),
    /// The IO thread looks for its master, or whether it is still there.
    Io,
    /// The SQL thread applies.
    Apply,
    /// The master's side notices that its replica is gone.
    Gone(u64),
    /// A commit has waited for the timeout of semi-sync, in this process.
    GiveUp(u32, usize),
    /// A stranger's replica has everything up to this place, of this process.
    StrangerAck(u32, usize),
    /// A stranger's replica looks for its master.
    Stranger(usize),
    /// A writer goes on.
    Write(usize),
    /// Something of the schedule begins or ends.
    Strike(usize),
    /// It ends.
    Mend(usize),
    /// The operator looks.
    Operator,
}

impl Due {
    /// Whether it comes over the network.
    pub fn is_packet(&self) -> bool {
        matches!(self, Self::Question(..) | Self::Advert(_) | Self::Ship(..) | Self::Ack(..))
    }
}

/// How an act goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Well.
    Well,
    /// It does not happen, and is reported as failed.
    Fails,
    /// It happens, and is reported as failed.
    HappensAndFails,
}

/// Everything.
pub struct World {
    /// Since the beginning.
    pub now: Duration,
    /// The two machines.
    pub nodes: [Node; 2],
    queue: BTreeMap<(Duration, u64), (Place, Due)>,
    queued: u64,
    /// Chance.
    pub rng: fastrand::Rng,
    /// Packets from this host to the other are dropped.
    pub cut: [bool; 2],
    /// One packet in so many is lost, and one is slow.
    pub loss: u32,
    /// The gateway answers this host.
    pub gateway: [bool; 2],
    /// The replica's end of the connection of each host.
    pub conns: [Option<Conn>; 2],
    /// The master's end, by master.
    pub dumps: [Option<Dump>; 2],
    /// Names connections.
    pub connections: u64,
    /// A stranger's semi-sync replica, by master.
    pub strangers: [Option<Stranger>; 2],
    /// What the first of the writers writes.
    pub writes: Content,
    /// When somebody last changed what semi-sync does.
    pub drifted: Option<Duration>,
    /// Clients.
    pub writers: Vec<Writer>,
    /// `gtid_domain_id` of each: often the same.
    pub domains: [u32; 3],
    /// They have been told to stop.
    pub quiet: bool,
    /// What was acknowledged, and who has it.
    pub ledger: Ledger,
    /// The operator.
    pub operator: Operator,
    /// What happens when.
    pub schedule: Vec<Happening>,
    /// A safeguard that is taken away.
    pub twist: Option<Twist>,
    /// Faults that are in force.
    pub in_force: u32,
    /// When a fault last began or ended.
    pub disturbed: Duration,
    /// Something has struck that is known to end so: the story in tests/known.
    pub strained: Option<&'static str>,
    /// What was found.
    pub broken: Option<Broken>,
    /// For people.
    pub figures: Figures,
    lines: Option<String>,
}

impl World {
    /// Two machines on which the toolkit was just installed.
    pub fn new(story: &Story, tell: bool) -> Self {
        let config = parse(include_str!("../../../ap.toml.example"), "ap.toml.example");
        let config = config.unwrap_or_else(|error| unreachable!("the example is a configuration: {error}"));
        let mut rng = fastrand::Rng::with_seed(story.seed);
        let mut node = |n: usize| {
            let site = Site {
                own: config.host[n].clone(),
                peer: config.host[1 - n].clone(),
                config: config.clone(),
                replication_user: "repl".into(),
                replication_password: "secret".into(),
            };
            // Quartz is wrong by less than this.
            Node::new(Arc::new(site), [1, 2][n], rng.u32(0..200))
        };
        let nodes = [node(0), node(1)];
        let domains = [0, 0, rng.u32(0..2)];
        let loss = [30, 100, 500, 10_000][rng.usize(0..4)];
        Self {
            now: Duration::ZERO,
            nodes,
            queue: BTreeMap::new(),
            queued: 0,
            rng,
            cut: [false; 2],
            loss,
            gateway: [true; 2],
            conns: [None, None],
            dumps: [None, None],
            connections: 0,
            strangers: [None; 2],
            writes: Content::Rows,
            drifted: None,
            writers: vec![Writer::default(); 3],
            domains,
            quiet: false,
            ledger: Ledger::default(),
            operator: Operator::default(),
            schedule: story.happenings.clone(),
            twist: story.twist,
            in_force: 0,
            disturbed: Duration::ZERO,
            strained: None,
            broken: None,
            figures: Figures::default(),
            lines: tell.then(String::new),
        }
    }

    /// A time between these, in milliseconds.
    pub fn between(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.rng.u64(from * 1000..=to * 1000))
    }

    /// One in so many.
    pub fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(0..count) == 0
    }

    /// Puts something into the queue that happens on a machine: late if that is frozen,
    /// never if it has lost its power.
    pub fn later(&mut self, n: usize, after: Duration, due: Due) {
        let boots = self.nodes[n].boots;
        self.put(after, Some((n, boots)), due);
    }

    /// Puts something into the queue that happens whatever the machines do.
    pub fn outside(&mut self, after: Duration, due: Due) {
        self.put(after, None, due);
    }

    fn put(&mut self, after: Duration, place: Place, due: Due) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), (place, due));
    }

    /// Whatever a machine had in hand comes so much later: its timers have stood still.
    /// What is on its way to it has not.
    pub fn postpone(&mut self, n: usize, by: Duration) {
        let of_it = |place: Place| place.is_some_and(|(at, _)| at == n);
        let timers = self.queue.iter().filter(|(_, (place, due))| of_it(*place) && !due.is_packet());
        let keys: Vec<(Duration, u64)> = timers.map(|(key, _)| *key).collect();
        for (at, serial) in keys {
            let Some((place, mut due)) = self.queue.remove(&(at, serial)) else { continue };
            if let Due::Act(_, _, _, since, _) = &mut due {
                *since += by;
            }
            self.queue.insert((at + by, serial), (place, due));
        }
    }

    /// Tells an agent something after a while.
    pub fn input(&mut self, n: usize, after: Duration, input: Input) {
        let life = self.nodes[n].life;
        self.later(n, after, Due::Input(life, Box::new(input)));
    }

    /// A line is written into the FIFO.
    pub fn line(&mut self, n: usize, message: Message) {
        let at = (self.now + self.between(0, 2)).max(self.nodes[n].written);
        // In the order in which they were written (docs/FACTS.md#fifo-order).
        self.nodes[n].written = at;
        if !self.nodes[n].full {
            self.later(n, at - self.now, Due::Line(message));
        }
    }

    /// Whether the story is kept.
    pub fn is_told(&self) -> bool {
        self.lines.is_some()
    }

    /// A line of the story.
    pub fn tell(&mut self, n: usize, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let _ = writeln!(lines, "{:>9.4} host{} {}", self.now.as_secs_f64(), n + 1, text());
        }
    }

    /// The story so far.
    pub fn lines(&self) -> String {
        self.lines.clone().unwrap_or_default()
    }

    /// Something must never happen, and has.
    pub fn breaks(&mut self, check: &'static str, text: String) {
        if self.broken.is_none() {
            self.broken =
                Some(Broken { check, text, at: self.now, known: self.strained.or_else(|| self.known(check)) });
        }
    }

    /// Everything that is due before `until` happens, unless something breaks.
    pub fn run_until(&mut self, until: Duration) {
        while self.broken.is_none() {
            let queued = self.queue.keys().next().map(|(at, _)| *at);
            let wakes = [self.wake(0), self.wake(1)];
            let wake = [0, 1].into_iter().filter_map(|n| wakes[n].map(|at| (at, n))).min();
            let tick = wake.filter(|(at, _)| queued.is_none_or(|queued| *at < queued));
            let Some(at) = tick.map(|(at, _)| at).or(queued).filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            match tick {
                Some((_, n)) => self.ticks(n),
                None => {
                    if let Some((_, (place, due))) = self.queue.pop_first() {
                        self.due(place, due);
                    }
                }
            }
        }
        self.now = self.now.max(until);
    }

    fn wake(&self, n: usize) -> Option<Duration> {
        let node = &self.nodes[n];
        let agent = node.agent.as_ref().filter(|_| node.listens())?;
        Some(node.moment(agent.wake()).max(self.now))
    }

    fn ticks(&mut self, n: usize) {
        let now = self.now;
        let ticks = &mut self.nodes[n].ticks;
        *ticks = if ticks.0 == now { (now, ticks.1 + 1) } else { (now, 0) };
        if ticks.1 > TICKS {
            return self.breaks("no rest", format!("host{} wants a tick without end", n + 1));
        }
        self.give(n, Input::Tick);
    }

    fn due(&mut self, place: Place, due: Due) {
        let Some((n, boots)) = place else { return self.happens_outside(due) };
        let node = &mut self.nodes[n];
        if node.boots != boots || node.power == Power::Off {
            return;
        }
        let ours = matches!(due, Due::Input(..) | Due::Line(_) | Due::Question(..) | Due::Publish(..));
        if node.stands_still() || (node.paused && ours) {
            return node.held.push(due);
        }
        self.happens(n, due);
    }

    fn happens_outside(&mut self, due: Due) {
        match due {
            Due::Write(writer) => self.writes(writer),
            Due::Strike(at) => self.strikes(at),
            Due::Mend(at) => self.mends(at),
            Due::Operator => self.operator_looks(),
            Due::Stranger(n) => self.stranger_looks(n),
            _ => {}
        }
    }

    fn happens(&mut self, n: usize, due: Due) {
        match due {
            Due::Input(life, input) if life == self.nodes[n].life => self.arrives(n, *input),
            Due::Input(..) => {}
            Due::Line(line) if self.nodes[n].agent.is_none() => self.nodes[n].fifo.push_back(line),
            Due::Line(line) => self.give(n, Input::Lines(vec![line])),
            Due::Start => self.notify_starts(n),
            Due::Resume => self.resumes(n),
            Due::Starve => self.starves_notify(n),
            Due::GoDown(until) => self.stops_units(n, until),
            Due::Halt => self.halts(n),
            Due::Boot => self.boot_asks(n),
            Due::Act(life, ticket, act, since, how) => self.acts(n, life, ticket, act, since, how),
            Due::Look(life, at, what) => self.looks(n, life, at, what),
            Due::Lease(life, lease) => self.keeps_lease(n, life, lease),
            Due::Publish(life, answer) if life == self.nodes[n].life => self.nodes[n].published = Some(*answer),
            Due::Publish(..) => {}
            Due::Question(life, asked, until) => self.question(n, life, asked, until),
            Due::Advert(priority) => self.advert(n, priority),
            Due::Adverts(serial) => self.adverts_due(n, serial),
            Due::MasterDown(serial) => self.master_down(n, serial),
            Due::Check => self.check_due(n),
            Due::Tracked => self.keepalived_looks(n),
            Due::RemoveVip if !self.nodes[n].keepalived.up => self.nodes[n].vip = false,
            Due::RemoveVip => {}
            Due::Ship(conn, upto) => self.shipped(n, conn, upto),
            Due::Ack(conn, upto) => self.acked(n, conn, upto),
            Due::Io => self.io(n),
            Due::Apply => self.applies(n),
            Due::Gone(conn) => self.replica_gone(n, conn),
            Due::GiveUp(process, key) => self.gives_up(n, process, key),
            Due::StrangerAck(process, upto) => self.stranger_acked(n, process, upto),
            Due::Stranger(_) | Due::Write(_) | Due::Strike(_) | Due::Mend(_) | Due::Operator => {}
        }
    }

    fn arrives(&mut self, n: usize, input: Input) {
        if let Input::Heard { answer, .. } = &input {
            self.nodes[n].heard = answer.as_ref().ok().map(|answer| (**answer).clone());
        }
        self.give(n, input);
    }

    /// The agent is told, and what it orders is carried out, unless it is killed half-way.
    pub fn give(&mut self, n: usize, input: Input) {
        let node = &mut self.nodes[n];
        let now = node.clock(self.now);
        let Some(agent) = &mut node.agent else { return };
        let mut effects = VecDeque::from(agent.on(now, input));
        self.figures.inputs += 1;
        while let Some(effect) = effects.pop_front() {
            if self.killed_here(n, &effect) {
                for effect in effects {
                    if let Effect::KeepVrrp(word) = effect {
                        self.nodes[n].keeps_word(word);
                    }
                }
                return;
            }
            self.carry_out(n, effect);
        }
    }

    fn killed_here(&mut self, n: usize, effect: &Effect) -> bool {
        // Whoever reads the FIFO keeps keepalived's word before it hands the line on.
        if matches!(effect, Effect::Look { .. } | Effect::Log(_) | Effect::Warn(_) | Effect::KeepVrrp(_)) {
            return false;
        }
        match &mut self.nodes[n].kill_in {
            None => false,
            Some(0) => {
                self.notify_dies(n);
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// `ap-notify` is killed. What its threads had handed on happens now, or never.
    pub fn notify_dies(&mut self, n: usize) {
        self.tell(n, || "ap-notify is killed".into());
        let life = self.nodes[n].life;
        let begun: Vec<(Duration, u64)> = self
            .queue
            .iter()
            .filter(|(_, (place, due))| {
                place.is_some_and(|(at, _)| at == n)
                    && match due {
                        Due::Act(of, ..) | Due::Lease(of, _) => *of == life,
                        _ => false,
                    }
            })
            .map(|(key, _)| *key)
            .collect();
        for key in begun {
            let Some((place, due)) = self.queue.remove(&key) else { continue };
            let goes_on = self.nodes[n].orphans && matches!(&due, Due::Act(_, _, act, ..) if is_handed_over(act));
            let after = if goes_on { key.0.saturating_sub(self.now) } else { ms(0) };
            if goes_on || self.rng.bool() {
                self.put(after, place, due);
            }
        }
        self.nodes[n].dies();
        self.nodes[n].lanes.clear();
        // Its session ends, and with it the lock that `read_only` waits for.
        self.nodes[n].db.locked = false;
        self.operator.gone(n);
        let after = self.between(100, 400);
        self.later(n, after, Due::Start);
    }

    fn notify_starts(&mut self, n: usize) {
        let now = self.now;
        let node = &mut self.nodes[n];
        if node.agent.is_some() {
            return;
        }
        node.starts(now);
        self.tell(n, || "ap-notify starts".into());
        let lines: Vec<Message> = self.nodes[n].fifo.drain(..).collect();
        self.give(n, Input::Tick);
        if !lines.is_empty() {
            self.give(n, Input::Lines(lines));
        }
    }

    /// What was held comes now, in the order in which it came.
    pub fn release(&mut self, n: usize) {
        for due in std::mem::take(&mut self.nodes[n].held) {
            self.later(n, Duration::from_micros(50), due);
        }
    }

    fn resumes(&mut self, n: usize) {
        (self.nodes[n].paused, self.nodes[n].full) = (false, false);
        self.tell(n, || "ap-notify goes on".into());
        self.release(n);
    }
}
