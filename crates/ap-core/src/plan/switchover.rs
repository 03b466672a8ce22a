//! The planned swap of roles, `(ap, ap)` to `(ap, ap)`.
//!
//! | who     | does                                                                |
//! |---------|---------------------------------------------------------------------|
//! | active  | pre-flight; read-only, so that every commit under way ends while    |
//! |         | the standby acknowledges; the word *fenced*; gives the VIP away     |
//! | standby | promotes on that word as ever, but to `ap`, active, solo            |
//! | old one | follows, without a restart; the new one opens a session by itself   |
//!
//! Why nothing is lost (G2): it begins in a whole session, so whatever was
//! acknowledged is in the standby's relay log. The word is written when nothing
//! can be acknowledged here any more, and the standby drains before it serves.
//! Why there is one writer (G1): between the word and following, this node stays
//! read-only, whatever crashes; only a role taken back ends that.
//!
//! A standby that does not take over gives the role back by its own answer and by
//! nothing else: silence may mean that it was promoted, acknowledged and died.
//! The answer counts once it is to a question sent a lease and a gap after the
//! word was withdrawn: by then whatever the word began shows as *promoting* or as
//! a higher epoch. Until it answers this node waits, read-only; an operator can
//! decide otherwise by `set s --force`.

use std::time::Duration;

use super::{Plan, Refusal};
use crate::answer::Answer;
use crate::message::Request;
use crate::mode::{Fault, Mode, Role, Vrrp};
use crate::observed::{Gateway, Observed};
use crate::protection::Timing;
use crate::step::Step;

/// A standby further behind would let the writers wait for its drain.
const LAG: u64 = 1;

/// From wherever the state says it stands: it is asked again after a crash. Before
/// the word that is the end of it; afterwards it goes on.
pub fn plan(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    match (s.mode, s.role) {
        (Mode::Ap, Role::Active) if s.fenced => go_on(o),
        (Mode::Ap, Role::Standby) if resumed(request, o) => Plan::act("switched over", arrive()),
        // Nothing was given away yet; the next look makes the database writable again.
        _ if resumed(request, o) => Plan::act("interrupted", interrupted()),
        _ => match ready(o, request.force) {
            Ok(()) => Plan::act("switching over", [hand_over(), follow(s.epoch + 1), arrive()].concat()),
            Err(refusal) => refusal.into(),
        },
    }
}

fn resumed(request: &Request, o: &Observed) -> bool {
    matches!(&o.state.intention, Some(crate::state::Intention::Request { request: begun }) if begun.id == request.id)
}

fn hand_over() -> Vec<Step> {
    vec![
        Step::AwaitProtection,
        Step::ReadOnly,
        Step::RecordFenced,
        Step::Fault(Fault::Role, true),
        Step::AwaitPeerServes,
    ]
}

/// Nothing here waits for an acknowledgement and nothing was killed, so the server
/// runs on: what it has, the peer has, and histories are compared all the same.
fn follow(epoch: u64) -> Vec<Step> {
    vec![
        Step::CompareHistories,
        Step::SemiSync(false),
        Step::Follow,
        Step::AwaitReplication,
        Step::Become { mode: Mode::Ap, role: Role::Standby, epoch, solo: false },
    ]
}

fn arrive() -> Vec<Step> {
    vec![Step::AwaitLease, Step::Fault(Fault::Role, false), Step::Finish]
}

/// The word is out: forward if the peer took it, back if it says that it did not.
fn go_on(o: &Observed) -> Plan {
    let s = &o.state;
    match &o.peer {
        Ok(peer) if peer.epoch > s.epoch && peer.serves() && peer.writable == Some(true) => {
            Plan::act(format!("{} serves: following", peer.host), [follow(peer.epoch), arrive()].concat())
        }
        Ok(peer) if peer.epoch > s.epoch => {
            Plan::nothing(format!("{} has the role and does not serve: `ap-mode start` on it", peer.host))
        }
        Ok(peer) if peer.promoting => Plan::nothing(format!("{} is promoting itself", peer.host)),
        Ok(peer) => Plan::act(format!("{} did not take over", peer.host), take_back(&peer.host)),
        Err(silence) => {
            Plan::nothing(format!("the peer was given the role and may have served; it is silent: {silence}"))
        }
    }
}

