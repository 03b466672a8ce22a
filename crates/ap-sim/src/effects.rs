//! Carries out what the agents order, on the simulated machines.

use std::time::Duration;

use ap_core::agent::{Act, Effect, Failure, FileChange, Input, Lease, Ticket};
use ap_core::exit::Exit;
use ap_core::message::{Message, Request, Verb};
use ap_core::mode::{Mode, Role, Service};

use crate::disk::Written;
use crate::twist::Twist;
use crate::units::file;
use crate::world::{Due, How, World, ms};

/// What comes of an act.
enum End {
    /// Done.
    Done(String),
    /// Not done.
    Failed(&'static str),
    /// Looked at again after this.
    Again(Duration),
}

impl World {
    /// Carries an effect out.
    pub fn carry_out(&mut self, n: usize, effect: Effect) {
        match effect {
            Effect::Publish(answer) => {
                self.promises(n, &answer);
                if self.twisted(Twist::OldAnswers) {
                    let life = self.nodes[n].life;
                    return self.later(n, Duration::from_secs(2), Due::Publish(life, answer));
                }
                self.nodes[n].published = Some(*answer);
            }
            Effect::KeepVrrp(word) => self.nodes[n].keeps_word(word),
            Effect::Begin(_) => {}
            Effect::Act { ticket, act } => self.order(n, ticket, act),
            Effect::Ask { asked, deadline } => self.asks(n, asked, deadline),
            Effect::Look { at, what } => self.order_look(n, at, what),
            Effect::KeepLease(lease) => {
                let life = self.nodes[n].life;
                let after = self.between(0, 3);
                self.later(n, after, Due::Lease(life, lease));
            }
            Effect::Record(event) => {
                if event.outcome != "heard" {
                    self.figures.fired(&event.outcome, &event.text);
                    self.tell(n, || format!("{}: {}: {}", event.cause, event.outcome, event.text));
                }
                let brief = event.brief();
                self.nodes[n].records(brief.clone());
                self.input(n, ms(1), Input::Recorded(brief));
            }
            Effect::Reply { id, reply } => self.replied(n, &id, &reply),
            Effect::Log(text) | Effect::Warn(text) => self.tell(n, || text),
            Effect::Alert { text, .. } if text.starts_with("forced: ") => self.foretold(n),
            Effect::Alert { .. } | Effect::KeepPeer(_) | Effect::SaveRelayLogs(_) => {}
        }
    }

    fn order(&mut self, n: usize, ticket: Ticket, act: Act) {
        let how = self.fate(n);
        let takes = self.takes(n, &act, how) + self.act_takes_on_disk(n, &act);
        let takes = takes + self.drag(n, takes);
        let free = self.nodes[n].lanes.get(&lane(&act)).copied().unwrap_or_default();
        let begins = free.max(self.now);
        self.nodes[n].lanes.insert(lane(&act), begins + takes);
        if self.is_told() {
            let what = act.show(&self.nodes[n].site).join("; ");
            self.tell(n, || if how == How::Well { format!("  {what}") } else { format!("  {what} ({how:?})") });
        }
        let life = self.nodes[n].life;
        let since = begins + takes;
        self.later(n, since - self.now, Due::Act(life, ticket, Box::new(act), since, how));
    }

    /// How it goes.
    fn fate(&mut self, n: usize) -> How {
        if !self.nodes[n].trouble {
            return How::Well;
        }
        match self.rng.u32(0..8) {
            0 => How::Fails,
            1 => How::HappensAndFails,
            _ => How::Well,
        }
    }

    /// How long it takes until it happens.
    fn takes(&mut self, n: usize, act: &Act, how: How) -> Duration {
        if self.nodes[n].trouble && self.one_in(4) {
            let longest = act.deadline().min(Duration::from_secs(12));
            let longest = u64::try_from(longest.as_millis()).unwrap_or(1000);
            return self.between(20, longest + 500);
        }
        match act {
            _ if how == How::Fails => ms(2),
            Act::Save(_) | Act::Started(_) => self.between(0, 8),
            Act::Sql { statements, .. } if statements.iter().any(|sql| sql.text() == "STOP SLAVE IO_THREAD") => {
                self.stop_io_takes(n)
            }
            Act::Sql { .. } => self.between(0, 4),
            Act::Kill { .. } => self.between(2, 60),
            Act::Start { service: Service::Database, .. } => self.between(100, 900),
            Act::Start { .. } | Act::Stop { .. } => self.between(20, 200),
            Act::UnitFiles(_) | Act::TruncateAtStart(_) => self.between(50, 500),
            Act::SaveTail(_) | Act::SaveRelayLogs(_) | Act::Fence(_) => self.between(50, 400),
            Act::Reseed => self.between(1000, 4000),
            _ => self.between(0, 2),
        }
    }

