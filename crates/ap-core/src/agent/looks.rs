//! What must be looked at before a plan can be made, and the snapshot it is made
//! from. Looking changes nothing: a plan is made from what is known, and given up
//! for something more urgent it leaves no trace.

use std::time::Duration;

use super::Agent;
use super::effect::{Effect, Look};
use super::inbox::Next;
use super::known::Known;
use crate::action::track_file;
use crate::answer::Answer;
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::Observed;
use crate::plan::{Cause, plan};
use crate::state::Intention;

/// After a refused promotion the node stays in FAULT for this long at least, so
/// that it does not steal the VIP again and again.
pub(super) const REFUSED: Duration = Duration::from_secs(5);
/// As long as the active answers and holds the VIP, for this long.
const BLOCKED: Duration = Duration::from_secs(60);
/// A peer on the same segment answers within a millisecond; one that takes
/// longer than this when promotion waits is silent, and the lease decides.
const PROMOTE_ASK: Duration = Duration::from_millis(100);
/// A fenced active gives the VIP away a moment before it is fenced: asked again this long.
const HANDOVER: Duration = Duration::from_millis(1500);
/// Pause between two such questions.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// After systemd did not answer in passing, it is left alone for this long: whoever
/// waits for it again and again has no time left for keepalived.
const SYSTEMD_REST: Duration = Duration::from_secs(3);

/// Looks under way for a cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Looking {
    /// Why.
    pub cause: Cause,
    needs: Needs,
    /// When they began (time since boot).
    since: Duration,
    /// The question that counts was sent then, or later.
    asked: Duration,
    /// When the peer is asked again.
    pub again: Option<Duration>,
    /// When the peer was found silent.
    silent: Option<Duration>,
}

impl Looking {
    /// See [`Agent::age`].
    pub fn age(&mut self, by: Duration) {
        let older = |moment: &mut Duration| *moment = moment.saturating_sub(by);
        [&mut self.since, &mut self.asked].into_iter().for_each(older);
        [&mut self.again, &mut self.silent].into_iter().flatten().for_each(older);
    }
}

/// What a plan for a cause must know, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Needs {
    peer: Ask,
    database: bool,
    units: Option<Look>,
    vip: bool,
    faults: bool,
}

/// Whether the peer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Ask {
    #[default]
    No,
    Once,
    /// Until it has settled: priority 0 is sent before the VIP is gone, and the VIP is
    /// gone before ap-notify over there hears why.
    Insist,
}

impl Agent {
    /// The table of looks. Leaving waits for nothing: not for a database or an API
    /// that hangs, nor for systemd (F17). Nor does a promotion: what it needs is
    /// MariaDB, the peer and the own disk.
    fn needs(&self, now: Duration, cause: &Cause) -> Needs {
        let s = &self.state;
        let unseen = !self.known.is_fresh(Look::Database, self.acted);
        let patient = Some(Look::Units { patient: true });
        let rests = self.known.units_silent.is_some_and(|since| now.saturating_sub(since) < SYSTEMD_REST);
        let glance = (!rests).then_some(Look::Units { patient: false });
        let all = Needs { database: unseen, units: glance, vip: true, faults: true, peer: Ask::No };
        match cause {
            _ if self.is_leaving() => Needs::default(),
            Cause::Request(_) => Needs { peer: Ask::Once, database: true, units: patient, ..all },
            Cause::Gone(_) | Cause::Vrrp(Vrrp::Fault | Vrrp::Stop) if !s.alone() => Needs::default(),
            _ if self.promotes(cause) => Needs {
                peer: Ask::Insist,
                database: true,
                units: if self.started { None } else { glance },
                vip: *cause == Cause::Look,
                faults: *cause == Cause::Look,
            },
            // What is done then asks nothing of systemd.
            Cause::Vrrp(Vrrp::Master | Vrrp::Backup) if self.started && s.mode != Mode::M && s.intention.is_none() => {
                Needs { units: None, faults: false, ..all }
            }
            _ => all,
        }
    }

