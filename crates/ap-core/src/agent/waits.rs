//! What a plan waits for: states of the world, with deadlines.

use std::time::Duration;

use super::Agent;
use super::effect::{Effect, Failure, Look, Part};
use super::run::{Run, silent};
use crate::action::Until;
use crate::exit::Exit;
use crate::gtid::{Extra, Gtid};
use crate::history;
use crate::mode::Mode;
use crate::protection::Phase;

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Pause between two comparisons of histories.
const COMPARE_AGAIN: Duration = Duration::from_millis(50);

/// A wait under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wait {
    /// For what; `None`: until the histories are one.
    until: Option<Until>,
    limit: Duration,
    /// When it began (time since boot).
    begun: Duration,
    /// What is seen from this moment on counts (time since boot).
    since: Duration,
    /// When the next look begins (time since boot).
    pub again: Option<Duration>,
    /// Parts of the binary log to be saved before the plan ends.
    pub tail: Option<Vec<Part>>,
}

impl Wait {
    /// A wait until something is so.
    pub fn new(until: Until, now: Duration, limit: Duration) -> Self {
        Self { until: Some(until), limit, begun: now, since: now, again: None, tail: None }
    }

    /// A wait until the peer is seen to have what this node has.
    pub fn for_histories(now: Duration, limit: Duration) -> Self {
        Self { until: None, limit, begun: now, since: now, again: None, tail: None }
    }

    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        let older = |moment: &mut Duration| *moment = moment.saturating_sub(by);
        [&mut self.begun, &mut self.since].into_iter().for_each(older);
        self.again.iter_mut().for_each(older);
    }

    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.begun) >= self.limit
    }

    /// Looks anew after a pause.
    fn pause(&mut self, now: Duration, pause: Duration) {
        self.again = Some(now + pause);
    }
}

impl Agent {
    /// Whether the wait has come to its end.
    pub(super) fn wait(
        &mut self,
        now: Duration,
        run: &Run,
        wait: &mut Wait,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        if let Some(again) = wait.again {
            if now < again {
                return None;
            }
            (wait.again, wait.since) = (None, now);
        }
        let Some(until) = wait.until else { return self.compare(now, run, wait, out) };
        let looked = match until {
            Until::Database | Until::Replication => self.want(now, Look::Database, wait.since, out),
            Until::Api => self.want(now, Look::Api, wait.since, out),
            Until::Standby | Until::PeerServes | Until::NoClaim { .. } => {
                self.want_peer(now, wait.since, self.site.config.pair.ask_timeout.get(), out)
            }
            // These come by themselves, at each question and each look.
            Until::Lease | Until::Protection | Until::Solo => true,
        };
        let ended = if looked { self.is_so(now, until) } else { Ok(false) };
        match ended {
            Ok(true) => Some(Ok(())),
            Err(failure) => Some(Err(failure)),
            Ok(false) if wait.is_over(now) => Some(Err(self.in_vain(until, wait.limit))),
            Ok(false) => {
                if looked {
                    wait.pause(now, LOOK_AGAIN);
                }
                None
            }
        }
    }

    fn is_so(&self, now: Duration, until: Until) -> Result<bool, Failure> {
        let peer = self.known.peer();
        let db = self.known.db.as_deref();
        Ok(match until {
            // A server that was never restarted since `install` does not have our settings.
            Until::Database => match db {
                Ok(db) if !db.log_bin => {
                    let text = format!(
                        "{} runs without a binary log: `ap-mode install` has not written {}, or it was not restarted since",
                        self.site.config.database.unit,
                        self.site.config.database.settings.display()
                    );
                    return Err(Failure::new(Exit::Unavailable, text));
                }
                found => found.is_ok(),
            },
            Until::Api => self.known.api.is_ok(),
            Until::Standby => peer.is_some_and(|peer| peer.replicating),
            Until::PeerServes => peer.is_some_and(|peer| peer.mode == Mode::S && peer.writable == Some(true)),
            Until::NoClaim { epoch } => return self.claims_nothing(epoch),
            Until::Replication => return self.receives(),
            Until::Lease => self.standby.lease(now, &self.known.relay).is_ok(),
            // From here on either machine may die.
            Until::Protection => self.active.as_ref().is_some_and(|active| {
                active.protected()
                    && self.orders.is_none()
                    && self.known.heard.asked > active.why().1
                    && peer.is_some_and(|peer| peer.protected)
            }),
            Until::Solo => {
                self.state.solo
                    && self.active.as_ref().is_some_and(|active| matches!(active.phase(), Phase::Solo { .. }))
            }
        })
    }

