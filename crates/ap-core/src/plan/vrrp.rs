//! The event table: what happens when keepalived speaks, or a unit is gone.
//!
//! | mode, role          | MASTER                 | BACKUP                    | FAULT, STOP, gone     |
//! |---------------------|------------------------|---------------------------|-----------------------|
//! | `ap`, active        | writable               | nothing                   | leave: fence, `m`     |
//! | `ap`, standby       | drain, writable, `s`   | replicate, read-only      | record                |
//! | `s`; `ap` and solo  | writable               | nothing                   | start what failed     |
//! | `m`                 | rest                   | rest                      | rest                  |
//! | not started         | refuse                 | refuse                    | record                |
//!
//! Before all of it: whoever serves and was superseded leaves. A peer with a
//! higher epoch was promoted, and a fenced active that let its standby promote stays
//! fenced.

use super::{Cause, Plan, guard, keepalived_runs, leave, look, superseded};
use crate::answer::Answer;
use crate::mode::{Fault, Mode, Role, Service, Vrrp};
use crate::observed::Observed;
use crate::state::Intention;
use crate::step::Step;

pub fn plan(vrrp: Vrrp, o: &Observed) -> Plan {
    let s = &o.state;
    if let Some(why) = superseded(o) {
        return leave(s, &why);
    }
    match (s.mode, s.role, vrrp) {
        (Mode::M, _, _) => look::rest(o),
        (_, _, Vrrp::Master | Vrrp::Backup) if !o.started && keepalived_runs(o) => guard::not_started(s.mode).into(),
        _ if !o.started => Plan::nothing(format!("{vrrp} on a node that is not started: recorded")),

        (Mode::S, _, Vrrp::Master) | (Mode::Ap, Role::Active, Vrrp::Master) => serve(o),
        (Mode::Ap, Role::Standby, Vrrp::Master) => promote(o, followed(o) + 1),

        (Mode::S, _, Vrrp::Backup) | (Mode::Ap, Role::Active, Vrrp::Backup) => {
            Plan::nothing("nobody is newer: keepalived is about to hand the VIP back")
        }
        (Mode::Ap, Role::Standby, Vrrp::Backup) => stand_by(o),

        (Mode::Ap, Role::Standby, _) => Plan::nothing(format!("{vrrp} on the standby: recorded")),
        (Mode::Ap, Role::Active, _) if !s.solo => leave(s, &format!("keepalived says {vrrp}")),
        (Mode::S, _, _) | (Mode::Ap, Role::Active, _) => recover(o),
    }
}

/// A unit is gone: as FAULT, but it need not wait for keepalived to say so.
pub fn gone(service: Service, o: &Observed) -> Plan {
    let s = &o.state;
    match (s.mode, s.role) {
        _ if !o.started => Plan::nothing(format!("{service} is gone on a node that is not started: recorded")),
        (Mode::Ap, Role::Active) if !s.solo => leave(s, &format!("{service} is gone")),
        (Mode::Ap, Role::Active) | (Mode::S, _) => recover(o),
        _ => Plan::nothing(format!("{service} is gone on a node that does not serve: recorded")),
    }
}

/// The VIP is here by right: make the database writable.
fn serve(o: &Observed) -> Plan {
    let mut steps = Vec::new();
    if o.db.as_ref().is_ok_and(|db| db.replica.is_some()) {
        steps.push(Step::EndReplication);
    }
    // In a pair nothing is acknowledged alone by accident: semi-sync is on
    // before the first write can come, and only solo switches it off.
    let protected = o.state.mode == Mode::Ap && !o.state.solo;
    steps.extend([Step::SemiSync(protected), Step::Writable]);
    Plan::act("MASTER: this node serves", steps)
}

/// The epoch a promotion counts on from.
fn followed(o: &Observed) -> u64 {
    o.state.epoch.max(o.peer.as_ref().map_or(0, |peer| peer.epoch))
}

fn promote(o: &Observed, epoch: u64) -> Plan {
    if let Err(refusal) = guard::promotion(o) {
        return refusal.into();
    }
    let steps = promotion(epoch, o.peer.is_err());
    let evidence = match &o.peer {
        Ok(peer) if peer.fenced => format!("{} has fenced itself", peer.host),
        _ => "a lease is alive".to_owned(),
    };
    Plan::act(format!("MASTER: promoting, {evidence}"), steps)
}

/// All of a promotion; `silent`: the peer may run on, and is to be switched off.
pub fn promotion(epoch: u64, silent: bool) -> Vec<Step> {
    let mut steps = vec![Step::Claim, Step::Intend(Intention::Promote { epoch })];
    if silent {
        steps.push(Step::FencePeer);
    }
    steps.extend([Step::StopReceiving, Step::Drain, Step::Confirm]);
    steps.extend(become_standalone(epoch, true));
    steps
}