    /// Whether the plan may be a promotion.
    fn promotes(&self, cause: &Cause) -> bool {
        let s = &self.state;
        let master = *cause == Cause::Vrrp(Vrrp::Master) || (*cause == Cause::Look && self.is_master());
        let begun = matches!(s.intention, Some(Intention::Promote { .. }));
        s.mode == Mode::Ap && s.role == Role::Standby && (master || begun)
    }

    /// Whether the peer is being asked, and a promotion follows from what it may say.
    pub(super) fn asks_to_promote(&self) -> bool {
        self.looking.as_ref().is_some_and(|looking| looking.needs.peer == Ask::Insist)
    }

    /// Begins the looks for what is next to be dealt with, if nothing else is going on.
    pub(super) fn look_for_next(&mut self, now: Duration) {
        if let Some(looking) = self.looking.take_if(|it| self.inbox.is_more_urgent_than(&it.cause, now)) {
            self.inbox.put_back(looking.cause);
        }
        while self.looking.is_none() {
            let Some(Next { cause, doubtful }) = self.next_cause(now) else { return };
            let mut needs = self.needs(now, &cause);
            match cause {
                // What is not meant to run is not gone.
                Cause::Gone(_) if !self.started => continue,
                Cause::Gone(_) if doubtful => needs.units = Some(Look::Units { patient: false }),
                _ => {}
            }
            // Known already, or from here on.
            self.looking = Some(Looking { cause, needs, since: now, asked: now, again: None, silent: None });
        }
    }

    /// A unit that is gone gets its track file, so that keepalived knows.
    fn mark_gone(&mut self, service: Service, out: &mut Vec<Effect>) {
        if let Some(fault) = track_file(service) {
            self.send(super::Act::Fault(fault, true), out);
        }
    }

    /// Whether all looks have ended; orders those that have not begun.
    pub(super) fn has_looked(&mut self, now: Duration, out: &mut Vec<Effect>) -> bool {
        let Some(mut looking) = self.looking.take() else { return false };
        let since = looking.since;
        let needs = looking.needs.clone();
        let mut ready = true;
        let looks = [
            needs.database.then_some(Look::Database),
            needs.units,
            needs.vip.then_some(Look::Vip),
            needs.faults.then_some(Look::Faults),
        ];
        for look in looks.into_iter().flatten() {
            // A look at the database that began after the last step is as good as one now.
            let since = if look == Look::Database && !self.insists_on_database(&looking) { self.acted } else { since };
            ready &= self.want(now, look, since, out);
        }
        if needs.faults && self.known.is_fresh(Look::Faults, since) && self.known.faults.contains(&Fault::Api) {
            ready &= self.want(now, Look::Api, since, out);
        }
        ready &= self.has_asked(now, &mut looking, out);
        self.looking = Some(looking);
        ready
    }

    /// A relay log that was lost since the last look must not be promoted on.
    fn insists_on_database(&self, looking: &Looking) -> bool {
        looking.needs.peer != Ask::No
    }

    /// The peer, as it is now.
    fn has_asked(&mut self, now: Duration, looking: &mut Looking, out: &mut Vec<Effect>) -> bool {
        let insist = match looking.needs.peer {
            Ask::No => return true,
            Ask::Once => false,
            Ask::Insist => true,
        };
        let deadline = if insist { PROMOTE_ASK } else { self.site.config.pair.ask_timeout.get() };
        if let Some(again) = looking.again {
            if now < again {
                return false;
            }
            looking.again = None;
            looking.asked = now;
        }
        if !self.want_peer(now, looking.asked, deadline, out) {
            return false;
        }
        if insist && !self.has_settled(now) && now.saturating_sub(looking.since) < HANDOVER && !self.inbox.vip_is_gone()
        {
            looking.again = Some(now + ASK_AGAIN);
            return false;
        }
        if !insist || self.known.heard.answer.is_ok() {
            return true;
        }
        // The regular probe may be from before the cut that made the peer silent.
        let since = *looking.silent.get_or_insert(now);
        self.want(now, Look::Gateway, since, out)
    }