    /// An act is carried out now.
    pub fn acts(&mut self, n: usize, life: u32, ticket: Ticket, act: Box<Act>, since: Duration, how: How) {
        if self.nodes[n].deaf && is_of_systemd(&act) {
            return self.later(n, ms(50), Due::Act(life, ticket, act, since, how));
        }
        let end = match self.nodes[n].writes(&act) {
            _ if how == How::Fails => End::Failed("it did not work"),
            Written::Waits => End::Again(ms(50)),
            Written::Refused => End::Failed("the disk does not take it"),
            Written::Done => self.does(n, &act, since),
        };
        let result = match end {
            End::Again(after) => return self.later(n, after, Due::Act(life, ticket, act, since, how)),
            End::Done(_) if how == How::HappensAndFails => Err(failed("it did not work")),
            End::Done(output) => Ok(output),
            End::Failed(why) => Err(failed(why)),
        };
        if self.nodes[n].life == life {
            self.input(n, Duration::from_micros(100), Input::Ended { ticket, result });
        }
    }

    fn does(&mut self, n: usize, act: &Act, since: Duration) -> End {
        let twist = self.twist;
        let node = &mut self.nodes[n];
        match act {
            Act::Save(state) => {
                let before = (node.state.mode, node.state.role);
                let promoted = before == (Mode::Ap, Role::Standby) && state.mode == Mode::S;
                self.figures.failovers += u64::from(promoted);
                node.saves(state);
                let since = node.state.since.clone();
                if state.serves() && node.db.writable() {
                    self.serves_under(n);
                }
                return End::Done(since);
            }
            Act::Fault(fault, on) => self.set_fault(n, *fault, *on),
            Act::Started(on) => node.started = *on,
            Act::Vip(on) => node.vip = *on,
            Act::Unreachable(on) => node.unreachable = *on,
            Act::TruncateAtStart(on) => node.truncates = *on,
            Act::Sql { statements, limit } => return self.sql(n, statements, since, *limit),
            Act::WaitApplied { position, slice } => {
                if !node.db.answers() {
                    return End::Failed("connection refused");
                }
                let applied = node.db.applied(position) || twist == Some(Twist::NoDrain);
                return match (applied, self.now.saturating_sub(since) < *slice) {
                    (true, _) => End::Done("applied".into()),
                    (false, true) => End::Again(ms(5)),
                    (false, false) => End::Done(String::new()),
                };
            }
            Act::Kill { service: Service::Database, .. } if twist == Some(Twist::NoFence) => {}
            Act::Kill { service, .. } => self.service_runs(n, *service, false, false),
            Act::Start { service, .. } if node.unit_files[file(*service)].masked => {
                return End::Failed("the unit is masked");
            }
            Act::Start { .. } if node.going_down => return End::Failed("the machine is going down"),
            Act::Start { service, .. } => {
                self.service_runs(n, *service, true, true);
                if !self.nodes[n].up(*service) {
                    return End::Failed("the unit has failed");
                }
            }
            Act::Stop { service, .. } => self.stops(n, *service),
            Act::UnitFiles(changes) => self.change_files(n, changes),
            Act::Reseed => return self.reseeds(n),
            Act::SaveTail(_) => return End::Done("/var/lib/ap/tails".into()),
            Act::Fence(_) | Act::DataMark | Act::SaveRelayLogs(_) => {}
        }
        End::Done(String::new())
    }

    fn sql(&mut self, n: usize, statements: &[ap_core::sql::Sql], since: Duration, limit: Duration) -> End {
        if !self.nodes[n].db.up {
            return End::Failed("connection refused");
        }
        if self.nodes[n].db.hangs {
            return if self.now.saturating_sub(since) < limit { End::Again(ms(50)) } else { End::Failed("timed out") };
        }
        for sql in statements {
            // It waits for commits under way, and these for an acknowledgement, or for the disk.
            let commits = !self.nodes[n].db.semi_sync.waiting.is_empty() || self.nodes[n].is_stuck();
            if sql.text() == "SET GLOBAL read_only=ON" && !self.nodes[n].db.read_only && commits {
                let waits = self.now.saturating_sub(since) < limit;
                self.nodes[n].db.locked = waits;
                return if waits { End::Again(ms(2)) } else { End::Failed("read_only waits for commits under way") };
            }
            self.statement(n, sql.text());
        }
        End::Done(String::new())
    }

