//! The planned swap of roles, `(ap, ap)` to `(ap, ap)`.
//!
//! | who     | does                                                                 |
//! |---------|----------------------------------------------------------------------|
//! | active  | pre-flight; then what `set m` does: read-only, the word *fenced*, the |
//! |         | VIP given away                                                        |
//! | standby | promotes on that word as ever, into `s`                               |
//! | active  | follows its peer without a restart, and says that it was meant so     |
//! | standby | pairs again with who says so ([`pair_again`])                         |
//!
//! Nothing here is new to the guarantees: it is a hand-over and a way back, and cut
//! short anywhere it ends as one of them. Before the word this node is active as
//! before; after it, it follows, or rests in `m` if its machine or its peer died.

use super::set::{hand_over, standby_ready};
use crate::message::{Request, Verb};
use crate::mode::{Mode, Role, Vrrp};
use crate::observed::{Gateway, Observed};
use crate::plan::{Plan, Refusal};
use crate::state::{Intention, State};
use crate::step::Step;

/// Writers wait while the standby applies what it has received. It does some
/// thousands of transactions in a second.
const BACKLOG: u64 = 100;

impl State {
    /// Whether this node is giving its role to the peer, to become its standby.
    pub fn switching_over(&self) -> bool {
        matches!(&self.intention, Some(Intention::Request { request }) if request.verb == Verb::Switchover)
    }
}

pub fn plan(request: &Request, o: &Observed) -> Plan {
    let s = &o.state;
    match (s.mode, s.role) {
        (Mode::Ap, Role::Standby) if s.switching_over() => Plan::act("switched over", arrive()),
        (Mode::Ap, Role::Active) if s.switching_over() && s.fenced => swap(o),
        _ => match ready(o, request.force) {
            Ok(()) => swap(o),
            Err(refusal) => refusal.into(),
        },
    }
}

/// Nothing here waits for an acknowledgement and nothing was killed, so the server
/// runs on: what it has, the peer has. Histories are compared all the same.
fn swap(o: &Observed) -> Plan {
    let promoted = o.peer.as_ref().map_or(0, |peer| peer.epoch).max(o.state.epoch + 1);
    let mut steps = hand_over(o);
    steps.extend([
        Step::CompareHistories,
        Step::SemiSync(false),
        Step::Follow,
        Step::AwaitReplication,
        Step::Become { mode: Mode::Ap, role: Role::Standby, epoch: promoted, solo: false },
    ]);
    steps.extend(arrive());
    Plan::act("switching over", steps)
}

fn arrive() -> Vec<Step> {
    vec![Step::AwaitLease, Step::Finish]
}

/// The promoted half: the old active was asked to become its standby, and is. That
/// operator's word is what pairs them again.
pub fn pair_again(o: &Observed) -> Option<Plan> {
    let (s, peer) = (&o.state, o.peer.as_ref().ok()?);
    let meant = s.mode == Mode::S && peer.switchover && peer.epoch == s.epoch && standby_ready(o).is_ok();
    let become_ap = Step::Become { mode: Mode::Ap, role: Role::Active, epoch: s.epoch, solo: true };
    let alert = Step::Alert("switched over: back to a pair, role active".into());
    meant.then(|| Plan::act("the old active follows", vec![become_ap, Step::UnitFiles(Mode::Ap), alert]))
}

/// The pre-flight: the pair is whole, and the standby would take over in a moment.
fn ready(o: &Observed, force: bool) -> Result<(), Refusal> {
    let s = &o.state;
    let no = |evidence: String, way: &str| Err(Refusal { evidence, way: way.to_owned(), steps: Vec::new() });
    let own = match (s.mode, s.role) {
        (Mode::M, _) => Some(("this node is in m", "`ap-mode set ap` makes it a standby")),
        (Mode::S, _) => Some(("this node serves alone", "`ap-mode set ap` on the other host, then here, then again")),
        (Mode::Ap, Role::Standby) => Some(("this node is the standby", "`ap-mode switchover` on the active")),
        _ if !o.started => Some(("this node is not started", "`ap-mode start`")),
        _ if s.solo => Some(("this node acknowledges alone", "wait until `ap-mode status` says PROTECTED")),
        _ if o.vrrp != Some(Vrrp::Master) || !o.vip => {
            Some(("this node does not hold the VIP", "`ap-mode status` says what is wrong"))
        }
        _ => None,
    };
    if let Some((evidence, way)) = own {
        return no(evidence.into(), way);
    }
    let peer = match standby_ready(o) {
        Ok(peer) => peer,
        Err(evidence) => return no(evidence, "bring the standby back first"),
    };
    let host = &peer.host;
    let unfit = if peer.epoch != s.epoch {
        Some(format!("{host} has epoch {}, this node {}", peer.epoch, s.epoch))
    } else if !peer.protected {
        Some(format!("{host} may not take over: {}", peer.protection))
    } else if peer.vrrp != Some(Vrrp::Backup) {
        Some(format!("{host} would not take the VIP: keepalived says {}", peer.vrrp.map_or("nothing", Vrrp::as_str)))
    } else if peer.gateway == Gateway::Silent {
        Some(format!("{host} does not reach its gateway"))
    } else {
        None
    };
    if let Some(evidence) = unfit {
        return no(evidence, "`ap-mode status` says what is wrong; mend it first");
    }
    let backlog = peer.io_pos.ahead_of(&peer.slave_pos);
    if backlog > BACKLOG && !force {
        return no(
            format!("{host} has {backlog} transactions to apply, and writers would wait for that"),
            "try again when it has caught up, or --force",
        );
    }
    Ok(())
}