    /// Whether the peer will not say something else within milliseconds. With a lease
    /// nothing but where the VIP went is worth waiting for.
    fn has_settled(&self, now: Duration) -> bool {
        let leased = self.standby.lease(now, &self.known.relay).is_ok();
        match self.known.peer() {
            Some(peer) => peer.fenced || !peer.serves() || peer.solo || (leased && !peer.in_between()),
            None => true,
        }
    }

    /// Makes the plan, from what is known.
    pub(super) fn plan_next(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some(looking) = self.looking.take() else { return };
        let cause = looking.cause.clone();
        if let Cause::Gone(service) = cause {
            if self.runs_again(&looking, service) {
                return;
            }
            self.mark_gone(service, out);
        }
        self.reconciled = (cause == Cause::Look).then_some(now);
        let observed = self.observed(now, &looking);
        let plan = plan(&cause, &observed);
        if let Cause::Request(request) = &cause
            && request.dry_run
        {
            self.dry_run(request, &observed, plan, out);
            return;
        }
        self.save_relay_logs_in_passing(&observed, out);
        self.begin(now, &cause, plan, observed.evidence(), out);
    }

    /// A unit that was stopped on purpose a while ago, or fails while nobody else can
    /// serve, may run again by now.
    fn runs_again(&self, looking: &Looking, service: Service) -> bool {
        looking.needs.units.is_some() && self.known.units.as_ref().is_ok_and(|units| units.get(service).is_active())
    }

    /// A standby whose peer is silent keeps what only it may have.
    fn save_relay_logs_in_passing(&self, o: &Observed, out: &mut Vec<Effect>) {
        if o.state.mode == Mode::Ap
            && o.state.role == Role::Standby
            && o.peer.is_err()
            && let Some(position) = unapplied(&self.known)
        {
            out.push(Effect::SaveRelayLogs(position));
        }
    }

    /// The snapshot the planner sees. What was not looked at is not known.
    fn observed(&self, now: Duration, looking: &Looking) -> Observed {
        let known = &self.known;
        let peer = known.heard.answer.as_deref().cloned().map_err(Clone::clone);
        let within = |since: Option<Duration>, long| since.is_some_and(|since| now.saturating_sub(since) < long);
        let holds_on = peer.as_ref().is_ok_and(Answer::holds_on);
        let units = match looking.needs.units {
            Some(_) => known.units.as_deref().cloned().map_err(Clone::clone),
            None if self.known.units_silent.is_some() => Err("systemd did not answer a moment ago".into()),
            None => Err("not asked".into()),
        };
        Observed {
            state: self.state.clone(),
            vrrp: self.inbox.vrrp(),
            vip: known.vip,
            shutting_down: units.is_ok() && known.shutting_down,
            units,
            db: known.db.as_deref().cloned().map_err(Clone::clone),
            api: match known.faults.contains(&Fault::Api) {
                true if looking.needs.faults => known.api.clone(),
                true => Err("not asked".into()),
                false => Ok(()),
            },
            peer,
            gateway: known.gateway,
            lease: self.standby.lease(now, &known.relay),
            relay: known.relay.clone(),
            started: self.started,
            refused_lately: within(self.refused, REFUSED),
            vrrp_blocked: within(self.blocked, BLOCKED) && holds_on,
            cut_off: self.cut_off.is_some_and(|since| now.saturating_sub(since) >= super::CUT_OFF),
            faults: known.faults.clone(),
        }
    }
}

/// The position up to which was applied, if relay logs could not be: nobody else is
/// there to send their content again, or an error stopped the SQL thread.
pub(super) fn unapplied(known: &Known) -> Option<crate::gtid::GtidPos> {
    let db = known.db.as_ref().ok()?;
    let replica = db.replica.as_ref()?;
    let stuck = !replica.receives() && !replica.sql && known.heard.answer.is_err();
    (stuck || !replica.sql_error.is_empty()).then(|| db.slave_pos.clone())
}
