//! The acts of a plan: ordered one at a time, and what their ends mean.

use std::time::Duration;

use super::Agent;
use super::effect::{Act, Effect, Failure};
use super::run::{Doing, Run, set};
use crate::action::Change;
use crate::exit::Exit;
use crate::gtid::GtidPos;
use crate::message::Reply;
use crate::mode::{Mode, Role};
use crate::protection::Active;
use crate::sql;
use crate::state::State;

/// What the end of an act means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Then {
    /// The action is done.
    Done,
    /// The same, and a failure is only told.
    Tolerate,
    /// The state is what was saved.
    Saved {
        /// That state.
        state: Box<State>,
        /// It says what the node now is.
        becomes: bool,
    },
    /// The end of a slice of a drain.
    Drain { target: GtidPos, told: Duration },
    /// The end of the fence command.
    Fenced,
    /// A tail was saved; then the plan ends with this.
    Forked(Failure),
}

impl Agent {
    /// Orders an act of the plan.
    pub(super) fn order(&mut self, now: Duration, run: &mut Run, act: Act, then: Then, out: &mut Vec<Effect>) {
        // Undone whatever becomes of it.
        self.unreachable |= act == Act::Unreachable(true);
        let by = now + self.deadline(&act);
        let ticket = self.send(act.clone(), out);
        set(run, Doing::Act { ticket, act, by, then });
    }

    pub(super) fn write(
        &mut self,
        now: Duration,
        run: &mut Run,
        change: &Change,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        // It lets the standby promote, and a graceful stop would go on acknowledging: not
        // for a database that may be alive.
        if *change == Change::Fenced && run.alive {
            let text = "did not record \"fenced\": the database may still be running";
            return Some(Err(Failure::new(Exit::Unavailable, text)));
        }
        let becomes = matches!(change, Change::Become { .. });
        let Some(state) = self.changed(change, &run.why) else {
            if becomes {
                self.became(now, &self.state.clone());
            }
            return Some(Ok(()));
        };
        self.order(now, run, Act::Save(state.clone()), Then::Saved { state, becomes }, out);
        None
    }

    /// The end of the act that the plan waits for.
    pub(super) fn act_ended(&mut self, now: Duration, result: Result<String, Failure>, out: &mut Vec<Effect>) {
        let Some(mut run) = self.run.take() else { return };
        let doing = run.take_doing();
        if let Some(Doing::Act { act, then, .. }) = doing {
            let ended = self.after(now, &mut run, &act, then, result, out);
            if let Err(failure) = ended {
                self.end_step(now, &mut run, Err(failure), out);
            }
        }
        self.run = Some(run);
    }

    pub(super) fn after(
        &mut self,
        now: Duration,
        run: &mut Run,
        act: &Act,
        then: Then,
        result: Result<String, Failure>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Failure> {
        match then {
            Then::Done => {
                let output = result?;
                if matches!(act, Act::SaveTail(_) | Act::TruncateAtStart(true)) && !output.is_empty() {
                    out.push(Effect::Log(format!("{}: {output}", run.line())));
                }
                self.done(now, run, act, &output)
            }
            Then::Tolerate => {
                match result {
                    Ok(output) => return self.done(now, run, act, &output),
                    Err(failure) => out.push(Effect::Warn(format!("{}: {failure}; going on", run.line()))),
                }
                Ok(())
            }
            Then::Saved { mut state, becomes } => {
                self.disk.written(result.is_ok());
                let moment = result?;
                if state.since.is_empty() {
                    state.since = moment;
                }
                let before = std::mem::replace(&mut self.state, *state);
                if becomes {
                    self.became(now, &before);
                }
                Ok(())
            }
            Then::Fenced => {
                self.tell_fence(&result, out);
                match result {
                    Err(failure) if self.site.config.fence.required => Err(Failure::refused(
                        format!("the fence command is required and failed: {failure}"),
                        "switch the other machine off by hand, then `ap-mode set s --force`; or mend the command",
                    )),
                    _ => Ok(()),
                }
            }
            Then::Drain { .. } if result.as_deref() == Ok("applied") => Ok(()),
            Then::Drain { target, told } => {
                result?;
                set(run, Doing::Drain { target, told, since: now });
                Ok(())
            }
            Then::Forked(forked) => Err(kept(forked, result)),
        }
    }

    /// What an act has changed is known without a look.
    pub(super) fn done(&mut self, now: Duration, run: &mut Run, act: &Act, output: &str) -> Result<(), Failure> {
        match act {
            Act::Fault(fault, on) => {
                self.known.faults.retain(|set| set != fault);
                if *on {
                    self.known.faults.push(*fault);
                }
            }
            Act::Sql { statements, .. } => {
                if let (Some(on), Ok(db)) = (sql::is_read_only(statements), &mut self.known.db) {
                    db.read_only = on;
                }
            }
            Act::Vip(here) => self.known.vip = *here,
            Act::Unreachable(on) => self.unreachable = *on,
            Act::Started(on) => self.is_started(now, *on),
            Act::DataMark if output == "unfinished" => {
                return Err(Failure::refused(
                    "the data directory holds a copy of the peer's data that was interrupted",
                    "`ap-mode set ap --reseed` begins it anew",
                ));
            }
            Act::DataMark => run.copied = output == "copied",
            _ => {}
        }
        Ok(())
    }

    pub(super) fn is_started(&mut self, now: Duration, on: bool) {
        self.started = on;
        if on {
            // Started anew, after whatever was refused was mended.
            (self.refused, self.blocked) = (None, None);
            let s = &self.state;
            // Forgotten when it was stopped; without it the pair would never be protected again.
            if self.active.is_none() && s.mode == Mode::Ap && s.role == Role::Active {
                self.active = Some(Active::new(self.site.timing(), now, s.solo));
            }
        } else {
            self.active = None;
        }
    }

    /// The node is what its state says; the active's half follows it.
    pub(super) fn became(&mut self, now: Duration, before: &State) {
        let s = &self.state;
        if s.mode != Mode::Ap || s.role != Role::Active {
            self.active = None;
        } else if self.active.is_none() || before.mode != s.mode || before.role != s.role {
            self.active = Some(Active::new(self.site.timing(), now, s.solo));
        }
    }

    /// How far a long act is, for whoever waits for it.
    pub(super) fn progress(&self, text: String, out: &mut Vec<Effect>) {
        if let Some(id) = self.run.as_ref().and_then(|run| run.request.clone()) {
            out.push(Effect::Reply { id, reply: Reply::Step { text } });
        }
    }
}

/// A refusal that also says what became of the tail.
fn kept(forked: Failure, saved: Result<String, Failure>) -> Failure {
    let saved = saved.unwrap_or_else(|failure| format!("they could not be saved: {failure}"));
    Failure { text: format!("{}; {saved}", forked.text), ..forked }
}
