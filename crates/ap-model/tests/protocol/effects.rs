//! Carries out what the agents order. Everything ends at once, but for what a twist or a
//! mishap holds up.

use std::collections::BTreeMap;
use std::time::Duration;

use ap_core::agent::{Act, Effect, Failure, FileChange, Input, Look, Seen, Ticket};
use ap_core::answer::{Answer, Report};
use ap_core::exit::Exit;
use ap_core::mode::{Mode, Service};
use ap_core::observed::{Gateway, Units};
use ap_core::state::Intention;

use super::clock::NOW;
use super::node::{Mishap, Node, Power};
use super::twist::Twist;
use super::world::World;

/// Inputs after one event before an agent counts as mad.
const MANY: usize = 10_000;

/// What a database says that is not there.
const REFUSED: &str = "connection refused";

/// What comes of an act: its output, or why it failed.
type End = Result<String, &'static str>;

impl World {
    /// An agent is told something, and everything that follows at once happens.
    pub fn tell(&mut self, n: usize, input: Input) {
        self.queue.push_back((n, input));
        self.rest();
    }

    /// Goes on until nothing is left to happen at once.
    pub fn rest(&mut self) {
        let mut left = MANY;
        while let Some((n, input)) = self.queue.pop_front() {
            left -= 1;
            assert!(left > 0, "wants something without end: {input:?}");
            match self.nodes[n].power {
                Power::On => self.give(n, input),
                Power::Frozen => self.nodes[n].held.push(input),
                Power::Off => {}
            }
        }
    }

    fn give(&mut self, n: usize, input: Input) {
        let Some(agent) = &mut self.nodes[n].agent else { return };
        for effect in agent.on(NOW, input) {
            if self.nodes[n].agent.is_none() {
                // Whoever reads the FIFO keeps keepalived's word before it hands the line on.
                if let Effect::KeepVrrp(word) = effect
                    && self.nodes[n].power != Power::Off
                {
                    self.nodes[n].word = Some(word);
                }
                continue;
            }
            self.carry_out(n, effect);
        }
    }

    fn carry_out(&mut self, n: usize, effect: Effect) {
        match effect {
            Effect::Publish(answer) => self.nodes[n].told = Some(Box::new(self.says(n, *answer))),
            Effect::KeepVrrp(word) => self.nodes[n].word = Some(word),
            Effect::Act { ticket, act } => self.order(n, ticket, act),
            Effect::Ask { asked, .. } => self.asks(n, asked),
            Effect::Look { at, what } => {
                let what = self.seen(n, what);
                self.queue.push_back((n, Input::Seen { at, what }));
            }
            Effect::KeepLease(lease) => {
                self.nodes[n].lease.clone_from(&lease);
                self.queue.push_back((n, Input::LeaseKept(Ok(lease))));
            }
            _ => {}
        }
    }

    /// What the peer is told, without words that only people read.
    fn says(&self, n: usize, mut answer: Answer) -> Answer {
        let (node, peer) = (&self.nodes[n], &self.nodes[1 - n]);
        let opening = answer.protection.ends_with("a session is opening");
        for text in [&mut answer.doing, &mut answer.since, &mut answer.who, &mut answer.why, &mut answer.protection] {
            text.clear();
        }
        answer.report = Report::default();
        let leased = node.lease.as_ref().is_some_and(|(until, _)| *until > NOW);
        match self.rules.twist {
            Some(Twist::Whole) if opening => answer.grant = peer.told.as_ref().map(|told| told.relay.clone()),
            Some(Twist::Promise) => answer.lease = false,
            Some(Twist::Promoting) => (answer.promoting, answer.lease) = (false, leased),
            Some(Twist::Claim) if answer.promoting && !node.promotes() => {
                (answer.promoting, answer.lease) = (false, leased);
            }
            Some(Twist::Epoch) => answer.epoch = 1,
            _ => {}
        }
        answer
    }

    fn seen(&self, n: usize, what: Look) -> Seen {
        let node = &self.nodes[n];
        match what {
            Look::Database => self.database_seen(n),
            Look::Gateway => Seen::Gateway(self.gateway_seen(n)),
            Look::Units { .. } => {
                let units: Units = node.units();
                Seen::Units { units: Ok(Box::new(units)), shutting_down: false }
            }
            Look::Vip => Seen::Vip(node.vip),
            Look::Faults => Seen::Faults(node.faults.iter().copied().collect()),
            Look::Api => Seen::Api(if node.api { Ok(()) } else { Err(REFUSED.into()) }),
            Look::Checks => Seen::Checks(BTreeMap::new()),
        }
    }

    fn database_seen(&self, n: usize) -> Seen {
        let db = &self.nodes[n].db;
        if !db.up {
            return Seen::Database { status: Err(REFUSED.into()), process: None };
        }
        let mut status = db.status(self.clients(n));
        // The number of its relay log counts restarts of the server as well.
        if self.rules.twist == Some(Twist::Relay) && status.sql_thread != 0 {
            status.sql_thread = 1;
        }
        Seen::Database { status: Ok(Box::new(status)), process: Some("p".into()) }
    }

    fn gateway_seen(&self, n: usize) -> Gateway {
        let known = self.nodes[n].told.as_ref().map(|told| told.gateway);
        match (self.rules.twist, known) {
            // The regular probe of this tick counts, and no later one.
            (Some(Twist::FreshGateway), Some(known)) if self.woken[n] => known,
            _ => self.gateway[n],
        }
    }

    /// Semi-sync replicas that MariaDB believes to be connected: one that vanished
    /// is not missed before a packet is.
    pub fn clients(&self, n: usize) -> u32 {
        let standby = &self.nodes[1 - n];
        let connected = match standby.power {
            Power::Off => standby.db.replica.is_some(),
            _ => standby.db.receives() && standby.db.semi_replica,
        };
        u32::from(connected)
    }