    /// The peer can promote itself no more, and has not: it was asked after the word that
    /// lets it was taken back.
    fn claims_nothing(&self, epoch: u64) -> Result<bool, Failure> {
        let Some(peer) = self.known.peer() else { return Ok(false) };
        if peer.promoting || peer.epoch >= epoch {
            let what = if peer.promoting { "is promoting itself" } else { "was promoted" };
            return Err(Failure::refused(
                format!("{} {what}, on the word that this node acknowledges nothing", peer.host),
                "`ap-mode set ap` makes this node its standby",
            ));
        }
        Ok(!peer.lease)
    }

    /// Replication receives. What it says when it cannot is a refusal: purged
    /// positions and forks show here.
    fn receives(&self) -> Result<bool, Failure> {
        let db = match &self.known.db {
            Ok(db) => db,
            Err(error) => return Err(Failure::new(Exit::Unavailable, error.clone())),
        };
        let Some(replica) = &db.replica else { return Ok(false) };
        if replica.io_error.contains("1236") || !replica.sql_error.is_empty() {
            return Err(Failure::refused(
                format!("the histories do not fit: {} {}", replica.io_error, replica.sql_error),
                "`ap-mode set ap --reseed` replaces this node's data by the peer's",
            ));
        }
        // Connected is not yet understood: the refusal comes a moment later.
        Ok(replica.receives() && replica.sql && !replica.master_log.is_empty())
    }

    /// The deadline has passed.
    fn in_vain(&self, until: Until, limit: Duration) -> Failure {
        let passed = |what: &str| format!("{} s passed before {what}", limit.as_secs());
        let late = |what: &str| Failure::new(Exit::Deadline, passed(what));
        match until {
            Until::Database => {
                let error = self.known.db.as_ref().err().cloned().unwrap_or_default();
                Failure::new(Exit::Unavailable, format!("the database does not answer after its start: {error}"))
            }
            Until::Api => {
                let api = &self.site.config.api;
                let error = self.known.api.as_ref().err().cloned().unwrap_or_default();
                Failure::new(Exit::Unavailable, format!("{} is not healthy: {}: {error}", api.unit, api.health_url))
            }
            Until::Standby => Failure::refused(
                format!("no standby to pair with: {}", passed("the standby replicated")),
                "`ap-mode status` says why; then try again",
            ),
            Until::PeerServes => late("the peer served; `ap-mode status` and the journal there say why not"),
            Until::NoClaim { .. } => late("the peer said that it can promote itself no more; try again"),
            Until::Replication => late("replication received from the peer"),
            Until::Protection => late("the pair was PROTECTED; `ap-mode status` says why not"),
            Until::Lease => late("the active granted this node a lease; `ap-mode status` says why not"),
            Until::Solo => late("the peer's lease was surely over; try again"),
        }
    }

    /// Ends the plan if this node has what the peer lacks.
    fn compare(
        &mut self,
        now: Duration,
        run: &Run,
        wait: &mut Wait,
        out: &mut Vec<Effect>,
    ) -> Option<Result<(), Failure>> {
        if !self.want_peer(now, wait.since, self.site.config.pair.ask_timeout.get(), out) {
            return None;
        }
        let own = match &self.known.db {
            Ok(own) => own,
            Err(error) => return Some(Err(Failure::new(Exit::Unavailable, error.clone()))),
        };
        let peer = match self.known.heard.answer.as_deref() {
            Ok(peer) => peer,
            Err(silence) => return Some(Err(silent(silence))),
        };
        let Err(forked) = history::compare(own, peer, run.copied) else { return Some(Ok(())) };
        if !wait.is_over(now) {
            wait.pause(now, COMPARE_AGAIN);
            return None;
        }
        let extra = own.binlog_state.beyond(&peer.binlog_state);
        if !extra.is_empty() {
            wait.tail = Some(extra.iter().map(part).collect());
        }
        Some(Err(Failure::refused(forked.evidence, forked.way)))
    }
}

fn part(&Extra { domain, server, after, .. }: &Extra) -> Part {
    Part { after: after.map(|seq| Gtid { domain, server, seq }), server }
}
