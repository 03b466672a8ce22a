//! Runs steps, one after the other. Knows no policy: the first failure ends the
//! plan, except a leaving, which goes on and reports everything that failed.
//!
//! - `units.rs`: services and unit files.
//! - `data.rs`: replication, drain, read-only.
//! - `fence.rs`: the command that switches the other machine off.
//! - `wait.rs`: for the peer, for protection.
//! - `relay.rs`: keeps relay logs that could not be applied.
//! - `rejoin.rs`: truncating, comparing histories.
//! - `binlog.rs`, `server.rs`: the server's binary log, settings and release, while it is off.
//! - `reseed.rs`: the peer's data instead of the own.

mod backup;
mod binlog;
mod copy;
mod data;
pub mod fence;
mod program;
mod rejoin;
mod relay;
mod reseed;
mod server;
mod units;
mod wait;

use std::time::Instant;

use anyhow::{Result, anyhow};
use ap_core::answer::Answer;
use ap_core::event::{Event, StepTime};
use ap_core::exit::Exit;
use ap_core::message::Reply;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::plan::{Cause, Plan, Refusal};
use ap_core::protection::{Active, Phase};
use ap_core::state::{Intention, State};
use ap_core::step::Step;
use ap_host::wall_clock;

use crate::node::Node;
use crate::shared::timing;

/// A step found a reason not to go on: a refusal, not a failure.
#[derive(Debug)]
pub struct Refused(pub Refusal);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.0.evidence, self.0.way)
    }
}

impl std::error::Error for Refused {}

/// A refusal found while executing.
pub fn refused(evidence: impl Into<String>, way: impl Into<String>) -> anyhow::Error {
    Refused(Refusal { evidence: evidence.into(), way: way.into(), steps: Vec::new() }).into()
}

impl Node {
    /// Executes a plan and tells the history, the asker, and the operator.
    pub fn carry_out(&mut self, cause: &Cause, plan: Plan, evidence: String) {
        let request = match (cause, self.state().intention) {
            (Cause::Request(request), _) => Some(request.clone()),
            (_, Some(Intention::Request { request })) => Some(request),
            _ => None,
        };
        let who = request.as_ref().map_or(cause.who(), |request| &request.who).to_owned();
        self.request = request.map(|request| request.id);
        let quiet = *cause == Cause::Look;
        let about = Event { cause: cause.to_string(), who, evidence, ..Event::default() };
        match plan {
            Plan::Nothing(why) => {
                if !quiet {
                    self.record(&about, "nothing", &why, &[]);
                }
                self.done(Exit::Ok, &why);
            }
            Plan::Refuse(refusal) => self.refuse(cause, &about, &refusal),
            Plan::Act { why, steps } => self.act(cause, &about, &why, &steps),
        }
        self.request = None;
        let mut facts = self.shared.facts();
        facts.doing.clear();
        // Claimed by `observe`, and nothing came of it or it is finished.
        if !matches!(facts.state.intention, Some(Intention::Promote { .. })) {
            facts.standby.release();
        }
    }

    fn act(&mut self, cause: &Cause, about: &Event, why: &str, steps: &[Step]) {
        let leaving = steps.iter().any(|step| matches!(step, Step::Intend(Intention::Leave { .. })));
        let promoting = steps.iter().any(|step| matches!(step, Step::Confirm));
        let (times, result) = self.run_all(why, steps, leaving);
        match result {
            Ok(()) => {
                self.record(about, "done", why, &times);
                self.done(Exit::Ok, why);
            }
            Err(error) => {
                if promoting {
                    self.abandon_promotion(&error);
                }
                if matches!(cause, Cause::Request(_)) || self.request.is_some() {
                    self.clean_up_request();
                }
                match error.downcast_ref::<Refused>() {
                    Some(Refused(refusal)) => {
                        self.record(about, "refused", &error.to_string(), &times);
                        self.events.alert("refusal", &refusal.evidence);
                        self.done(Exit::Refused, &format!("refused: {error}"));
                    }
                    None => {
                        let said = format!("{why}: {error:#}");
                        if *cause != Cause::Look || self.is_news(&said) {
                            self.record(about, "failed", &said, &times);
                            self.events.alert("failure", &said);
                        }
                        self.done(exit_of(&error), &said);
                    }
                }
            }
        }
    }

    /// Into the history: what it was about, and what came of it.
    fn record(&self, about: &Event, outcome: &str, text: &str, steps: &[StepTime]) {
        self.events.record(Event {
            outcome: outcome.into(),
            text: text.into(),
            steps: steps.to_vec(),
            ..about.clone()
        });
    }