    fn order(&mut self, n: usize, ticket: Ticket, act: Act) {
        let mishap = self.mishap(n);
        if self.rules.slow && takes_time(&self.nodes[n], &act) && mishap.is_none() {
            self.nodes[n].lingers = Some((ticket, act));
            return;
        }
        let end = match mishap {
            Some(Mishap::Fails) => Err("it did not work"),
            Some(Mishap::HappensAndFails) => self.does(n, &act).and(Err("it did not work")),
            _ => self.does(n, &act),
        };
        match mishap {
            Some(Mishap::Kill) => self.kill_notify(n),
            Some(Mishap::PowerOff) => self.power_off(n),
            Some(Mishap::Freeze) => self.nodes[n].power = Power::Frozen,
            _ => {}
        }
        self.ends(n, ticket, end);
    }

    /// What goes wrong with the act that is being ordered.
    fn mishap(&mut self, n: usize) -> Option<Mishap> {
        let (after, mishap) = self.nodes[n].mishap.take()?;
        if after == 0 {
            return Some(mishap);
        }
        self.nodes[n].mishap = Some((after - 1, mishap));
        None
    }

    fn ends(&mut self, n: usize, ticket: Ticket, end: End) {
        if end == Err(REFUSED) {
            // The next regular look comes before much else can be tried.
            let what = self.database_seen(n);
            self.queue.push_back((n, Input::Seen { at: NOW, what }));
        }
        let result = end.map_err(|why| Failure::new(Exit::Unavailable, why));
        self.queue.push_back((n, Input::Ended { ticket, result }));
    }

    /// What took its time comes to its end.
    pub fn end(&mut self, n: usize) {
        if let Some((ticket, act)) = self.nodes[n].lingers.take() {
            let end = self.does(n, &act);
            self.ends(n, ticket, end);
            self.rest();
        }
    }

    fn does(&mut self, n: usize, act: &Act) -> End {
        let twist = self.rules.twist;
        let node = &mut self.nodes[n];
        match act {
            Act::Save(_) if twist == Some(Twist::Durable) => {}
            Act::Save(state) => node.saves(state),
            Act::Fault(fault, on) => self.set_fault(n, *fault, *on),
            Act::Started(on) => node.started = *on,
            Act::Vip(on) => node.vip = *on,
            Act::Unreachable(on) => node.unreachable = *on,
            Act::Sql { statements, .. } => {
                return statements.iter().try_for_each(|sql| self.statement(n, sql.text())).map(|()| String::new());
            }
            Act::WaitApplied { .. } if !node.db.up => return Err(REFUSED),
            Act::WaitApplied { .. } if twist == Some(Twist::Drain) => return Ok("applied".into()),
            Act::WaitApplied { .. } if !node.db.applies() => {}
            Act::WaitApplied { .. } => {
                node.db.apply();
                return Ok("applied".into());
            }
            Act::Kill { service: Service::Database, .. } if twist == Some(Twist::Fence) => self.database_stops(n),
            Act::Kill { .. } => self.database_dies(n),
            Act::Start { .. } if node.files == Mode::M => return Err("the unit is masked"),
            Act::Start { service, .. } => self.starts(n, *service),
            Act::Stop { service, .. } => self.stops(n, *service),
            Act::UnitFiles(changes) => {
                let any = |wanted: FileChange| changes.iter().any(|(change, _)| *change == wanted);
                node.files = match (any(FileChange::Mask), any(FileChange::Enable)) {
                    (true, _) => Mode::M,
                    (_, true) => Mode::S,
                    _ => Mode::Ap,
                };
            }
            _ => {}
        }
        Ok(String::new())
    }

    fn statement(&mut self, n: usize, text: &str) -> Result<(), &'static str> {
        let missing = self.acknowledged & !self.nodes[n].db.log;
        let db = &mut self.nodes[n].db;
        if !db.up {
            return Err(REFUSED);
        }
        if text == "SET GLOBAL read_only=ON" && db.waiting != 0 {
            return Err("read_only waits for commits under way");
        }
        db.run(text);
        match text {
            // With semi-sync it acknowledges nothing that its standby does not have.
            "SET GLOBAL read_only=OFF" => self.stale_writable |= !db.semi && missing != 0,
            // What waits is acknowledged.
            "SET GLOBAL rpl_semi_sync_master_enabled=OFF" => self.acknowledged |= std::mem::take(&mut db.waiting),
            _ => {}
        }
        if self.cut {
            self.nodes[n].db.acks = 0;
        }
        Ok(())
    }

    /// `ap-notify` is killed.
    pub fn kill_notify(&mut self, n: usize) {
        self.nodes[n].forget();
        self.flights[n] = super::network::Flight::Idle;
    }

    pub fn power_off(&mut self, n: usize) {
        self.kill_notify(n);
        self.nodes[n].lose_power();
    }

    /// An answer has come, for one of the regular questions.
    pub fn hears(&mut self, n: usize, asked: Duration, answer: Option<Box<Answer>>) {
        let node = &mut self.nodes[n];
        let news = |said: &Answer| said.promoting || said.epoch > node.state.epoch;
        node.knows = answer.as_deref().is_some_and(news);
        self.queue.push_back((n, Input::Heard { asked, answer: answer.ok_or_else(|| "silent".to_owned()) }));
    }
}

/// What may take any time where that is explored: writing down that a promotion begins,
/// and the drain.
fn takes_time(node: &Node, act: &Act) -> bool {
    match act {
        Act::Save(state) => matches!(state.intention, Some(Intention::Promote { .. })) && !node.promotes(),
        Act::WaitApplied { .. } => true,
        _ => false,
    }
}