fn take_back(peer: &str) -> Vec<Step> {
    vec![
        Step::TakeBack,
        Step::Fault(Fault::Role, false),
        Step::AwaitKeepalived,
        Step::Finish,
        Step::Refuse(
            format!("{peer} did not take over; this node is active as before"),
            format!("`ap-mode history` on {peer} says why"),
        ),
    ]
}

fn interrupted() -> Vec<Step> {
    let evidence = "ap-notify was interrupted before the role was handed over; this node is active as before";
    vec![Step::Finish, Step::Refuse(evidence.into(), "`ap-mode switchover` again".into())]
}

/// A standby that was promoted while the old active's `ap-notify` did not answer
/// could not know that this was a switchover, and is in `s`. The word that pairs
/// it again was given by the operator who asked for that.
pub fn complete(o: &Observed) -> Option<Vec<Step>> {
    let (s, peer) = (&o.state, o.peer.as_ref().ok()?);
    let meant = peer.switchover && peer.mode == Mode::Ap && !peer.serves() && peer.epoch <= s.epoch;
    (s.mode == Mode::S && meant).then(|| {
        vec![Step::Become { mode: Mode::Ap, role: Role::Active, epoch: s.epoch, solo: true }, Step::UnitFiles(Mode::Ap)]
    })
}

/// Whether an answer proves that the word, withdrawn at `revoked`, began nothing.
/// `asked` is when the question was sent.
pub fn may_take_back(revoked: Duration, asked: Duration, peer: &Answer, epoch: u64, timing: Timing) -> bool {
    let settled = asked >= revoked + timing.lease + timing.gap;
    settled && !peer.promoting && !peer.lease && !peer.serves() && peer.epoch <= epoch
}

/// The pre-flight: both nodes are as they should be, and the standby would take
/// over within a moment.
///
/// # Errors
/// The refusal.
fn ready(o: &Observed, force: bool) -> Result<(), Refusal> {
    let s = &o.state;
    let no = |evidence: String, way: &str| Err(Refusal { evidence, way: way.to_owned(), steps: Vec::new() });
    match (s.mode, s.role) {
        (Mode::M, _) => return no("this node is in m".into(), "`ap-mode set ap` makes it a standby"),
        (Mode::S, _) => {
            return no(
                "this node serves alone".into(),
                "`ap-mode set ap` on the other host, then here, then try again",
            );
        }
        (Mode::Ap, Role::Standby) => {
            return no("this node is the standby".into(), "`ap-mode switchover` on the active, which hands over");
        }
        (Mode::Ap, Role::Active) => {}
    }
    if !o.started {
        return no("this node is not started".into(), "`ap-mode start`");
    }
    if s.solo {
        return no("this node acknowledges alone".into(), "wait until `ap-mode status` says that it is protected");
    }
    if o.vrrp != Some(Vrrp::Master) || !o.vip {
        return no(
            format!("this node does not hold the VIP: keepalived says {}", o.vrrp.map_or("nothing", Vrrp::as_str)),
            "`ap-mode status` says what is wrong",
        );
    }
    let peer = match &o.peer {
        Ok(peer) => peer,
        Err(silence) => return no(format!("the peer does not answer: {silence}"), "bring it back first"),
    };
    let host = &peer.host;
    let unfit = if peer.mode != Mode::Ap || peer.role != Role::Standby {
        Some(format!("{host} is in mode {}, role {}", peer.mode, peer.role))
    } else if peer.epoch != s.epoch {
        Some(format!("{host} has epoch {}, this node {}", peer.epoch, s.epoch))
    } else if !peer.replicating {
        Some(format!("{host} does not replicate"))
    } else if !peer.protected {
        Some(format!("{host} may not take over: {}", peer.protection))
    } else if peer.vrrp != Some(Vrrp::Backup) {
        Some(format!("{host} would not take the VIP: keepalived says {}", peer.vrrp.map_or("nothing", Vrrp::as_str)))
    } else if peer.gateway == Gateway::Silent {
        Some(format!("{host} does not reach its gateway"))
    } else {
        let bad = peer.report.checks.iter().find(|(_, verdict)| !verdict.good);
        bad.map(|(check, verdict)| format!("the check {check} is bad on {host}: {}", verdict.reason))
    };
    if let Some(evidence) = unfit {
        return no(evidence, "`ap-mode status` says what is wrong; mend it first");
    }
    match peer.report.behind {
        Some(behind) if behind > LAG && !force => {
            no(format!("{host} is {behind} s behind, and writers would wait for that"), "wait, or --force")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "switchover_tests.rs"]
mod tests;