    /// Runs steps; `on` goes on past failures.
    fn run_all(&mut self, why: &str, steps: &[Step], on: bool) -> (Vec<StepTime>, Result<()>) {
        let mut times = Vec::new();
        let mut failures: Vec<anyhow::Error> = Vec::new();
        let mut alive = false;
        for step in steps {
            let lines = step.describe(&self.config, &self.peer.name, (&self.credentials.replication_user, "***"));
            let line = lines.join("; ");
            self.shared.facts().doing.clone_from(&line);
            if let Some(id) = &self.request {
                self.events.reply(id, &Reply::Step { text: line.clone() });
            }
            let begun = Instant::now();
            let result = match step {
                // Its word lets the standby promote, and a graceful stop would go on
                // acknowledging: not given for a database that may be alive.
                Step::RecordFenced if alive => Err(anyhow!("not said: the database may be alive")),
                _ => self.step(step, why),
            };
            alive |= *step == Step::FenceDatabase && result.is_err();
            self.acted = ap_host::boottime();
            log::debug!("{line}: {:?}", begun.elapsed());
            times.push(StepTime {
                step: line,
                ms: (begun.elapsed().as_secs_f64() * 100_000.0).round() / 100.0,
                error: result.as_ref().err().map(|error| format!("{error:#}")),
            });
            crate::serve::alive();
            if let Err(error) = result {
                if !on {
                    return (times, Err(error));
                }
                // The rest may wait long for the same reason (F17).
                log::warn!("{}: {error:#}; going on", times.last().map_or("", |time| &time.step));
                failures.push(error);
            }
        }
        let result = match failures.len() {
            0 => Ok(()),
            _ => Err(anyhow!("{}", failures.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("; "))),
        };
        (times, result)
    }

    fn refuse(&mut self, cause: &Cause, about: &Event, refusal: &Refusal) {
        if *cause == Cause::Vrrp(Vrrp::Master) || matches!(self.state().intention, Some(Intention::Promote { .. })) {
            // An active that holds on is evidence for as long as it does, and no
            // longer: when it falls silent in the next second, this node is needed.
            let holds_on = self.shared.facts().heard.answer.as_ref().is_ok_and(Answer::holds_on);
            *(if holds_on { &mut self.blocked } else { &mut self.refused }) = Some(ap_host::boottime());
        }
        let (times, result) = self.run_all(&refusal.evidence, &refusal.steps, true);
        let said = format!("{}; {}", refusal.evidence, refusal.way);
        if *cause != Cause::Look || self.is_news(&said) {
            self.record(about, "refused", &said, &times);
            self.events.alert("refusal", &said);
        }
        if let Err(error) = result {
            log::error!("refusing: {error:#}");
        }
        if self.request.is_some() && !matches!(cause, Cause::Request(_)) {
            self.clean_up_request();
        }
        self.done(Exit::Refused, &format!("refused: {said}"));
    }

    /// Ends the request under way, if there is one.
    fn done(&self, exit: Exit, text: &str) {
        if let Some(id) = &self.request {
            self.events.reply(id, &Reply::Done { exit: exit.code(), text: text.to_owned() });
        }
    }

    /// A promotion that failed before it was decided leaves a standby without a
    /// lease; one that was decided is finished by the next look.
    fn abandon_promotion(&mut self, error: &anyhow::Error) {
        let mut state = self.state();
        if state.mode == Mode::S {
            return;
        }
        let _lease = self.shared.lease();
        // Off the disk first: what is given up never comes back.
        let kept = self.store.set_lease(None);
        {
            let mut facts = self.shared.facts();
            facts.standby.void(&format!("a promotion was abandoned: {error:#}"));
            if kept.is_ok() {
                facts.standby.forgotten();
            }
        }
        self.refused = Some(ap_host::boottime());
        state.intention = None;
        if let Err(error) = kept.and_then(|()| self.store.set_fault(Fault::Role, true)).and_then(|()| self.save(state))
        {
            log::error!("abandoning the promotion: {error:#}");
        }
    }

    /// A request that failed half-way in mode `m` leaves a node in mode `m`, at rest.
    fn clean_up_request(&mut self) {
        let mut state = self.state();
        state.intention = None;
        let rest = state.mode == Mode::M && !state.is_fresh();
        if let Err(error) = self.save(state) {
            log::error!("{error:#}");
        }
        if rest {
            let steps = [
                Step::Fault(Fault::Role, true),
                Step::Started(false),
                Step::Stop(Service::Keepalived),
                Step::RemoveVip,
                Step::Stop(Service::Api),
                Step::Stop(Service::Database),
                Step::UnitFiles(Mode::M),
            ];
            if let (_, Err(error)) = self.run_all("back to rest", &steps, true) {
                log::error!("back to rest: {error:#}");
            }
        }
    }