/// The end of a promotion, decided by the mode written first: from here on it is
/// only ever finished. Once replication is forgotten, nothing but that mode says
/// that all was drained, and a kill in between must not undo it (F12).
fn become_standalone(epoch: u64, writable: bool) -> Vec<Step> {
    let mut steps = vec![
        Step::Become { mode: Mode::S, role: Role::Active, epoch, solo: false },
        Step::EndReplication,
        Step::SemiSync(false),
    ];
    if writable {
        steps.push(Step::Writable);
    }
    steps.extend([
        Step::UnitFiles(Mode::S),
        Step::Alert(format!("promoted to standalone, epoch {epoch}")),
        Step::Finish,
    ]);
    steps
}

/// Promotion found in `state.toml` after a crash, or asked for again.
pub fn resume_promotion(o: &Observed, epoch: u64) -> Plan {
    let master = o.vrrp == Some(Vrrp::Master);
    match (o.state.mode, o.state.role) {
        (Mode::S, _) => match superseded(o) {
            Some(why) => leave(&o.state, &why),
            None => {
                let mut steps = become_standalone(epoch, master);
                // It ended meanwhile; as in `recover`, nobody else can serve.
                if o.db.is_err() && !o.shutting_down {
                    steps.splice(0..0, [Step::Start(Service::Database), Step::Fault(Fault::Db, false)]);
                }
                Plan::act("finishing the promotion", steps)
            }
        },
        (Mode::Ap, Role::Standby) if master => match promote(o, epoch) {
            Plan::Refuse(mut refusal) => {
                refusal.steps.push(Step::Finish);
                Plan::Refuse(refusal)
            }
            plan => plan,
        },
        _ => Plan::act("the VIP is not here any more: standing by", vec![Step::Finish]),
    }
}

pub fn stand_by(o: &Observed) -> Plan {
    let Ok(db) = &o.db else {
        return Plan::nothing("BACKUP: the database does not answer yet");
    };
    let mut steps = Vec::new();
    if !db.read_only {
        steps.push(Step::ReadOnly);
    }
    match &db.replica {
        None => steps.push(Step::Follow),
        Some(replica) if replica.cannot_receive() || !replica.sql_error.is_empty() => {
            let error = if replica.sql_error.is_empty() { &replica.io_error } else { &replica.sql_error };
            if steps.is_empty() {
                return Plan::nothing(format!("BACKUP: replication has stopped by an error: {error}"));
            }
        }
        // Starting from both stopped costs the relay log
        // (docs/FACTS.md#relay-log-deleted-by-start): only when the active is there to
        // send it again. With the SQL thread running, or still receiving, nothing is lost.
        Some(replica) if replica.io == "No" && !replica.sql => {
            if o.peer.as_ref().is_ok_and(Answer::serves) {
                steps.push(Step::ResumeReplication);
            }
        }
        Some(replica) if replica.io == "No" || !replica.sql => steps.push(Step::ResumeReplication),
        Some(_) => {}
    }
    if steps.is_empty() { Plan::nothing("BACKUP: standing by") } else { Plan::act("BACKUP: standing by", steps) }
}

/// Nobody else can serve: start again what failed and let keepalived take the VIP back.
pub fn recover(o: &Observed) -> Plan {
    if o.shutting_down {
        return Plan::nothing("the machine is going down: the mode is kept");
    }
    let Ok(units) = &o.units else {
        return Plan::nothing("systemd does not answer: nothing can be started");
    };
    let down: Vec<Service> = [Service::Database, Service::Api, Service::Keepalived]
        .into_iter()
        .filter(|service| units.get(*service).is_down())
        .collect();
    if down.is_empty() {
        return Plan::nothing("alone, and everything runs: waiting for the VIP to come back");
    }
    let names = down.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut steps = Vec::new();
    for service in &down {
        steps.push(Step::Start(*service));
        match service {
            Service::Database => steps.push(Step::Fault(Fault::Db, false)),
            Service::Api => steps.push(Step::Fault(Fault::Api, false)),
            Service::Keepalived => {}
        }
    }
    Plan::act(format!("nobody else can serve: starting {names} again"), steps)
}

impl Cause {
    /// Who is behind it.
    pub fn who(&self) -> &str {
        match self {
            Self::Vrrp(_) => "keepalived",
            Self::Gone(_) => "systemd",
            Self::Request(request) => &request.who,
            Self::Look => "ap-notify",
        }
    }
}

/// The cause as a sentence.
impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vrrp(vrrp) => write!(f, "keepalived says {vrrp}"),
            Self::Gone(service) => write!(f, "{service} is gone"),
            Self::Request(request) => {
                write!(f, "{} asks: {}", request.who, request.verb)?;
                if request.force {
                    f.write_str(" --force")?;
                }
                if !request.why.is_empty() {
                    write!(f, " ({})", request.why)?;
                }
                Ok(())
            }
            Self::Look => f.write_str("look"),
        }
    }
}
