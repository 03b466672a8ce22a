//! What each effect does to the world.

use std::collections::BTreeMap;
use std::time::Duration;

use ap_core::agent::{Act, Effect, Failure, FileChange, Input, Look, Seen};
use ap_core::exit::Exit;
use ap_core::mode::{Mode, Service};
use ap_core::observed::{Gateway, UnitState, Units};
use ap_core::state::State;

use crate::keepalived::index;
use crate::world::{How, MOMENT, World};

/// A unit starts, or stops.
const UNIT: Duration = Duration::from_millis(150);
/// A program runs.
const PROGRAM: Duration = Duration::from_millis(300);
/// systemd reads all unit files.
const RELOAD: Duration = Duration::from_millis(400);
/// The peer's data is copied.
const COPY: Duration = Duration::from_secs(2);

type Outcome = (Duration, Result<String, Failure>);

fn well(after: Duration) -> Outcome {
    (after, Ok(String::new()))
}

fn failed(after: Duration, exit: Exit, text: &str) -> Outcome {
    (after, Err(Failure::new(exit, text)))
}

impl World {
    /// Carries an effect out, unless the program is killed before it.
    pub fn carry_out(&mut self, effect: Effect) {
        let point = self.is_point(&effect);
        let plan = matches!(effect, Effect::Act { .. } | Effect::Begin(_) | Effect::Reply { .. });
        if point && self.killed(false) {
            return;
        }
        self.counted += usize::from(point);
        if plan {
            (self.busy, self.counted_busy) = (self.now, self.counted);
        }
        self.happens_to(effect);
        if point {
            self.killed(true);
        }
    }