    fn step(&mut self, step: &Step, why: &str) -> Result<()> {
        crate::serve::trap(step);
        match step {
            Step::Intend(intention) => self.change(|state| state.intention = Some(intention.clone())),
            Step::Become { mode, role, epoch, solo } => self.become_(*mode, *role, *epoch, *solo, why),
            Step::RecordFenced => self.record_fenced(),
            Step::Finish => self.change(|state| state.intention = None),
            Step::Fault(fault, on) => self.store.set_fault(*fault, *on),
            Step::Started(on) => self.started(*on),
            Step::FenceDatabase => self.fence_database(),
            Step::Start(service) => self.start(*service),
            Step::StartTruncating => self.start_truncating(),
            Step::Stop(service) => self.stop(*service),
            Step::UnitFiles(mode) => self.unit_files(*mode),
            Step::RemoveVip => crate::hook::remove_vip(&self.config),
            Step::RestoreVip => self.net.add_address(&self.own.nic, self.config.vip),
            Step::FencePeer => self.fence_peer(),
            Step::StopReceiving => self.stop_receiving(),
            Step::Drain => self.drain(),
            Step::Confirm => self.confirm(),
            Step::EndReplication => self.end_replication(),
            Step::SemiSync(on) => self.semi_sync(*on),
            Step::BeginHistory => self.begin_history(),
            Step::Writable => self.read_only(false),
            Step::ReadOnly => self.read_only(true),
            Step::CompareHistories => self.compare_histories(),
            Step::Follow => self.follow(),
            Step::ResumeReplication => self.resume_replication(),
            Step::AwaitStandby => self.await_standby(),
            Step::AwaitLease => self.await_lease(),
            Step::AwaitPeerServes => self.await_peer_serves(),
            Step::AwaitReplication => self.await_replication(),
            Step::AwaitProtection => self.await_protection(),
            Step::GoSolo => self.go_solo(),
            Step::Reseed => self.reseed(),
            Step::Alert(text) => {
                self.events.alert("change", text);
                Ok(())
            }
        }
    }

    /// A standby that is about to stop gives its lease up first, and says so to the
    /// active, which then need not wait for its end (F6).
    fn started(&mut self, on: bool) -> Result<()> {
        self.store.set_started(on)?;
        if on {
            // Started anew, after whatever was refused was mended.
            (self.refused, self.blocked) = (None, None);
            let state = self.state();
            // Forgotten when it was stopped; without it the pair would never be protected again.
            if self.active.is_none() && state.mode == Mode::Ap && state.role == Role::Active {
                self.active = Some(Active::new(timing(&self.config), ap_host::boottime(), state.solo));
            }
            return Ok(());
        }
        self.active = None;
        let _lease = self.shared.lease();
        self.store.set_lease(None)?;
        let mut facts = self.shared.facts();
        facts.standby.void("the services were stopped");
        facts.standby.forgotten();
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Result<()> {
        let mut state = self.state();
        let before = state.clone();
        change(&mut state);
        if state == before {
            return Ok(());
        }
        self.save(state)
    }

    fn become_(&mut self, mode: Mode, role: Role, epoch: u64, solo: bool, why: &str) -> Result<()> {
        let who = match &self.state().intention {
            Some(Intention::Request { request }) => request.who.clone(),
            _ => "keepalived".to_owned(),
        };
        let before = self.state();
        self.change(|state| {
            // In `m` the role follows what is learnt of the peer; who entered it, and
            // why, stays.
            let entered = state.mode != mode || state.is_fresh();
            if entered || (mode != Mode::M && (state.role, state.epoch) != (role, epoch)) {
                (state.since, state.who, state.why) = (wall_clock(), who, why.to_owned());
            }
            (state.mode, state.role, state.epoch, state.solo) = (mode, role, epoch, solo);
            if mode != Mode::M {
                state.fenced = false;
                state.granted = None;
            }
        })?;
        let serves = mode == Mode::Ap && role == Role::Active;
        if !serves {
            self.active = None;
        } else if self.active.is_none() || before.mode != mode || before.role != role {
            self.active = Some(Active::new(timing(&self.config), ap_host::boottime(), solo));
        }
        Ok(())
    }

    /// From here on the answer to the peer is that this node acknowledges nothing.
    /// Its word lets the standby promote only if everything it ever acknowledged
    /// is in that standby's relay log.
    fn record_fenced(&mut self) -> Result<()> {
        self.change(|state| {
            if state.solo {
                state.granted = None;
            }
            // Only within a whole session is the tail of the binary log what nobody
            // was told succeeded, and may be truncated on return.
            state.fenced = state.granted.is_some();
        })
    }

    /// Whether the active acknowledges alone.
    pub fn is_solo(&self) -> bool {
        self.active.as_ref().is_some_and(|active| matches!(active.phase(), Phase::Solo { .. }))
    }
}

/// The exit code of whoever asked for what failed.
fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                std::io::ErrorKind::TimedOut => Exit::Deadline,
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::ReadOnlyFilesystem => Exit::CannotWrite,
                std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => continue,
            };
        }
    }
    Exit::Unavailable
}