    /// The ordinary way; the unit's hook kills the database of an active in a session.
    pub fn stops(&mut self, n: usize, service: Service) {
        if service == Service::Database && (self.nodes[n].in_session() || self.nodes[n].db.hangs) {
            return self.database_stopped_by_kill(n);
        }
        self.service_runs(n, service, false, true);
    }

    fn database_stopped_by_kill(&mut self, n: usize) {
        let now = self.now;
        if self.nodes[n].db.up {
            self.nodes[n].db.dies(now);
            self.hangs_up(n);
            self.line(n, Message::Stopped { service: Service::Database, clean: true });
        }
    }

    fn reseeds(&mut self, n: usize) -> End {
        let peer = &self.nodes[1 - n];
        if !self.connects(n) || !peer.runs() || !peer.db.answers() || self.nodes[n].unit_files[1].masked {
            return End::Failed("the peer's data cannot be copied");
        }
        let of = peer.db.clone();
        self.nodes[n].db.copy(&of);
        self.recount(n);
        self.service_runs(n, Service::Database, true, true);
        End::Done(String::new())
    }

    fn change_files(&mut self, n: usize, changes: &[(FileChange, Vec<String>)]) {
        let services = [Service::Database, Service::Api, Service::Keepalived];
        for (change, units) in changes {
            for unit in units {
                let node = &mut self.nodes[n];
                let service = services.into_iter().find(|it| node.site.config.unit(*it) == unit);
                let place = &mut node.unit_files[service.map_or(0, file)];
                match change {
                    FileChange::Mask => place.masked = true,
                    FileChange::Unmask => place.masked = false,
                    FileChange::Enable => place.enabled = true,
                    FileChange::Disable => place.enabled = false,
                }
            }
        }
    }

    /// The file that keeps the lease is written.
    pub fn keeps_lease(&mut self, n: usize, life: u32, lease: Option<Lease>) {
        let fails = self.nodes[n].trouble && self.one_in(6);
        let result = if fails {
            Err("no space left".into())
        } else {
            let stays = lease.is_none() && self.twisted(Twist::LeaseStays);
            let kept = if stays { Ok(()) } else { self.nodes[n].keeps_lease(lease.as_ref()) };
            kept.map(|()| lease)
        };
        if self.nodes[n].life == life {
            self.input(n, Duration::from_micros(200), Input::LeaseKept(result));
        }
    }

    /// A machine in `s` starts its services after the boot.
    pub fn boot_asks(&mut self, n: usize) {
        let file = self.nodes[n].unit_files[0];
        if file.enabled && !file.masked && self.nodes[n].state.mode == Mode::S {
            self.command(n, "boot", Verb::Start, false);
        }
    }

    /// A request is written into the FIFO.
    pub fn command(&mut self, n: usize, who: &str, verb: Verb, force: bool) -> String {
        self.operator.asked += 1;
        let id = format!("r{}", self.operator.asked);
        self.tell(n, || format!("{who} asks: {verb}{}", if force { " --force" } else { "" }));
        let request = Request { id: id.clone(), who: who.into(), why: String::new(), verb, force, dry_run: false };
        self.line(n, Message::Request(request));
        id
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::Unavailable, why)
}

/// Whether somebody else carries it out, and goes on when `ap-notify` is gone: the server
/// ends a statement that it has begun, systemd a job (docs/FACTS.md#start-only-queues).
pub fn is_handed_over(act: &Act) -> bool {
    matches!(act, Act::Sql { .. }) || is_of_systemd(act)
}

/// What systemd is asked for. A kill goes past it.
fn is_of_systemd(act: &Act) -> bool {
    matches!(act, Act::Start { .. } | Act::Stop { .. } | Act::UnitFiles(_) | Act::TruncateAtStart(_))
}

/// What is carried out one after the other.
fn lane(act: &Act) -> u8 {
    match act {
        Act::Fault(..) => 0,
        Act::Save(_) => 1,
        Act::Started(_) => 2,
        Act::Sql { .. } | Act::WaitApplied { .. } => 3,
        Act::Kill { .. } => 4,
        Act::Start { service, .. } | Act::Stop { service, .. } => 5 + u8::try_from(file(*service)).unwrap_or(0),
        Act::UnitFiles(_) | Act::TruncateAtStart(_) => 9,
        Act::Vip(_) | Act::Unreachable(_) => 10,
        Act::DataMark => 11,
        Act::SaveTail(_) | Act::Reseed => 12,
        Act::SaveRelayLogs(_) => 13,
        Act::Fence(_) => 14,
    }
}