    /// Whether a kill before or after it may make a difference: looks, questions and
    /// an answer that promises nothing new do not.
    fn is_point(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Publish(answer) => self.told.as_ref().is_none_or(|told| {
                let of = |it: &ap_core::answer::Answer| {
                    (it.mode, it.role, it.epoch, it.solo, it.fenced, it.switchover, it.promoting, it.lease)
                };
                of(told) != of(answer) || told.grant != answer.grant
            }),
            Effect::KeepLease(lease) => lease.is_some() != self.lease.is_some(),
            Effect::Begin(_) | Effect::Act { .. } | Effect::Record(_) | Effect::Reply { .. } => true,
            _ => false,
        }
    }

    /// Whether the program is killed here.
    fn killed(&mut self, after: bool) -> bool {
        let Some(kill) = &mut self.kill else { return false };
        if kill.after != after {
            return false;
        }
        if kill.left > 0 {
            kill.left -= 1;
            return false;
        }
        let power_off = kill.power_off;
        self.kill = None;
        self.killed_before_save = self.saves == 0;
        if power_off {
            self.reboot()
        } else {
            self.dies()
        }
        true
    }

    fn happens_to(&mut self, effect: Effect) {
        match effect {
            Effect::Publish(answer) => {
                self.rule_of_answers(&answer);
                let granted = self.told.as_ref().is_some_and(|told| told.grant.is_some() && !told.fenced);
                if granted && answer.grant.is_none() {
                    self.grant_ends();
                }
                self.told = Some(*answer);
            }
            Effect::KeepVrrp(word) => self.word = Some(word),
            Effect::Act { ticket, act } => self.acts(ticket, act),
            Effect::Ask { .. } if self.mute => {}
            Effect::Ask { asked, deadline } => {
                let (after, answer) = match self.peer_says() {
                    Some(answer) => (self.slow.take().unwrap_or(MOMENT), Ok(Box::new(answer))),
                    None => (deadline, Err("silent".to_owned())),
                };
                self.tell(after, Input::Heard { asked, answer });
            }
            Effect::Look { at, what } => {
                if let Some((after, what)) = self.seen(what) {
                    self.tell(after, Input::Seen { at, what });
                }
            }
            Effect::KeepLease(lease) => {
                let result = if self.lease_file_fails {
                    Err("no space left".into())
                } else {
                    self.lease = lease;
                    Ok(self.lease.clone())
                };
                self.tell(MOMENT, Input::LeaseKept(result));
            }
            Effect::Record(event) => {
                let brief = event.brief();
                self.event = Some(brief.clone());
                self.events.push(event);
                self.tell(MOMENT, Input::Recorded(brief));
            }
            Effect::Reply { id, reply } => self.replied(id, reply),
            Effect::Alert { kind, text } => self.alerts.push((kind, text)),
            Effect::Begin(_) | Effect::KeepPeer(_) | Effect::SaveRelayLogs(_) | Effect::Log(_) | Effect::Warn(_) => {}
        }
    }

    fn seen(&mut self, what: Look) -> Option<(Duration, Seen)> {
        Some(match what {
            Look::Database => {
                let around = self.around();
                let well = self.peer.as_ref().is_some_and(crate::peer::stands_by) && self.link;
                self.db.replicas = u32::from(well && self.db.up);
                self.db.lives(around);
                let (after, status) = match (self.db.up, self.db.hangs) {
                    (false, _) => (MOMENT, Err("connection refused".into())),
                    (_, true) => (self.site.config.database.timeout.get(), Err("timed out".into())),
                    _ => (MOMENT, Ok(Box::new(self.db.status(around)))),
                };
                (after, Seen::Database { status, process: self.db.process() })
            }
            Look::Gateway if self.gateway => (MOMENT, Seen::Gateway(Gateway::Answers)),
            Look::Gateway => (PROGRAM, Seen::Gateway(Gateway::Silent)),
            Look::Units { .. } if self.deaf => return None,
            Look::Units { .. } => {
                (2 * MOMENT, Seen::Units { units: Ok(Box::new(self.units())), shutting_down: self.shutting_down })
            }
            Look::Vip => (MOMENT, Seen::Vip(self.vip)),
            Look::Faults => (MOMENT, Seen::Faults(self.faults.clone())),
            Look::Api => (3 * MOMENT, Seen::Api(if self.api { Ok(()) } else { Err("connection refused".into()) })),
            Look::Checks => (MOMENT, Seen::Checks(BTreeMap::new())),
        })
    }

    fn units(&self) -> Units {
        let unit = |active: bool, file: usize| UnitState {
            active: if active { "active" } else { "inactive" }.into(),
            file: self.unit_files[file].word().into(),
        };
        Units {
            start: unit(false, 0),
            database: unit(self.db.up, 1),
            api: unit(self.api, 2),
            keepalived: unit(self.keepalived, 3),
        }
    }

    fn acts(&mut self, ticket: u32, act: Act) {
        match self.meets(&act) {
            Some(How::Hangs) => {}
            how => {
                let twice = self.under_way.insert(ticket, act.clone());
                assert!(twice.is_none(), "{act:?} has the number of {twice:?}, which is under way");
                let (after, mut result) = if how == Some(How::Fails) { well(MOMENT) } else { self.does(&act) };
                if how.is_some() {
                    result = Err(Failure::new(Exit::Unavailable, "it did not work"));
                }
                self.tell(after, Input::Ended { ticket, result });
            }
        }
    }

    /// What the act meets: a trap of the test, or the next failure. Only what asks
    /// others fails by chance; writing a small file does not.
    fn meets(&mut self, act: &Act) -> Option<How> {
        if let Some((which, how)) = self.trap
            && which(act)
        {
            return Some(how);
        }
        let file = matches!(act, Act::Save(_) | Act::Fault(..) | Act::Started(_) | Act::UnitFiles(_));
        match &mut self.fail_at {
            Some((0, how)) if !file => {
                let how = *how;
                self.fail_at = None;
                Some(how)
            }
            Some((left, _)) if !file => {
                *left -= 1;
                None
            }
            _ => None,
        }
    }

    fn does(&mut self, act: &Act) -> Outcome {
        match act {
            Act::Save(state) => self.saved(state),
            Act::Fault(fault, on) => self.set_fault(*fault, *on),
            Act::Started(on) => self.started = *on,
            Act::Vip(on) => {
                self.rule_of_the_vip(*on);
                self.vip = *on;
            }
            Act::Unreachable(on) => self.unreachable = *on,
            Act::TruncateAtStart(on) => self.truncates = *on,
            Act::SaveTail(_) => return (PROGRAM, Ok("/var/lib/ap/tails/epoch-1".into())),
            Act::SaveRelayLogs(_) => return well(PROGRAM),
            Act::Fence(_) => return well(PROGRAM),
            Act::DataMark => return (MOMENT, Ok(self.data.into())),
            Act::Sql { statements, limit } => return self.sql(statements, *limit),
            Act::WaitApplied { position, slice } => return self.waits(position, *slice),
            Act::Kill { service, .. } => {
                self.run(*service, false, false);
                return well(UNIT);
            }
            Act::Start { service, .. } => return self.starts(*service),
            Act::Stop { service, .. } => {
                self.run(*service, false, true);
                return well(UNIT);
            }
            Act::UnitFiles(changes) => {
                self.change_files(changes);
                return well(RELOAD);
            }
            Act::Reseed => return self.reseed(),
        }
        well(MOMENT)
    }

    fn saved(&mut self, state: &State) {
        self.rule_of_states(state);
        self.saves += 1;
        self.same_boot |= state.intention.is_some();
        self.must_rest &= state.mode != Mode::M;
        let entered = state.since.is_empty();
        self.state = state.clone();
        if entered {
            self.state.since = "2026-01-01T00:00:00Z".into();
        }
    }

    fn sql(&mut self, statements: &[ap_core::sql::Sql], limit: Duration) -> Outcome {
        let around = self.around();
        if !self.db.up {
            return failed(MOMENT, Exit::Unavailable, "connection refused");
        }
        if self.db.hangs {
            return failed(limit, Exit::Deadline, "timed out");
        }
        for sql in statements {
            // It waits for commits under way, and these for an acknowledgement.
            if sql.text() == "SET GLOBAL read_only=ON" && self.db.waits(around) {
                return failed(limit, Exit::Deadline, "read_only waits for commits under way");
            }
            self.rule_of_statements(sql);
            self.db.run_sql(sql, around);
        }
        well(2 * MOMENT)
    }

    fn waits(&mut self, position: &ap_core::gtid::GtidPos, slice: Duration) -> Outcome {
        if !self.db.up {
            return failed(MOMENT, Exit::Unavailable, "connection refused");
        }
        if self.db.wait(position) { (MOMENT, Ok("applied".into())) } else { (slice, Ok(String::new())) }
    }

    fn starts(&mut self, service: Service) -> Outcome {
        if self.unit_files[1 + index(service)].masked {
            return failed(MOMENT, Exit::Unavailable, "the unit is masked");
        }
        if service == Service::Api && !self.db.up {
            return failed(UNIT, Exit::Unavailable, "the API needs its database");
        }
        self.run(service, true, true);
        well(UNIT)
    }

    fn reseed(&mut self) -> Outcome {
        let serves = self.peer.as_ref().is_some_and(ap_core::answer::Answer::serves);
        if !serves || self.unit_files[1].masked {
            return failed(PROGRAM, Exit::Unavailable, "the peer's data cannot be copied");
        }
        self.run(Service::Database, true, true);
        (self.db.replica, self.data) = (false, "copied");
        well(COPY)
    }

    fn change_files(&mut self, changes: &[(FileChange, Vec<String>)]) {
        for (change, units) in changes {
            for unit in units {
                let place = self.service(unit).map_or(0, |service| 1 + index(service));
                let file = &mut self.unit_files[place];
                match change {
                    FileChange::Mask => file.masked = true,
                    FileChange::Unmask => file.masked = false,
                    FileChange::Enable => file.enabled = true,
                    FileChange::Disable => file.enabled = false,
                }
            }
        }
    }
}
