//! Two agents that ship, in one simulated world with a seed: no thread, no wall clock,
//! no sleep. README.md says what is simulated and what is not.
//!
//! A [`Story`] is a seed with faults and commands; [`Story::run`] tells whether the
//! pair kept its promises in it, and [`Story::shrink`] what of it is needed to break
//! them.

mod advice;
mod checks;
mod clients;
mod disk;
mod effects;
mod faults;
mod keepalived;
mod looks;
mod machine;
mod mariadb;
mod network;
mod node;
mod operator;
mod replication;
mod schedule;
mod stranger;
mod twist;
mod units;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use ap_core::message::Verb;
use ap_core::mode::{Mode, Role};

pub use checks::Broken;
pub use disk::Disk;
pub use faults::What;
pub use mariadb::{Content, Holds};
pub use schedule::Happening;
pub use twist::Twist;

use world::{Due, World, ms};

/// A fresh pair is whole by then.
const SET_UP: Duration = Duration::from_secs(90);
/// Once faults have ended and everything is plugged in again, the pair is whole by
/// then, with an operator who does what the documents say.
const RECOVERY: Duration = Duration::from_secs(400);
/// Whole for so long is whole.
const STEADY: Duration = Duration::from_secs(3);

/// A seed, and what happens.
#[derive(Debug, Clone)]
pub struct Story {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Faults and commands.
    pub happenings: Vec<Happening>,
    /// A safeguard that is taken away.
    pub twist: Option<Twist>,
}

/// What a world came to.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Worlds.
    pub worlds: u64,
    /// Time in them.
    pub time: Duration,
    /// Faults that struck.
    pub faults: u64,
    /// Promotions that were finished.
    pub failovers: u64,
    /// Commands that were typed.
    pub commands: u64,
    /// Writes that clients were told are done.
    pub acknowledged: u64,
    /// The longest time without one.
    pub longest_pause: Duration,
    /// What the agents were told.
    pub inputs: u64,
    /// How often each rule fired, by what it says: plans, refusals, protection.
    pub rules: BTreeMap<String, u64>,
}

impl Figures {
    /// A rule fired. Of what it says, evidence and way forward after the first `;` and
    /// every number are left out.
    pub(crate) fn fired(&mut self, outcome: &str, text: &str) {
        let text = text.split([';', '(']).next().unwrap_or_default();
        let mut rule = format!("{outcome}: ");
        for letter in text.trim_end().chars() {
            match letter {
                '0'..='9' if rule.ends_with('N') => {}
                '0'..='9' => rule.push('N'),
                _ => rule.push(letter),
            }
        }
        *self.rules.entry(rule).or_default() += 1;
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.time += other.time;
        self.faults += other.faults;
        self.failovers += other.failovers;
        self.commands += other.commands;
        self.acknowledged += other.acknowledged;
        self.longest_pause = self.longest_pause.max(other.longest_pause);
        self.inputs += other.inputs;
        for (rule, fired) in &other.rules {
            *self.rules.entry(rule.clone()).or_default() += fired;
        }
    }
}

/// The end of a story.
#[derive(Debug, Clone)]
pub struct End {
    /// What must never happen, and did.
    pub broken: Option<Broken>,
    /// Figures.
    pub figures: Figures,
    /// Line by line, if that was asked for.
    pub lines: String,
}

impl Story {
    /// The story of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, happenings: schedule::schedule(seed), twist: None }
    }

    /// Lets it happen. `tell`: keep it line by line.
    pub fn run(&self, tell: bool) -> End {
        let mut world = World::new(self, tell);
        world.sets_up();
        world.happen_all();
        world.ends();
        let lines = world.lines();
        world.figures.worlds = 1;
        world.figures.time = world.now;
        End { broken: world.broken, figures: world.figures, lines }
    }

    /// The same failure with the fewest faults and commands that a greedy search finds.
    #[must_use]
    pub fn shrink(&self) -> Self {
        let mut story = self.clone();
        let Some(check) = self.run(false).broken.map(|broken| broken.check) else { return story };
        let mut again = true;
        while again {
            again = false;
            for at in (0..story.happenings.len()).rev() {
                let mut shorter = story.clone();
                shorter.happenings.remove(at);
                if shorter.run(false).broken.is_some_and(|broken| broken.check == check) {
                    story = shorter;
                    again = true;
                }
            }
        }
        story
    }
}

impl World {
    /// A fresh pair, set up as the documents say.
    fn sets_up(&mut self) {
        for n in 0..2 {
            self.later(n, ms(10), Due::Start);
            self.later(n, ms(5), Due::Check);
        }
        for writer in 0..self.writers.len() {
            self.outside(ms(100), Due::Write(writer));
        }
        self.run_until(ms(500));
        self.command(0, "operator root", Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false }, false);
        self.run_until(Duration::from_secs(12));
        self.operator.hurries = true;
        self.outside(ms(10), Due::Operator);
        if !self.becomes_whole(SET_UP) {
            self.breaks("setup", "a fresh pair was not protected in time".into());
        }
    }

    /// Whether the pair is whole, for a while, within this time.
    fn becomes_whole(&mut self, within: Duration) -> bool {
        let until = self.now + within;
        let mut since = None;
        while self.now < until && self.broken.is_none() {
            self.run_until(self.now + ms(250));
            since = if self.is_whole() { since.or(Some(self.now)) } else { None };
            if since.is_some_and(|since| self.now.saturating_sub(since) >= STEADY) {
                return true;
            }
        }
        self.broken.is_some()
    }

    fn happen_all(&mut self) {
        let mut last = Duration::ZERO;
        for at in 0..self.schedule.len() {
            let happening = self.schedule[at].clone();
            self.outside(happening.at, Due::Strike(at));
            last = last.max(happening.at + happening.lasts);
        }
        self.operator.hurries = false;
        self.figures.longest_pause = Duration::ZERO;
        for node in &mut self.nodes {
            node.state_at_boot = node.state.clone();
        }
        self.run_until(self.now + last + ms(500));
    }

    /// Faults are over: somebody serves again, the pair is protected, and both servers
    /// hold the same.
    fn ends(&mut self) {
        self.tell(0, || "== the faults are over".into());
        self.operator.hurries = true;
        if !self.becomes_whole(RECOVERY) {
            let told: Vec<String> = (0..2).map(|n| self.says(n)).collect();
            for n in 0..2 {
                let db = format!("{:?}", self.nodes[n].db.status());
                self.tell(n, || db);
            }
            self.breaks("liveness", format!("not protected again: {}", told.join("; ")));
        }
        self.quiet = true;
        self.run_until(self.now + Duration::from_secs(3));
        if self.broken.is_none() {
            self.compares();
        }
    }

    fn says(&self, n: usize) -> String {
        let node = &self.nodes[n];
        let s = &node.state;
        let told = node.published.as_ref().map_or(String::new(), |told| format!("{} {}", told.doing, told.protection));
        format!("host{} is {} {} of epoch {}: {told}", n + 1, s.mode, s.role, s.epoch)
    }
}
